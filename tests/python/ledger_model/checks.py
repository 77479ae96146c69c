"""Section 7: the check of a record, its re-check, and the evidence of verdicts."""

from . import cases, epochs, hearings, maintenance, membership, records, state
from .codec import Cause, Status, Verdict, draw_order, empty, encode, is_selected, tagged

VERDICTS_MAX = 64
TOLD_MAX = 8
PARTIES_MAX = 64
LOGGED_MAX = 16


# Who may check when.


def serves(member, model):
    return member["weight"] > 0 and model in member["models"]


def first_authors(record):
    """Where a pass is checked again: all who committed in the first check."""
    return [c["validator"] for c in record["verdicts"] if record["rechecked"] and not c["recheck"]]


def validators_of(led, record):
    """The whole order."""
    assignment = record["assignment"]
    request = assignment["request"]
    members = led.table(request["epoch"])["members"]
    out = {assignment["executor"], request["ta"], *first_authors(record)}
    weights = [m["weight"] if request["model"] in m["models"] and m["id"] not in out else 0 for m in members]
    order = [members[place]["id"] for place in draw_order(tagged("gonka/draw/validators/1", record["check_seed"]), weights)]
    ta = [m["id"] for m in members if m["id"] == request["ta"] and serves(m, request["model"])]
    return order if record["rechecked"] else order + ta


def count_on_duty(led, record):
    passed = led.height - record["turn_height"]
    return record["turn"] if passed < 0 else record["turn"] + passed // led.params["time"]["check_window_blocks"] + 1


def pending(led, record):
    """The commit that waits for its reveal, or may still get it."""
    last = record["verdicts"][-1] if record["verdicts"] else None
    if last is None or last["reveal"] is not None:
        return None
    return last if led.height < last["reveal_from"] + led.params["time"]["check_window_blocks"] else None


def commit_of(record, validator):
    return next((c for c in record["verdicts"] if c["validator"] == validator), None)


def require_open(led, inference):
    record = led.state.get(state.record(inference))
    led.require(record is not None, "UnknownInference")
    led.require(not state.is_settled(record), "TooLate")
    led.require(not record["check_closed"], "AlreadyDone")
    led.require(record["check_selected"], "TooEarly")
    return record


# Verdicts.


def validate_commit(led, sender, event):
    record = require_open(led, event["inference"])
    led.require_participant(sender)
    assignment = record["assignment"]
    request = assignment["request"]
    member = next((m for m in led.table(request["epoch"])["members"] if m["id"] == sender), None)
    led.require(member is not None and serves(member, request["model"]) and sender != assignment["executor"], "NotAssigned")
    led.require(not (record["rechecked"] and sender == request["ta"]), "NotAssigned")
    led.require(commit_of(record, sender) is None, "AlreadyDone")
    led.require(pending(led, record) is None, "TooEarly")
    on_duty = validators_of(led, record)[:count_on_duty(led, record)]
    led.require(sender in on_duty, "TooEarly")
    led.require(len(record["verdicts"]) < VERDICTS_MAX, "QuotaExceeded")
    window = led.params["time"]["check_window_blocks"]
    place, reveal_from = on_duty.index(sender), led.height + 1
    if place >= record["turn"]:
        reveal_from = max(reveal_from, record["turn_height"] + (place - record["turn"] + 1) * window)
    record = led.state.edit(state.record(event["inference"]))
    record["verdicts"].append({"validator": sender, "height": led.height, "commitment": event["commitment"],
                               "reveal_from": reveal_from, "reveal": None, "recheck": record["rechecked"]})
    # Those whose windows are over and who were silent have missed it; the last one still has its window.
    for place, silent in list(enumerate(on_duty))[record["turn"]:-1]:
        if commit_of(record, silent) is None:
            count_missed_window(led, record, silent, record["turn_height"] + (place - record["turn"]) * window)
    record["turn"] = len(on_duty) if on_duty[-1] == sender else len(on_duty) - 1
    record["turn_height"] = reveal_from + window


def validate_reveal(led, sender, event):
    inference = event["inference"]
    require_open(led, inference)
    record = led.state.edit(state.record(inference))
    commit = commit_of(record, sender)
    led.require(commit is not None, "NotAssigned")
    led.require(commit["reveal"] is None, "AlreadyDone")
    led.require(led.height >= commit["reveal_from"], "TooEarly")
    led.require(led.height < commit["reveal_from"] + led.params["time"]["check_window_blocks"], "TooLate")
    commitment = tagged("gonka/verdict/1", sender, encode("ValidateReveal", event))
    led.require(commitment == commit["commitment"], "CommitmentMismatch")
    commit["reveal"] = event
    verdict, epoch = event["verdict"], records.epoch_of(record)
    accuses = verdict in (Verdict.Fail, Verdict.Unavailable)
    busy, poor = accuser_trouble(led, epoch, sender) if accuses else (False, False)
    if verdict == Verdict.Inconclusive or poor:
        records.count_miss(led, epoch, sender, 2)
    else:
        standing = led.state.ensure(state.standing(epoch, sender))
        standing["duties"] += 1
        standing["checks"] += 1
        standing["checked_tokens"] += records.tokens_of(record)
    evidence = clipped(led, event["evidence_millinats"])
    led.tell("VerdictRevealed", inference=inference, validator=sender, verdict=verdict, evidence_millinats=evidence)
    if verdict == Verdict.Inconclusive or busy or poor:
        record["turn_height"] = led.height
        return
    close_check(record)
    if verdict == Verdict.Pass:
        accept_pass(led, inference, record)
    else:
        bond = led.params["money"]["accusation_bond"]
        led.state.edit(state.participant(sender))["collateral"] -= bond
        cause = Cause.Fail if verdict == Verdict.Fail else Cause.Unavailable
        cases.open_dispute(led, inference, record, sender, cause, bond)
    if verdict != Verdict.Unavailable and not commit["recheck"]:
        add_evidence(led, inference, record, sender, evidence)


def accuser_trouble(led, epoch, who):
    """(As many disputes undecided as may be, no bond left); the first excludes the second."""
    standing = led.state.get(state.standing(epoch, who))
    if (standing["accusations"] if standing else 0) >= led.params["check"]["accusations_in_flight_max"]:
        return True, False
    return False, led.state.get(state.participant(who))["collateral"] < led.params["money"]["accusation_bond"]


def accept_pass(led, inference, record):
    if record["status"] == Status.Validated:
        return
    record["status"] = Status.Validated
    if led.params["check"]["recheck_rate"] > 0:
        epochs.queue_draw(led, epochs.RECHECK, inference)
    led.state.ensure(state.standing(records.epoch_of(record), record["assignment"]["executor"]))["passes"] += 1


def close_check(record):
    record["check_closed"] = True


def stop_check(led, record):
    """In the middle of it: a commit that waits is forgotten, and nobody blamed."""
    if record["check_closed"]:
        return
    if pending(led, record) is not None:
        record["verdicts"].pop()
    close_check(record)


def count_missed_window(led, record, validator, first):
    window = led.params["time"]["check_window_blocks"]
    if not maintenance.was_away(led, validator, first, first + window - 1):
        records.count_miss(led, records.epoch_of(record), validator, 2)


def count_missed_checks(led, record):
    """At settlement."""
    if not record["check_selected"]:
        return
    for commit in record["verdicts"]:
        if commit["reveal"] is None:
            count_missed_window(led, record, commit["validator"], commit["reveal_from"])
    if record["check_closed"]:
        return
    window = led.params["time"]["check_window_blocks"]
    passed = validators_of(led, record)[:count_on_duty(led, record) - 1]
    for place, silent in list(enumerate(passed))[record["turn"]:]:
        if commit_of(record, silent) is None:
            count_missed_window(led, record, silent, record["turn_height"] + (place - record["turn"]) * window)


# The draws.


def draw_check(led, inference, seed):
    record = led.state.get(state.record(inference))
    if record is None or state.is_settled(record) or record["check_closed"]:
        return
    record = led.state.edit(state.record(inference))
    selected = is_selected(seed, record["check_rate"])
    record.update(check_seed=seed, check_selected=selected, assigned_height=led.height, turn_height=led.height)
    validators = []
    if selected:
        validators = validators_of(led, record)[:TOLD_MAX]
    else:
        record["status"], record["check_closed"] = Status.Unchecked, True
    led.tell("CheckDrawn", inference=inference, selected=selected, rate=record["check_rate"], validators=validators)


def draw_recheck(led, inference, seed):
    record = led.state.get(state.record(inference))
    if record is None or state.is_settled(record) or record["status"] != Status.Validated:
        return
    if not is_selected(seed, led.params["check"]["recheck_rate"]):
        return
    validators = validators_of(led, {**record, "rechecked": True, "check_seed": seed})[:TOLD_MAX]
    if not validators:
        return
    led.state.edit(state.record(inference)).update(
        rechecked=True, check_seed=seed, check_closed=False, assigned_height=led.height, turn=0, turn_height=led.height)
    led.tell("RecheckDrawn", inference=inference, validators=validators)


# Passes that a dispute overturns.


def is_pass(commit):
    return commit["reveal"] is not None and commit["reveal"]["verdict"] == Verdict.Pass


def has_pass(record):
    return any(map(is_pass, record["verdicts"]))


def overturn_passes(led, inference, record):
    if not has_pass(record):
        return
    led.state.ensure(state.standing(records.epoch_of(record), record["assignment"]["executor"]))["passes"] -= 1
    for commit in filter(is_pass, record["verdicts"]):
        author = led.state.edit(state.participant(commit["validator"]))
        amount = membership.take_stake(author, led.params["money"]["accusation_bond"])
        cases.penalise(led, inference, commit["validator"], amount, "OverturnedPass")


# Evidence.


def clipped(led, millinats):
    check = led.params["check"]
    return min(max(millinats, check["evidence_min_millinats"]), check["evidence_max_millinats"])


def add_share(shares, party, millinats):
    found = next((share for share in shares if share["party"] == party), None)
    if found is not None:
        found["millinats"] += millinats
    elif len(shares) < PARTIES_MAX:
        shares.append({"party": party, "millinats": millinats})


def note_shares(log, record, validator, millinats):
    add_share(log["developers"], record["assignment"]["request"]["developer"], millinats)
    add_share(log["transfer_agents"], record["assignment"]["request"]["ta"], millinats)
    add_share(log["validators"], validator, millinats)


def add_evidence(led, inference, record, validator, millinats):
    epoch, executor = records.epoch_of(record), record["assignment"]["executor"]
    standing = led.state.ensure(state.standing(epoch, executor))
    before = standing["cusum_millinats"]
    standing["cusum_millinats"] = max(0, before + millinats)
    if standing["cusum_millinats"] == 0:
        if before > 0:
            led.state.put(state.evidence(epoch, executor), empty("EvidenceLog"))
        return
    log = led.state.ensure(state.evidence(epoch, executor))
    note_shares(log, record, validator, millinats)
    if millinats > 0:
        log["records"] = (log["records"] + [inference])[-LOGGED_MAX:]
    if not standing["alarmed"] and is_alarm(led, record, standing, log):
        standing["alarmed"] = True
        hearings.open_hearing(led, epoch, executor, record["assignment"]["request"]["model"], list(log["records"]))


def is_alarm(led, record, standing, log):
    check = led.params["check"]
    bar, request = check["alarm_millinats"], record["assignment"]["request"]
    members = led.table(request["epoch"])["members"]
    others = [m for m in members if serves(m, request["model"]) and m["id"] != record["assignment"]["executor"]]
    most = -(-bar * check["share_per_party"] // 1_000_000)

    def reaches(shares, parties):
        return parties < 3 or sum(min(share["millinats"], most) for share in shares) >= bar

    return (standing["cusum_millinats"] >= bar and reaches(log["developers"], len(standing["developers"]))
            and reaches(log["transfer_agents"], len(members) - 1) and reaches(log["validators"], len(others)))


def withdraw_evidence(led, record, accuser):
    """Of an accusation that was rejected: what its fail had added."""
    commit = next((c for c in record["verdicts"] if c["validator"] == accuser and c["reveal"] is not None), None)
    if commit is None or commit["reveal"]["verdict"] != Verdict.Fail or commit["recheck"]:
        return
    millinats = clipped(led, commit["reveal"]["evidence_millinats"])
    if millinats <= 0:
        return
    epoch, executor = records.epoch_of(record), record["assignment"]["executor"]
    standing = led.state.ensure(state.standing(epoch, executor))
    standing["cusum_millinats"] = max(0, standing["cusum_millinats"] - millinats)
    note_shares(led.state.ensure(state.evidence(epoch, executor)), record, accuser, -millinats)
