// Sprints: who commits to how much, what checkers say about it, and openings.

#include <algorithm>

#include "gonka/protocol/sprint.h"
#include "unit/ledger/chaos.h"

namespace gonka::ledger {
namespace {

const Hash kResult = TaggedHash("test/result/1");

}  // namespace

void Chaos::Sprint() {
  const auto sprint = FindSprint(net_.view(), net_.epoch());
  if (!sprint) return OneIn(60) ? CommitToWork() : void();
  if (sprint->phase <= SprintPhase::kCompute || OneIn(30)) CommitToWork();
  for (const ListedSprint& listed : ListSprint(net_.view(), net_.epoch())) JudgeWork(listed);
  if (OneIn(60)) ExposeWork();
}

// In some epochs of too few; mostly the same count each time.
void Chaos::CommitToWork() {
  const std::vector<ModelInfo> models = ListModels(net_.view());
  const size_t most = net_.epoch() % 4 == 1 ? 1 : net_.size();
  for (size_t i = 0; i < most; ++i) {
    if (!OneIn(3)) continue;
    const AccountId who = OneIn(30) ? OneOf(ids_) : net_.id(i);
    const uint64_t roll = std::hash<AccountId>{}(who) + net_.epoch();
    const uint64_t count = OneIn(9) ? Below(200) : roll % 5 == 0 ? 1 : roll % 150;
    Say(KeyOf(who), SprintCommit{.epoch = OneIn(40) ? AnyEpoch() : net_.epoch(),
                                 .model = OneIn(9) ? AnyModel() : models[0].id,
                                 .count = static_cast<uint32_t>(count),
                                 .root = OneIn(40) ? Hash{} : SprintLeaf(0, kResult)});
  }
}

// A function of commit and checker, so that what was committed can be revealed.
SprintVerdictReveal Chaos::FindingOn(const ListedSprint& listed, const AccountId& checker) {
  std::mt19937_64 of_work(std::hash<AccountId>{}(listed.participant) + net_.epoch());
  std::mt19937_64 of_checker(std::hash<AccountId>{}(checker) + of_work());
  const bool good = of_work() % 3 != 0;
  const bool passes = good != (of_checker() % 6 == 0);
  const uint64_t roll = of_checker() % 16;
  const uint32_t samples = std::min(listed.entry.count, ReadParams(net_.view()).sprint.samples);
  SprintVerdictReveal finding{.epoch = net_.epoch(),
                              .participant = listed.participant,
                              .model = listed.model,
                              .verdict = roll < 2    ? Verdict::kInconclusive
                                         : roll == 3 ? Verdict::kUnavailable
                                         : passes    ? Verdict::kPass
                                                     : Verdict::kFail,
                              .proven = 0,
                              .salt = {}};
  if (finding.verdict == Verdict::kPass) finding.proven = samples - (roll == 4 ? 1 : 0);
  if (roll == 5) finding.proven = 1;
  return finding;
}

void Chaos::JudgeWork(const ListedSprint& listed) {
  for (const SprintBallot& ballot : listed.entry.ballots) {
    if (OneIn(2) || std::hash<AccountId>{}(ballot.checker) % 7 == net_.epoch() % 7) continue;
    const AccountId who = OneIn(30) ? AnyParticipant() : ballot.checker;
    SprintVerdictReveal finding = FindingOn(listed, who);
    if (OneIn(60)) finding.salt = kResult;
    if (OneIn(60)) finding.epoch = AnyEpoch();
    if (OneIn(60)) finding.participant = AnyParticipant();
    if (ballot.commitment && !OneIn(20)) {
      Say(KeyOf(who), finding);
      continue;
    }
    Say(KeyOf(who), SprintVerdictCommit{.epoch = finding.epoch,
                                        .participant = finding.participant,
                                        .model = finding.model,
                                        .commitment = SprintVerdictCommitment(who, finding)});
  }
}

// Mostly the right leaf of a commit to one result, which proves nothing.
void Chaos::ExposeWork() {
  const uint64_t epoch = AnyEpoch();
  const std::vector<ListedSprint> all = ListSprint(net_.view(), epoch);
  if (all.empty()) return;
  const ListedSprint& listed = OneOf(all);
  SprintOpening opening{.network = net_.chain().network,
                        .epoch = epoch,
                        .participant = OneIn(9) ? AnyParticipant() : listed.participant,
                        .model = listed.model,
                        .root = listed.entry.root,
                        .index = static_cast<uint32_t>(OneIn(9) ? Below(3) : 0),
                        .result = OneIn(4) ? Hash{} : kResult,
                        .path = {}};
  if (OneIn(9)) opening.path.push_back(kResult);
  const auto signature = Signed(opening.participant, SprintOpeningHash(opening), 4);
  Say(Anybody(), SprintExpose{.epoch = opening.epoch,
                              .participant = opening.participant,
                              .model = opening.model,
                              .index = opening.index,
                              .result = opening.result,
                              .path = opening.path,
                              .signature = signature.value_or(Signature{})});
}

}  // namespace gonka::ledger
