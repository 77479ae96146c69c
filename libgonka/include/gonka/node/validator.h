#pragma once

// Does the checks that the beacon assigns to this node: commits to a verdict in its window, reveals
// it when the window has closed.

#include <deque>
#include <map>

#include "gonka/node/checker.h"
#include "gonka/node/recorder.h"

namespace gonka::node {

class Validator {
 public:
  Validator(Environment env, LedgerPort ledger, const Identity& self, Checker& checker,
            Recorder& recorder);
  ~Validator();

  // Finds the duties that were open when the node last stopped.
  void Resume();
  void OnBlock(const BlockFacts& block);

  // The explanation of a check that this node did, for the explorer; at most the last 1,024.
  const std::map<InferenceId, CheckResult>& results() const { return results_; }

 private:
  struct Duty {
    bool checking = false;
    bool committed = false;  // Handed to the recorder.
    bool revealed = false;   // Likewise.
    std::optional<ValidateReveal> verdict;
  };

  void Expect(const InferenceId& inference, std::span<const AccountId> first, uint64_t height,
              const ledger::View& view);
  void Learn(const InferenceId& inference, const ledger::View& view);
  void Advance(const ledger::View& view);
  // False once there is nothing left to do about the record.
  bool Step(const ledger::View& view, const InferenceId& inference, Duty& duty,
            uint64_t next_height);
  bool StepCommitted(const ledger::VerdictCommit& commit, const InferenceId& inference, Duty& duty,
                     uint64_t next_height, uint64_t window);
  void BeginCheck(const InferenceId& inference, Duty& duty);
  void OnChecked(const InferenceId& inference, const CheckResult& result);
  void Keep(const InferenceId& inference, const CheckResult& result);

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  Checker& checker_;
  Recorder& recorder_;
  std::map<InferenceId, Duty> duties_;     // Of open checks only.
  std::map<InferenceId, uint64_t> later_;  // Open checks, and the height from which to look again.
  std::map<InferenceId, CheckResult> results_;
  std::deque<InferenceId> results_order_;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
