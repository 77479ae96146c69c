"""Section 7: disputes about one record, and voting, which hearings share."""

from . import checks, epochs, hearings, maintenance, records, state
from .codec import CaseKind, Cause, Outcome, PenaltyReason, RefundReason, Status, Verdict
from .codec import draw_order, draw_seats, empty, encode, tagged, u8
from .numbers import reputation_step

SUBSTITUTIONS_MAX = 2


def dispute_id(inference):
    return tagged("gonka/dispute/1", inference)


def timer(height, case_id):
    return b"t" + state.big(height) + case_id


# Voting.


def open_voting(led, case_id, case, commit_blocks):
    case["drawn"] = True
    case["commit_until"] = led.height + commit_blocks
    case["reveal_until"] = case["commit_until"] + led.params["time"]["vote_window_blocks"]
    led.state.put(timer(case["commit_until"], case_id), {})
    led.state.put(timer(case["reveal_until"], case_id), {})


def all_committed(case):
    return all(ballot["votes"] == 0 or ballot["commitment"] is not None for ballot in case["ballots"])


def is_voting_over(led, case):
    if led.height >= case["reveal_until"]:
        return True
    if led.height < case["commit_until"] and not all_committed(case):
        return False
    return all(ballot["commitment"] is None or ballot["reveal"] is not None for ballot in case["ballots"])


def require_open(led, case_id):
    case = led.state.get(state.case(case_id))
    led.require(case is not None, "UnknownCase")
    led.require(not case["decided"], "TooLate")
    led.require(case["drawn"], "TooEarly")


def ballot_of(case, voter):
    return next((ballot for ballot in case["ballots"] if ballot["voter"] == voter), None)


def vote_commit(led, sender, event):
    require_open(led, event["case_id"])
    led.require_participant(sender)
    case = led.state.edit(state.case(event["case_id"]))
    led.require(led.height <= case["commit_until"], "TooLate")
    ballot = ballot_of(case, sender)
    led.require(ballot is not None and ballot["votes"] > 0, "NotAssigned")
    if ballot["commitment"] is not None:
        led.refuse("AlreadyDone" if ballot["commitment"] == event["commitment"] else "ConflictsWithRecord")
    ballot["commitment"] = event["commitment"]


def vote_reveal(led, sender, event):
    case_id = event["case_id"]
    require_open(led, case_id)
    case = led.state.edit(state.case(case_id))
    ballot = ballot_of(case, sender)
    led.require(ballot is not None and ballot["commitment"] is not None, "NotAssigned")
    led.require(ballot["reveal"] is None, "AlreadyDone")
    led.require(led.height > case["commit_until"] or all_committed(case), "TooEarly")
    led.require(tagged("gonka/vote/1", sender, encode("VoteReveal", event)) == ballot["commitment"], "CommitmentMismatch")
    ballot["reveal"] = event
    count_vote(led, case, sender, event["verdict"])
    led.tell("VoteRevealed", case_id=case_id, voter=sender, verdict=event["verdict"],
             evidence_millinats=event["evidence_millinats"], votes=ballot["votes"])
    if is_voting_over(led, case):
        decide(led, case_id, case, out_of_time=False)


def count_vote(led, case, voter, verdict):
    if verdict == Verdict.Inconclusive:
        if case["kind"] == CaseKind.Dispute:
            records.count_miss(led, case["epoch"], voter, 2)
        return
    standing = led.state.ensure(state.standing(case["epoch"], voter))
    standing["duties"] += 1
    standing["checks"] += 1
    for inference in case["records"]:
        record = led.state.get(state.record(inference))
        standing["checked_tokens"] += records.tokens_of(record) if record is not None else 0


def decide(led, case_id, case, out_of_time):
    if case["kind"] == CaseKind.Dispute:
        decide_dispute(led, case, out_of_time)
    else:
        hearings.decide(led, case_id, case, out_of_time)


def run_timers(led):
    for key in led.state.keys(b"t"):
        height, case_id = int.from_bytes(key[1:9], "big"), key[9:]
        if height > led.height:
            break
        led.state.erase(key)
        case = led.state.get(state.case(case_id))
        if case is None or case["decided"]:
            continue
        case = led.state.edit(state.case(case_id))
        if not case["drawn"]:
            hearings.stop_waiting(led, case_id, case)
        elif led.height == case["commit_until"] and seat_substitutes(led, case_id, case):
            continue
        elif is_voting_over(led, case):
            decide(led, case_id, case, out_of_time=False)


def close_cases(led, epoch):
    for key in led.state.keys(b"d"):
        case = led.state.get(key)
        if case["epoch"] == epoch and not case["decided"]:
            decide(led, key[1:], led.state.edit(key), out_of_time=True)


# Disputes.


def open_dispute(led, inference, record, accuser, cause, bond):
    """The bond has left the accuser's purse."""
    request, executor = record["assignment"]["request"], record["assignment"]["executor"]
    led.state.ensure(state.standing(request["epoch"], accuser))["accusations"] += 1
    record["status"] = Status.Disputed
    led.state.put(state.case(dispute_id(inference)), {
        **empty("Case"), "kind": CaseKind.Dispute, "epoch": request["epoch"], "accused": executor, "accuser": accuser,
        "cause": cause, "bond": bond, "model": request["model"], "records": [inference]})
    led.tell("DisputeOpened", inference=inference, accused=executor, accuser=accuser, cause=cause)
    epochs.queue_draw(led, epochs.COMMITTEE, dispute_id(inference))


def candidates(led, case):
    record = led.state.get(state.record(case["records"][0]))
    members = led.table(case["epoch"])["members"]

    def weights_but(*out):
        return [m["weight"] if case["model"] in m["models"] and m["id"] not in out else 0 for m in members]

    weights = weights_but(case["accused"], case["accuser"], record["assignment"]["request"]["ta"])
    if len(members) - weights.count(0) < led.params["check"]["voters_min"]:
        weights = weights_but(case["accused"], case["accuser"])
    return members, weights


def seat_committee(led, case_id, seed):
    case = led.state.get(state.case(case_id))
    if case is None or case["decided"] or case["drawn"]:
        return
    case = led.state.edit(state.case(case_id))
    case["seed"] = seed
    members, weights = candidates(led, case)
    check = led.params["check"]
    distinct = min(check["voters_min"], check["committee_seats"])
    drawn = draw_order(seed, weights, distinct) + draw_seats(seed, weights, check["committee_seats"] - distinct)
    seats = [members[place]["id"] for place in drawn]
    case["ballots"] = [{"voter": voter, "votes": seats.count(voter), "commitment": None, "reveal": None}
                       for voter in sorted(set(seats))]
    led.tell("CommitteeDrawn", case_id=case_id, inference=case["records"][0], seats=seats)
    open_voting(led, case_id, case, led.params["time"]["vote_window_blocks"])
    if len(case["ballots"]) < check["voters_min"]:
        decide_dispute(led, case, out_of_time=True)


def seat_substitutes(led, case_id, case):
    if case["kind"] != CaseKind.Dispute or case["substitutions"] >= SUBSTITUTIONS_MAX:
        return False
    silent = [ballot for ballot in case["ballots"] if ballot["votes"] > 0 and ballot["commitment"] is None]
    members, weights = candidates(led, case)
    seated = [ballot["voter"] for ballot in case["ballots"]]
    weights = [0 if m["id"] in seated else weight for m, weight in zip(members, weights)]
    seed = tagged("gonka/draw/substitutes/1", case["seed"], u8(case["substitutions"]))
    drawn = draw_order(seed, weights, len(silent))
    if not drawn:
        return False
    case["substitutions"] += 1
    for place, ballot in zip(drawn, silent):
        case["ballots"].append({"voter": members[place]["id"], "votes": ballot["votes"], "commitment": None, "reveal": None})
        ballot["votes"] = 0
    case["ballots"].sort(key=lambda ballot: ballot["voter"])
    seats = [ballot["voter"] for ballot in case["ballots"] for _ in range(ballot["votes"])]
    led.tell("CommitteeDrawn", case_id=case_id, inference=case["records"][0], seats=seats)
    open_voting(led, case_id, case, led.params["time"]["vote_window_blocks"])
    return True


def count_seats(case):
    """Seats and voters, by verdict."""
    seats, voters = dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)
    for ballot in case["ballots"]:
        if ballot["reveal"] is not None:
            seats[ballot["reveal"]["verdict"]] += ballot["votes"]
            voters[ballot["reveal"]["verdict"]] += 1
    return seats, voters


def decide_dispute(led, case, out_of_time):
    inference, check = case["records"][0], led.params["check"]
    seats, voters = count_seats(case)
    judges = voters[Verdict.Pass] + voters[Verdict.Fail]
    unavailable = (2 * seats[Verdict.Unavailable] > sum(ballot["votes"] for ballot in case["ballots"])
                   and judges + voters[Verdict.Unavailable] >= check["voters_min"])
    outcome = Outcome.Undecided
    if not out_of_time and unavailable:
        outcome = Outcome.Upheld
    elif not out_of_time and judges >= check["voters_min"] and seats[Verdict.Fail] != seats[Verdict.Pass]:
        outcome = Outcome.Upheld if seats[Verdict.Fail] > seats[Verdict.Pass] else Outcome.Rejected
    case["decided"], case["upheld"] = True, outcome == Outcome.Upheld
    led.tell("DisputeDecided", inference=inference, outcome=outcome, fail_seats=seats[Verdict.Fail],
             pass_seats=seats[Verdict.Pass], unavailable_seats=seats[Verdict.Unavailable])
    if not out_of_time:
        first = max(0, case["commit_until"] - led.params["time"]["vote_window_blocks"])
        for ballot in case["ballots"]:
            away = maintenance.was_away(led, ballot["voter"], first, led.height)
            if ballot["reveal"] is None and not away:
                records.count_miss(led, case["epoch"], ballot["voter"], 2)
    close_accusation(led, case, outcome == Outcome.Rejected)
    record = led.state.edit(state.record(inference))
    if outcome == Outcome.Upheld:
        if not unavailable:
            checks.overturn_passes(led, inference, record)
        uphold(led, inference, record)
    elif outcome == Outcome.Rejected:
        reject(led, record, case["accuser"])
    elif record["status"] == Status.Disputed:
        record["status"] = Status.Unchecked
        records.refund_held(led, inference, record, RefundReason.Undecided)


def close_accusation(led, case, rejected):
    accuser, bond = case["accuser"], case["bond"]
    led.state.edit(state.standing(case["epoch"], accuser))["accusations"] -= 1
    case["bond"] = 0
    if rejected and case["cause"] != Cause.Unavailable:
        reason = "RejectedChallenge" if case["cause"] == Cause.Challenge else "RejectedAccusation"
        return penalise(led, case["records"][0], accuser, bond, reason)
    if case["cause"] == Cause.Challenge:
        led.state.edit(state.account(accuser))["balance"] += bond
    else:
        led.state.edit(state.participant(accuser))["collateral"] += bond
    if rejected:
        records.count_miss(led, case["epoch"], accuser, 2)


def uphold(led, inference, record):
    epoch, executor = records.epoch_of(record), record["assignment"]["executor"]
    led.state.ensure(state.standing(epoch, executor))["fails"] += 1
    if record["status"] != Status.Disputed:
        return
    record["status"] = Status.Invalidated
    records.refund_held(led, inference, record, RefundReason.Invalid)
    hearings.open_hearing(led, epoch, executor, record["assignment"]["request"]["model"], [inference])


def reject(led, record, accuser):
    checks.withdraw_evidence(led, record, accuser)
    if record["status"] != Status.Disputed:
        return
    record["status"] = Status.Validated
    if not checks.has_pass(record):
        led.state.ensure(state.standing(records.epoch_of(record), record["assignment"]["executor"]))["passes"] += 1


def penalise(led, inference, who, amount, reason):
    """The amount has left its purse."""
    led.pot("treasury", amount)
    led.tell("Penalised", inference=inference, who=who, amount=amount, reason=getattr(PenaltyReason, reason))
    if reason == "RejectedChallenge":
        return
    participant = led.state.edit(state.participant(who))
    before = participant["reputation"]
    participant["reputation"] = max(0, before - reputation_step(led.params["reputation"]))
    if participant["reputation"] != before:
        led.tell("ReputationChanged", participant=who, before=before, after=participant["reputation"])


# Challenges.


def challenge(led, sender, event):
    inference = event["inference"]
    record = led.state.get(state.record(inference))
    led.require(record is not None, "UnknownInference")
    settled = state.is_settled(record)
    request = record if settled else record["assignment"]["request"]
    led.require(request["developer"] == sender, "WrongDeveloper")
    led.require(not settled, "TooLate")
    led.require(record["status"] != Status.Expired, "Expired")
    led.require(record["finish"] is not None, "TooEarly")
    disputed = led.state.get(state.case(dispute_id(inference))) is not None
    led.require(not disputed and record["held"] > 0, "AlreadyDone")
    epoch = request["epoch"]
    last = epochs.settlement_height(led, epoch) - 3 - (SUBSTITUTIONS_MAX + 2) * led.params["time"]["vote_window_blocks"]
    led.require(led.height <= max(last, 0), "TooLate")
    standing = led.state.get(state.standing(epoch, sender))
    undecided = standing["accusations"] if standing else 0
    led.require(undecided < led.params["check"]["challenges_in_flight_max"], "QuotaExceeded")
    bond = led.params["money"]["challenge_bond"] + record["held"]
    led.require(bond <= 1 << 62, "AmountOverflow")
    account = led.state.edit(state.account(sender))
    led.require(account["balance"] >= bond, "InsufficientBalance")
    account["balance"] -= bond
    record = led.state.edit(state.record(inference))
    checks.stop_check(led, record)
    open_dispute(led, inference, record, sender, Cause.Challenge, bond)
