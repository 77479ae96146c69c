#pragma once

// Votes in disputes and hearings that this node was drawn into: re-checks the records, commits to a
// vote, reveals it when commits have closed.

#include <map>

#include "gonka/node/checker.h"
#include "gonka/node/recorder.h"
#include "gonka/reputation/evidence.h"

namespace gonka::node {

class Committee {
 public:
  Committee(Environment env, LedgerPort ledger, const Identity& self, Checker& checker,
            Recorder& recorder);
  ~Committee();

  void Resume();
  void OnBlock(const BlockFacts& block);

 private:
  struct Duty {
    ledger::CaseKind kind = ledger::CaseKind::kDispute;
    uint64_t commit_until = 0;
    uint64_t reveal_until = 0;
    uint64_t commit_margin = 0;  // Blocks.
    size_t open_checks = 0;
    std::vector<CheckResult> results;
    std::vector<reputation::SampledAnswer> answers;  // Of a hearing; not the inconclusive ones.
    std::optional<VoteReveal> vote;
    bool revealed = false;
  };

  void Learn(const CaseId& id, const ledger::View& view);
  void Note(Duty& duty, const InferenceId& record, const CheckResult& result);
  void Vote(const CaseId& id, Duty& duty);
  void Advance(uint64_t height);

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  Checker& checker_;
  Recorder& recorder_;
  std::map<CaseId, Duty> duties_;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
