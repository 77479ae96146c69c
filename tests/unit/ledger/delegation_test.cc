#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

const KeyPair kWarm = TestNetwork::NewKey("warm");
const AccountId kWarmId = AccountOf(kWarm.public_key());
const KeyPair kOther = TestNetwork::NewKey("other");
const AccountId kOtherId = AccountOf(kOther.public_key());

// One event of a warm key for an account, in a block of its own.
TxCode DoFor(TestNetwork& net, const AccountId& account, uint64_t sequence, Event event,
             const KeyPair& key = kWarm) {
  net.SendTx(SignTx(key, net.chain().network, sequence, {std::move(event)}, account));
  return net.MakeBlock().back();
}

Delegate ForNode(const TestNetwork& net, const AccountId& key = kWarmId) {
  return {.key = key,
          .events = NodeEvents(),
          .speaks = true,
          .orders = false,
          .cap = {},
          .expires_height = net.height() + 1'000,
          .replaces = {}};
}

Delegate ForCoins(const TestNetwork& net, Amount cap) {
  return {.key = kWarmId,
          .events = EventBit<Transfer>() | EventBit<DepositCollateral>(),
          .speaks = false,
          .orders = false,
          .cap = cap,
          .expires_height = net.height() + 50,
          .replaces = {}};
}

}  // namespace

TEST_CASE("a warm key does what it was named for, and nothing else") {
  TestNetwork net;
  const Transfer gift{.to = net.developer_id(1), .amount = Amount(10)};
  REQUIRE(net.Do(net.developer(0), ForCoins(net, Amount(100))) == TxCode::kOk);
  CHECK(DoFor(net, net.developer_id(0), 0, gift) == TxCode::kOk);
  CHECK(net.balance(net.developer_id(0)) == Amount(9'999'990));
  CHECK(DoFor(net, net.developer_id(1), 1, gift) == TxCode::kNotDelegated);
  CHECK(DoFor(net, net.developer_id(0), 2, Register{.endpoint = std::string("x"), .models = {}}) ==
        TxCode::kNotDelegated);
  CHECK(DoFor(net, kWarmId, 3, gift) == TxCode::kMalformed);
  // For itself it is an account like any other, without a coin.
  CHECK(net.Do(kWarm, gift) == TxCode::kSequenceUsed);
  net.SendTx(SignTx(kWarm, net.chain().network, 9, {gift}));
  CHECK(net.MakeBlock().back() == TxCode::kInsufficientBalance);
  // A stranger may not act for anybody.
  CHECK(CheckAdmission(net.view(), SignTx(net.developer(2), net.chain().network, 0, {gift},
                                          net.developer_id(0))) == TxCode::kNotDelegated);
}

TEST_CASE("what a warm key commits comes out of its cap, whatever the event") {
  TestNetwork net;
  const AccountId cold = net.id(1);
  REQUIRE(net.Do(net.participant(1), ForCoins(net, Amount(100))) == TxCode::kOk);
  CHECK(DoFor(net, cold, 0, Transfer{.to = net.id(2), .amount = Amount(101)}) ==
        TxCode::kDelegationCap);
  CHECK(DoFor(net, cold, 1, DepositCollateral{Amount(60)}) == TxCode::kOk);
  CHECK(FindDelegation(net.view(), kWarmId)->cap == Amount(40));
  CHECK(DoFor(net, cold, 2, Transfer{.to = net.id(2), .amount = Amount(41)}) ==
        TxCode::kDelegationCap);
  CHECK(DoFor(net, cold, 3, Transfer{.to = net.id(2), .amount = Amount(40)}) == TxCode::kOk);
  CHECK(net.balance(cold) == Amount(10'000'000 - 100));
  CHECK(net.balance(net.id(2)) == Amount(10'000'040));
}

TEST_CASE("a refused event is charged to who let the key say it, and no further than its cap") {
  NetworkOptions options;
  options.params.money.refused_event_fee = Amount(20);
  TestNetwork net(options);
  const AccountId owner = net.developer_id(0);
  REQUIRE(net.Do(net.developer(0), ForCoins(net, Amount(30))) == TxCode::kOk);
  const Transfer nothing{.to = net.developer_id(1), .amount = Amount(0)};
  CHECK(DoFor(net, owner, 0, nothing) == TxCode::kMalformed);
  CHECK(net.balance(owner) == options.balance - Amount(20));
  CHECK(FindDelegation(net.view(), kWarmId)->cap == Amount(10));
  CHECK(DoFor(net, owner, 1, nothing) == TxCode::kMalformed);
  CHECK(DoFor(net, owner, 2, nothing) == TxCode::kMalformed);
  CHECK(net.balance(owner) == options.balance - Amount(30));
  // Not named, or of another account: the key's own affair.
  CHECK(DoFor(net, owner, 3, CommitBeacon{}) == TxCode::kNotDelegated);
  CHECK(DoFor(net, net.id(1), 4, nothing) == TxCode::kNotDelegated);
  CHECK(net.balance(owner) == options.balance - Amount(30));
  CHECK(net.participant_record(1).collateral == options.collateral);
}

TEST_CASE("terms that make no sense are refused") {
  TestNetwork net;
  const struct {
    void (*change)(Delegate&, const TestNetwork&);
    TxCode code;
  } kCases[] = {
      {[](Delegate& d, const TestNetwork& n) { d.key = n.developer_id(0); }, TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.events |= EventBit<Delegate>(); },
       TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.events |= EventBit<Revoke>(); }, TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.events = uint64_t{1} << 63; }, TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.events = 0; }, TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.replaces = d.key; }, TxCode::kMalformed},
      {[](Delegate& d, const TestNetwork&) { d.replaces = kOtherId; }, TxCode::kNotDelegated},
      {[](Delegate& d, const TestNetwork& n) { d.expires_height = n.height(); },
       TxCode::kDelegationExpired},
      {[](Delegate& d, const TestNetwork&) { d.speaks = true; }, TxCode::kUnknownParticipant},
  };
  for (const auto& c : kCases) {
    Delegate event = ForCoins(net, Amount(1));
    c.change(event, net);
    CHECK(net.Do(net.developer(0), event) == c.code);
  }
  CHECK(net.Do(net.developer(0), Revoke{kWarmId}) == TxCode::kNotDelegated);
  REQUIRE(net.Do(net.developer(0), ForCoins(net, Amount(1))) == TxCode::kOk);
  CHECK(net.Do(net.developer(1), ForCoins(net, Amount(1))) == TxCode::kConflictsWithRecord);
  CHECK(net.Do(net.developer(1), Revoke{kWarmId}) == TxCode::kNotDelegated);
}

TEST_CASE("a key that is revoked sends nothing from the next event on") {
  TestNetwork net;
  const Transfer gift{.to = net.developer_id(1), .amount = Amount(1)};
  REQUIRE(net.Do(net.developer(0), ForCoins(net, Amount(100))) == TxCode::kOk);
  net.Send(net.developer(0), {Revoke{kWarmId}, Revoke{kWarmId}});
  net.SendTx(SignTx(kWarm, net.chain().network, 0, {gift}, net.developer_id(0)));
  CHECK(net.MakeBlock() ==
        std::vector<TxCode>{TxCode::kOk, TxCode::kAlreadyDone, TxCode::kNotDelegated});
  CHECK(net.Told<KeyRevoked>().size() == 1);
  net.MakeBlocks(net.genesis().params.time.grace_blocks + 1);
  CHECK_FALSE(FindDelegation(net.view(), kWarmId));
  // Then the key is free for somebody else.
  CHECK(net.Do(net.developer(1), ForCoins(net, Amount(1))) == TxCode::kOk);
}

TEST_CASE("a delegation ends by itself") {
  TestNetwork net;
  Delegate event = ForCoins(net, Amount(100));
  event.expires_height = net.height() + 3;
  const Transfer gift{.to = net.developer_id(1), .amount = Amount(1)};
  REQUIRE(net.Do(net.developer(0), event) == TxCode::kOk);
  CHECK(DoFor(net, net.developer_id(0), 0, gift) == TxCode::kOk);
  CHECK(DoFor(net, net.developer_id(0), 1, gift) == TxCode::kOk);
  CHECK(DoFor(net, net.developer_id(0), 2, gift) == TxCode::kNotDelegated);
  CHECK(net.Told<KeyRevoked>().size() == 1);
}

TEST_CASE("one event takes a key's place from another") {
  TestNetwork net;
  const Transfer gift{.to = net.developer_id(1), .amount = Amount(1)};
  REQUIRE(net.Do(net.developer(0), ForCoins(net, Amount(100))) == TxCode::kOk);
  Delegate next = ForCoins(net, Amount(50));
  next.key = kOtherId;
  next.replaces = kWarmId;
  CHECK(net.Do(net.developer(0), next) == TxCode::kOk);
  CHECK(DoFor(net, net.developer_id(0), 0, gift) == TxCode::kNotDelegated);
  CHECK(DoFor(net, net.developer_id(0), 0, gift, kOther) == TxCode::kOk);
}

TEST_CASE("a participant's node key signs its accepts, answers and assignments") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.JobFor(2, 0);
  REQUIRE(net.Do(net.participant(2), ForNode(net)) == TxCode::kOk);
  const Hash accept = AcceptSigningHash(job.id);
  CHECK(SigningKeyOf(net.view(), net.id(2), accept, kWarm.Sign(accept)) == kWarmId.value);
  CHECK_FALSE(SigningKeyOf(net.view(), net.id(3), accept, kWarm.Sign(accept)));
  CHECK(AccountBehind(net.view(), kWarmId) == net.id(2));
  CHECK(NodeKeyOf(net.id(2), net.participant_record(2)) == kWarmId);

  Start start = net.StartOf(job);
  start.accept = kOther.Sign(accept);
  CHECK(net.Do(net.participant(job.ta), start) == TxCode::kBadSignature);
  start.accept = kWarm.Sign(accept);
  CHECK(net.Do(net.participant(job.ta), start) == TxCode::kOk);
  CHECK(DoFor(net, net.id(2), 0, net.FinishOf(job)) == TxCode::kOk);
  Delivered delivered = net.DeliveredOf(job);
  delivered.executor_signature =
      kWarm.Sign(DeliverySigningHash(job.id, delivered.output_digest, delivered.output_tokens));
  CHECK(net.Do(net.participant(job.ta), delivered) == TxCode::kOk);
  CHECK(net.record(job.id).finish);
}

TEST_CASE(
    "two answers signed by a node key convict its participant, by a retired one for a while") {
  for (const bool late : {false, true}) {
    CAPTURE(late);
    TestNetwork net;
    net.AllowAll();
    const Job job = net.JobFor(2, 0);
    REQUIRE(net.Do(net.participant(2), ForNode(net)) == TxCode::kOk);
    net.Serve(job);
    REQUIRE(net.Do(net.participant(2), Revoke{kWarmId}) == TxCode::kOk);
    CHECK(AccountBehind(net.view(), kWarmId) == kWarmId);
    CHECK(NodeKeyOf(net.id(2), net.participant_record(2)) == net.id(2));
    if (late) net.MakeBlocks(net.genesis().params.time.grace_blocks + 1);
    Delivered other = net.DeliveredOf(job);
    other.output_digest = TaggedHash("test/other/1", job.id);
    other.executor_signature =
        kWarm.Sign(DeliverySigningHash(job.id, other.output_digest, other.output_tokens));
    CHECK(net.Do(net.participant(job.ta), other) == (late ? TxCode::kBadSignature : TxCode::kOk));
    CHECK(net.participant_record(2).removed == !late);
  }
}

TEST_CASE("a node key takes over from the one before, a few times in a row") {
  TestNetwork net;
  for (size_t i = 0; i < kNodeKeysMax; ++i) {
    const KeyPair key = TestNetwork::NewKey("node" + std::to_string(i));
    REQUIRE(net.Do(net.participant(1), ForNode(net, AccountOf(key.public_key()))) == TxCode::kOk);
    CHECK(NodeKeyOf(net.id(1), net.participant_record(1)) == AccountOf(key.public_key()));
  }
  CHECK(net.Do(net.participant(1), ForNode(net)) == TxCode::kQuotaExceeded);
  net.MakeBlocks(net.genesis().params.time.grace_blocks + 1);
  CHECK(net.Do(net.participant(1), ForNode(net)) == TxCode::kOk);
  CHECK(NodeKeyOf(net.id(1), net.participant_record(1)) == kWarmId);
}

namespace {

Delegate SubAccount(const TestNetwork& net, Amount cap, uint64_t expires_height) {
  return {.key = kWarmId,
          .events = 0,
          .speaks = false,
          .orders = true,
          .cap = cap,
          .expires_height = net.height() + expires_height,
          .replaces = {}};
}

Job Ordered(const TestNetwork&, Job job) {
  job.assignment.request.signer = kWarmId;
  job.assignment.developer_signature = kWarm.Sign(RequestSigningHash(job.assignment.request));
  return job;
}

}  // namespace

TEST_CASE("a sub-account orders for its parent, up to its cap, by its parent's draws") {
  TestNetwork net;
  net.AllowAll();
  // (30 + 50) tokens at 2 coins: 160 in escrow, 100 spent for 20 tokens of output.
  REQUIRE(net.Do(net.developer(0), SubAccount(net, Amount(250), 500)) == TxCode::kOk);
  const Job job = Ordered(net, net.NewJob(0, 1));
  CHECK(CheckDeveloper(net.view(), job.assignment) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  CHECK(FindDelegation(net.view(), kWarmId)->cap == Amount(90));
  const Job second = Ordered(net, net.NewJob(0, 1));
  CHECK(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kDelegationCap);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kOk);
  CHECK(FindDelegation(net.view(), kWarmId)->cap == Amount(150));
  CHECK(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kDelegationCap);
}

TEST_CASE("an order that the sub-account may not give is refused") {
  TestNetwork net;
  net.AllowAll();
  const Job unknown = Ordered(net, net.NewJob(0, 1));
  CHECK(net.Do(net.participant(1), net.StartOf(unknown)) == TxCode::kNotDelegated);
  REQUIRE(net.Do(net.developer(1), SubAccount(net, Amount(10'000), 500)) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.StartOf(unknown)) == TxCode::kNotDelegated);
  Job forged = Ordered(net, net.NewJob(1, 1));
  forged.assignment.developer_signature =
      kOther.Sign(RequestSigningHash(forged.assignment.request));
  CHECK(net.Do(net.participant(1), net.StartOf(forged)) == TxCode::kBadSignature);
  forged.assignment.developer_signature.reset();
  CHECK(net.Do(net.participant(1), net.StartOf(forged)) == TxCode::kBadSignature);
  // Its last height must not come before the request's.
  REQUIRE(net.Do(net.developer(1), SubAccount(net, Amount(10'000), 5)) == TxCode::kOk);
  const Job late = Ordered(net, net.NewJob(1, 2));
  CHECK(net.Do(net.participant(2), net.StartOf(late)) == TxCode::kDelegationExpired);
}

TEST_CASE("what a sub-account ordered before it was revoked is honoured for the grace time") {
  TestNetwork net;
  net.AllowAll();
  REQUIRE(net.Do(net.developer(0), SubAccount(net, Amount(10'000), 500)) == TxCode::kOk);
  const Job first = Ordered(net, net.NewJob(0, 1));
  const Job second = Ordered(net, net.NewJob(0, 1));
  REQUIRE(net.Do(net.developer(0), Revoke{kWarmId}) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.StartOf(first)) == TxCode::kOk);
  net.MakeBlocks(net.genesis().params.time.grace_blocks);
  CHECK(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kNotDelegated);
}

}  // namespace gonka::ledger
