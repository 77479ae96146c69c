#include "consensus/signature_verifier.h"

#include <atomic>

namespace gonka::consensus {
namespace {

// Fewer are not worth waking anybody.
constexpr size_t kParallelMin = 4;

}  // namespace

struct SignatureVerifier::Job {
  explicit Job(std::span<const SignedTx> all) : txs(all), hashes(all.size()), good(all.size()) {}

  const std::span<const SignedTx> txs;
  std::vector<TxHash> hashes;
  std::vector<uint8_t> good;  // Bytes, not bits: written by several threads.
  std::atomic<size_t> next = 0;
  std::atomic<size_t> done = 0;
};

SignatureVerifier::SignatureVerifier(unsigned threads, size_t verified_max)
    : verified_max_(verified_max) {
  for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

SignatureVerifier::~SignatureVerifier() {
  {
    std::lock_guard lock(job_mutex_);
    stopping_ = true;
  }
  job_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool SignatureVerifier::Verify(const SignedTx& tx, const TxHash& hash) {
  if (IsKnown(tx, hash)) return true;
  if (!VerifySignature(tx.sender.value, hash.value, tx.signature)) return false;
  Remember(tx, hash);
  return true;
}

SignatureVerifier::Result SignatureVerifier::VerifyAll(std::span<const SignedTx> txs) {
  const auto job = std::make_shared<Job>(txs);
  if (txs.size() >= kParallelMin && !threads_.empty()) {
    {
      std::lock_guard lock(job_mutex_);
      job_ = job;
    }
    job_ready_.notify_all();
  }
  Run(*job);
  std::unique_lock lock(job_mutex_);
  job_done_.wait(lock, [&] { return job->done == txs.size(); });
  job_.reset();
  Result result{.hashes = std::move(job->hashes), .bad = std::nullopt};
  const auto bad = std::find(job->good.begin(), job->good.end(), 0);
  if (bad != job->good.end()) result.bad = static_cast<size_t>(bad - job->good.begin());
  return result;
}

void SignatureVerifier::Work() {
  std::shared_ptr<Job> last;
  while (true) {
    {
      std::unique_lock lock(job_mutex_);
      job_ready_.wait(lock, [&] { return stopping_ || (job_ != nullptr && job_ != last); });
      if (stopping_) return;
      last = job_;
    }
    Run(*last);
  }
}

// Takes transactions until none is left. After the last one is done the job's txs may be gone.
void SignatureVerifier::Run(Job& job) {
  for (size_t i = job.next++; i < job.txs.size(); i = job.next++) {
    job.hashes[i] = HashOf(job.txs[i]);
    job.good[i] = Verify(job.txs[i], job.hashes[i]) ? 1 : 0;
    if (++job.done == job.txs.size()) {
      std::lock_guard lock(job_mutex_);
      job_done_.notify_all();
    }
  }
}

bool SignatureVerifier::IsKnown(const SignedTx& tx, const TxHash& hash) const {
  std::lock_guard lock(verified_mutex_);
  const auto it = verified_.find(hash);
  return it != verified_.end() && it->second == tx.signature;
}

void SignatureVerifier::Remember(const SignedTx& tx, const TxHash& hash) {
  if (verified_max_ == 0) return;
  std::lock_guard lock(verified_mutex_);
  if (!verified_.emplace(hash, tx.signature).second) return;
  oldest_first_.push_back(hash);
  if (oldest_first_.size() <= verified_max_) return;
  verified_.erase(oldest_first_.front());
  oldest_first_.pop_front();
}

}  // namespace gonka::consensus
