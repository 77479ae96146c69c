#include "engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

namespace gonka::engine {

namespace {

absl::Status CheckOptions(const LocalOptions& options) {
  const auto at_least_one = [](const char* name, uint64_t value) {
    return value > 0 ? absl::OkStatus()
                     : absl::InvalidArgumentError(fmt::format("{} is 0, at least 1", name));
  };
  GONKA_RETURN_IF_ERROR(at_least_one("threads", options.threads));
  GONKA_RETURN_IF_ERROR(at_least_one("kv_bytes_max", options.kv_bytes_max));
  GONKA_RETURN_IF_ERROR(at_least_one("running_max", options.running_max));
  GONKA_RETURN_IF_ERROR(at_least_one("waiting_max", options.waiting_max));
  GONKA_RETURN_IF_ERROR(at_least_one("chunk_beside_answers", options.chunk_beside_answers));
  GONKA_RETURN_IF_ERROR(at_least_one("chunk_alone", options.chunk_alone));
  if (options.threads > 1024) {
    return absl::InvalidArgumentError(fmt::format("threads is {}, at most 1024", options.threads));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Start(EngineInfo info,
                                                            const LocalOptions& options,
                                                            MakePass make_pass) {
  GONKA_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<Scheduler> scheduler(new Scheduler(std::move(info), options));
  GONKA_RETURN_IF_ERROR(scheduler->Begin(std::move(make_pass)));
  return scheduler;
}

Scheduler::Scheduler(EngineInfo info, const LocalOptions& options)
    : info_(std::move(info)), options_(options) {}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

absl::Status Scheduler::Begin(MakePass make_pass) {
  std::promise<absl::Status> loaded;
  std::future<absl::Status> result = loaded.get_future();
  thread_ =
      std::thread([this, make_pass = std::move(make_pass), loaded = std::move(loaded)]() mutable {
        auto pass = make_pass();
        if (!pass.ok()) return loaded.set_value(pass.status());
        pass_ = *std::move(pass);
        loaded.set_value(absl::OkStatus());
        Run();
        pass_.reset();
      });
  return result.get();
}

Engine::RequestId Scheduler::Submit(std::unique_ptr<Job> job, absl::Status refusal) {
  if (refusal.ok()) refusal = Oversized(*job);
  RequestId id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = job->id = next_id_++;
    if (refusal.ok() && stop_) refusal = absl::CancelledError("the engine is shutting down");
    if (refusal.ok() && waiting_.size() >= options_.waiting_max) {
      refusal = absl::ResourceExhaustedError(fmt::format("{} requests are waiting, at most {}",
                                                         waiting_.size(), options_.waiting_max));
    }
    if (refusal.ok()) {
      waiting_.push_back(std::move(job));
      load_.waiting = static_cast<uint32_t>(waiting_.size());
    } else {
      refused_.push_back({std::move(job), std::move(refusal)});
    }
  }
  work_.notify_one();
  return id;
}

void Scheduler::Cancel(RequestId request) {
  {
    const std::lock_guard lock(mutex_);
    // Emptied by every step, so it holds no more than were known since the last one.
    if (request == 0 || request >= next_id_) return;
    cancelled_.insert(request);
  }
  work_.notify_one();
}

LocalEngine::Load Scheduler::CurrentLoad() const {
  const std::lock_guard lock(mutex_);
  return load_;
}

uint64_t Scheduler::KvBytes(const Job& job) const {
  return pass_->KvBytes(job.CacheTokens());
}

absl::Status Scheduler::Oversized(const Job& job) const {
  if (KvBytes(job) <= options_.kv_bytes_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("a KV cache for {} tokens takes {} bytes, this engine has {}", job.CacheTokens(),
                  KvBytes(job), options_.kv_bytes_max));
}

void Scheduler::Run() {
  for (;;) {
    Arrivals arrivals = AwaitWork();
    for (const Refused& refused : arrivals.refused) refused.job->Finish(refused.status);
    DropCancelled(arrivals.cancelled);
    if (arrivals.stop) break;
    Admit();
    if (!running_.empty()) Step();
  }
  EndAll(absl::CancelledError("the engine is shutting down"));
}

Scheduler::Arrivals Scheduler::AwaitWork() {
  std::unique_lock lock(mutex_);
  load_.running = static_cast<uint32_t>(running_.size());
  load_.kv_bytes = kv_bytes_;
  work_.wait(lock, [&] {
    return stop_ || !running_.empty() || !waiting_.empty() || !refused_.empty() ||
           !cancelled_.empty();
  });
  return {.refused = std::exchange(refused_, {}),
          .cancelled = std::exchange(cancelled_, {}),
          .stop = stop_};
}

void Scheduler::DropCancelled(const std::set<RequestId>& cancelled) {
  if (cancelled.empty()) return;
  std::vector<std::unique_ptr<Job>> dropped;
  {
    const std::lock_guard lock(mutex_);
    std::deque<std::unique_ptr<Job>> kept;
    for (std::unique_ptr<Job>& job : waiting_) {
      if (cancelled.contains(job->id)) {
        dropped.push_back(std::move(job));
      } else {
        kept.push_back(std::move(job));
      }
    }
    waiting_ = std::move(kept);
    load_.waiting = static_cast<uint32_t>(waiting_.size());
  }
  const absl::Status status = absl::CancelledError("cancelled by the caller");
  for (const std::unique_ptr<Job>& job : dropped) job->Finish(status);
  for (const RequestId id : cancelled) {
    if (running_.contains(id)) End(id, status);
  }
}

// In order of arrival: a large request is not overtaken for ever by small ones.
void Scheduler::Admit() {
  while (running_.size() < options_.running_max) {
    std::unique_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      if (kv_bytes_ + KvBytes(*waiting_.front()) > options_.kv_bytes_max) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      load_.waiting = static_cast<uint32_t>(waiting_.size());
    }
    absl::StatusOr<std::unique_ptr<KvCache>> cache = pass_->NewCache(job->CacheTokens());
    if (!cache.ok()) {
      job->Finish(absl::ResourceExhaustedError(Message(cache.status())));
      continue;
    }
    job->cache = *std::move(cache);
    job->kv_bytes = KvBytes(*job);
    kv_bytes_ += job->kv_bytes;
    running_.emplace(job->id, std::move(job));
  }
}

// Those who still read, oldest first, answers before Scores; but where Scores wait, answers leave
// them half of the budget. counts says how many tokens each reads now.
std::vector<Job*> Scheduler::ChooseReaders(size_t budget, std::vector<size_t>& counts) const {
  std::vector<Job*> answers, scores;
  for (const auto& [id, job] : running_) {
    if (job->Answering()) continue;
    (job->WritesAnswer() ? answers : scores).push_back(job.get());
  }
  std::vector<Job*> chosen;
  const auto choose = [&](const std::vector<Job*>& jobs, size_t share) {
    for (Job* job : jobs) {
      const size_t count = std::min(share, job->Tokens().size() - job->read);
      if (count == 0) return;
      chosen.push_back(job);
      counts.push_back(count);
      share -= count;
      budget -= count;
    }
  };
  choose(answers, scores.empty() ? budget : (budget + 1) / 2);
  choose(scores, budget);
  return chosen;
}

void Scheduler::Step() {
  std::vector<Job*> jobs;
  for (const auto& [id, job] : running_) {
    if (job->Answering()) jobs.push_back(job.get());
  }
  std::vector<size_t> counts(jobs.size(), 1);
  const size_t drawn = jobs.size();
  const size_t budget = jobs.empty() ? options_.chunk_alone : options_.chunk_beside_answers;
  const std::vector<Job*> readers = ChooseReaders(budget, counts);
  jobs.insert(jobs.end(), readers.begin(), readers.end());

  std::vector<Piece> pieces;
  size_t rows = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = *jobs[i];
    const size_t wanted = job.LogitsBegin();
    pieces.push_back({.cache = job.cache.get(),
                      .tokens = job.Tokens().subspan(job.read, counts[i]),
                      .logits_begin = wanted > job.read ? wanted - job.read : 0});
    rows += counts[i];
  }
  std::set<RequestId> ended;
  const absl::Status status =
      pass_->Forward(pieces, [&](size_t piece, size_t row, std::span<const float> logits) {
        Job& job = *jobs[piece];
        if (ended.contains(job.id)) return;
        if (job.OnLogits(job.read + row, logits)) ended.insert(job.id);
      });
  if (!status.ok()) {
    for (const Job* job : jobs) ended.insert(job->id);
  }
  for (size_t i = 0; i < jobs.size(); ++i) jobs[i]->read += counts[i];
  {
    const std::lock_guard lock(mutex_);
    load_.steps += 1;
    load_.tokens_drawn += drawn;
    load_.tokens_read += rows - drawn;
  }
  for (const RequestId id : ended) End(id, status);
}

void Scheduler::End(RequestId id, const absl::Status& status) {
  const std::unique_ptr<Job> job = std::move(running_.extract(id).mapped());
  kv_bytes_ -= job->kv_bytes;
  job->cache.reset();
  job->Finish(status);
}

// Events may submit more, which is refused from now on; that ends here, too.
void Scheduler::EndAll(const absl::Status& status) {
  while (!running_.empty()) End(running_.begin()->first, status);
  for (;;) {
    std::deque<std::unique_ptr<Job>> waiting;
    std::vector<Refused> refused;
    {
      const std::lock_guard lock(mutex_);
      waiting = std::exchange(waiting_, {});
      refused = std::exchange(refused_, {});
    }
    if (waiting.empty() && refused.empty()) return;
    for (const std::unique_ptr<Job>& job : waiting) job->Finish(status);
    for (const Refused& one : refused) one.job->Finish(one.status);
  }
}

}  // namespace gonka::engine
