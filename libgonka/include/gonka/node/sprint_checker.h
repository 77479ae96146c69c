#pragma once

// Checks what others have committed to in a Sprint: has the sampled results opened, computes the
// same inputs, says how many it could reproduce. As a checker that the beacon drew, and in appeals.

#include <deque>
#include <map>

#include "gonka/node/environment.h"
#include "gonka/node/messages.h"
#include "gonka/node/recorder.h"
#include "gonka/verify/sprint.h"

namespace gonka::node {

struct SprintCheckerOptions {
  size_t running_max = 2;    // Checks at work at once,
  size_t in_flight_max = 4;  // each with so many inputs on one engine.
  int64_t fetch_timeout_us = 2'000'000;
  // The participant does not serve: it may be a block behind, or compute again what it has lost.
  uint32_t fetch_rounds = 8;
  int64_t fetch_again_us = 400'000;
  // An engine refuses while it is full; an input that it has refused so often is given up.
  uint32_t score_rounds = 20;
  int64_t score_again_us = 250'000;
};

class SprintChecker {
 public:
  SprintChecker(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
                const ServedModels& models, Recorder& recorder, SprintCheckerOptions options = {});
  ~SprintChecker();

  void Resume();
  void OnBlock(const BlockFacts& block);

 private:
  using Subject = std::pair<AccountId, ModelId>;
  struct Duty {
    uint64_t epoch = 0;
    std::optional<SprintVerdictReveal> verdict = std::nullopt;
    bool committed = false;  // Handed to the recorder.
    bool revealed = false;
  };
  struct Job;

  void Learn(const ledger::View& view, uint64_t epoch, const AccountId& participant,
             const ModelId& model);
  void Advance(const ledger::View& view);
  void Step(const ledger::View& view, ledger::SprintPhase phase, const Subject& subject,
            Duty& duty);
  void Next();
  bool Prepare(Job& job);
  void Fetch(const std::shared_ptr<Job>& job);
  absl::Status TakeOpenings(Job& job, const Bytes& frame);
  absl::Status TakeOpening(Job& job, const OpenedResult& opened, size_t place);
  void Again(const std::shared_ptr<Job>& job, const absl::Status& why);
  void Score(const std::shared_ptr<Job>& job);
  void OnScores(const std::shared_ptr<Job>& job, size_t place,
                absl::StatusOr<std::vector<engine::ScoredToken>> scores);
  void Judge(const std::shared_ptr<Job>& job);
  void Finish(const std::shared_ptr<Job>& job, Verdict verdict, uint32_t proven,
              const std::string& why);

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  const NetworkId network_;
  const ServedModels& models_;
  Recorder& recorder_;
  const SprintCheckerOptions options_;
  std::map<Subject, Duty> duties_;  // Of one epoch.
  std::deque<std::shared_ptr<Job>> waiting_;
  size_t running_ = 0;
  size_t next_engine_ = 0;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
