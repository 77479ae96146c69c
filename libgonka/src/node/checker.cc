#include "gonka/node/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/verify/check.h"
#include "node/sampling.h"

namespace gonka::node {

struct Checker::Job {
  InferenceId inference;
  Done done;
  ledger::InferenceRecord record;
  ModelInfo model;
  const ServedModel* served = nullptr;
  engine::Engine* engine = nullptr;
  verify::Answer answer;
  std::optional<verify::Check> check;
  Hash challenge;
  engine::Engine::RequestId request = 0;  // The Score, while the engine is at it.
  uint64_t score_timer = 0;
  uint32_t rounds = 0;         // Of asking both executor and transfer agent in vain.
  bool executor_sent = false;  // An opening, good or bad.
  bool ta_sent = false;
};

namespace {

CheckResult Inconclusive(std::string why) {
  return {.verdict = Verdict::kInconclusive,
          .evidence_millinats = 0,
          .scores_root = {},
          .explanation = std::move(why)};
}

CheckResult From(const verify::Judgement& judgement, const Hash& scores_root) {
  return {.verdict = judgement.outcome == verify::Outcome::kFail ? Verdict::kFail : Verdict::kPass,
          .evidence_millinats = judgement.evidence_millinats,
          .scores_root = scores_root,
          .explanation = judgement.text};
}

// What was handed out is what the ledger's record commits to, to the byte.
absl::Status MatchRecord(const Payload& payload, const ledger::InferenceRecord& record) {
  const Request& request = record.assignment.request;
  if (RequestDigest(payload.request, payload.request_salt) != request.request_digest) {
    return absl::DataLossError("the payload's request does not match the record");
  }
  if (payload.output.size() != record.finish->output_tokens ||
      OutputDigest(payload.output, payload.finish, payload.output_salt) !=
          record.finish->output_digest) {
    return absl::DataLossError("the payload's output does not match the record");
  }
  return absl::OkStatus();
}

}  // namespace

Checker::Checker(Environment env, LedgerPort ledger, const Identity& self,
                 const ServedModels& models, CheckerOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      models_(models),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

Checker::~Checker() {
  *alive_ = false;
}

void Checker::Check(const InferenceId& inference, bool urgent, Done done) {
  auto job = std::make_shared<Job>();
  job->inference = inference;
  job->done = std::move(done);
  if (waiting_.size() >= options_.waiting_max) {
    ++running_;
    env_.loop.Post([this, job, alive = alive_] {
      if (*alive) Finish(job, Inconclusive("too many checks wait on this node"));
    });
    return;
  }
  if (urgent) {
    waiting_.push_front(std::move(job));
  } else {
    waiting_.push_back(std::move(job));
  }
  env_.loop.Post([this, alive = alive_] {
    if (*alive) Next();
  });
}

void Checker::Next() {
  while (running_ < options_.running_max && !waiting_.empty()) {
    const std::shared_ptr<Job> job = waiting_.front();
    waiting_.pop_front();
    ++running_;
    const auto view = ledger_.snapshot();
    const auto record = ledger::FindRecord(*view, job->inference);
    const auto model =
        record ? ledger::FindModel(*view, record->assignment.request.model) : std::nullopt;
    if (!record || !record->finish || !model) {
      Finish(job, Inconclusive("the record is not finished on this node's ledger"));
      continue;
    }
    const auto served = models_.find(model->id);
    if (served == models_.end() || served->second.engines.empty()) {
      Finish(job, Inconclusive("this node does not run the model"));
      continue;
    }
    job->record = *record;
    job->model = *model;
    job->served = &served->second;
    job->engine = served->second.engines[next_engine_++ % served->second.engines.size()].get();
    Fetch(job, true);
  }
}

void Checker::Finish(const std::shared_ptr<Job>& job, CheckResult result) {
  --running_;
  env_.loop.Post([this, alive = alive_] {
    if (*alive) Next();
  });
  const Done done = std::move(job->done);
  done(result);
}

void Checker::Ask(const std::shared_ptr<Job>& job, bool executor, const char* method, Bytes request,
                  std::function<void(absl::StatusOr<Bytes>)> done) {
  const AccountId id =
      executor ? job->record.assignment.executor : job->record.assignment.request.ta;
  const auto participant = ledger::FindParticipant(*ledger_.snapshot(), id);
  if (!participant) return done(absl::NotFoundError(fmt::format("{} is no participant", Hex(id))));
  auto frame = std::make_shared<std::optional<Bytes>>();
  env_.transport.Call(
      Peer{.id = ledger::NodeKeyOf(id, *participant).value, .url = participant->endpoint}, method,
      std::move(request),
      {.on_frame = [frame](Bytes bytes) { *frame = std::move(bytes); },
       .on_done =
           [frame, done = std::move(done), alive = alive_](absl::Status status) {
             if (!*alive) return;
             if (!status.ok()) return done(status);
             if (!*frame) return done(absl::DataLossError("an empty answer"));
             done(std::move(**frame));
           }},
      {.first_frame_timeout_us = options_.fetch_timeout_us,
       .total_timeout_us = 2 * options_.fetch_timeout_us});
}

void Checker::Again(const std::shared_ptr<Job>& job, const absl::Status& why,
                    void (Checker::*step)(const std::shared_ptr<Job>&, bool)) {
  if (++job->rounds < options_.fetch_rounds) {
    env_.loop.PostAfter(options_.fetch_again_us, [this, job, step, alive = alive_] {
      if (*alive) (this->*step)(job, true);
    });
    return;
  }
  Finish(job, {.verdict = Verdict::kUnavailable,
               .evidence_millinats = 0,
               .scores_root = job->check ? job->check->scores_root() : Hash{},
               .explanation = fmt::format("neither executor nor transfer agent serves what a check "
                                          "needs; the last error: {}",
                                          ToString(why))});
}

// From the executor, or from the transfer agent where the executor will not serve it.
void Checker::Fetch(const std::shared_ptr<Job>& job, bool from_executor) {
  Ask(job, from_executor, kPayloadMethod, Encode(InferenceQuery{.inference = job->inference}),
      [this, job, from_executor](absl::StatusOr<Bytes> frame) {
        const absl::Status status =
            frame.ok() ? TakePayload(*job, *std::move(frame)) : frame.status();
        if (status.ok()) return Score(job);
        if (from_executor) return Fetch(job, false);
        Again(job, status, &Checker::Fetch);
      });
}

absl::Status Checker::TakePayload(Job& job, Bytes frame) const {
  const auto kept = Decode<KeptPayload>(frame);
  if (!kept.ok()) return kept.status();
  const Payload* payload = &kept->payload;
  GONKA_RETURN_IF_ERROR(MatchRecord(*payload, job.record));
  job.answer.executor_class = kept->kernel_class;
  GONKA_ASSIGN_OR_RETURN(job.answer.prompt, job.served->text->PromptTokens(payload->request));
  const Assignment& assignment = job.record.assignment;
  job.answer.output = payload->output;
  job.answer.finish = payload->finish;
  job.answer.tokens_max = assignment.request.tokens_max;
  job.answer.sampler = SamplerOf(payload->request.sampling);
  job.answer.sampling_seed = SamplingSeed(payload->request, job.inference, assignment.attempt);
  job.answer.stop_ids = job.served->text->StopIds();
  const std::vector<std::string> stop(payload->request.stop.begin(), payload->request.stop.end());
  if (const auto stops = job.served->text->WatchStops(stop)) {
    size_t tokens = 0;
    while (tokens < payload->output.size() && !stops->OnToken(payload->output[tokens])) ++tokens;
    job.answer.ends_with_stop_string = tokens + 1 == payload->output.size();
  }
  const engine::EngineInfo engine = job.engine->Info();
  job.answer.shape = {.k = job.model.top_k, .vocabulary = engine.vocabulary};
  job.answer.artifact_root = job.record.finish->artifact_root;
  job.answer.verifier_class = engine.kernel_class;
  return absl::OkStatus();
}

void Checker::Score(const std::shared_ptr<Job>& job) {
  const verify::Judgement structure = verify::JudgeStructure(job->answer);
  if (structure.outcome == verify::Outcome::kFail) return Finish(job, From(structure, {}));
  if (job->answer.output.empty()) return Finish(job, From(structure, {}));  // Nothing to score.
  auto request = verify::ScoreRequestFor(job->answer);
  if (!request.ok()) return Finish(job, Inconclusive(ToString(request.status())));
  job->score_timer = env_.loop.PostAfter(options_.score_timeout_us, [this, job, alive = alive_] {
    if (!*alive) return;
    job->score_timer = 0;
    job->engine->Cancel(job->request);
    Finish(job, Inconclusive(fmt::format("this node's engine gave no scores within {} s",
                                         options_.score_timeout_us / 1'000'000)));
  });
  job->request =
      job->engine->Score(*std::move(request),
                         {.on_done = [this, job, alive = alive_](
                                         absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
                           env_.loop.Post([this, job, alive, scores = std::move(scores)]() mutable {
                             if (!*alive || job->score_timer == 0) return;  // Given up.
                             env_.loop.CancelTimer(job->score_timer);
                             OnScores(job, std::move(scores));
                           });
                         }});
}

void Checker::OnScores(const std::shared_ptr<Job>& job,
                       absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
  if (!scores.ok()) {
    return Finish(
        job, Inconclusive(fmt::format("this node's engine failed: {}", ToString(scores.status()))));
  }
  auto check = verify::Check::Begin(job->answer, *std::move(scores));
  if (!check.ok()) return Finish(job, Inconclusive(ToString(check.status())));
  job->check = *std::move(check);
  // Fixed by the beacon after the executor had committed.
  job->challenge = TaggedHash("gonka/challenge/1", job->record.check_seed, job->inference);
  Open(job, true);
}

void Checker::Open(const std::shared_ptr<Job>& job, bool from_executor) {
  OpenArtifact request{.inference = job->inference,
                       .scores_root = job->check->scores_root(),
                       .signature = {},
                       .leaves = job->check->LeavesToOpen(job->challenge)};
  request.signature = self_.key.Sign(ScoresSigningHash(request.inference, request.scores_root));
  Ask(job, from_executor, kOpenMethod, Encode(request),
      [this, job, from_executor](absl::StatusOr<Bytes> frame) {
        const absl::Status status = frame.ok() ? Judge(job, *frame) : frame.status();
        if (status.ok()) return;
        (from_executor ? job->executor_sent : job->ta_sent) = frame.ok();
        if (from_executor) return Open(job, false);
        if (job->executor_sent && job->ta_sent) {
          return Finish(job,
                        From(verify::FailedOpening(ToString(status)), job->check->scores_root()));
        }
        Again(job, status, &Checker::Open);
      });
}

// Finishes the job where it can be judged.
absl::Status Checker::Judge(const std::shared_ptr<Job>& job, const Bytes& frame) {
  const auto opened = Decode<verify::Opening>(frame);
  if (!opened.ok()) return opened.status();
  const auto calibration = verify::DecodeCalibration(job->model.calibration);
  if (!calibration.ok()) {
    Finish(job, Inconclusive(ToString(Annotate(calibration.status(), "the ledger's calibration"))));
    return absl::OkStatus();
  }
  const auto judgement = job->check->Judge(*calibration, job->challenge, *opened);
  if (!judgement.ok()) return judgement.status();
  Finish(job, From(*judgement, job->check->scores_root()));
  return absl::OkStatus();
}

}  // namespace gonka::node
