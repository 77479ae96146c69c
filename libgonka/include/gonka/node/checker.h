#pragma once

// Re-checks one answer: fetches prompt and tokens, scores them on an ML node of this participant,
// signs the root of the scores, has the artifact opened against it, and judges. Validators and
// committee members share it.

#include <deque>

#include "gonka/node/environment.h"
#include "gonka/node/keep.h"
#include "gonka/node/messages.h"

namespace gonka::node {

struct CheckResult {
  Verdict verdict = Verdict::kInconclusive;
  int32_t evidence_millinats = 0;
  Hash scores_root;
  std::string explanation;  // For people: what was seen, what was expected, what follows.
};

struct CheckerOptions {
  int64_t fetch_timeout_us = 2'000'000;
  // Neither executor nor transfer agent serves: asked again, since their ledgers may be a block
  // behind this one's and not know yet who is on duty.
  uint32_t fetch_rounds = 5;
  int64_t fetch_again_us = 400'000;
  // An engine that hangs must not keep the place of other checks.
  int64_t score_timeout_us = 120'000'000;
  size_t running_max = 4;  // Checks at work at once; others wait.
  size_t waiting_max = 4'096;
};

class Checker {
 public:
  using Done = std::function<void(const CheckResult&)>;

  Checker(Environment env, LedgerPort ledger, const Identity& self, const ServedModels& models,
          CheckerOptions options = {});
  ~Checker();

  // Calls done once, later. urgent checks go before others that wait.
  void Check(const InferenceId& inference, bool urgent, Done done);

 private:
  struct Job;
  void Next();
  void Finish(const std::shared_ptr<Job>& job, CheckResult result);
  void Fetch(const std::shared_ptr<Job>& job, bool from_executor);
  absl::Status TakePayload(Job& job, Bytes frame) const;
  void Score(const std::shared_ptr<Job>& job);
  void OnScores(const std::shared_ptr<Job>& job,
                absl::StatusOr<std::vector<engine::ScoredToken>> scores);
  void Open(const std::shared_ptr<Job>& job, bool from_executor);
  absl::Status Judge(const std::shared_ptr<Job>& job, const Bytes& frame);
  // One call to the executor or transfer agent of the job's record; the frame, or why not.
  // Asks both again after a while, or gives up.
  void Again(const std::shared_ptr<Job>& job, const absl::Status& why,
             void (Checker::*step)(const std::shared_ptr<Job>&, bool));
  void Ask(const std::shared_ptr<Job>& job, bool executor, const char* method, Bytes request,
           std::function<void(absl::StatusOr<Bytes>)> done);

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  const ServedModels& models_;
  CheckerOptions options_;
  std::deque<std::shared_ptr<Job>> waiting_;  // At most options.waiting_max.
  size_t running_ = 0;
  size_t next_engine_ = 0;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
