#include "gonka/node/committee.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

// A vote that comes late is none: with this many blocks left the checks that are done must do.
uint64_t CommitMargin(uint64_t window_blocks) {
  return std::clamp<uint64_t>(window_blocks / 4, 2, 8);
}

VoteReveal Vote(Verdict verdict, int32_t evidence_millinats) {
  return {.case_id = {}, .verdict = verdict, .evidence_millinats = evidence_millinats, .salt = {}};
}

// What one record's check says about that record.
VoteReveal DisputeVote(const std::vector<CheckResult>& results) {
  if (results.empty()) return Vote(Verdict::kInconclusive, 0);
  return Vote(results[0].verdict, results[0].evidence_millinats);
}

// The product of the evidence over a fresh sample says whether a participant cheats.
VoteReveal HearingVote(const std::vector<CheckResult>& results,
                       const std::vector<reputation::SampledAnswer>& answers,
                       const CheckParams& params) {
  const bool any = std::any_of(results.begin(), results.end(), [](const CheckResult& result) {
    return result.verdict != Verdict::kInconclusive;
  });
  if (!any) return Vote(Verdict::kInconclusive, 0);
  const int32_t sum = reputation::HearingEvidence(params, answers);
  return Vote(sum >= params.conviction_millinats ? Verdict::kFail : Verdict::kPass, sum);
}

}  // namespace

Committee::Committee(Environment env, LedgerPort ledger, const Identity& self, Checker& checker,
                     Recorder& recorder)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      checker_(checker),
      recorder_(recorder),
      alive_(std::make_shared<bool>(true)) {}

Committee::~Committee() {
  *alive_ = false;
}

void Committee::Resume() {
  const auto view = ledger_.snapshot();
  for (const auto& [id, open_case] : ledger::ListOpenCases(*view)) {
    if (open_case.drawn) Learn(id, *view);
  }
}

void Committee::OnBlock(const BlockFacts& block) {
  for (const Notice& notice : block.notices) {
    if (const auto* drawn = std::get_if<CommitteeDrawn>(&notice)) {
      Learn(drawn->case_id, *ledger_.snapshot());
    } else if (const auto* sample = std::get_if<HearingSampleDrawn>(&notice)) {
      Learn(sample->case_id, *ledger_.snapshot());
    }
  }
  Advance(block.header.height);
}

void Committee::Learn(const CaseId& id, const ledger::View& view) {
  const auto open_case = ledger::FindCase(view, id);
  if (!open_case || open_case->decided) return;
  const AccountId self = self_.account;
  const bool mine =
      std::any_of(open_case->ballots.begin(), open_case->ballots.end(),
                  [&](const auto& ballot) { return ballot.voter == self && ballot.votes > 0; });
  if (const auto known = duties_.find(id); known != duties_.end()) {
    // Silent seats went to substitutes: there is more time, or this one was too late.
    if (!mine) {
      duties_.erase(known);
    } else {
      known->second.commit_until = open_case->commit_until;
      known->second.reveal_until = open_case->reveal_until;
    }
    return;
  }
  if (!mine) return;
  Duty& duty = duties_[id];
  duty.kind = open_case->kind;
  duty.commit_until = open_case->commit_until;
  duty.reveal_until = open_case->reveal_until;
  const uint64_t height = ledger::ReadChain(view).height;
  duty.commit_margin = CommitMargin(duty.commit_until - std::min(height, duty.commit_until));
  duty.open_checks = open_case->records.size();
  for (const InferenceId& record : open_case->records) {
    checker_.Check(record, true, [this, id, record, alive = alive_](const CheckResult& result) {
      if (!*alive) return;
      const auto found = duties_.find(id);
      if (found == duties_.end()) return;
      Note(found->second, record, result);
      if (--found->second.open_checks == 0) Vote(id, found->second);
    });
  }
  if (duty.open_checks == 0) Vote(id, duty);
}

void Committee::Note(Duty& duty, const InferenceId& record, const CheckResult& result) {
  duty.results.push_back(result);
  const auto found = ledger::FindRecord(*ledger_.snapshot(), record);
  if (result.verdict == Verdict::kInconclusive || !found) return;
  duty.answers.push_back({.developer = found->assignment.request.developer,
                          .ta = found->assignment.request.ta,
                          .evidence_millinats = result.evidence_millinats});
}

void Committee::Vote(const CaseId& id, Duty& duty) {
  if (duty.vote) return;
  const CheckParams params = ledger::ReadParams(*ledger_.snapshot()).check;
  VoteReveal vote = duty.kind == ledger::CaseKind::kDispute
                        ? DisputeVote(duty.results)
                        : HearingVote(duty.results, duty.answers, params);
  vote.case_id = id;
  // The salt follows from the key, so that a node that restarts can still reveal.
  vote.salt = TaggedHash("gonka/vote-salt/1", self_.key.seed(), id);
  recorder_.Add(VoteCommit{.case_id = id, .commitment = VoteCommitment(self_.account, vote)});
  duty.vote = vote;
}

void Committee::Advance(uint64_t height) {
  for (auto it = duties_.begin(); it != duties_.end();) {
    auto& [id, duty] = *it;
    if (!duty.vote && height + duty.commit_margin >= duty.commit_until && !duty.results.empty()) {
      Vote(id, duty);
    }
    if (duty.vote && height >= duty.commit_until) {
      recorder_.Add(*duty.vote);
      it = duties_.erase(it);
    } else if (height >= duty.reveal_until) {
      it = duties_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace gonka::node
