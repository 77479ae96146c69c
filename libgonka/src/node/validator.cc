#include "gonka/node/validator.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

constexpr size_t kResultsMax = 1'024;

// Whether somebody before this node has said something that counts.
bool HasStandingVerdict(const ledger::InferenceRecord& record, const AccountId& self) {
  return std::any_of(record.verdicts.begin(), record.verdicts.end(), [&](const auto& commit) {
    return commit.validator != self &&
           (!commit.reveal || commit.reveal->verdict != Verdict::kInconclusive);
  });
}

}  // namespace

Validator::Validator(Environment env, LedgerPort ledger, const KeyPair& key, Checker& checker,
                     Recorder& recorder)
    : env_(env),
      ledger_(std::move(ledger)),
      key_(key),
      checker_(checker),
      recorder_(recorder),
      alive_(std::make_shared<bool>(true)) {}

Validator::~Validator() {
  *alive_ = false;
}

void Validator::Resume() {
  const auto view = ledger_.snapshot();
  for (const InferenceId& inference : ledger::ListOpenChecks(*view)) Learn(inference, *view);
  Advance(*view, ledger::ReadChain(*view).height);
}

void Validator::OnBlock(const BlockFacts& block) {
  const auto view = ledger_.snapshot();
  for (const Notice& notice : block.notices) {
    const auto* drawn = std::get_if<CheckDrawn>(&notice);
    if (drawn != nullptr && drawn->selected) Learn(drawn->inference, *view);
  }
  Advance(*view, block.header.height);
}

void Validator::Learn(const InferenceId& inference, const ledger::View& view) {
  const auto record = ledger::FindRecord(view, inference);
  if (!record) return;
  const std::vector<AccountId> order = ledger::ValidatorOrder(view, *record);
  const auto place = std::find(order.begin(), order.end(), AccountOf(key_.public_key()));
  if (place == order.end()) return;
  const auto turn = static_cast<uint64_t>(place - order.begin());
  const uint64_t window = ledger::ReadParams(view).time.check_window_blocks;
  Duty& duty = duties_[inference];
  duty.turn = turn;
  duty.from_height = record->assigned_height + turn * window;
  duty.reveal_height = record->assigned_height + (turn + 1) * window;
}

// Heights are those of the next block, in which what is recorded now can stand.
void Validator::Advance(const ledger::View& view, uint64_t height) {
  const AccountId self = AccountOf(key_.public_key());
  for (auto it = duties_.begin(); it != duties_.end();) {
    const InferenceId id = it->first;
    Duty& duty = it->second;
    if (duty.verdict && height >= duty.reveal_height) {
      recorder_.Add(*duty.verdict);
      it = duties_.erase(it);
      continue;
    }
    if (duty.checking || height + 1 < duty.from_height) {
      ++it;
      continue;
    }
    const auto record = ledger::FindRecord(view, id);
    const bool over = !record || record->settled ||
                      (record->status != ledger::InferenceStatus::kFinished) ||
                      height >= duty.reveal_height;
    if (over) {
      it = duties_.erase(it);
      continue;
    }
    if (!HasStandingVerdict(*record, self)) {
      duty.checking = true;
      checker_.Check(id, false, [this, id, alive = alive_](const CheckResult& result) {
        if (*alive) OnChecked(id, result);
      });
    }
    ++it;
  }
}

void Validator::OnChecked(const InferenceId& inference, const CheckResult& result) {
  const auto found = duties_.find(inference);
  if (found == duties_.end()) return;
  if (result.verdict != Verdict::kPass) {
    env_.log.Write(LogLevel::kWarning,
                   fmt::format("check of {}: {}", ShortHex(inference), result.explanation));
  }
  // The salt follows from the key, so that a node that restarts can still reveal.
  const ValidateReveal reveal{.inference = inference,
                              .verdict = result.verdict,
                              .evidence_millinats = result.evidence_millinats,
                              .scores_root = result.scores_root,
                              .salt = TaggedHash("gonka/verdict-salt/1", key_.seed(), inference)};
  recorder_.Add(
      ValidateCommit{.inference = inference,
                     .commitment = VerdictCommitment(AccountOf(key_.public_key()), reveal)});
  found->second.verdict = reveal;
  if (results_.size() >= kResultsMax) results_.erase(results_.begin());
  results_[inference] = result;
}

}  // namespace gonka::node
