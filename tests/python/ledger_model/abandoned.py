"""Section 6, Turning away: a transfer agent that takes tokens and turns to another executor pays for them."""

from . import keys, membership, records, state
from .codec import FinishCode, RefundReason, empty, encode, inference_id, tagged


def is_word(led, assignment, word, tag):
    message = tagged(tag, records.id_of(assignment), encode("u32", word["tokens"]))
    return keys.is_signed_for(led, assignment["request"]["ta"], message, word["signature"])


def require_word(led, assignment, word):
    led.require(any(is_word(led, assignment, word, tag) for tag in ("gonka/ack/1", "gonka/cancel/1")), "BadSignature")


def require_ending(led, assignment, event):
    """A cancelled answer ends with a word about just its tokens."""
    if event["finish"] == FinishCode.Cancelled:
        led.require(event["word"] is not None, "NotAcknowledged")
        led.require(event["word"]["tokens"] == event["output_tokens"], "Malformed")
        require_word(led, assignment, event["word"])


def is_broken_off(led, assignment, event):
    return event["finish"] == FinishCode.Cancelled and is_word(led, assignment, event["word"], "gonka/ack/1")


def later_attempt(led, assignment):
    for attempt in range(assignment["attempt"] + 1, records.ATTEMPTS_MAX):
        found = led.state.get(state.record(inference_id(assignment["request"], attempt)))
        if found is not None:
            return found
    return None


def claim(led, assignment, event):
    later = later_attempt(led, assignment)
    led.require(not state.is_settled(later), "TooLate")
    same = all(later["assignment"][name] == assignment[name] for name in ("request", "prompt_tokens"))
    led.require(same, "ConflictsWithRecord")
    skipped = later["assignment"]["skipped"][assignment["attempt"]]
    led.require(skipped["executor"] == assignment["executor"], "WrongExecutor")
    led.require(skipped["refusal"] is None, "ConflictsWithRecord")
    led.require(event["output_tokens"] <= assignment["request"]["tokens_max"], "TokenLimit")
    led.require(event["word"] is not None, "NotAcknowledged")
    led.require(event["word"]["tokens"] <= event["output_tokens"], "Malformed")
    require_word(led, assignment, event["word"])
    require_ending(led, assignment, event)
    record = record_of(led, event["inference"], assignment, later)
    record.update(check_closed=False, broken_off=True, agent_pays=True)
    hold_from_agent(led, event["inference"], record, event["word"]["tokens"])
    move_blame(led, assignment)
    records.complete(led, event, record)


def record_of(led, inference, assignment, later):
    if led.state.get(state.record(inference)) is None:
        reputation = led.state.get(state.participant(assignment["executor"]))["reputation"]
        led.state.put(state.record(inference), {
            **empty("InferenceRecord"), "assignment": assignment, "opened_height": led.height, "price": later["price"],
            "check_rate": records.rate_at_opening(led, assignment, reputation)})
        request = assignment["request"]
        led.tell("RecordOpened", inference=inference, developer=request["developer"], ta=request["ta"],
                 executor=assignment["executor"], attempt=assignment["attempt"], escrow=0)
    return led.state.edit(state.record(inference))


def hold_from_agent(led, inference, record, tokens):
    assignment = record["assignment"]
    ta = assignment["request"]["ta"]
    cost = (assignment["prompt_tokens"] + tokens) * record["price"]
    record["held"] = membership.take_stake(led.state.edit(state.participant(ta)), cost)
    led.tell("AgentCharged", inference=inference, ta=ta, executor=assignment["executor"], amount=record["held"])


def move_blame(led, assignment):
    epoch, ta, executor = assignment["request"]["epoch"], assignment["request"]["ta"], assignment["executor"]
    blame = led.state.get(state.blame(epoch, executor, ta))
    if blame is None or blame["misses_half"] == 0:
        return
    led.state.edit(state.blame(epoch, executor, ta))["misses_half"] -= 1
    standing = led.state.edit(state.standing(epoch, executor))
    standing["misses_half"] -= 1
    standing["duties"] -= 1
    led.state.edit(state.standing(epoch, ta))["misses_half"] += 1


def charge_agent(led, inference, record):
    """The other order: a later attempt is about to be opened."""
    request = record["assignment"]["request"]
    records.count_miss(led, request["epoch"], request["ta"], 2)
    record["agent_pays"] = True
    held = record["held"]
    if held == 0:
        return
    led.pay(request["developer"], held)
    led.tell("Refunded", inference=inference, developer=request["developer"], amount=held, reason=RefundReason.UnusedEscrow)
    hold_from_agent(led, inference, record, record["finish"]["output_tokens"])
