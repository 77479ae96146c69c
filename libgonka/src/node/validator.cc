#include "gonka/node/validator.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

constexpr size_t kResultsMax = 1'024;

const ledger::VerdictCommit* CommitOf(const ledger::InferenceRecord& record,
                                      const AccountId& validator) {
  for (const ledger::VerdictCommit& commit : record.verdicts) {
    if (commit.validator == validator) return &commit;
  }
  return nullptr;
}

}  // namespace

Validator::Validator(Environment env, LedgerPort ledger, const Identity& self, Checker& checker,
                     Recorder& recorder)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      checker_(checker),
      recorder_(recorder),
      alive_(std::make_shared<bool>(true)) {}

Validator::~Validator() {
  *alive_ = false;
}

void Validator::Resume() {
  const auto view = ledger_.snapshot();
  for (const InferenceId& inference : ledger::ListOpenChecks(*view)) Learn(inference, *view);
  Advance(*view);
}

void Validator::OnBlock(const BlockFacts& block) {
  const auto view = ledger_.snapshot();
  const uint64_t height = block.header.height;
  for (const Notice& notice : block.notices) {
    if (const auto* drawn = std::get_if<CheckDrawn>(&notice)) {
      if (drawn->selected) Expect(drawn->inference, drawn->validators, height, *view);
    } else if (const auto* again = std::get_if<RecheckDrawn>(&notice)) {
      Expect(again->inference, again->validators, height, *view);
    } else if (const auto* revealed = std::get_if<VerdictRevealed>(&notice)) {
      if (revealed->verdict != Verdict::kInconclusive) later_.erase(revealed->inference);
    }
  }
  for (auto it = later_.begin(); it != later_.end();) {
    if (it->second > height) {
      ++it;
      continue;
    }
    Learn(it->first, *view);
    it = later_.erase(it);
  }
  Advance(*view);
}

// Who is number p of the order has its turn p windows after the draw, at the earliest; in a large
// network nearly every check is over by then.
void Validator::Expect(const InferenceId& inference, std::span<const AccountId> first,
                       uint64_t height, const ledger::View& view) {
  const AccountId self = self_.account;
  const auto place =
      static_cast<uint64_t>(std::find(first.begin(), first.end(), self) - first.begin());
  const bool whole_order = first.size() < decltype(CheckDrawn::validators)::kMax;
  if (place == first.size() && whole_order) return;
  if (place == 0) return Learn(inference, view);
  later_[inference] = height + place * ledger::ReadParams(view).time.check_window_blocks - 1;
}

void Validator::Learn(const InferenceId& inference, const ledger::View& view) {
  const auto record = ledger::FindRecord(view, inference);
  if (!record) return;
  const std::vector<AccountId> order = ledger::ValidatorOrder(view, *record);
  const AccountId self = self_.account;
  if (std::find(order.begin(), order.end(), self) != order.end()) duties_.try_emplace(inference);
}

void Validator::Advance(const ledger::View& view) {
  const uint64_t next_height = ledger::ReadChain(view).height + 1;
  for (auto it = duties_.begin(); it != duties_.end();) {
    it = Step(view, it->first, it->second, next_height) ? std::next(it) : duties_.erase(it);
  }
}

bool Validator::Step(const ledger::View& view, const InferenceId& inference, Duty& duty,
                     uint64_t next_height) {
  const auto record = ledger::FindRecord(view, inference);
  if (!record || record->settled || record->check_closed) return false;
  const AccountId self = self_.account;
  if (const ledger::VerdictCommit* commit = CommitOf(*record, self)) {
    const uint64_t window = ledger::ReadParams(view).time.check_window_blocks;
    return StepCommitted(*commit, inference, duty, next_height, window);
  }
  const ledger::CheckDuty now = ledger::DutyOf(view, *record, self, next_height);
  if (now.code == TxCode::kTooEarly) return true;
  if (now.code != TxCode::kOk) return false;
  if (!duty.verdict) {
    BeginCheck(inference, duty);
  } else if (!duty.committed) {
    duty.committed = true;
    recorder_.Add(ValidateCommit{.inference = inference,
                                 .commitment = VerdictCommitment(self, *duty.verdict)});
  }
  return true;
}

bool Validator::StepCommitted(const ledger::VerdictCommit& commit, const InferenceId& inference,
                              Duty& duty, uint64_t next_height, uint64_t window) {
  if (commit.reveal || next_height >= commit.reveal_from + window) return false;
  if (!duty.verdict) {
    // Committed before a restart: the same check gives the same verdict again.
    BeginCheck(inference, duty);
    return true;
  }
  if (VerdictCommitment(commit.validator, *duty.verdict) != commit.commitment) {
    env_.log.Write(LogLevel::kError,
                   fmt::format("{}: a new check came out otherwise than the one that was committed "
                               "to before the restart; nothing is revealed",
                               ShortHex(inference)));
    return false;
  }
  if (next_height >= commit.reveal_from && !duty.revealed) {
    duty.revealed = true;
    recorder_.Add(*duty.verdict);
  }
  return true;
}

void Validator::BeginCheck(const InferenceId& inference, Duty& duty) {
  if (duty.checking) return;
  duty.checking = true;
  checker_.Check(inference, false, [this, inference, alive = alive_](const CheckResult& result) {
    if (*alive) OnChecked(inference, result);
  });
}

void Validator::OnChecked(const InferenceId& inference, const CheckResult& result) {
  const auto found = duties_.find(inference);
  if (found == duties_.end()) return;
  if (result.verdict != Verdict::kPass) {
    env_.log.Write(LogLevel::kWarning,
                   fmt::format("check of {}: {}", ShortHex(inference), result.explanation));
  }
  // The salt follows from the key, so that a node that restarts can still reveal.
  found->second.verdict =
      ValidateReveal{.inference = inference,
                     .verdict = result.verdict,
                     .evidence_millinats = result.evidence_millinats,
                     .scores_root = result.scores_root,
                     .salt = TaggedHash("gonka/verdict-salt/1", self_.key.seed(), inference)};
  found->second.checking = false;
  Keep(inference, result);
  const auto view = ledger_.snapshot();
  const uint64_t next_height = ledger::ReadChain(*view).height + 1;
  if (!Step(*view, inference, found->second, next_height)) duties_.erase(found);
}

void Validator::Keep(const InferenceId& inference, const CheckResult& result) {
  if (results_.insert_or_assign(inference, result).second) results_order_.push_back(inference);
  if (results_order_.size() <= kResultsMax) return;
  results_.erase(results_order_.front());
  results_order_.pop_front();
}

}  // namespace gonka::node
