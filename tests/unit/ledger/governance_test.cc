#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr Amount kDeposit{1'000};

NetworkOptions Options() {
  NetworkOptions options;
  options.params.governance = {.vote_blocks = 10,
                               .notice_blocks = 5,
                               .deposit = kDeposit,
                               .deposit_return = Ppm{333'333},
                               .open_max = 2};
  return options;
}

Propose Proposed(const TestNetwork& net, Change change, uint64_t in_blocks = 20) {
  return {.change = std::move(change),
          .activate_height = net.height() + in_blocks,
          .reason = std::string("because")};
}

ChangeParams Set(const std::string& name, int64_t value) {
  return {.changes = {{.name = Text<64>(name), .value = value}}};
}

void VoteAll(TestNetwork& net, uint64_t proposal, size_t approving, size_t rejecting = 0) {
  for (size_t i = 0; i < approving + rejecting; ++i) {
    net.Send(net.participant(i), {VoteProposal{.proposal = proposal, .approve = i < approving}});
  }
  for (const TxCode code : net.MakeBlock()) REQUIRE(code == TxCode::kOk);
}

ProposalStatus StatusOf(const TestNetwork& net, uint64_t proposal) {
  return FindProposal(net.view(), proposal)->status;
}

ModelInfo NewModel(const std::string& name) {
  ModelInfo model;
  model.id = ModelId{TaggedHash("test/model/1", Text<64>(name))};
  model.name = Text<128>(name);
  model.price = Amount(7);
  model.context = 500;
  return model;
}

}  // namespace

TEST_CASE("more than half of all weight changes a parameter from the next epoch on") {
  TestNetwork net(Options());
  REQUIRE(net.Do(net.developer(0), Proposed(net, Set("check.rate_floor", 20'000))) == TxCode::kOk);
  CHECK(net.balance(net.developer_id(0)) == Amount(10'000'000) - kDeposit);
  VoteAll(net, 0, 4);
  net.MakeBlocks(10);
  CHECK(StatusOf(net, 0) == ProposalStatus::kPassed);
  CHECK(FindProposal(net.view(), 0)->approving_weight == 400);
  CHECK(net.balance(net.developer_id(0)) == Amount(10'000'000));
  net.RunTo(99);
  CHECK(ReadParams(net.view()).check.rate_floor == Ppm{10'000});
  net.RunTo(100);
  CHECK(ReadParams(net.view()).check.rate_floor == Ppm{20'000});
  CHECK(StatusOf(net, 0) == ProposalStatus::kActive);
  REQUIRE(net.Told<ProposalDecided>().size() == 2);
  net.RunToEpoch(4);
  CHECK_FALSE(FindProposal(net.view(), 0));
}

TEST_CASE("half of the weight is not enough, and the last word of a voter counts") {
  TestNetwork net(Options());
  REQUIRE(net.Do(net.developer(0), Proposed(net, Set("check.rate_floor", 20'000))) == TxCode::kOk);
  VoteAll(net, 0, 4, 1);
  CHECK(net.Do(net.participant(0), VoteProposal{.proposal = 0, .approve = true}) ==
        TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(0), VoteProposal{.proposal = 0, .approve = false}) == TxCode::kOk);
  CHECK(net.Do(net.developer(0), VoteProposal{.proposal = 0, .approve = true}) ==
        TxCode::kUnknownParticipant);
  net.MakeBlocks(10);
  CHECK(StatusOf(net, 0) == ProposalStatus::kRejected);
  CHECK(FindProposal(net.view(), 0)->rejecting_weight == 200);
  // Half of the weight approved: the deposit comes back.
  CHECK(net.balance(net.developer_id(0)) == Amount(10'000'000));
  CHECK(net.Do(net.participant(0), VoteProposal{.proposal = 0, .approve = true}) ==
        TxCode::kTooLate);
}

TEST_CASE("the deposit of what hardly anybody wants goes to the treasury") {
  TestNetwork net(Options());
  REQUIRE(net.Do(net.developer(0), Proposed(net, Set("check.rate_floor", 20'000))) == TxCode::kOk);
  VoteAll(net, 0, 1);
  net.MakeBlocks(10);
  CHECK(StatusOf(net, 0) == ProposalStatus::kRejected);
  CHECK(net.chain().totals.treasury == kDeposit);
  CHECK(net.chain().totals.deposits == Amount(0));
}

TEST_CASE("proposals that no network may follow are refused") {
  TestNetwork net(Options());
  ModelInfo nameless = NewModel("");
  ModelInfo twin = NewModel("tiny");
  ModelInfo upside_down = NewModel("new");
  upside_down.price_floor = Amount(8);
  const struct {
    Change change;
    TxCode code;
  } kCases[] = {
      {Set("check.rate_flour", 1), TxCode::kOutOfBounds},
      {Set("check.rate_floor", 1'000'001), TxCode::kOutOfBounds},
      {Set("time.epoch_blocks", 0), TxCode::kOutOfBounds},
      {Set("time.epoch_blocks", 60), TxCode::kOutOfBounds},  // Not above settle_blocks.
      {Set("money.fee_ta", 99'999), TxCode::kOutOfBounds},
      {Set("pricing.step_max", 20'001), TxCode::kOutOfBounds},
      {Set("time.grace_blocks", -1), TxCode::kOutOfBounds},
      {ChangeParams{}, TxCode::kMalformed},
      {ChangeParams{.changes = {{.name = Text<64>("money.fee_ta"), .value = 1},
                                {.name = Text<64>("money.fee_ta"), .value = 1}}},
       TxCode::kMalformed},
      {RegisterModel{nameless}, TxCode::kOutOfBounds},
      {RegisterModel{twin}, TxCode::kConflictsWithRecord},
      {RegisterModel{upside_down}, TxCode::kOutOfBounds},
      {ChangeRules{.version = 1}, TxCode::kOutOfBounds},
  };
  for (const auto& c : kCases) {
    CHECK(net.Do(net.developer(0), Proposed(net, c.change)) == c.code);
  }
  CHECK(net.Do(net.developer(0), Proposed(net, Set("check.rate_floor", 1), 15)) ==
        TxCode::kTooEarly);
  CHECK(net.Do(net.participant(0), VoteProposal{.proposal = 0, .approve = true}) ==
        TxCode::kUnknownProposal);
  REQUIRE(net.Do(net.developer(0), Transfer{.to = net.id(0), .amount = Amount(9'999'001)}) ==
          TxCode::kOk);
  CHECK(net.Do(net.developer(0), Proposed(net, Set("check.rate_floor", 1))) ==
        TxCode::kInsufficientBalance);
  REQUIRE(net.Do(net.developer(1), Proposed(net, Set("check.rate_floor", 1))) == TxCode::kOk);
  REQUIRE(net.Do(net.developer(1), Proposed(net, Set("check.rate_floor", 1))) == TxCode::kOk);
  CHECK(net.Do(net.developer(1), Proposed(net, Set("check.rate_floor", 1))) ==
        TxCode::kQuotaExceeded);
}

TEST_CASE("of two changes that exclude each other the later one is void") {
  TestNetwork net(Options());
  // Each is sound beside what is there: settle_blocks 60 < 100 = epoch_blocks.
  REQUIRE(net.Do(net.developer(0), Proposed(net, Set("time.epoch_blocks", 70))) == TxCode::kOk);
  REQUIRE(net.Do(net.developer(0), Proposed(net, Set("time.settle_blocks", 80))) == TxCode::kOk);
  VoteAll(net, 0, 6);
  VoteAll(net, 1, 6);
  net.RunTo(100);
  CHECK(StatusOf(net, 0) == ProposalStatus::kActive);
  CHECK(StatusOf(net, 1) == ProposalStatus::kVoid);
  CHECK(ReadParams(net.view()).time.epoch_blocks == 70);
  CHECK(ReadParams(net.view()).time.settle_blocks == 60);
  // Epochs go on with the new length, and the old one is settled in its time.
  net.RunTo(159);
  CHECK(net.chain().epoch_settled == 0);
  net.RunTo(160);
  CHECK(net.chain().epoch_settled == 1);
  net.RunTo(170);
  CHECK(net.epoch() == 2);
  net.RunToSettlementOf(3);
}

TEST_CASE("a model that was voted in has a price, and who serves it is in the next table") {
  TestNetwork net(Options());
  const ModelInfo model = NewModel("new");
  REQUIRE(net.Do(net.developer(0), Proposed(net, RegisterModel{model})) == TxCode::kOk);
  VoteAll(net, 0, 6);
  CHECK(net.Do(net.participant(1), Register{.endpoint = std::string("x"), .models = {model.id}}) ==
        TxCode::kUnknownModel);
  net.RunTo(100);
  REQUIRE(FindModel(net.view(), model.id));
  CHECK(FindPrice(net.view(), model.id)->now == Amount(7));
  CHECK(net.Do(net.participant(1), Register{.endpoint = std::string("x"), .models = {model.id}}) ==
        TxCode::kOk);
  net.RunToEpoch(2);
  const auto table = FindEpoch(net.view(), 2);
  CHECK(std::any_of(table->members.begin(), table->members.end(), [&](const Member& member) {
    return member.id == net.id(1) && member.models.front() == model.id;
  }));
}

TEST_CASE("a program stops before rules that it does not know, and says so") {
  TestNetwork net(Options());
  REQUIRE(net.Do(net.developer(0), Proposed(net, ChangeRules{.version = 2})) == TxCode::kOk);
  VoteAll(net, 0, 6);
  net.RunTo(99);
  const auto result = ApplyBlock(net.view(), net.NextHeader(), {});
  CHECK(result.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(result.status()).find("block 100 follows version 2") != std::string::npos);
}

TEST_CASE(
    "a price rises with use, falls without, within its terms, and never refuses a fresh cap") {
  NetworkOptions options = Options();
  options.price = Amount(2'000);
  options.capacity_tokens = 10;
  options.balance = Amount(1'000'000'000);
  TestNetwork net(options);
  net.AllowAll(Amount(100'000'000));
  const Amount start = FindPrice(net.view(), net.model())->now;
  CHECK(start < Amount(2'000));  // Nobody has asked yet.
  uint64_t last = start.units();
  for (int i = 0; i < 15; ++i) {
    const ModelPrice price = *FindPrice(net.view(), net.model());
    Job job = net.NewJob(0, 1);
    job.assignment.request.price_cap = price.now;
    job.assignment.developer_signature =
        net.developer(0).Sign(RequestSigningHash(job.assignment.request));
    if (i % 3 == 2) net.MakeBlocks(2);  // The cap is some blocks old by then.
    REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
    const Amount paid = net.record(job.id).price;
    CHECK(paid <= price.now);
    REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(job, 50)) == TxCode::kOk);
    const uint64_t now = FindPrice(net.view(), net.model())->now.units();
    CHECK(now <= last + last / 10);  // Four blocks, at most.
    last = now;
  }
  CHECK(Amount(last) > start);
  Job cheap = net.NewJob(0, 2);
  cheap.assignment.request.price_cap = Amount(FindPrice(net.view(), net.model())->low.units() - 1);
  cheap.assignment.developer_signature =
      net.developer(0).Sign(RequestSigningHash(cheap.assignment.request));
  CHECK(net.Do(net.participant(2), net.StartOf(cheap)) == TxCode::kPriceAboveCap);
  net.RunToEpoch(1);
  const uint64_t next_start = FindPrice(net.view(), net.model())->now.units();
  CHECK(next_start >= 1'000);  // Within half and twice epoch 0's start,
  CHECK(next_start <= 4'000);
  net.RunToEpoch(2);
  CHECK(FindPrice(net.view(), net.model())->now.units() == (next_start + 1) / 2);
  net.RunToEpoch(12);
  CHECK(FindPrice(net.view(), net.model())->now == Amount(1));  // The floor.
}

}  // namespace gonka::ledger
