"""Sections 6 and 7: an inference from its Start to its answer."""

from . import abandoned, epochs, hearings, keys, maintenance, pricing, state
from .codec import ZERO, ConvictionCause, RefundReason, Status, draw_weighted, empty, encode, inference_id, tagged, u8, u64
from .numbers import check_rate

ATTEMPTS_MAX = 3
TOKENS_MAX = 1_000_000
COINS_MAX = 1 << 62


def id_of(assignment):
    return inference_id(assignment["request"], assignment["attempt"])


def epoch_of(record):
    return record["epoch"] if state.is_settled(record) else record["assignment"]["request"]["epoch"]


# Opening.


def start(led, sender, event):
    assignment = event["assignment"]
    led.require(assignment["request"]["ta"] == sender, "WrongTransferAgent")
    inference = id_of(assignment)
    known = led.state.get(state.record(inference))
    if known is None:
        open_record(led, assignment)
    else:
        led.require(not state.is_settled(known), "TooLate")
        led.require(known["assignment"] == assignment, "ConflictsWithRecord")
        led.require(not known["started"] or (event["accept"] is not None and not known["accepted"]), "AlreadyDone")
    if event["accept"] is not None:
        message = tagged("gonka/accept/1", inference)
        led.require(keys.is_signed_for(led, assignment["executor"], message, event["accept"]), "BadSignature")
    record = led.state.edit(state.record(inference))
    record["started"] = True
    record["accepted"] = record["accepted"] or event["accept"] is not None


def open_record(led, assignment):
    request, attempt = assignment["request"], assignment["attempt"]
    led.require(request["network"] == led.chain["network"], "WrongNetwork")
    led.require(attempt < ATTEMPTS_MAX and len(assignment["skipped"]) == attempt, "WrongAttempt")
    require_epoch(led, request["epoch"])
    led.require_participant(request["ta"])
    require_model(led, assignment)
    require_expiry(led, request)
    allowance = led.state.get(state.allowance(request["ta"], request["developer"]))
    led.require(allowance is not None, "InsufficientAllowance")
    led.require(allowance["expires_epoch"] >= request["epoch"], "AllowanceExpired")
    keys.require_order(led, assignment, allowance)
    allowance = led.state.edit(state.allowance(request["ta"], request["developer"]))
    earlier = take_sequence(led, allowance, assignment)
    table = led.table(request["epoch"])
    require_executors(led, assignment, table, allowance["salt"])
    require_refusals(led, assignment)
    executor = led.state.get(state.participant(assignment["executor"]))
    led.require(not executor["removed"], "Removed")
    others = [m for m in table["members"]
              if m["id"] != assignment["executor"] and m["weight"] > 0 and request["model"] in m["models"]]
    led.require(executor["reputation"] > 0 or others, "NobodyToCheck")
    if earlier is not None:
        record = led.state.edit(state.record(earlier))
        if record["finish"] is not None:
            abandoned.charge_agent(led, earlier, record)
        else:
            close_unfinished(led, earlier, record, RefundReason.UnusedEscrow)
    price = pricing.price_for(led, request)
    tokens = assignment["prompt_tokens"], request["tokens_max"]
    escrow = sum(tokens) * price
    led.require(max(tokens) <= TOKENS_MAX and escrow <= COINS_MAX, "AmountOverflow")
    led.require(escrow <= allowance["available"], "InsufficientAllowance")
    if request["signer"] is not None:
        keys.charge(led, request["signer"], escrow)
    blame_skipped(led, assignment)
    inference = id_of(assignment)
    led.state.put(state.record(inference), {
        **empty("InferenceRecord"), "assignment": assignment, "opened_height": led.height, "price": price, "escrow": escrow,
        "check_rate": rate_at_opening(led, assignment, executor["reputation"])})
    allowance["available"] -= escrow
    allowance["open_records"] += 1
    led.tell("RecordOpened", inference=inference, developer=request["developer"], ta=request["ta"],
             executor=assignment["executor"], attempt=attempt, escrow=escrow)


def require_epoch(led, epoch):
    now = led.chain["epoch"]
    in_grace = epoch == now - 1 and led.height < led.chain["epoch_first_height"] + led.params["time"]["grace_blocks"]
    led.require(epoch == now or in_grace, "WrongEpoch")


def require_model(led, assignment):
    request = assignment["request"]
    model = led.state.get(b"m" + request["model"])
    led.require(model is not None, "UnknownModel")
    tokens = assignment["prompt_tokens"], request["tokens_max"]
    led.require(min(tokens) > 0 and sum(tokens) <= model["context"], "TokenLimit")


def require_expiry(led, request):
    time = led.params["time"]
    led.require(request["expiry_height"] >= led.height, "Expired")
    answer = -(-request["tokens_max"] // time["expiry_tokens_per_block"])
    led.require(request["expiry_height"] <= led.height + time["expiry_base_blocks"] + answer, "ExpiryTooFar")


def take_sequence(led, allowance, assignment):
    """Uses the request's number. An earlier attempt that it was used for is closed by this one: its id."""
    place = assignment["request"]["sequence"] - allowance["sequence_base"]
    led.require(place < led.params["request_sequence_ahead"], "RequestSequenceTooFar")
    if place < 0 or allowance["sequence_used"] >> place & 1:
        return earlier_attempt(led, assignment)
    base, used = allowance["sequence_base"], allowance["sequence_used"] | 1 << place
    while used & 1:
        base, used = base + 1, used >> 1
    allowance["sequence_base"], allowance["sequence_used"] = base, used
    return None


def earlier_attempt(led, assignment):
    request, open_one = assignment["request"], None
    for attempt in range(ATTEMPTS_MAX):
        inference = inference_id(request, attempt)
        other = led.state.get(state.record(inference))
        if attempt == assignment["attempt"] or other is None:
            continue
        led.require(attempt < assignment["attempt"], "WrongAttempt")
        if state.is_settled(other):
            led.refuse("ConflictsWithRecord")
        led.require(other["assignment"]["request"] == request, "ConflictsWithRecord")
        if other["agent_pays"]:
            continue
        finished = other["finish"] is not None
        refused = assignment["skipped"][attempt]["refusal"] is not None
        led.require(not finished or (other["broken_off"] and not refused), "ConflictsWithRecord")
        if finished or other["status"] == Status.Started:
            open_one = inference
    led.require(open_one is not None, "RequestSequenceUsed")
    return open_one


def require_executors(led, assignment, table, salt):
    """Section 4: the executor and those skipped are the ledger's draws."""
    request = assignment["request"]
    led.require(salt != ZERO, "AllowanceNotReady")
    members = table["members"]
    led.require(request["ta"] in [m["id"] for m in members], "WrongTransferAgent")
    weights = [m["weight"] if request["model"] in m["models"] and m["id"] != request["ta"] else 0 for m in members]
    drawn = []
    for attempt in range(assignment["attempt"] + 1):
        led.require(sum(weights) > 0, "NotServed")
        seed = tagged("gonka/draw/executor/1", table["beacon"], salt, request["developer"], request["ta"],
                      u64(request["sequence"]), u8(attempt))
        place = draw_weighted(seed, weights)
        weights[place] = 0
        drawn.append(members[place]["id"])
    led.require([one["executor"] for one in assignment["skipped"]] == drawn[:-1], "WrongAttempt")
    led.require(assignment["executor"] == drawn[-1], "WrongExecutor")


def require_refusals(led, assignment):
    for attempt, skipped in enumerate(assignment["skipped"]):
        if skipped["refusal"] is not None:
            message = tagged("gonka/refusal/1", inference_id(assignment["request"], attempt))
            led.require(keys.is_signed_for(led, skipped["executor"], message, skipped["refusal"]), "BadSignature")


def blame_skipped(led, assignment):
    request = assignment["request"]
    for attempt, skipped in enumerate(assignment["skipped"]):
        earlier = led.state.get(state.record(inference_id(request, attempt)))
        if earlier is not None and earlier["finish"] is not None:
            continue  # Its transfer agent has been charged.
        standing = led.state.get(state.standing(request["epoch"], skipped["executor"]))
        excused = (standing and standing["convicted"]) or maintenance.is_passed_over(led, skipped["executor"])
        if skipped["refusal"] is None and not excused:
            share_blame(led, request["epoch"], skipped["executor"], request["ta"])


def rate_at_opening(led, assignment, reputation):
    epoch = assignment["request"]["epoch"]
    traffic = standing = None
    if epoch > 0:
        traffic = led.state.get(state.traffic(epoch - 1, assignment["request"]["model"]))
        standing = led.state.get(state.standing(epoch - 1, assignment["executor"]))
    return check_rate(led.params["check"], reputation, traffic["records"] if traffic else 0,
                      standing["executed"] if standing else 0)


# Misses, and records that come to nothing.


def count_miss(led, epoch, who, halves):
    standing = led.state.ensure(state.standing(epoch, who))
    standing["duties"] += 1
    standing["misses_half"] += halves


def share_blame(led, epoch, executor, ta):
    count_miss(led, epoch, executor, 1)
    count_miss(led, epoch, ta, 1)
    led.state.ensure(state.blame(epoch, executor, ta))["misses_half"] += 1


def return_escrow(led, record, unused):
    request = record["assignment"]["request"]
    allowance = led.state.edit(state.allowance(request["ta"], request["developer"]))
    allowance["open_records"] -= 1
    keys.return_order(led, request, unused)
    record["escrow"] -= unused
    allowance["available"] += unused


def close_unfinished(led, inference, record, reason):
    amount = record["escrow"]
    record["status"], record["check_closed"] = Status.Expired, True
    return_escrow(led, record, amount)
    developer = record["assignment"]["request"]["developer"]
    led.tell("Refunded", inference=inference, developer=developer, amount=amount, reason=reason)


def refund_held(led, inference, record, reason):
    amount, developer = record["held"], record["assignment"]["request"]["developer"]
    if amount == 0:
        return
    if record["agent_pays"]:
        developer = record["assignment"]["request"]["ta"]
        led.state.edit(state.participant(developer))["collateral"] += amount
    else:
        led.pay(developer, amount)
    record["held"] = 0
    record["refunded"] += amount
    led.tell("Refunded", inference=inference, developer=developer, amount=amount, reason=reason)


def expire(led, inference, record):
    executor, epoch = record["assignment"]["executor"], epoch_of(record)
    if record["accepted"]:
        count_miss(led, epoch, executor, 2)
    elif not maintenance.was_away(led, executor, record["opened_height"], led.height):
        share_blame(led, epoch, executor, record["assignment"]["request"]["ta"])
    led.tell("RecordExpired", inference=inference, executor=executor)
    close_unfinished(led, inference, record, RefundReason.Expired)


def expire_records(led):
    due = []
    for key, record in led.state.tables[b"r"].items():
        if record["status"] == Status.Started and record["assignment"]["request"]["expiry_height"] <= led.height:
            due.append((record["assignment"]["request"]["expiry_height"], key[1:]))
    for _, inference in sorted(due):
        expire(led, inference, led.state.edit(state.record(inference)))


# Finish.


def facts_of(event, height):
    names = ("output_tokens", "output_digest", "artifact_root", "artifact_bytes", "finish")
    return {"height": height, **{name: event[name] for name in names}}


def require_opening(led, sender, event):
    led.require(event["opening"] is not None, "UnknownInference")
    assignment = event["opening"]["assignment"]
    led.require(id_of(assignment) == event["inference"], "Malformed")
    led.require(assignment["executor"] == sender, "WrongExecutor")
    message = tagged("gonka/assignment/1", encode("Assignment", assignment))
    signature = event["opening"]["ta_signature"]
    led.require(keys.is_signed_for(led, assignment["request"]["ta"], message, signature), "BadSignature")


def finish(led, sender, event):
    key = state.record(event["inference"])
    if led.state.get(key) is None:
        require_opening(led, sender, event)
        assignment = event["opening"]["assignment"]
        if abandoned.later_attempt(led, assignment) is not None:
            return abandoned.claim(led, assignment, event)
        open_record(led, assignment)
    record = led.state.get(key)
    settled = state.is_settled(record)
    led.require((record if settled else record["assignment"])["executor"] == sender, "WrongExecutor")
    led.require(not settled, "TooLate")
    if record["finish"] is not None:
        led.require(record["finish"] != facts_of(event, record["finish"]["height"]), "AlreadyDone")
        return led.require(convict_of_two_outputs(led, record), "AlreadyDone")
    if record["status"] == Status.Expired and abandoned.later_attempt(led, record["assignment"]) is not None:
        return abandoned.claim(led, record["assignment"], event)
    led.require(record["status"] == Status.Started, "Expired")
    led.require(event["output_tokens"] <= record["assignment"]["request"]["tokens_max"], "TokenLimit")
    record = led.state.edit(key)
    if event["opening"] is not None and event["opening"]["assignment"] != record["assignment"]:
        require_opening(led, sender, event)
        return close_contradicted(led, event["inference"], record)
    abandoned.require_ending(led, record["assignment"], event)
    record["broken_off"] = abandoned.is_broken_off(led, record["assignment"], event)
    complete(led, event, record)


def close_contradicted(led, inference, record):
    count_miss(led, epoch_of(record), record["assignment"]["request"]["ta"], 2)
    close_unfinished(led, inference, record, RefundReason.Expired)
    led.tell("RecordExpired", inference=inference, executor=record["assignment"]["executor"])


def convict_of_two_outputs(led, record):
    """False where there is nothing to add: convicted, and removed already."""
    epoch, executor = epoch_of(record), record["assignment"]["executor"]
    standing = led.state.get(state.standing(epoch, executor))
    if standing and standing["convicted"] and led.state.get(state.participant(executor))["removed"]:
        return False
    hearings.convict(led, epoch, executor, ConvictionCause.TwoOutputs)
    return True


def tokens_of(record):
    """Of prompt and answer; 0 where there is none."""
    if state.is_settled(record):
        return 0 if record["status"] == Status.Expired else record["prompt_tokens"] + record["output_tokens"]
    return record["assignment"]["prompt_tokens"] + record["finish"]["output_tokens"] if record["finish"] else 0


def complete(led, event, record):
    assignment, inference = record["assignment"], event["inference"]
    request, executor = assignment["request"], assignment["executor"]
    record["status"] = Status.Finished
    record["finish"] = facts_of(event, led.height)
    if not record["agent_pays"]:
        cost = min(record["escrow"], tokens_of(record) * record["price"])
        unused = record["escrow"] - cost
        record["escrow"], record["held"] = unused, cost
        return_escrow(led, record, unused)
    standing = led.state.ensure(state.standing(request["epoch"], executor))
    standing["executed"] += 1
    standing["duties"] += 1
    standing["tokens"] += tokens_of(record)
    if request["developer"] not in standing["developers"] and len(standing["developers"]) < 3:
        standing["developers"].append(request["developer"])
    led.state.ensure(state.traffic(request["epoch"], request["model"]))["records"] += 1
    pricing.count_use(led, request["model"], tokens_of(record))
    led.tell("RecordFinished", inference=inference, output_tokens=event["output_tokens"], cost=record["held"])
    if standing["convicted"]:
        return hearings.refund_convicted(led, inference, record)
    epochs.queue_draw(led, epochs.CHECK, inference)
    if record["delivered"] is not None:
        compare_delivery(led, inference, record)
    hearings.wake(led, request["epoch"], executor)


# Delivered.


def answers(facts, event):
    return facts["output_digest"] == event["output_digest"] and facts["output_tokens"] == event["output_tokens"]


def delivered(led, sender, event):
    inference = event["inference"]
    record = led.state.get(state.record(inference))
    led.require(record is not None, "UnknownInference")
    settled = state.is_settled(record)
    led.require((record if settled else record["assignment"]["request"])["ta"] == sender, "WrongTransferAgent")
    led.require(not settled, "TooLate")
    led.require(record["status"] != Status.Expired, "Expired")
    led.require(event["output_tokens"] <= record["assignment"]["request"]["tokens_max"], "TokenLimit")
    signature = event["executor_signature"]
    if signature is not None:
        message = tagged("gonka/delivery/1", inference, event["output_digest"], encode("u32", event["output_tokens"]))
        led.require(keys.is_signed_for(led, record["assignment"]["executor"], message, signature), "BadSignature")
    if record["delivered"] is not None:
        return deliver_again(led, record, event)
    record = led.state.edit(state.record(inference))
    record["delivered"] = {"height": led.height, "output_digest": event["output_digest"],
                           "output_tokens": event["output_tokens"], "executor_signature": signature}
    if record["finish"] is not None:
        compare_delivery(led, inference, record)
    else:
        led.tell("RecordDelivered", inference=inference, matches=None)


def deliver_again(led, record, event):
    first, signature = record["delivered"], event["executor_signature"]
    same = answers(first, event)
    led.require(not (same and first["executor_signature"] == signature), "AlreadyDone")
    led.require(signature is not None, "ConflictsWithRecord")
    against_finish = record["finish"] is not None and not answers(record["finish"], event)
    against_first = first["executor_signature"] is not None and not same
    led.require(against_finish or against_first, "ConflictsWithRecord")
    led.require(convict_of_two_outputs(led, record), "AlreadyDone")


def compare_delivery(led, inference, record):
    matches = answers(record["finish"], record["delivered"])
    led.tell("RecordDelivered", inference=inference, matches=matches)
    if matches:
        return
    if record["delivered"]["executor_signature"] is not None:
        convict_of_two_outputs(led, record)
        return
    record["delivery_differs"] = True
    count_miss(led, epoch_of(record), record["assignment"]["request"]["ta"], 2)
