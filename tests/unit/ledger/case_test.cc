#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

// A record whose validator has accused its executor.
struct Accused {
  TestNetwork net;
  Job job;
  size_t accuser = 0;
  CaseId id;

  explicit Accused(NetworkOptions options = {}, Verdict verdict = Verdict::kFail)
      : net(std::move(options)) {
    net.AllowAll();
    job = net.NewJob(0, 1);
    net.Serve(job);
    net.AwaitCheck(job);
    accuser = net.PlaceOf(ValidatorOrder(net.view(), net.record(job.id)).front());
    net.Check(job, verdict, 3'000);
    id = DisputeCase(job.id);
  }
  Case open() const { return *FindCase(net.view(), id); }
  VoteReveal Vote(size_t voter, Verdict verdict) const {
    return {.case_id = id,
            .verdict = verdict,
            .evidence_millinats = 0,
            .salt = TaggedHash("test/vote-salt/1", net.id(voter))};
  }
  TxCode Commit(size_t voter, Verdict verdict) {
    return net.Do(net.participant(voter),
                  VoteCommit{.case_id = id,
                             .commitment = VoteCommitment(net.id(voter), Vote(voter, verdict))});
  }
  std::vector<size_t> voters() const {
    std::vector<size_t> places;
    for (const Ballot& ballot : open().ballots) places.push_back(net.PlaceOf(ballot.voter));
    return places;
  }
};

}  // namespace

TEST_CASE("a fail opens a dispute with a bond, and six participants leave exactly three voters") {
  Accused accused;
  CHECK(accused.net.record(accused.job.id).status == InferenceStatus::kDisputed);
  CHECK(accused.open().bond == Amount(500));
  CHECK(accused.net.participant_record(accused.accuser).collateral == Amount(999'500));
  CHECK(accused.net.standing(0, accused.accuser).accusations == 1);
  const DisputeOpened opened = accused.net.Told<DisputeOpened>().front();
  CHECK(opened.accused == accused.net.id(accused.job.executor));
  CHECK(opened.accuser == accused.net.id(accused.accuser));
  CHECK(opened.cause == DisputeCause::kFail);

  CHECK(accused.net.Do(accused.net.participant(0),
                       VoteCommit{.case_id = accused.id, .commitment = {}}) == TxCode::kTooEarly);
  accused.net.AwaitCase(accused.id);
  CHECK(ListOpenCases(accused.net.view()).size() == 1);
  const std::vector<size_t> voters = accused.voters();
  REQUIRE(voters.size() == 3);
  for (const size_t voter : voters) {
    CHECK(voter != accused.job.executor);
    CHECK(voter != accused.job.ta);
    CHECK(voter != accused.accuser);
  }
  uint64_t seats = 0;
  for (const Ballot& ballot : accused.open().ballots) seats += ballot.votes;
  CHECK(seats == 7);
  CHECK(accused.net.Told<CommitteeDrawn>().front().seats.size() == 7);
}

TEST_CASE("upheld: the developer gets back exactly what was held, the accuser its bond") {
  Accused accused;
  accused.net.AwaitCase(accused.id);
  const Amount before = accused.net.balance(accused.net.developer_id(0));
  const Amount held = accused.net.record(accused.job.id).held;
  accused.net.Vote(accused.id, Verdict::kFail);
  const DisputeDecided decided = accused.net.Told<DisputeDecided>().front();
  CHECK(decided.outcome == DisputeOutcome::kUpheld);
  CHECK(decided.fail_seats == 7);
  const InferenceRecord record = accused.net.record(accused.job.id);
  CHECK(record.status == InferenceStatus::kInvalidated);
  CHECK(record.held == Amount(0));
  CHECK(record.refunded == held);
  CHECK(accused.net.balance(accused.net.developer_id(0)) == before + held);
  CHECK(accused.net.Told<Refunded>().front().reason == RefundReason::kInvalid);
  CHECK(accused.net.participant_record(accused.accuser).collateral == Amount(1'000'000));
  CHECK(accused.net.standing(0, accused.job.executor).fails == 1);
  CHECK(accused.net.standing(0, accused.accuser).accusations == 0);
  CHECK(accused.net.Told<HearingOpened>().size() == 1);
  CHECK(accused.open().decided);
}

TEST_CASE("rejected: the record is validated and the accuser loses its bond and a step") {
  TestNetwork* net = nullptr;
  Accused accused;
  net = &accused.net;
  net->AwaitCase(accused.id);
  CHECK(net->standing(0, accused.job.executor).cusum_millinats == 3'000);
  net->Vote(accused.id, Verdict::kPass);
  CHECK(net->Told<DisputeDecided>().front().outcome == DisputeOutcome::kRejected);
  CHECK(net->record(accused.job.id).status == InferenceStatus::kValidated);
  CHECK(net->record(accused.job.id).held == Amount(100));
  CHECK(net->participant_record(accused.accuser).collateral == Amount(999'500));
  CHECK(net->chain().totals.treasury == Amount(500));
  CHECK(net->standing(0, accused.job.executor).passes == 1);
  // Its evidence is taken back.
  CHECK(net->standing(0, accused.job.executor).cusum_millinats == 0);
  CHECK(net->Told<HearingOpened>().empty());
}

TEST_CASE("a rejected accuser that had a reputation loses one step of it") {
  NetworkOptions options;
  options.params.reputation.passes_min = 0;  // Every epoch is clean.
  TestNetwork net(options);
  net.AllowAll();
  net.RunToSettlementOf(0);
  CHECK(net.participant_record(3).reputation == Ppm{33'334});
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  const size_t accuser = net.PlaceOf(ValidatorOrder(net.view(), net.record(job.id)).front());
  net.Check(job, Verdict::kFail, 3'000);
  net.AwaitCase(DisputeCase(job.id));
  net.Vote(DisputeCase(job.id), Verdict::kPass);
  CHECK(net.participant_record(accuser).reputation == Ppm{0});
}

TEST_CASE("undecided: refunded, bond returned, nobody blamed") {
  struct Row {
    const char* name;
    std::vector<Verdict> votes;  // Of the three voters; none for who stays silent.
  };
  const Row rows[] = {
      {"silence", {}},
      {"two of three", {Verdict::kFail, Verdict::kFail}},
      {"an abstention", {Verdict::kFail, Verdict::kFail, Verdict::kInconclusive}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Accused accused;
    TestNetwork& net = accused.net;
    net.AwaitCase(accused.id);
    const Amount before = net.balance(net.developer_id(0));
    const std::vector<size_t> voters = accused.voters();
    for (size_t i = 0; i < row.votes.size(); ++i) {
      REQUIRE(accused.Commit(voters[i], row.votes[i]) == TxCode::kOk);
    }
    net.RunTo(accused.open().commit_until);
    for (size_t i = 0; i < row.votes.size(); ++i) {
      net.Send(net.participant(voters[i]), {accused.Vote(voters[i], row.votes[i])});
    }
    net.MakeBlock();
    CHECK(accused.open().decided);  // Nothing can change any more.
    CHECK(net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUndecided);
    CHECK(net.record(accused.job.id).status == InferenceStatus::kUnchecked);
    CHECK(net.balance(net.developer_id(0)) == before + Amount(100));
    CHECK(net.Told<Refunded>().front().reason == RefundReason::kUndecided);
    CHECK(net.participant_record(accused.accuser).collateral == Amount(1'000'000));
    CHECK(net.Told<HearingOpened>().empty());
    // Who was silent, or could not judge, has missed a duty.
    for (size_t i = 0; i < 3; ++i) {
      const bool judged = i < row.votes.size() && row.votes[i] != Verdict::kInconclusive;
      CHECK(net.standing(0, voters[i]).misses_half == (judged ? 0 : 2));
    }
  }
}

TEST_CASE("seats of the silent go to substitutes, who get as much time") {
  NetworkOptions options{.participants = 12};
  options.params.time.vote_window_blocks = 20;
  Accused accused(options);
  TestNetwork& net = accused.net;
  net.AwaitCase(accused.id);
  const List<Ballot, 4'096> drawn = accused.open().ballots;
  const Ballot& silent = drawn.front();
  for (size_t i = 1; i < drawn.size(); ++i) {
    REQUIRE(accused.Commit(net.PlaceOf(drawn[i].voter), Verdict::kFail) == TxCode::kOk);
  }
  const uint64_t deadline = accused.open().commit_until;
  net.RunTo(deadline);
  const Case open = accused.open();
  REQUIRE_FALSE(open.decided);
  CHECK(open.substitutions == 1);
  CHECK(open.commit_until == deadline + ReadParams(net.view()).time.vote_window_blocks);
  REQUIRE(open.ballots.size() == drawn.size() + 1);
  uint64_t seats = 0;
  size_t substitute = 0;
  for (const Ballot& ballot : open.ballots) {
    seats += ballot.votes;
    const bool is_new = std::none_of(drawn.begin(), drawn.end(),
                                     [&](const Ballot& b) { return b.voter == ballot.voter; });
    if (is_new) {
      CHECK(ballot.votes == silent.votes);
      substitute = net.PlaceOf(ballot.voter);
    }
    if (ballot.voter == silent.voter) CHECK(ballot.votes == 0);
  }
  CHECK(seats == ReadParams(net.view()).check.committee_seats);
  CHECK(net.Told<CommitteeDrawn>().back().seats.size() == seats);
  // Too late for the one, too early for the others.
  CHECK(accused.Commit(net.PlaceOf(silent.voter), Verdict::kPass) == TxCode::kNotAssigned);
  const size_t other = net.PlaceOf(drawn[1].voter);
  CHECK(net.Do(net.participant(other), accused.Vote(other, Verdict::kFail)) == TxCode::kTooEarly);
  REQUIRE(accused.Commit(substitute, Verdict::kFail) == TxCode::kOk);
  for (const Ballot& ballot : open.ballots) {
    if (ballot.votes == 0) continue;
    const size_t place = net.PlaceOf(ballot.voter);
    CHECK(net.Do(net.participant(place), accused.Vote(place, Verdict::kFail)) == TxCode::kOk);
  }
  CHECK(net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUpheld);
  CHECK(net.Told<DisputeDecided>().front().fail_seats == seats);
  CHECK(net.standing(0, net.PlaceOf(silent.voter)).misses_half == 2);
}

TEST_CASE("a committee that nobody of speaks: two rounds of substitutes, then undecided") {
  Accused accused({.participants = 20});
  TestNetwork& net = accused.net;
  net.AwaitCase(accused.id);
  const uint32_t window = ReadParams(net.view()).time.vote_window_blocks;
  for (uint8_t round = 1; round <= 2; ++round) {
    net.RunTo(accused.open().commit_until);
    CHECK(accused.open().substitutions == round);
    CHECK(accused.open().commit_until == net.height() + window);
  }
  net.RunTo(accused.open().commit_until);
  CHECK(accused.open().decided);
  CHECK(net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUndecided);
  const Case decided = accused.open();
  for (const Ballot& ballot : decided.ballots) {
    CHECK(net.standing(0, net.PlaceOf(ballot.voter)).misses_half == 2);
  }
}

TEST_CASE("the transfer agent has a vote where there are too few others") {
  for (const size_t participants : {size_t{5}, size_t{6}}) {
    NetworkOptions options;
    options.participants = participants;
    Accused accused(options);
    accused.net.AwaitCase(accused.id);
    const auto& ballots = accused.open().ballots;
    const AccountId ta = accused.job.assignment.request.ta;
    CHECK(ballots.size() == 3);
    CHECK(std::any_of(ballots.begin(), ballots.end(), [&](const Ballot& ballot) {
            return ballot.voter == ta;
          }) == (participants == 5));
    accused.net.Vote(accused.id, Verdict::kFail);
    CHECK(accused.net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUpheld);
  }
}

TEST_CASE("fewer than three possible voters: undecided at once") {
  NetworkOptions options;
  options.participants = 4;
  Accused accused(options);
  while (!accused.open().decided) accused.net.MakeBlock();
  CHECK(accused.open().drawn);
  CHECK(accused.net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUndecided);
}

TEST_CASE("unavailable opens a dispute of its own kind and adds no evidence") {
  Accused accused({}, Verdict::kUnavailable);
  CHECK(accused.open().cause == DisputeCause::kUnavailable);
  CHECK(accused.net.standing(0, accused.job.executor).cusum_millinats == 0);
  accused.net.AwaitCase(accused.id);
  accused.net.Vote(accused.id, Verdict::kUnavailable);
  CHECK(accused.net.record(accused.job.id).status == InferenceStatus::kInvalidated);
}

TEST_CASE("votes are committed by voters in time, and revealed as committed") {
  Accused accused;
  TestNetwork& net = accused.net;
  net.AwaitCase(accused.id);
  const std::vector<size_t> voters = accused.voters();
  CHECK(accused.Commit(accused.job.executor, Verdict::kPass) == TxCode::kNotAssigned);
  CHECK(accused.Commit(accused.accuser, Verdict::kFail) == TxCode::kNotAssigned);
  CHECK(net.Do(net.participant(voters[0]), accused.Vote(voters[0], Verdict::kFail)) ==
        TxCode::kNotAssigned);
  REQUIRE(accused.Commit(voters[0], Verdict::kFail) == TxCode::kOk);
  CHECK(accused.Commit(voters[0], Verdict::kFail) == TxCode::kTooLate);  // After commit_until.
}

TEST_CASE("a vote can be revealed neither early, nor otherwise, nor twice") {
  NetworkOptions options;
  options.params.time.vote_window_blocks = 8;
  Accused accused(options);
  TestNetwork& net = accused.net;
  net.AwaitCase(accused.id);
  const std::vector<size_t> voters = accused.voters();
  REQUIRE(accused.Commit(voters[0], Verdict::kFail) == TxCode::kOk);
  CHECK(accused.Commit(voters[0], Verdict::kFail) == TxCode::kAlreadyDone);
  CHECK(accused.Commit(voters[0], Verdict::kPass) == TxCode::kConflictsWithRecord);
  CHECK(net.Do(net.participant(voters[0]), accused.Vote(voters[0], Verdict::kFail)) ==
        TxCode::kTooEarly);
  REQUIRE(accused.Commit(voters[1], Verdict::kFail) == TxCode::kOk);
  REQUIRE(accused.Commit(voters[2], Verdict::kPass) == TxCode::kOk);
  // All have committed, so nobody can copy any more.
  CHECK(net.Do(net.participant(voters[0]), accused.Vote(voters[0], Verdict::kPass)) ==
        TxCode::kCommitmentMismatch);
  CHECK(net.Do(net.participant(voters[0]), accused.Vote(voters[0], Verdict::kFail)) == TxCode::kOk);
  CHECK(net.Do(net.participant(voters[0]), accused.Vote(voters[0], Verdict::kFail)) ==
        TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(voters[1]), accused.Vote(voters[1], Verdict::kFail)) == TxCode::kOk);
  CHECK(net.Do(net.participant(voters[2]), accused.Vote(voters[2], Verdict::kPass)) == TxCode::kOk);
  CHECK(accused.open().decided);
  CHECK(net.Do(net.participant(voters[2]), accused.Vote(voters[2], Verdict::kPass)) ==
        TxCode::kTooLate);
  CHECK(net.Told<VoteRevealed>().size() == 3);
}

TEST_CASE("a dispute that is open at settlement ends undecided") {
  NetworkOptions options;
  options.params.time.vote_window_blocks = 200;
  Accused accused(options);
  accused.net.RunToSettlementOf(0);
  CHECK(accused.net.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUndecided);
  CHECK(accused.net.record(accused.job.id).refunded == Amount(100));
  CHECK(accused.net.participant_record(accused.accuser).collateral == Amount(1'000'000));
  CHECK_FALSE(FindCase(accused.net.view(), accused.id));
}

TEST_CASE(
    "who cannot accuse, for want of a bond or for too many accusations, leaves it to the next") {
  for (const bool by_bond : {true, false}) {
    NetworkOptions options;
    options.collateral = Amount(by_bond ? 499 : 1'000'000);
    options.params.check.accusations_in_flight_max = by_bond ? 1 : 0;
    TestNetwork net(options);
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    net.Serve(job);
    net.AwaitCheck(job);
    const std::vector<AccountId> order = ValidatorOrder(net.view(), net.record(job.id));
    net.Check(job, Verdict::kFail, 3'000);
    CHECK(net.record(job.id).status == InferenceStatus::kFinished);
    CHECK(net.Told<VerdictRevealed>().size() == 1);
    CHECK(net.Told<DisputeOpened>().empty());
    CHECK(net.standing(0, job.executor).cusum_millinats == 0);
    // Only the want of a bond is its own fault.
    const Standing standing = net.standing(0, net.PlaceOf(order[0]));
    CHECK(standing.checks == (by_bond ? 0 : 1));
    CHECK(standing.misses_half == (by_bond ? 2 : 0));
    const CheckDuty next = DutyOf(net.view(), net.record(job.id), order[1], net.height() + 1);
    CHECK(next.code == TxCode::kOk);
  }
}

TEST_CASE("unavailable is upheld only where most of the committee was not served") {
  struct Row {
    const char* name;
    uint64_t silent_seats;  // So many, or a few more, report that nobody served them.
    size_t judges;          // Of the others, at most.
    Verdict judgement;
    DisputeOutcome outcome;
  };
  const Row rows[] = {
      {"most", 4, 99, Verdict::kPass, DisputeOutcome::kUpheld},
      {"one, the others find it good", 1, 99, Verdict::kPass, DisputeOutcome::kRejected},
      {"one, the others find it bad", 1, 99, Verdict::kFail, DisputeOutcome::kUpheld},
      {"one, and only two could judge", 1, 2, Verdict::kPass, DisputeOutcome::kUndecided},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Accused accused({.participants = 24}, Verdict::kUnavailable);
    TestNetwork& net = accused.net;
    net.AwaitCase(accused.id);
    List<Ballot, 4'096> ballots = accused.open().ballots;
    std::sort(ballots.begin(), ballots.end(),
              [](const Ballot& a, const Ballot& b) { return a.votes < b.votes; });
    REQUIRE(ballots.size() > 3);
    uint64_t silent = 0;
    size_t judges = 0;
    std::vector<std::pair<size_t, VoteReveal>> votes;
    for (const Ballot& ballot : ballots) {
      Verdict verdict = Verdict::kInconclusive;
      if (silent < row.silent_seats) {
        verdict = Verdict::kUnavailable;
        silent += ballot.votes;
      } else if (judges < row.judges) {
        verdict = row.judgement;
        ++judges;
      }
      const size_t voter = net.PlaceOf(ballot.voter);
      votes.push_back({voter, accused.Vote(voter, verdict)});
      net.Send(net.participant(voter),
               {VoteCommit{.case_id = accused.id,
                           .commitment = VoteCommitment(ballot.voter, votes.back().second)}});
    }
    net.MakeBlock();
    for (const auto& [voter, vote] : votes) net.Send(net.participant(voter), {vote});
    net.MakeBlock();
    const DisputeDecided decided = net.Told<DisputeDecided>().front();
    CHECK(decided.outcome == row.outcome);
    CHECK(decided.unavailable_seats == silent);
    // The accuser may have been the only one who was not served: no bond lost, a duty missed.
    CHECK(net.participant_record(accused.accuser).collateral == Amount(1'000'000));
    CHECK(net.Told<Penalised>().empty());
    CHECK(net.standing(0, accused.accuser).misses_half ==
          (row.outcome == DisputeOutcome::kRejected ? 2 : 0));
  }
}

}  // namespace gonka::ledger
