// Weight is earned: what a Sprint takes and refuses, who checks it, and what follows for the
// weights.

#include "gonka/protocol/sprint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

NetworkOptions Options() {
  NetworkOptions options;
  options.params.sprint = {.lead_blocks = 60,
                           .window_blocks = 10,
                           .check_blocks = 5,
                           .reveal_blocks = 4,
                           .input_tokens = 32,
                           .positions = 8,
                           .samples = 10,
                           .checkers = 3,
                           .share_min = Ppm{800'000},
                           .quorum = Ppm{500'000}};
  return options;
}

// What participant `place` has computed: a tree of results that is as good as any.
struct Work {
  std::vector<Hash> results;
  std::vector<Hash> leaves;
};
Work WorkOf(size_t place, uint32_t count) {
  Work work;
  for (uint32_t i = 0; i < count; ++i) {
    work.results.push_back(TaggedHash("test/result/1", uint64_t{place}, i));
    work.leaves.push_back(SprintLeaf(i, work.results.back()));
  }
  return work;
}

class SprintNet : public TestNetwork {
 public:
  explicit SprintNet(NetworkOptions options = Options()) : TestNetwork(std::move(options)) {}

  Sprint sprint() const { return FindSprint(view(), epoch()).value_or(Sprint{}); }
  SprintPhase phase() const { return sprint().phase; }
  SprintEntry entry(size_t place) const {
    return *FindSprintEntry(view(), epoch(), id(place), model());
  }
  void RunToPhase(SprintPhase wanted) {
    const uint64_t at = epoch();
    while (!FindSprint(view(), epoch()) || phase() < wanted) {
      MakeBlock();
      REQUIRE(epoch() == at);
    }
    REQUIRE(phase() == wanted);
  }
  SprintCommit CommitOf(size_t place, uint32_t count) const {
    return {.epoch = epoch(),
            .model = model(),
            .count = count,
            .root = MerkleRoot(WorkOf(place, count).leaves)};
  }
  // In this epoch's window, by place; 0: nothing.
  void Commit(const std::vector<uint32_t>& counts) {
    RunToPhase(SprintPhase::kCompute);
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) Send(participant(i), {CommitOf(i, counts[i])});
    }
    for (const TxCode code : MakeBlock()) REQUIRE(code == TxCode::kOk);
  }

  SprintVerdictReveal RevealOf(size_t whose, Verdict verdict, uint32_t proven) const {
    return {.epoch = epoch(),
            .participant = id(whose),
            .model = model(),
            .verdict = verdict,
            .proven = proven,
            .salt = TaggedHash("test/salt/1", uint64_t{whose})};
  }
  Event CommitmentOf(size_t checker, const SprintVerdictReveal& reveal) const {
    return SprintVerdictCommit{.epoch = reveal.epoch,
                               .participant = reveal.participant,
                               .model = reveal.model,
                               .commitment = SprintVerdictCommitment(id(checker), reveal)};
  }
  // Those who may commit to a verdict now.
  std::vector<size_t> Open(size_t whose) const {
    std::vector<size_t> open;
    for (const SprintBallot& ballot : entry(whose).ballots) {
      if (ballot.votes > 0 && !ballot.commitment && !ballot.finding) {
        open.push_back(PlaceOf(ballot.checker));
      }
    }
    return open;
  }
  using Judge = std::function<std::optional<SprintVerdictReveal>(size_t checker, size_t whose)>;
  // Everybody who may commits and reveals what judge says; nothing: is silent.
  void Vote(const std::vector<size_t>& about, const Judge& judge) {
    std::vector<std::pair<size_t, SprintVerdictReveal>> votes;
    for (const size_t whose : about) {
      for (const size_t checker : Open(whose)) {
        const auto reveal = judge(checker, whose);
        if (!reveal) continue;
        votes.emplace_back(checker, *reveal);
        Send(participant(checker), {CommitmentOf(checker, *reveal)});
      }
    }
    for (const TxCode code : MakeBlock()) REQUIRE_MESSAGE(code == TxCode::kOk, TxCodeName(code));
    while (phase() == SprintPhase::kCheck || phase() == SprintPhase::kAppeal) MakeBlock();
    for (const auto& [checker, reveal] : votes) Send(participant(checker), {reveal});
    for (const TxCode code : MakeBlock()) REQUIRE_MESSAGE(code == TxCode::kOk, TxCodeName(code));
  }
  Judge Passing(uint32_t proven = 10) const {
    return [this, proven](size_t, size_t whose) {
      const uint32_t samples = std::min(entry(whose).count, 10u);
      return RevealOf(whose, Verdict::kPass, std::min(samples, proven));
    };
  }
  // The checks of all commits, which everybody passes.
  void PassAll(const std::vector<size_t>& about) {
    RunToPhase(SprintPhase::kCheck);
    Vote(about, Passing());
  }
  std::vector<uint64_t> Weights() const {
    std::vector<uint64_t> weights;
    for (size_t i = 0; i < size(); ++i) weights.push_back(participant_record(i).weight);
    return weights;
  }
  SprintDecided DecisionOn(size_t place) const {
    for (const SprintDecided& decided : Told<SprintDecided>()) {
      if (decided.participant == id(place) && decided.epoch == epoch()) return decided;
    }
    FAIL("nothing was decided");
    return {};
  }
};

using Places = std::vector<size_t>;
using Weights = std::vector<uint64_t>;

}  // namespace

TEST_CASE("the next epoch's weights are the proven counts, epoch after epoch") {
  SprintNet net;
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    const std::vector<uint32_t> counts = {100 + epoch, 200, 300, 150, 120, 130};
    net.Commit(counts);
    net.PassAll({0, 1, 2, 3, 4, 5});
    CHECK(net.phase() == SprintPhase::kOver);
    const Standing before = net.standing(epoch, net.PlaceOf(net.entry(0).ballots[0].checker));
    CHECK(before.checks >= 1);
    CHECK(before.checked_tokens >= 320);
    CHECK(before.misses_half == 0);
    net.RunToEpoch(epoch + 1);
    CHECK(net.Weights() == Weights{100 + epoch, 200, 300, 150, 120, 130});
    const auto table = FindEpoch(net.view(), epoch + 1);
    REQUIRE(table->members.size() == 6);
    for (const Member& member : table->members) {
      CHECK(member.proven_weight == counts[net.PlaceOf(member.id)]);
    }
  }
  CHECK(net.Told<WeightEarned>().size() == 5 + 1 + 1);  // Of those that changed.
  CHECK(net.Told<SprintVoid>().empty());
  net.RunToSettlementOf(2);
  CHECK_FALSE(FindSprint(net.view(), 7));
}

TEST_CASE("where it is switched off nobody sprints and weights stay") {
  NetworkOptions options = Options();
  options.params.sprint.lead_blocks = 0;
  SprintNet net(options);
  CHECK(net.Do(net.participant(0), net.CommitOf(0, 5)) == TxCode::kTooEarly);
  net.RunToEpoch(2);
  CHECK(net.Weights() == Weights(6, 100));
  CHECK_FALSE(FindSprint(net.view(), 1));
  CHECK(net.Told<SprintVoid>().empty());
}

TEST_CASE("who commits to nothing, and who is not there, is no member of the next epoch") {
  SprintNet net;
  net.Commit({10, 20, 30, 40, 0, 0});
  net.PassAll({0, 1, 2, 3});
  net.RunToEpoch(1);
  CHECK(net.Weights() == Weights{10, 20, 30, 40, 0, 0});
  CHECK(FindEpoch(net.view(), 1)->members.size() == 4);
  // It may earn its way back: to take part in a Sprint needs no weight.
  net.Commit({10, 20, 30, 40, 50, 0});
  net.PassAll({0, 1, 2, 3, 4});
  net.RunToEpoch(2);
  CHECK(net.Weights() == Weights{10, 20, 30, 40, 50, 0});
}

TEST_CASE("commits are refused before and after the window, twice, and of what is not served") {
  NetworkOptions options = Options();
  options.params.sprint.window_blocks = 12;
  SprintNet net(options);
  const SprintCommit early = net.CommitOf(0, 5);
  CHECK(net.Do(net.participant(0), early) == TxCode::kTooEarly);
  net.RunToPhase(SprintPhase::kSeed);
  CHECK(net.height() == 40);
  CHECK(net.Do(net.participant(0), early) == TxCode::kTooEarly);
  net.RunToPhase(SprintPhase::kCompute);
  CHECK(net.height() == 42);
  CHECK(net.sprint().until == 54);
  CHECK(net.Told<SprintOpened>().back().commit_until == 54);

  SprintCommit commit = net.CommitOf(0, 0);
  CHECK(net.Do(net.participant(0), commit) == TxCode::kMalformed);
  commit = net.CommitOf(0, 5);
  commit.root = {};
  CHECK(net.Do(net.participant(0), commit) == TxCode::kMalformed);
  commit = net.CommitOf(0, 5);
  commit.epoch = 1;
  CHECK(net.Do(net.participant(0), commit) == TxCode::kWrongEpoch);
  commit.epoch = 0;
  commit.model = ModelId{TaggedHash("test/model/1", uint64_t{2})};
  CHECK(net.Do(net.participant(0), commit) == TxCode::kUnknownModel);
  CHECK(net.Do(net.developer(0), net.CommitOf(0, 5)) == TxCode::kUnknownParticipant);
  REQUIRE(net.Do(net.participant(1), Register{.endpoint = std::string("http://elsewhere"),
                                              .models = {}}) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.CommitOf(1, 5)) == TxCode::kNotServed);
  CHECK(net.Do(net.participant(0), net.CommitOf(0, 5)) == TxCode::kOk);
  CHECK(net.Do(net.participant(0), net.CommitOf(0, 5)) == TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(0), net.CommitOf(0, 6)) == TxCode::kConflictsWithRecord);
  net.Send(net.participant(5), {Leave{}, net.CommitOf(5, 6)});
  net.Send(net.participant(2), {net.CommitOf(2, 6)});
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kOk, TxCode::kLeft, TxCode::kOk});
  CHECK(net.height() == 53);
  CHECK(net.Do(net.participant(4), net.CommitOf(4, 6)) == TxCode::kOk);
  CHECK(net.Do(net.participant(3), net.CommitOf(3, 6)) == TxCode::kTooLate);
}

TEST_CASE("verdicts are committed, then revealed: nobody sees another's before its own is fixed") {
  NetworkOptions options = Options();
  options.params.sprint.lead_blocks = 70;
  options.params.sprint.check_blocks = 10;
  SprintNet net(options);
  net.Commit({50, 50, 50, 50, 50, 50});
  SprintVerdictReveal reveal = net.RevealOf(0, Verdict::kPass, 9);
  CHECK(net.Do(net.participant(1), net.CommitmentOf(1, reveal)) == TxCode::kTooEarly);
  net.RunToPhase(SprintPhase::kCheck);
  const Places checkers = net.Open(0);
  REQUIRE(checkers.size() == 3);
  CHECK(std::count(checkers.begin(), checkers.end(), 0u) == 0);
  const size_t stranger = [&] {
    for (size_t i = 1; i < net.size(); ++i) {
      if (std::count(checkers.begin(), checkers.end(), i) == 0) return i;
    }
    return size_t{0};
  }();
  const size_t one = checkers[0];
  const auto& key = net.participant(one);
  CHECK(net.Do(net.participant(stranger), net.CommitmentOf(stranger, reveal)) ==
        TxCode::kNotAssigned);
  CHECK(net.Do(net.participant(0), net.CommitmentOf(0, reveal)) == TxCode::kNotAssigned);
  CHECK(net.Do(key, reveal) == TxCode::kTooEarly);
  SprintVerdictReveal unknown = reveal;
  unknown.participant = net.developer_id(0);
  CHECK(net.Do(key, net.CommitmentOf(one, unknown)) == TxCode::kUnknownSprint);
  unknown = reveal;
  unknown.epoch = 1;
  CHECK(net.Do(key, net.CommitmentOf(one, unknown)) == TxCode::kWrongEpoch);
  const SprintVerdictReveal impossible = net.RevealOf(0, Verdict::kPass, 7);  // 8 of 10 at least.
  net.Send(key, {net.CommitmentOf(one, reveal), net.CommitmentOf(one, reveal),
                 net.CommitmentOf(one, impossible)});
  net.Send(net.participant(checkers[1]), {net.CommitmentOf(checkers[1], impossible)});
  net.Send(net.participant(checkers[2]), {net.CommitmentOf(checkers[2], reveal)});
  for (size_t whose = 1; whose < net.size(); ++whose) {
    for (const size_t checker : net.Open(whose)) {
      const auto other = net.RevealOf(whose, Verdict::kPass, 10);
      net.Send(net.participant(checker), {net.CommitmentOf(checker, other)});
    }
  }
  const std::vector<TxCode> codes = net.MakeBlock();
  CHECK(codes[0] == TxCode::kOk);
  CHECK(codes[1] == TxCode::kAlreadyDone);
  CHECK(codes[2] == TxCode::kConflictsWithRecord);
  CHECK(net.phase() == SprintPhase::kReveal);  // All have committed.
  CHECK(net.Do(key, net.CommitmentOf(one, reveal)) == TxCode::kTooLate);
  CHECK(net.Do(key, net.RevealOf(0, Verdict::kPass, 10)) == TxCode::kCommitmentMismatch);
  net.Send(net.participant(checkers[1]), {impossible});
  net.Send(net.participant(stranger), {reveal});
  net.Send(key, {reveal, reveal});
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kMalformed, TxCode::kNotAssigned,
                                               TxCode::kOk, TxCode::kAlreadyDone});
  net.RunToPhase(SprintPhase::kOver);
  CHECK(net.Do(key, reveal) == TxCode::kTooLate);
  // Who has committed to what cannot be revealed has missed its duty.
  CHECK(net.standing(0, checkers[1]).misses_half >= 2);
  CHECK(net.DecisionOn(0).outcome == SprintOutcome::kProven);
  CHECK(net.DecisionOn(0).weight == 45);  // 9 of 10 proven, by the only one who says anything.
}

TEST_CASE("the weight is the count times the lower median of the proven share, rounded down") {
  struct {
    std::vector<uint32_t> proven;
    uint32_t count;
    uint64_t weight;
  } const kCases[] = {
      {{10, 10, 10}, 33, 33}, {{8, 10, 10}, 33, 33}, {{8, 9, 10}, 33, 29},
      {{8, 8, 10}, 33, 26},   {{7, 7, 7}, 7, 7},  // Fewer results than samples: all are looked at.
  };
  for (const auto& c : kCases) {
    SprintNet net;
    net.Commit({c.count, 10, 10, 10, 0, 0});
    net.RunToPhase(SprintPhase::kCheck);
    const Places checkers = net.Open(0);
    net.Vote({0, 1, 2, 3}, [&](size_t checker, size_t whose) {
      const auto at = std::find(checkers.begin(), checkers.end(), checker) - checkers.begin();
      return net.RevealOf(whose, Verdict::kPass, whose == 0 ? c.proven[at] : 10);
    });
    CHECK(net.DecisionOn(0).weight == c.weight);
  }
}

TEST_CASE("a silent checker is replaced by the next in order, and has missed a duty") {
  SprintNet net;
  net.Commit({50, 50, 50, 50, 50, 50});
  net.RunToPhase(SprintPhase::kCheck);
  const size_t silent = net.Open(0)[0];
  const auto judge = [&](size_t checker, size_t whose) {
    return checker == silent ? std::nullopt : net.Passing()(checker, whose);
  };
  std::vector<std::pair<size_t, SprintVerdictReveal>> votes;
  const auto commit = [&] {
    for (size_t whose = 0; whose < net.size(); ++whose) {
      for (const size_t checker : net.Open(whose)) {
        const auto reveal = judge(checker, whose);
        if (!reveal) continue;
        votes.emplace_back(checker, *reveal);
        net.Send(net.participant(checker), {net.CommitmentOf(checker, *reveal)});
      }
    }
    net.MakeBlock();
  };
  commit();
  CHECK(net.phase() == SprintPhase::kCheck);
  const uint64_t until = net.sprint().until;
  net.RunTo(until);
  CHECK(net.sprint().round == 1);
  CHECK(net.sprint().until == until + 5);
  const Places fresh = net.Open(0);
  REQUIRE(fresh.size() == 1);
  CHECK(fresh[0] != silent);
  CHECK(net.Do(net.participant(silent), net.CommitmentOf(silent, *net.Passing()(silent, 0))) ==
        TxCode::kNotAssigned);
  commit();
  CHECK(net.phase() == SprintPhase::kReveal);
  for (const auto& [checker, reveal] : votes) net.Send(net.participant(checker), {reveal});
  net.MakeBlock();
  CHECK(net.phase() == SprintPhase::kOver);
  size_t duties = 0;
  for (size_t whose = 0; whose < net.size(); ++whose) {
    CHECK(net.DecisionOn(whose).outcome == SprintOutcome::kProven);
    const auto ballots = net.entry(whose).ballots;
    duties += std::count_if(ballots.begin(), ballots.end(), [&](const SprintBallot& ballot) {
      return ballot.checker == net.id(silent);
    });
  }
  CHECK(net.standing(0, silent).misses_half == 2 * duties);
}

TEST_CASE("a commit that checkers fail goes to all who serve the model: false, and no weight") {
  NetworkOptions options = Options();
  SprintNet net(options);
  net.Commit({1'000, 50, 50, 50, 50, 50});
  net.RunToPhase(SprintPhase::kCheck);
  const size_t lazy = net.Open(0)[0];
  const Amount collateral = net.participant_record(lazy).collateral;
  const auto judge = [&](size_t checker, size_t whose) {
    if (whose == 0 && checker != lazy) return net.RevealOf(0, Verdict::kFail, 1);
    return net.RevealOf(whose, Verdict::kPass, 10);
  };
  net.Vote({0, 1, 2, 3, 4, 5}, judge);
  CHECK(net.phase() == SprintPhase::kAppeal);
  CHECK(net.entry(0).appealed);
  CHECK_FALSE(net.entry(0).outcome);
  CHECK(net.Open(0).size() == 2);  // The three checkers have said it already.
  net.Vote({0}, judge);
  CHECK(net.phase() == SprintPhase::kOver);
  CHECK(net.DecisionOn(0).outcome == SprintOutcome::kFalse);
  CHECK(net.DecisionOn(0).weight == 0);
  // Whoever passed it unseen pays for it.
  const auto penalties = net.Told<Penalised>();
  REQUIRE(penalties.size() == 1);
  CHECK(penalties[0].who == net.id(lazy));
  CHECK(penalties[0].reason == PenaltyReason::kSprintVerdict);
  CHECK(net.participant_record(lazy).collateral == collateral - Amount(500));
  net.RunToEpoch(1);
  CHECK(net.Weights() == Weights{0, 50, 50, 50, 50, 50});
  CHECK(net.Told<Convicted>().empty());
}

TEST_CASE("a checker that fails honest work alone pays for it, and the work counts") {
  SprintNet net;
  net.Commit({50, 50, 50, 50, 50, 50});
  net.RunToPhase(SprintPhase::kCheck);
  const size_t liar = net.Open(0)[0];
  const size_t unserved = net.Open(0)[1];
  const auto judge = [&](size_t checker, size_t whose) {
    if (whose == 0 && checker == liar) return net.RevealOf(0, Verdict::kFail, 0);
    if (whose == 0 && checker == unserved) return net.RevealOf(0, Verdict::kUnavailable, 0);
    return net.RevealOf(whose, Verdict::kPass, 10);
  };
  net.Vote({0, 1, 2, 3, 4, 5}, judge);
  REQUIRE(net.phase() == SprintPhase::kAppeal);
  net.Vote({0}, judge);
  CHECK(net.DecisionOn(0).outcome == SprintOutcome::kProven);
  CHECK(net.DecisionOn(0).weight == 50);
  REQUIRE(net.Told<Penalised>().size() == 1);
  CHECK(net.Told<Penalised>()[0].who == net.id(liar));
  CHECK(net.standing(0, unserved).misses_half == 2);
}

TEST_CASE(
    "what nobody can decide is void: no more than the participant has had, nor than it claims") {
  struct {
    const char* what;
    uint32_t count;
    uint64_t weight;
  } const kCases[] = {{"more than it had", 1'000, 100}, {"less than it had", 70, 70}};
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    SprintNet net;
    net.Commit({c.count, 50, 50, 50, 50, 50});
    net.RunToPhase(SprintPhase::kCheck);
    const auto judge = [&](size_t, size_t whose) {
      return whose == 0 ? net.RevealOf(0, Verdict::kInconclusive, 0)
                        : net.RevealOf(whose, Verdict::kPass, 10);
    };
    net.Vote({0, 1, 2, 3, 4, 5}, judge);
    CHECK(net.DecisionOn(0).outcome == SprintOutcome::kVoid);
    CHECK(net.standing(0, net.PlaceOf(net.entry(0).ballots[0].checker)).misses_half >= 2);
    net.RunToEpoch(1);
    CHECK(net.Weights() == Weights{c.weight, 50, 50, 50, 50, 50});
  }
}

TEST_CASE("an appeal without a majority of all the weight is void") {
  SprintNet net;
  net.Commit({70, 50, 50, 50, 50, 50});
  net.RunToPhase(SprintPhase::kCheck);
  const auto judge = [&](size_t, size_t whose) {
    return whose == 0 ? net.RevealOf(0, Verdict::kUnavailable, 0)
                      : net.RevealOf(whose, Verdict::kPass, 10);
  };
  // Two of three say so, the third and all others keep silent: 200 of 500.
  const Places checkers = net.Open(0);
  net.Vote({0, 1, 2, 3, 4, 5},
           [&](size_t checker, size_t whose) -> std::optional<SprintVerdictReveal> {
             if (whose == 0 && checker == checkers[0]) {
               return net.RevealOf(0, Verdict::kInconclusive, 0);
             }
             return judge(checker, whose);
           });
  net.RunToPhase(SprintPhase::kOver);
  CHECK(net.DecisionOn(0).outcome == SprintOutcome::kVoid);
  CHECK(net.Told<Penalised>().empty());
}

TEST_CASE("where too few commit, or nobody, the whole Sprint is void and all weights stay") {
  for (const std::vector<uint32_t>& counts :
       {std::vector<uint32_t>{}, std::vector<uint32_t>{500, 500}}) {
    SprintNet net;
    net.Commit(counts);
    net.RunToPhase(SprintPhase::kOver);
    CHECK(net.sprint().is_void);
    net.RunToEpoch(1);
    CHECK(net.Weights() == Weights(6, 100));
    CHECK(net.Told<SprintVoid>().size() == 1);
    CHECK(net.Told<WeightEarned>().empty());
  }
}

TEST_CASE("not even if all commits are false does the network lose its last weight") {
  NetworkOptions options = Options();
  options.participants = 3;
  SprintNet net(options);
  net.Commit({70, 70, 70});
  net.RunToPhase(SprintPhase::kCheck);
  const auto judge = [&](size_t, size_t whose) { return net.RevealOf(whose, Verdict::kFail, 0); };
  net.Vote({0, 1, 2}, judge);
  net.RunToPhase(SprintPhase::kOver);
  for (size_t i = 0; i < 3; ++i) CHECK(net.DecisionOn(i).outcome == SprintOutcome::kFalse);
  net.RunToEpoch(1);
  CHECK(net.Weights() == Weights(3, 100));
  CHECK(net.Told<SprintVoid>().size() == 1);
}

TEST_CASE("one participant alone keeps what it has, and no more: nobody can check it") {
  NetworkOptions options = Options();
  options.participants = 1;
  SprintNet net(options);
  net.Commit({1'000});
  net.RunToPhase(SprintPhase::kOver);
  CHECK(net.DecisionOn(0).outcome == SprintOutcome::kVoid);
  net.RunToEpoch(1);
  CHECK(net.Weights() == Weights{100});
}

TEST_CASE("a newcomer has no weight until its first Sprint, and is checked like all others") {
  SprintNet net;
  const KeyPair newcomer = TestNetwork::NewKey("newcomer");
  const AccountId id = AccountOf(newcomer.public_key());
  REQUIRE(net.Do(net.developer(0), Transfer{.to = id, .amount = Amount(1'000)}) == TxCode::kOk);
  REQUIRE(net.Do(newcomer, Register{.endpoint = std::string("http://new"),
                                    .models = {net.model()}}) == TxCode::kOk);
  CHECK(FindParticipant(net.view(), id)->weight == 0);
  net.Commit({50, 50, 50, 50, 50, 50});
  REQUIRE(net.Do(newcomer, net.CommitOf(9, 77)) == TxCode::kOk);
  net.RunToPhase(SprintPhase::kCheck);
  std::vector<std::pair<size_t, SprintVerdictReveal>> votes;
  for (const ListedSprint& listed : ListSprint(net.view(), 0)) {
    for (const SprintBallot& ballot : listed.entry.ballots) {
      CHECK(ballot.checker != id);  // Not a member yet.
      SprintVerdictReveal reveal = net.RevealOf(0, Verdict::kPass, 10);
      reveal.participant = listed.participant;
      votes.emplace_back(net.PlaceOf(ballot.checker), reveal);
      net.Send(net.participant(votes.back().first), {net.CommitmentOf(votes.back().first, reveal)});
    }
  }
  net.MakeBlock();
  for (const auto& [checker, reveal] : votes) net.Send(net.participant(checker), {reveal});
  for (const TxCode code : net.MakeBlock()) REQUIRE(code == TxCode::kOk);
  net.RunToEpoch(1);
  CHECK(FindParticipant(net.view(), id)->weight == 77);
  CHECK(FindEpoch(net.view(), 1)->members.size() == 7);
}

TEST_CASE("an opening that its author has signed and that the root does not cover convicts it") {
  SprintNet net;
  constexpr uint32_t kCount = 40;
  net.Commit({kCount, 50, 50, 50, 50, 50});
  const Work work = WorkOf(0, kCount);
  SprintOpening opening{.network = net.chain().network,
                        .epoch = 0,
                        .participant = net.id(0),
                        .model = net.model(),
                        .root = MerkleRoot(work.leaves),
                        .index = 7,
                        .result = work.results[7],
                        .path = MerkleProve(work.leaves, 7)};
  const auto expose = [&](const KeyPair& signer) {
    return SprintExpose{.epoch = 0,
                        .participant = opening.participant,
                        .model = opening.model,
                        .index = opening.index,
                        .result = opening.result,
                        .path = opening.path,
                        .signature = signer.Sign(SprintOpeningHash(opening))};
  };
  const auto& anybody = net.developer(0);
  CHECK(net.Do(anybody, expose(net.participant(0))) == TxCode::kConflictsWithRecord);
  opening.result = work.results[8];
  CHECK(net.Do(anybody, expose(net.participant(1))) == TxCode::kBadSignature);
  CHECK(net.participant_record(0).collateral == Amount(1'000'000));
  CHECK(net.Do(anybody, expose(net.participant(0))) == TxCode::kOk);
  CHECK(net.Do(anybody, expose(net.participant(0))) == TxCode::kAlreadyDone);
  opening.participant = net.developer_id(1);
  CHECK(net.Do(anybody, expose(net.developer(1))) == TxCode::kUnknownSprint);
  const auto convicted = net.Told<Convicted>();
  REQUIRE(convicted.size() == 1);
  CHECK(convicted[0].accused == net.id(0));
  CHECK(convicted[0].cause == ConvictionCause::kFalseSprintOpening);
  CHECK(convicted[0].removed);
  CHECK(net.participant_record(0).collateral == Amount(800'000));
  // Nobody checks it any more, and nobody misses a duty by that.
  net.RunToPhase(SprintPhase::kCheck);
  net.Vote({1, 2, 3, 4, 5}, [&](size_t checker, size_t whose) {
    return checker == 0 ? std::nullopt : net.Passing()(checker, whose);
  });
  for (size_t i = 1; i < net.size(); ++i) {
    CHECK(net.DecisionOn(i).outcome == SprintOutcome::kProven);
  }
  net.RunToEpoch(1);
  const auto table = FindEpoch(net.view(), 1);
  CHECK(table->members.size() == 5);
  for (const Member& member : table->members) CHECK(member.id != net.id(0));
}

TEST_CASE("the checkers are drawn by weight among those who serve the model, and so are samples") {
  SprintNet net;
  net.Commit({50, 5, 50, 50, 50, 50});
  CHECK(SprintSamples(net.view(), 0, net.id(0), net.model()).empty());
  net.RunToPhase(SprintPhase::kCheck);
  const auto samples = SprintSamples(net.view(), 0, net.id(0), net.model());
  CHECK(samples.size() == 10);
  CHECK(std::set<uint32_t>(samples.begin(), samples.end()).size() == 10);
  CHECK(*std::max_element(samples.begin(), samples.end()) < 50);
  CHECK(samples != SprintSamples(net.view(), 0, net.id(2), net.model()));
  CHECK(SprintSamples(net.view(), 0, net.id(1), net.model()) ==
        std::vector<uint32_t>{0, 1, 2, 3, 4});
  CHECK(net.Told<SprintCheckDrawn>().size() == 6);
}

TEST_CASE(
    "a model that is voted in earns weight once others serve it, by what its inputs are worth") {
  NetworkOptions options = Options();
  options.params.governance = {.vote_blocks = 10,
                               .notice_blocks = 5,
                               .deposit = Amount(10),
                               .deposit_return = Ppm{333'333},
                               .open_max = 2};
  SprintNet net(options);
  // A second model is voted in while the first epoch runs, and counts five times as much.
  ModelInfo second;
  second.id = ModelId{TaggedHash("test/model/1", uint64_t{2})};
  second.name = std::string("second");
  second.price = Amount(7);
  second.context = 500;
  second.sprint_weight = 5'000'000;
  const auto propose = [&](const ModelInfo& model) {
    const uint64_t number = net.chain().proposals;
    REQUIRE(net.Do(net.participant(0), Propose{.change = RegisterModel{model},
                                               .activate_height = net.height() + 20,
                                               .reason = {}}) == TxCode::kOk);
    for (size_t i = 0; i < 4; ++i) {
      net.Send(net.participant(i), {VoteProposal{.proposal = number, .approve = true}});
    }
    net.MakeBlock();
  };
  propose(second);
  net.Commit({100, 100, 100, 100, 100, 100});
  SprintCommit too_soon = net.CommitOf(0, 10);
  too_soon.model = second.id;
  CHECK(net.Do(net.participant(0), too_soon) == TxCode::kUnknownModel);
  net.PassAll({0, 1, 2, 3, 4, 5});
  net.RunToEpoch(1);
  // Serves it from the next epoch on, but sprints with it in this one.
  List<ModelId, 16> both = {net.model(), second.id};
  std::sort(both.begin(), both.end());
  for (const size_t i : {0u, 1u}) {
    REQUIRE(net.Do(net.participant(i),
                   Register{.endpoint = std::string("http://two"), .models = both}) == TxCode::kOk);
  }
  net.Commit({100, 100, 100, 100, 100, 100});
  for (const size_t i : {0u, 1u}) {
    SprintCommit commit = net.CommitOf(i, 10);
    commit.model = second.id;
    REQUIRE(net.Do(net.participant(i), commit) == TxCode::kOk);
  }
  net.PassAll({0, 1, 2, 3, 4, 5});
  net.RunToEpoch(2);
  // Nobody served it in that epoch, so nobody could check: void, and no more than before.
  CHECK(net.Weights() == Weights(6, 100));
  net.Commit({100, 100, 100, 100, 100, 100});
  for (const size_t i : {0u, 1u}) {
    SprintCommit commit = net.CommitOf(i, 10);
    commit.model = second.id;
    REQUIRE(net.Do(net.participant(i), commit) == TxCode::kOk);
  }
  net.RunToPhase(SprintPhase::kCheck);
  std::vector<std::pair<size_t, SprintVerdictReveal>> votes;
  for (const ListedSprint& listed : ListSprint(net.view(), 2)) {
    for (const SprintBallot& ballot : listed.entry.ballots) {
      SprintVerdictReveal reveal = net.RevealOf(0, Verdict::kPass, 10);
      reveal.participant = listed.participant;
      reveal.model = listed.model;
      votes.emplace_back(net.PlaceOf(ballot.checker), reveal);
      net.Send(net.participant(votes.back().first), {net.CommitmentOf(votes.back().first, reveal)});
    }
  }
  net.MakeBlock();
  for (const auto& [checker, reveal] : votes) net.Send(net.participant(checker), {reveal});
  for (const TxCode code : net.MakeBlock()) REQUIRE(code == TxCode::kOk);
  net.RunToEpoch(3);
  CHECK(net.Weights() == Weights{150, 150, 100, 100, 100, 100});
  second.sprint_weight = 0;
  propose(second);
  net.RunToEpoch(4);
  net.RunToPhase(SprintPhase::kCompute);
  SprintCommit worthless = net.CommitOf(0, 10);
  worthless.model = second.id;
  CHECK(net.Do(net.participant(0), worthless) == TxCode::kNotServed);
}

}  // namespace gonka::ledger
