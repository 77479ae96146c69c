"""Section 7: hearings and conviction."""

from . import cases, checks, epochs, membership, records, state
from .codec import CaseKind, ConvictionCause, RefundReason, Status, Verdict, draw_sample, empty, tagged, u64


def hearing_id(epoch, accused):
    return tagged("gonka/hearing/1", u64(epoch), accused)


def open_hearing(led, epoch, accused, model, triggers):
    case_id = hearing_id(epoch, accused)
    standing = led.state.ensure(state.standing(epoch, accused))
    if standing["convicted"] or led.state.get(state.case(case_id)) is not None:
        return
    case = led.state.put(state.case(case_id), {
        **empty("Case"), "kind": CaseKind.Hearing, "epoch": epoch, "accused": accused, "model": model, "triggers": triggers})
    led.tell("HearingOpened", case_id=case_id, accused=accused, epoch=epoch)
    time = led.params["time"]
    end = led.table(epoch)["first_height"] + time["epoch_blocks"] + time["grace_blocks"]
    if has_enough(led, standing, case) or led.height >= end:
        return epochs.queue_draw(led, epochs.SAMPLE, case_id)
    standing["hearing_waits"] = True
    led.state.put(cases.timer(end, case_id), {})


def has_enough(led, standing, case):
    return standing["executed"] >= led.params["check"]["hearing_sample"] + len(case["triggers"])


def wake(led, epoch, accused):
    """After each finished record of the accused."""
    standing, case_id = led.state.get(state.standing(epoch, accused)), hearing_id(epoch, accused)
    if standing["hearing_waits"] and has_enough(led, standing, led.state.get(state.case(case_id))):
        stop_waiting(led, case_id, led.state.get(state.case(case_id)))


def stop_waiting(led, case_id, case):
    standing = led.state.ensure(state.standing(case["epoch"], case["accused"]))
    if standing["hearing_waits"]:
        standing["hearing_waits"] = False
        epochs.queue_draw(led, epochs.SAMPLE, case_id)


def eligible(led, case, epoch):
    found = []
    for key, record in led.state.tables[b"r"].items():
        if state.is_settled(record) or record["finish"] is None or key[1:] in case["triggers"]:
            continue
        assignment = record["assignment"]
        request = assignment["request"]
        if (request["epoch"], request["model"], assignment["executor"]) == (epoch, case["model"], case["accused"]):
            found.append(key[1:])
    return sorted(found)


class Shares:
    """Where records of three or more developers may be sampled, no developer has more than a third; likewise
    of transfer agents."""

    def __init__(self, led, candidates):
        check = led.params["check"]
        self.wanted = check["hearing_sample"]
        self.most = -(-self.wanted * check["share_per_party"] // 10**6)
        self.requests = {one: led.state.get(state.record(one))["assignment"]["request"] for one in candidates}
        self.taken = {party: [] for party in ("developer", "ta")}

    def full(self, party, record):
        everybody = {request[party] for request in self.requests.values()}
        return len(everybody) >= 3 and self.taken[party].count(self.requests[record][party]) >= self.most

    def take(self, candidates, seed):
        chosen = []
        for place in draw_sample(seed, len(candidates), len(candidates)):
            record = candidates[place]
            if len(self.taken["ta"]) == self.wanted:
                break
            if self.full("developer", record) or self.full("ta", record):
                continue
            for party in self.taken:
                self.taken[party].append(self.requests[record][party])
            chosen.append(record)
        return chosen


def draw_hearing_sample(led, case_id, seed):
    case = led.state.get(state.case(case_id))
    if case is None or case["decided"] or case["drawn"]:
        return
    case = led.state.edit(state.case(case_id))
    epoch = case["epoch"]
    own = eligible(led, case, epoch)
    earlier = eligible(led, case, epoch - 1) if epoch > led.chain["epoch_settled"] else []
    shares = Shares(led, own + earlier)
    case["records"] = shares.take(own, seed) + shares.take(earlier, tagged("gonka/draw/sample/earlier/1", seed))
    for member in led.table(epoch)["members"]:
        removed = led.state.get(state.participant(member["id"]))["removed"]
        if member["id"] != case["accused"] and checks.serves(member, case["model"]) and not removed:
            case["ballots"].append({"voter": member["id"], "votes": member["weight"], "commitment": None, "reveal": None})
    led.tell("HearingSampleDrawn", case_id=case_id, accused=case["accused"], sample=list(case["records"]))
    cases.open_voting(led, case_id, case, led.params["time"]["hearing_window_blocks"])
    if not case["records"] or not case["ballots"]:
        decide(led, case_id, case, out_of_time=True)


def decide(led, case_id, case, out_of_time):
    bar = led.params["check"]["conviction_millinats"]
    confirming = sum(ballot["votes"] for ballot in case["ballots"] if ballot["reveal"] is not None
                     and ballot["reveal"]["verdict"] == Verdict.Fail and ballot["reveal"]["evidence_millinats"] >= bar)
    total = sum(ballot["votes"] for ballot in case["ballots"])
    case["decided"], case["upheld"] = True, not out_of_time and 2 * confirming > total
    led.tell("HearingDecided", case_id=case_id, accused=case["accused"], convicted=case["upheld"],
             confirming_weight=confirming, eligible_weight=total)
    if case["upheld"]:
        convict(led, case["epoch"], case["accused"], ConvictionCause.Evidence)


def convict(led, epoch, accused, cause):
    standing = led.state.ensure(state.standing(epoch, accused))
    participant = led.state.edit(state.participant(accused))
    again, fraud, slashed = standing["convicted"], cause != ConvictionCause.Evidence, 0
    if again and (not fraud or participant["removed"]):
        return
    standing["convicted"] = True
    reputation = led.params["reputation"]
    if not again:
        participant["convictions"] += 1
        participant["clean_epochs"] = participant["reputation"] = 0
        slashed = membership.slash(participant, reputation["slash"])
        led.pot("burned", slashed)
    if fraud or participant["convictions"] >= reputation["convictions_to_remove"]:
        participant["removed"] = True
    led.tell("Convicted", accused=accused, epoch=epoch, slashed=slashed, removed=participant["removed"], cause=cause)
    if not again:
        refund_all(led, epoch, accused)


def refund_all(led, epoch, accused):
    for key in led.state.keys(b"r"):
        record = led.state.get(key)
        if state.is_settled(record) or record["finish"] is None:
            continue
        if record["assignment"]["executor"] == accused and records.epoch_of(record) == epoch:
            refund_convicted(led, key[1:], led.state.edit(key))


def refund_convicted(led, inference, record):
    if record["status"] not in (Status.Finished, Status.Unchecked, Status.Disputed) or record["held"] == 0:
        return
    record["status"] = Status.Invalidated
    checks.stop_check(led, record)
    records.refund_held(led, inference, record, RefundReason.Conviction)
