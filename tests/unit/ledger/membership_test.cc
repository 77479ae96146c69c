// Who takes part, changes, leaves and comes back; and where its collateral is meanwhile.

#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr size_t kLeaver = 3;

bool IsMember(const TestNetwork& net, uint64_t epoch, const AccountId& id) {
  const EpochTable table = *FindEpoch(net.view(), epoch);
  return std::any_of(table.members.begin(), table.members.end(),
                     [&](const Member& member) { return member.id == id; });
}

Amount PayOf(const TestNetwork& net, uint64_t epoch, const AccountId& id) {
  Amount sum;
  for (const Paid& paid : net.Told<Paid>()) {
    if (paid.epoch != epoch || paid.participant != id) continue;
    sum += paid.executor_fees + paid.ta_fees + paid.validator_fees + paid.emission;
  }
  return sum;
}

}  // namespace

TEST_CASE("an update changes what it names, from the next epoch") {
  TestNetwork net;
  REQUIRE(net.Do(net.participant(2),
                 Update{.endpoint = std::string("http://moved"), .models = {}}) == TxCode::kOk);
  CHECK(net.participant_record(2).endpoint == "http://127.0.0.1");
  REQUIRE(net.Do(net.participant(2), Update{.endpoint = {}, .models = List<ModelId, 16>{}}) ==
          TxCode::kOk);
  CHECK(FindEpoch(net.view(), 0)->members[2].models.size() == 1);
  net.RunToEpoch(1);
  CHECK(net.participant_record(2).endpoint == "http://moved");
  CHECK(net.participant_record(2).models.empty());
  CHECK_FALSE(net.participant_record(2).next_terms);
  CHECK(FindEpoch(net.view(), 1)->members[2].models.empty());
}

TEST_CASE("an update that says nothing, or what nobody may serve, is refused") {
  TestNetwork net;
  const ModelId unknown{TaggedHash("test/model/1", uint64_t{9})};
  struct Row {
    const char* name;
    Update update;
    TxCode code;
  };
  const Row rows[] = {
      {"nothing", {}, TxCode::kMalformed},
      {"no endpoint", {.endpoint = Text<256>(), .models = {}}, TxCode::kMalformed},
      {"twice the same",
       {.endpoint = {}, .models = List<ModelId, 16>{net.model(), net.model()}},
       TxCode::kMalformed},
      {"unknown", {.endpoint = {}, .models = List<ModelId, 16>{unknown}}, TxCode::kUnknownModel},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(net.Do(net.participant(2), row.update) == row.code);
  }
  CHECK(net.Do(net.developer(0), Update{.endpoint = std::string("http://x"), .models = {}}) ==
        TxCode::kUnknownParticipant);
  CHECK_FALSE(net.participant_record(2).next_terms);
}

TEST_CASE("who leaves works to the epoch's end, is paid for it, and then has no duties") {
  TestNetwork net;
  net.AllowAll();
  const Job before = net.JobFor(kLeaver, 0);
  net.Serve(before);
  REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
  CHECK(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kLeft);
  CHECK(net.Told<ParticipantLeft>().front().last_epoch == 0);
  // It is still drawn; what it finishes counts, what it drops is its miss.
  const Job after = net.JobFor(kLeaver, 1);
  net.Serve(after);
  const Job dropped = net.JobFor(kLeaver, 2);
  REQUIRE(net.Do(net.participant(dropped.ta), net.StartOf(dropped)) == TxCode::kOk);
  for (const Job& job : {before, after}) {
    net.AwaitCheck(job);
    net.Check(job, Verdict::kPass);
  }
  const uint32_t misses = net.standing(0, kLeaver).misses_half;
  net.RunToEpoch(1);
  CHECK(net.record(dropped.id).status == InferenceStatus::kExpired);
  CHECK(net.standing(0, kLeaver).misses_half == misses + 2);
  CHECK_FALSE(IsMember(net, 1, net.id(kLeaver)));
  for (int i = 0; i < 20; ++i) CHECK(net.NewJob(i % 3, 1).executor != kLeaver);

  net.RunToSettlementOf(0);
  CHECK(PayOf(net, 0, net.id(kLeaver)) >= Amount(160));
  net.RunToSettlementOf(1);
  CHECK(PayOf(net, 1, net.id(kLeaver)) == Amount(0));
}

TEST_CASE("who has left opens nothing for a later epoch, and is allowed nothing") {
  TestNetwork net;
  net.AllowAll();
  REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
  const Job last = net.NewJob(0, kLeaver);
  REQUIRE(net.Do(net.participant(kLeaver), net.StartOf(last)) == TxCode::kOk);
  net.RunToEpoch(1);
  Job late = net.NewJob(0, 1);
  late.assignment.request.ta = net.id(kLeaver);
  late.assignment.request.sequence = 1;
  late.assignment.developer_signature =
      net.developer(0).Sign(RequestSigningHash(late.assignment.request));
  CHECK(net.Do(net.participant(kLeaver), net.StartOf(late)) == TxCode::kWrongTransferAgent);
  CHECK(net.Do(net.developer(0), Allow{.ta = net.id(kLeaver),
                                       .amount = Amount(5),
                                       .expires_epoch = 9,
                                       .key_digest = {}}) == TxCode::kLeft);
  CHECK(net.Do(net.participant(kLeaver), DepositCollateral{Amount(5)}) == TxCode::kLeft);
  CHECK(net.Do(net.participant(kLeaver),
               Update{.endpoint = std::string("http://x"), .models = {}}) == TxCode::kLeft);
}

TEST_CASE("collateral comes home unbonding_epochs after the settlement of the last epoch served") {
  struct Row {
    uint32_t unbonding_epochs;
    uint64_t home_after;  // The settlement of this epoch.
  };
  for (const Row& row : {Row{0, 0}, Row{1, 1}, Row{2, 2}}) {
    CAPTURE(row.unbonding_epochs);
    NetworkOptions options;
    options.params.money.unbonding_epochs = row.unbonding_epochs;
    options.params.money.emission_initial = Amount(0);
    TestNetwork net(options);
    REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
    while (net.chain().epoch_settled <= row.home_after) {
      CHECK(net.balance(net.id(kLeaver)) == Amount(10'000'000));
      const Participant leaver = net.participant_record(kLeaver);
      const bool unbonds = net.chain().epoch_settled > 0;
      CHECK(leaver.collateral == Amount(unbonds ? 0 : 1'000'000));
      CHECK(net.chain().totals.unbonding == Amount(unbonds ? 1'000'000 : 0));
      net.MakeBlock();
    }
    CHECK(net.balance(net.id(kLeaver)) == Amount(11'000'000));
    CHECK(net.chain().totals.unbonding == Amount(0));
    CHECK(net.Told<CollateralUnbonding>().size() == 1);
    CHECK(net.Told<CollateralReleased>().size() == 1);
  }
}

TEST_CASE("a part of the collateral can be withdrawn down to the least, and comes home later") {
  NetworkOptions options;
  options.params.money.collateral_min = Amount(400'000);
  options.params.money.emission_initial = Amount(0);
  TestNetwork net(options);
  const KeyPair& who = net.participant(kLeaver);
  CHECK(net.Do(who, WithdrawCollateral{Amount(0)}) == TxCode::kMalformed);
  CHECK(net.Do(who, WithdrawCollateral{Amount(600'001)}) == TxCode::kInsufficientCollateral);
  CHECK(net.Do(who, WithdrawCollateral{Amount(1'000'001)}) == TxCode::kInsufficientCollateral);
  CHECK(net.Do(net.developer(0), WithdrawCollateral{Amount(1)}) == TxCode::kUnknownParticipant);
  CHECK(net.Do(who, WithdrawCollateral{Amount(200'000)}) == TxCode::kOk);
  CHECK(net.Do(who, WithdrawCollateral{Amount(400'000)}) == TxCode::kOk);
  CHECK(net.Do(who, WithdrawCollateral{Amount(1)}) == TxCode::kInsufficientCollateral);
  CHECK(net.participant_record(kLeaver).unbonding.size() == 1);  // Of one epoch: one entry.
  net.RunToEpoch(1);
  REQUIRE(net.Do(who, DepositCollateral{Amount(100)}) == TxCode::kOk);
  CHECK(net.Do(who, WithdrawCollateral{Amount(100)}) == TxCode::kOk);
  net.RunToSettlementOf(0);
  CHECK(net.balance(net.id(kLeaver)) == Amount(9'999'900));
  net.RunToSettlementOf(1);
  CHECK(net.balance(net.id(kLeaver)) == Amount(10'599'900));
  net.RunToSettlementOf(2);
  CHECK(net.balance(net.id(kLeaver)) == Amount(10'600'000));
  CHECK(net.participant_record(kLeaver).collateral == Amount(400'000));
}

TEST_CASE("so many withdrawals are under way at most, and there is room to leave") {
  NetworkOptions options;
  options.params.money.unbonding_epochs = 100;
  options.params.time.epoch_blocks = 10;
  options.params.time.settle_blocks = 8;
  options.audit = false;
  TestNetwork net(options);
  for (uint64_t epoch = 0; epoch < kUnbondingMax; ++epoch) {
    net.RunToEpoch(epoch);
    CHECK(net.Do(net.participant(kLeaver), WithdrawCollateral{Amount(7)}) ==
          (epoch + 1 < kUnbondingMax ? TxCode::kOk : TxCode::kQuotaExceeded));
  }
  REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
  net.RunToSettlementOf(kUnbondingMax);
  CHECK(net.participant_record(kLeaver).unbonding.size() == kUnbondingMax);
  CHECK(net.participant_record(kLeaver).collateral == Amount(0));
  CHECK(CheckInvariants(net.view()).ok());
}

TEST_CASE("a conviction slashes what unbonds, too, and who is removed gets the rest back") {
  TestNetwork net;
  net.AllowAll();
  const KeyPair& cheat = net.participant(kLeaver);
  REQUIRE(net.Do(cheat, WithdrawCollateral{Amount(600'000)}) == TxCode::kOk);
  const Job job = net.JobFor(kLeaver, 0);
  net.Serve(job);
  REQUIRE(net.Do(cheat, net.FinishOf(job, 21)) == TxCode::kOk);  // A second, different answer.
  CHECK(net.Told<Convicted>().front().slashed == Amount(200'000));
  CHECK(net.participant_record(kLeaver).collateral == Amount(320'000));
  CHECK(net.chain().totals.unbonding == Amount(480'000));
  CHECK(net.chain().totals.burned == Amount(200'000));
  // Removed: it may not come back, but may go.
  CHECK(net.Do(cheat, DepositCollateral{Amount(1)}) == TxCode::kRemoved);
  REQUIRE(net.Do(cheat, Leave{}) == TxCode::kOk);
  net.RunToSettlementOf(1);
  CHECK(net.participant_record(kLeaver).unbonding.empty());
  CHECK(net.participant_record(kLeaver).collateral == Amount(0));
  CHECK(net.balance(net.id(kLeaver)) == Amount(10'800'000));
  CHECK(net.Do(cheat, Register{.endpoint = std::string("http://x"), .models = {}}) ==
        TxCode::kRemoved);
}

TEST_CASE("who withdraws before its pass is overturned pays with what unbonds") {
  NetworkOptions options;
  options.collateral = Amount(600);
  TestNetwork net(options);
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  const size_t friend_of = net.PlaceOf(ValidatorOrder(net.view(), net.record(job.id)).front());
  net.Check(job, Verdict::kPass);
  REQUIRE(net.Do(net.participant(friend_of), WithdrawCollateral{Amount(550)}) == TxCode::kOk);
  REQUIRE(net.Do(net.developer(0), Challenge{job.id}) == TxCode::kOk);
  net.AwaitCase(DisputeCase(job.id));
  net.Vote(DisputeCase(job.id), Verdict::kFail);
  const Penalised penalised = net.Told<Penalised>().front();
  CHECK(penalised.who == net.id(friend_of));
  CHECK(penalised.amount == Amount(500));
  CHECK(net.participant_record(friend_of).collateral == Amount(0));
  CHECK(net.participant_record(friend_of).unbonding.front().amount == Amount(100));
}

TEST_CASE("who registers again before its last epoch is over goes on as if nothing had been") {
  TestNetwork net;
  REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
  REQUIRE(net.Do(net.participant(kLeaver), Register{.endpoint = std::string("http://back"),
                                                    .models = {net.model()}}) == TxCode::kOk);
  net.RunToEpoch(1);
  CHECK(IsMember(net, 1, net.id(kLeaver)));
  CHECK(net.participant_record(kLeaver).endpoint == "http://back");
  net.RunToSettlementOf(0);
  CHECK(net.participant_record(kLeaver).collateral == Amount(1'000'000));
}

TEST_CASE("who comes back has its reputation, a newcomer's weight and new collateral") {
  NetworkOptions options;
  options.weights = {100, 100, 100, 300, 100, 100};
  options.params.money.collateral_min = Amount(1'000);
  options.params.reputation.passes_min = 0;
  TestNetwork net(options);
  net.RunToSettlementOf(0);
  const Ppm earned = net.participant_record(kLeaver).reputation;
  REQUIRE(earned > Ppm{0});
  REQUIRE(net.Do(net.participant(kLeaver), Leave{}) == TxCode::kOk);
  net.RunToSettlementOf(2);
  const Amount before = net.balance(net.id(kLeaver));
  REQUIRE(net.Do(net.participant(kLeaver), Register{.endpoint = std::string("http://back"),
                                                    .models = {net.model()}}) == TxCode::kOk);
  CHECK(net.balance(net.id(kLeaver)) == before - Amount(1'000));
  CHECK_FALSE(IsMember(net, 3, net.id(kLeaver)));
  net.RunToEpoch(4);
  CHECK(IsMember(net, 4, net.id(kLeaver)));
  CHECK(net.participant_record(kLeaver).weight == 100);
  CHECK(net.participant_record(kLeaver).reputation >= earned);
}

TEST_CASE(
    "who has left is forgotten with its last epoch, and makes room; who was convicted is not") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.JobFor(4, 0);
  net.Serve(job);
  REQUIRE(net.Do(net.participant(4), net.FinishOf(job, 21)) == TxCode::kOk);
  const KeyPair warm = TestNetwork::NewKey("warm");
  REQUIRE(net.Do(net.participant(kLeaver), Delegate{.key = AccountOf(warm.public_key()),
                                                    .events = 0,
                                                    .speaks = true,
                                                    .orders = false,
                                                    .cap = {},
                                                    .expires_height = 650,
                                                    .replaces = {}}) == TxCode::kOk);
  for (const size_t i : {size_t{0}, kLeaver, size_t{4}}) {
    REQUIRE(net.Do(net.participant(i), Leave{}) == TxCode::kOk);
  }
  while (net.chain().epoch_pruned == 0) net.MakeBlock();
  CHECK_FALSE(FindParticipant(net.view(), net.id(kLeaver)));
  CHECK(FindParticipant(net.view(), net.id(0)));  // The sequencer, whose links are needed.
  CHECK(FindParticipant(net.view(), net.id(4))->removed);
  CHECK(net.chain().participants == 5);
  // Its node key runs out later, and it may join as a newcomer.
  net.RunTo(651);
  CHECK_FALSE(FindDelegation(net.view(), AccountOf(warm.public_key())));
  REQUIRE(net.Do(net.participant(kLeaver), Register{.endpoint = std::string("http://back"),
                                                    .models = {net.model()}}) == TxCode::kOk);
  CHECK(net.chain().participants == 6);
}

}  // namespace gonka::ledger
