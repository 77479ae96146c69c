#pragma once

// Does the checks that the beacon assigns to this node: commits to a verdict in its window, reveals
// it when the window has closed.

#include <map>

#include "gonka/node/checker.h"
#include "gonka/node/recorder.h"

namespace gonka::node {

class Validator {
 public:
  Validator(Environment env, LedgerPort ledger, const KeyPair& key, Checker& checker,
            Recorder& recorder);
  ~Validator();

  // Finds the duties that were open when the node last stopped.
  void Resume();
  void OnBlock(const BlockFacts& block);

  // The explanation of a check that this node did, for the explorer; at most the last 1,024.
  const std::map<InferenceId, CheckResult>& results() const { return results_; }

 private:
  struct Duty {
    uint64_t turn = 0;         // Place in the order.
    uint64_t from_height = 0;  // May commit from here.
    uint64_t reveal_height = 0;
    bool checking = false;
    bool revealed = false;
    std::optional<ValidateReveal> verdict;
  };

  void Learn(const InferenceId& inference, const ledger::View& view);
  void Advance(const ledger::View& view, uint64_t height);
  void OnChecked(const InferenceId& inference, const CheckResult& result);

  Environment env_;
  LedgerPort ledger_;
  const KeyPair& key_;
  Checker& checker_;
  Recorder& recorder_;
  std::map<InferenceId, Duty> duties_;
  std::map<InferenceId, CheckResult> results_;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
