#include <doctest/doctest.h>

#include "ledger/sequence.h"
#include "unit/ledger/test_network.h"

namespace gonka::ledger {

TEST_CASE("a transfer moves coins and makes the account it goes to") {
  TestNetwork net;
  const KeyPair stranger = TestNetwork::NewKey("stranger");
  const AccountId id = AccountOf(stranger.public_key());
  CHECK_FALSE(FindAccount(net.view(), id));
  CHECK(net.Do(net.developer(0), Transfer{.to = id, .amount = Amount(700)}) == TxCode::kOk);
  CHECK(net.balance(id) == Amount(700));
  CHECK(net.balance(net.developer_id(0)) == Amount(9'999'300));
  CHECK(net.Do(stranger, Transfer{.to = net.developer_id(1), .amount = Amount(701)}) ==
        TxCode::kInsufficientBalance);
  CHECK(net.Do(stranger, Transfer{.to = net.developer_id(1), .amount = Amount(700)}) ==
        TxCode::kOk);
  CHECK(net.balance(id) == Amount(0));
}

TEST_CASE("events of one batch succeed and fail alone") {
  TestNetwork net;
  const AccountId to = net.developer_id(1);
  net.Send(net.developer(0), {Transfer{.to = to, .amount = Amount(9'000'000)},
                              Transfer{.to = to, .amount = Amount(9'000'000)},
                              Transfer{.to = to, .amount = Amount(1'000'000)}});
  CHECK(net.MakeBlock() ==
        std::vector<TxCode>{TxCode::kOk, TxCode::kInsufficientBalance, TxCode::kOk});
  CHECK(net.balance(net.developer_id(0)) == Amount(0));
}

TEST_CASE("a replayed transaction is refused whole") {
  TestNetwork net;
  const SignedTx tx = SignTx(net.developer(0), net.chain().network, 0,
                             {Transfer{.to = net.developer_id(1), .amount = Amount(5)},
                              Transfer{.to = net.developer_id(1), .amount = Amount(6)}});
  net.SendTx(tx);
  net.SendTx(tx);
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kOk, TxCode::kOk, TxCode::kSequenceUsed,
                                               TxCode::kSequenceUsed});
  net.SendTx(tx);
  CHECK(net.MakeBlock() == std::vector<TxCode>(2, TxCode::kSequenceUsed));
  CHECK(net.balance(net.developer_id(1)) == Amount(10'000'011));
  CHECK(CheckAdmission(net.view(), tx) == TxCode::kSequenceUsed);
}

TEST_CASE("a refused event consumes its transaction's number all the same") {
  TestNetwork net;
  const SignedTx tx = SignTx(net.developer(0), net.chain().network, 0,
                             {Transfer{.to = net.developer_id(1), .amount = Amount(20'000'000)}});
  net.SendTx(tx);
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kInsufficientBalance});
  net.SendTx(tx);
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kSequenceUsed});
}

TEST_CASE("the sequence window slides behind the highest number used") {
  struct Step {
    uint64_t sequence;
    TxCode code;
  };
  const Step steps[] = {
      {0, TxCode::kOk},
      {0, TxCode::kSequenceUsed},
      {5, TxCode::kOk},
      {1, TxCode::kOk},
      {1, TxCode::kSequenceUsed},
      {2'050, TxCode::kSequenceTooFar},
      {2'049, TxCode::kOk},  // Base was 2; numbers below 1,026 are lost now.
      {1'025, TxCode::kSequenceUsed},
      {1'026, TxCode::kOk},
      {1'026, TxCode::kSequenceUsed},
      {2'049, TxCode::kSequenceUsed},
      {2'048, TxCode::kOk},
  };
  SequenceWindow window;
  for (const Step& step : steps) {
    CAPTURE(step.sequence);
    const TxCode code = CheckSequence(window, step.sequence);
    CHECK(code == step.code);
    if (code == TxCode::kOk) UseSequence(window, step.sequence);
  }
  CHECK(window.base == 1'027);
}

TEST_CASE("ascending numbers never stop and keep the window empty") {
  SequenceWindow window;
  for (uint64_t i = 0; i < 5'000; ++i) {
    REQUIRE(CheckSequence(window, i) == TxCode::kOk);
    UseSequence(window, i);
  }
  CHECK(window.base == 5'000);
  CHECK(window.used.IsZero());
}

TEST_CASE("admission says what a block would say") {
  TestNetwork net;
  const Event event = Transfer{.to = net.developer_id(1), .amount = Amount(5)};
  const NetworkId network = net.chain().network;
  CHECK(CheckAdmission(net.view(), SignTx(net.developer(0), network, 3, {event})) == TxCode::kOk);
  CHECK(CheckAdmission(net.view(), SignTx(net.developer(0), NetworkId{}, 3, {event})) ==
        TxCode::kWrongNetwork);
  CHECK(CheckAdmission(net.view(), SignTx(net.developer(0), network, 9'999, {event})) ==
        TxCode::kSequenceTooFar);
  CHECK(CheckAdmission(net.view(), SignTx(net.developer(0), network, 0, {})) == TxCode::kMalformed);
  CHECK(CheckAdmission(net.view(), SignTx(TestNetwork::NewKey("nobody"), network, 0, {event})) ==
        TxCode::kUnknownAccount);
}

TEST_CASE("a seventh participant joins and works from the next epoch") {
  NetworkOptions options;
  options.params.money.collateral_min = Amount(1'000);
  TestNetwork net(options);
  const KeyPair newcomer = TestNetwork::NewKey("newcomer");
  const AccountId id = AccountOf(newcomer.public_key());
  const Register join{.endpoint = std::string("http://new"), .models = {net.model()}};
  net.Send(newcomer, {join});
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kUnknownAccount});
  REQUIRE(net.Do(net.developer(0), Transfer{.to = id, .amount = Amount(1'500)}) == TxCode::kOk);
  // The number of the refused one was not consumed: nobody had that account.
  CHECK(net.Do(newcomer, join) == TxCode::kOk);
  CHECK(net.balance(id) == Amount(500));
  CHECK(FindParticipant(net.view(), id)->collateral == Amount(1'000));
  CHECK(net.Told<ParticipantJoined>().front().from_epoch == 1);
  CHECK(FindEpoch(net.view(), 0)->members.size() == 6);
  net.RunToEpoch(1);
  const std::optional<EpochTable> table = FindEpoch(net.view(), 1);
  REQUIRE(table->members.size() == 7);
  CHECK(net.Told<EpochStarted>().back().total_weight == 700);
}

TEST_CASE("who registers again changes its endpoint and its models from the next epoch") {
  TestNetwork net;
  REQUIRE(net.Do(net.participant(2),
                 Register{.endpoint = std::string("http://moved"), .models = {}}) == TxCode::kOk);
  CHECK(net.participant_record(2).endpoint == "http://127.0.0.1");
  CHECK(net.participant_record(2).active_from_epoch == 0);
  CHECK(FindEpoch(net.view(), 0)->members[2].models.size() == 1);
  net.RunToEpoch(1);
  CHECK(net.participant_record(2).endpoint == "http://moved");
  CHECK(FindEpoch(net.view(), 1)->members[2].models.empty());
}

TEST_CASE("collateral is deposited from the balance") {
  TestNetwork net;
  CHECK(net.Do(net.participant(2), DepositCollateral{Amount(250)}) == TxCode::kOk);
  CHECK(net.participant_record(2).collateral == Amount(1'000'250));
  CHECK(net.balance(net.id(2)) == Amount(9'999'750));
  CHECK(net.Do(net.developer(0), DepositCollateral{Amount(250)}) == TxCode::kUnknownParticipant);
  CHECK(net.Do(net.participant(2), DepositCollateral{Amount(99'999'750)}) ==
        TxCode::kInsufficientBalance);
}

TEST_CASE("an allowance is added to, renamed, and goes home after its epoch") {
  TestNetwork net;
  const Hash first = ApiKeyDigest(AsBytes("first"));
  const Hash second = ApiKeyDigest(AsBytes("second"));
  Allow allow{.ta = net.id(1), .amount = Amount(100), .expires_epoch = 0, .key_digest = first};
  REQUIRE(net.Do(net.developer(0), allow) == TxCode::kOk);
  allow.key_digest = second;
  REQUIRE(net.Do(net.developer(0), allow) == TxCode::kOk);
  CHECK(FindAllowance(net.view(), net.id(1), net.developer_id(0))->available == Amount(200));
  CHECK_FALSE(FindDeveloperByKey(net.view(), net.id(1), first));
  CHECK(FindDeveloperByKey(net.view(), net.id(1), second) == net.developer_id(0));
  CHECK(net.Do(net.developer(1), allow) == TxCode::kConflictsWithRecord);
  CHECK(net.balance(net.developer_id(0)) == Amount(9'999'800));

  net.RunToEpoch(1);
  CHECK_FALSE(FindAllowance(net.view(), net.id(1), net.developer_id(0)));
  CHECK_FALSE(FindDeveloperByKey(net.view(), net.id(1), second));
  CHECK(net.balance(net.developer_id(0)) == Amount(10'000'000));
  CHECK(net.Do(net.developer(0), allow) == TxCode::kAllowanceExpired);
}

TEST_CASE("an allowance with an open record waits for it") {
  TestNetwork net;
  net.AllowAll(Amount(1'000), 0);
  net.RunTo(98);
  const Job job = net.NewJob(0, 1);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  net.RunToEpoch(1);
  CHECK(FindAllowance(net.view(), net.id(1), net.developer_id(0)));
  CHECK_FALSE(FindAllowance(net.view(), net.id(2), net.developer_id(0)));
  REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kOk);
  net.RunToEpoch(2);
  CHECK_FALSE(FindAllowance(net.view(), net.id(1), net.developer_id(0)));
}

TEST_CASE("an allowance's salt comes from a beacon after it was funded, once") {
  TestNetwork net;
  const Allow allow{.ta = net.id(1), .amount = Amount(100), .expires_epoch = 9, .key_digest = {}};
  REQUIRE(net.Do(net.developer(0), allow) == TxCode::kOk);
  const auto salt = [&] { return FindAllowance(net.view(), net.id(1), net.developer_id(0))->salt; };
  CHECK(salt().IsZero());
  net.MakeBlock();
  CHECK(salt().IsZero());
  net.MakeBlock();
  const Hash drawn = salt();
  CHECK(drawn ==
        TaggedHash("gonka/draw/allowance/1", net.chain().beacon, net.id(1), net.developer_id(0)));
  REQUIRE(net.Do(net.developer(0), allow) == TxCode::kOk);
  net.MakeBlocks(4);
  CHECK(salt() == drawn);
}

}  // namespace gonka::ledger
