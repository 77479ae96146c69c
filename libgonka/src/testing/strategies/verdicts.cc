// Validators and voters whose verdict is fixed before they look.

#include <map>

#include "gonka/ledger/queries.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

struct Opinion {
  Verdict verdict = Verdict::kPass;
  int32_t evidence_millinats = 0;
};

// Commits and reveals by itself what it has an opinion about, and does none of the work of those
// checks. Votes are its node's, with another verdict in them.
class FixedVerdicts : public Strategy {
 public:
  bool OnEvent(Event& event) override {
    if (auto* commit = std::get_if<ValidateCommit>(&event)) {
      OnCommit(*commit);
    } else if (auto* vote = std::get_if<VoteCommit>(&event)) {
      OnVote(*vote);
    } else if (auto* reveal = std::get_if<VoteReveal>(&event)) {
      const auto mine = votes_.find(reveal->case_id);
      if (mine != votes_.end()) *reveal = mine->second;
    }
    return true;
  }

  void OnBlock(node::BlockFacts& block) override {
    const auto view = insider().snapshot();
    std::erase_if(block.notices, [&](const Notice& notice) {
      const auto* drawn = std::get_if<CheckDrawn>(&notice);
      if (drawn != nullptr) return drawn->selected && Learn(*view, drawn->inference);
      const auto* again = std::get_if<RecheckDrawn>(&notice);
      return again != nullptr && Learn(*view, again->inference);
    });
    for (auto it = verdicts_.begin(); it != verdicts_.end();) {
      it = Step(*view, block.header.height + 1, it->second) ? std::next(it) : verdicts_.erase(it);
    }
  }

 protected:
  virtual std::optional<Opinion> About(const ledger::InferenceRecord& record) = 0;
  virtual std::optional<Opinion> About(const ledger::Case& open_case) = 0;

 private:
  struct Duty {
    ValidateReveal reveal;
    bool committed = false;
    bool revealed = false;
  };

  // Whether it has an opinion already, so that its node need not look.
  bool Learn(const ledger::View& view, const InferenceId& inference) {
    const auto record = ledger::FindRecord(view, inference);
    const auto opinion = record ? About(*record) : std::nullopt;
    if (!opinion) return false;
    verdicts_[inference] = {.reveal = {.inference = inference,
                                       .verdict = opinion->verdict,
                                       .evidence_millinats = opinion->evidence_millinats,
                                       .scores_root = {},
                                       .salt = TaggedHash("gonka/sim-salt/1", inference)}};
    return true;
  }

  // A check that its node took up after all, after a restart.
  void OnCommit(ValidateCommit& commit) {
    const auto mine = verdicts_.find(commit.inference);
    if (mine == verdicts_.end()) return;
    commit.commitment = VerdictCommitment(insider().self, mine->second.reveal);
  }

  void OnVote(VoteCommit& commit) {
    const auto open_case = ledger::FindCase(*insider().snapshot(), commit.case_id);
    if (!open_case) return;
    const auto opinion = About(*open_case);
    if (!opinion) return;
    VoteReveal& reveal = votes_[commit.case_id];
    reveal = {.case_id = commit.case_id,
              .verdict = opinion->verdict,
              .evidence_millinats = opinion->evidence_millinats,
              .salt = TaggedHash("gonka/sim-salt/1", commit.case_id)};
    commit.commitment = VoteCommitment(insider().self, reveal);
  }

  // False once there is nothing left to do.
  bool Step(const ledger::View& view, uint64_t next_height, Duty& duty) {
    const InferenceId& inference = duty.reveal.inference;
    const auto record = ledger::FindRecord(view, inference);
    if (!record || record->settled || record->check_closed) return false;
    for (const ledger::VerdictCommit& commit : record->verdicts) {
      if (commit.validator != insider().self) continue;
      if (commit.reveal) return false;
      if (next_height < commit.reveal_from || duty.revealed) return true;
      duty.revealed = true;
      insider().say(duty.reveal);
      return true;
    }
    const auto now = ledger::DutyOf(view, *record, insider().self, next_height);
    if (now.code == TxCode::kTooEarly) duty.committed = false;
    if (now.code != TxCode::kOk || duty.committed) return now.code == TxCode::kTooEarly;
    duty.committed = true;
    insider().say(ValidateCommit{.inference = inference,
                                 .commitment = VerdictCommitment(insider().self, duty.reveal)});
    return true;
  }

  std::map<InferenceId, Duty> verdicts_;
  std::map<CaseId, VoteReveal> votes_;
};

constexpr Opinion kGood{.verdict = Verdict::kPass, .evidence_millinats = -500};
constexpr Opinion kBad{.verdict = Verdict::kFail, .evidence_millinats = 3'912};
// Enough to convict by, whatever the sample.
constexpr Opinion kGuilty{.verdict = Verdict::kFail, .evidence_millinats = 1'000'000};

Opinion Against(const ledger::Case& open_case) {
  return open_case.kind == ledger::CaseKind::kHearing ? kGuilty : kBad;
}

class ApprovesUnseen final : public FixedVerdicts {
  std::optional<Opinion> About(const ledger::InferenceRecord&) override {
    return Acts() ? std::optional(kGood) : std::nullopt;
  }
  std::optional<Opinion> About(const ledger::Case&) override { return std::nullopt; }
};

class ApprovesFriends final : public FixedVerdicts {
  std::optional<Opinion> About(const ledger::InferenceRecord& record) override {
    return IsFriend(record.assignment.executor) && Acts() ? std::optional(kGood) : std::nullopt;
  }
  std::optional<Opinion> About(const ledger::Case& open_case) override {
    return IsFriend(open_case.accused) && Acts() ? std::optional(kGood) : std::nullopt;
  }
};

class Accuses final : public FixedVerdicts {
  std::optional<Opinion> About(const ledger::InferenceRecord& record) override {
    return IsVictim(record.assignment.executor) && Acts() ? std::optional(kBad) : std::nullopt;
  }
  std::optional<Opinion> About(const ledger::Case&) override { return std::nullopt; }
};

class Cartel final : public FixedVerdicts {
  std::optional<Opinion> About(const ledger::InferenceRecord& record) override {
    if (!Acts()) return std::nullopt;
    if (IsFriend(record.assignment.executor)) return kGood;
    return IsVictim(record.assignment.executor) ? std::optional(kBad) : std::nullopt;
  }
  std::optional<Opinion> About(const ledger::Case& open_case) override {
    if (IsFriend(open_case.accused)) return kGood;
    return IsVictim(open_case.accused) ? std::optional(Against(open_case)) : std::nullopt;
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeApprovesUnseen() {
  return std::make_unique<ApprovesUnseen>();
}
std::unique_ptr<Strategy> MakeApprovesFriends() {
  return std::make_unique<ApprovesFriends>();
}
std::unique_ptr<Strategy> MakeAccuses() {
  return std::make_unique<Accuses>();
}
std::unique_ptr<Strategy> MakeCartel() {
  return std::make_unique<Cartel>();
}

}  // namespace gonka::testing::strategies
