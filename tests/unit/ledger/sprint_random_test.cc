// Sprints in which everybody says anything, sensible or not; after every block the whole state is
// audited (in MakeBlock), and in the end everything must have happened at least once.

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

class SprintChaos {
 public:
  explicit SprintChaos(uint64_t sim_seed) : net_(Options(sim_seed)), random_(sim_seed) {}

  void Run(size_t blocks) {
    for (size_t i = 0; i < blocks; ++i) {
      Membership();
      Sprint();
      for (const TxCode code : net_.MakeBlock()) codes_.insert(code);
    }
  }
  const TestNetwork& net() const { return net_; }
  const std::set<TxCode>& codes() const { return codes_; }

 private:
  static NetworkOptions Options(uint64_t sim_seed) {
    NetworkOptions options;
    options.participants = 4 + sim_seed % 4;
    options.params.sprint = {.lead_blocks = 64,
                             .window_blocks = 10,
                             .check_blocks = 7,
                             .reveal_blocks = 8,
                             .input_tokens = 32,
                             .positions = 8,
                             .samples = 4,
                             .checkers = 2,
                             .share_min = Ppm{500'000},
                             .quorum = Ppm{500'000}};
    return options;
  }

  size_t Below(size_t n) { return random_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  size_t Anybody() { return Below(net_.size()); }
  const KeyPair& Key(size_t i) const { return net_.participant(i); }

  void Membership() {
    if (!OneIn(60)) return;
    const KeyPair& who = OneIn(3) ? net_.developer(Below(3)) : Key(Anybody());
    if (OneIn(2)) return net_.Send(who, {Leave{}});
    net_.Send(who, {Register{.endpoint = std::string("http://again"), .models = {net_.model()}}});
  }

  // Commits of some, in some epochs of too few, at times before and after the window.
  void Commit() {
    const size_t most = net_.epoch() % 4 == 1 ? 1 : net_.size();
    for (size_t i = 0; i < most; ++i) {
      if (!OneIn(3)) continue;
      net_.Send(Key(i), {SprintCommit{.epoch = net_.epoch(),
                                      .model = net_.model(),
                                      .count = static_cast<uint32_t>(Below(200)),
                                      .root = TaggedHash("test/root/1", uint64_t{i})}});
    }
  }

  SprintVerdictReveal FindingOn(const ListedSprint& listed, size_t checker) {
    std::mt19937_64 random(std::hash<AccountId>{}(listed.participant) + net_.epoch());
    const bool good = random() % 3 != 0;
    const bool dissents = (checker + random()) % 6 == 0;
    const bool passes = good != dissents;
    const bool knows = random() % 8 != 0;
    return {.epoch = net_.epoch(),
            .participant = listed.participant,
            .model = listed.model,
            .verdict = !knows   ? Verdict::kInconclusive
                       : passes ? Verdict::kPass
                                : Verdict::kFail,
            .proven = knows && passes ? std::min(listed.entry.count, 4u) : 0,
            .salt = {}};
  }

  void Sprint() {
    const auto sprint = FindSprint(net_.view(), net_.epoch());
    if (!sprint) {
      if (OneIn(20)) Commit();
      return;
    }
    if (sprint->phase <= SprintPhase::kCompute || OneIn(30)) Commit();
    for (const ListedSprint& listed : ListSprint(net_.view(), net_.epoch())) {
      for (const SprintBallot& ballot : listed.entry.ballots) {
        if (OneIn(2)) continue;
        const size_t who = OneIn(30) ? Anybody() : net_.PlaceOf(ballot.checker);
        const SprintVerdictReveal finding = FindingOn(listed, who);
        if (ballot.commitment && !OneIn(20)) {
          net_.Send(Key(who), {finding});
          continue;
        }
        net_.Send(Key(who), {SprintVerdictCommit{
                                .epoch = finding.epoch,
                                .participant = finding.participant,
                                .model = finding.model,
                                .commitment = SprintVerdictCommitment(net_.id(who), finding)}});
      }
    }
  }

  TestNetwork net_;
  std::mt19937_64 random_;
  std::set<TxCode> codes_;
};

}  // namespace

TEST_CASE("whatever everybody does in Sprints, they end, and somebody is left with weight") {
  std::set<size_t> kinds;
  std::set<TxCode> codes;
  std::set<SprintOutcome> outcomes;
  size_t appeals = 0;
  for (uint64_t sim_seed = 1; sim_seed <= 6; ++sim_seed) {
    CAPTURE(sim_seed);
    SprintChaos chaos(sim_seed);
    chaos.Run(610);
    codes.insert(chaos.codes().begin(), chaos.codes().end());
    for (const Notice& notice : chaos.net().notices()) kinds.insert(notice.index());
    for (const auto& decided : chaos.net().Told<SprintDecided>()) outcomes.insert(decided.outcome);
    for (const auto& drawn : chaos.net().Told<SprintCheckDrawn>()) appeals += drawn.appeal ? 1 : 0;
  }
  for (const Notice& notice :
       {Notice(SprintOpened{}), Notice(SprintCommitted{}), Notice(SprintCheckDrawn{}),
        Notice(SprintVerdictRevealed{}), Notice(SprintDecided{}), Notice(SprintVoid{}),
        Notice(WeightEarned{}), Notice(Penalised{})}) {
    CAPTURE(notice.index());
    CHECK(kinds.contains(notice.index()));
  }
  CHECK(outcomes.size() == kEnumEnd<SprintOutcome>);
  CHECK(appeals >= 5);
  CHECK(codes.size() >= 10);
}

}  // namespace gonka::ledger
