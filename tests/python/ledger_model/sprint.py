"""Section 8, Sprint: the weights of the next epoch are earned."""

from . import cases, checks, epochs, hearings, keys, maintenance, membership, records, state
from .codec import ZERO, ConvictionCause, Enum, Verdict, draw_order, empty, encode, leaf_hash, path_leads, tagged, u32, u64
from .numbers import ONE

Phase, Outcome = Enum("SprintPhase"), Enum("SprintOutcome")
FALSE = getattr(Outcome, "False")
ROUNDS, WEIGHT_MAX = 2, 1 << 48


def sprint_key(epoch):
    return b"S" + state.big(epoch)


def entry_key(event, who=None):
    return b"E" + state.big(event["epoch"]) + (who or event["participant"]) + event["model"]


def blocks_needed(sprint):
    return 5 + sprint["window_blocks"] + (ROUNDS + 2) * sprint["check_blocks"] + 2 * sprint["reveal_blocks"]


def is_allowed(params):
    """What the table of bounds does not say."""
    sprint = params["sprint"]
    if sprint["lead_blocks"] == 0:
        return True
    return (sprint["positions"] < sprint["input_tokens"]
            and blocks_needed(sprint) <= sprint["lead_blocks"] < params["time"]["epoch_blocks"])


def newcomer_weight(led):
    return 0 if led.params["sprint"]["lead_blocks"] > 0 else led.params["money"]["newcomer_weight"]


# The course of it.


def run(led):
    """At the end of a block."""
    chain, params = led.chain, led.params["sprint"]
    first = chain["epoch_first_height"] + led.params["time"]["epoch_blocks"] - params["lead_blocks"]
    if params["lead_blocks"] == 0 or led.height < first:
        return
    key = sprint_key(chain["epoch"])
    if led.height == first:
        led.state.put(key, empty("Sprint"))
        return epochs.queue_draw(led, epochs.SPRINT_INPUTS, state.big(chain["epoch"]))
    sprint = led.state.get(key)
    if sprint is None or sprint["phase"] in (Phase.Seed, Phase.Sampling, Phase.Over):
        return
    if led.height < sprint["until"] and (sprint["phase"] == Phase.Compute or sprint["waiting"] > 0):
        return
    end = {Phase.Compute: end_window, Phase.Check: end_checks, Phase.Reveal: end_reveals,
           Phase.Appeal: lambda *it: await_reveals(*it, Phase.AppealReveal), Phase.AppealReveal: end_appeal}
    end[sprint["phase"]](led, chain["epoch"], led.state.edit(key))


def enter(led, sprint, phase, blocks=0):
    sprint["phase"], sprint["until"] = phase, led.height + blocks


def undecided(led, epoch):
    return [key for key in led.state.keys(b"E" + state.big(epoch)) if led.state.get(key)["outcome"] is None]


def draw_inputs(led, epoch, seed):
    if epoch != led.chain["epoch"]:
        return
    sprint = led.state.edit(sprint_key(epoch))
    sprint["seed"] = seed
    enter(led, sprint, Phase.Compute, led.params["sprint"]["window_blocks"])
    led.tell("SprintOpened", epoch=epoch, seed=seed, commit_until=sprint["until"])


def end_window(led, epoch, sprint):
    committed = {key[9:41] for key in led.state.keys(b"E" + state.big(epoch))}
    staying = {m["id"]: m["proven_weight"] for m in led.table(epoch)["members"] if stays(led, m["id"], epoch)}
    present = sum(weight for who, weight in staying.items() if who in committed)
    if not committed or present * ONE < sum(staying.values()) * led.params["sprint"]["quorum"]:
        sprint["is_void"] = True
        return enter(led, sprint, Phase.Over)
    enter(led, sprint, Phase.Sampling)
    epochs.queue_draw(led, epochs.SPRINT_SAMPLES, state.big(epoch))


def stays(led, who, epoch):
    one = led.state.get(state.participant(who))
    return not one["removed"] and not membership.has_left(one, epoch + 1)


def draw_samples(led, epoch, seed):
    if epoch != led.chain["epoch"]:
        return
    sprint = led.state.edit(sprint_key(epoch))
    sprint["sample_seed"] = seed
    for key in undecided(led, epoch):
        seated = order_of(led, key, seed)[:led.params["sprint"]["checkers"]]
        seat(led, key, seated)
        tell_checkers(led, key, seated)
    await_commits(led, epoch, sprint, Phase.Check)


def await_commits(led, epoch, sprint, phase):
    enter(led, sprint, phase, led.params["sprint"]["check_blocks"])
    sprint["waiting"] = sum(is_silent(b) for key in undecided(led, epoch) for b in led.state.get(key)["ballots"])


def await_reveals(led, epoch, sprint, phase=Phase.Reveal):
    for key in undecided(led, epoch):
        if led.state.get(key)["appealed"]:
            continue  # Nobody has to vote in an appeal.
        for ballot in filter(is_silent, led.state.edit(key)["ballots"]):
            count_silence(led, epoch, ballot, "check_blocks")
            ballot["votes"] = 0
    enter(led, sprint, phase, led.params["sprint"]["reveal_blocks"])
    sprint["waiting"] = sum(is_unrevealed(b) for key in undecided(led, epoch) for b in led.state.get(key)["ballots"])


def end_checks(led, epoch, sprint):
    if sprint["round"] < ROUNDS and any([replace_silent(led, key, sprint) for key in undecided(led, epoch)]):
        sprint["round"] += 1
        return await_commits(led, epoch, sprint, Phase.Check)
    await_reveals(led, epoch, sprint)


def end_reveals(led, epoch, sprint):
    appeals = [judge(led, key) for key in undecided(led, epoch)]
    if any(appeals):
        return await_commits(led, epoch, sprint, Phase.Appeal)
    enter(led, sprint, Phase.Over)


def end_appeal(led, epoch, sprint):
    for key in undecided(led, epoch):
        judge_appeal(led, key)
    enter(led, sprint, Phase.Over)


# Checkers.


def parts(key):
    return int.from_bytes(key[1:9], "big"), key[9:41], key[41:]


def weights_of_others(led, key):
    epoch, who, model = parts(key)
    return {m["id"]: m["weight"] for m in led.table(epoch)["members"] if checks.serves(m, model) and m["id"] != who}


def order_of(led, key, seed):
    epoch, who, model = parts(key)
    others = weights_of_others(led, key)
    members = [m["id"] for m in led.table(epoch)["members"]]
    order = draw_order(tagged("gonka/sprint/checkers/1", seed, who, model), [others.get(one, 0) for one in members])
    return [members[place] for place in order]


def seat(led, key, checkers):
    ballots = led.state.edit(key)["ballots"]
    ballots += [{**empty("SprintBallot"), "checker": one, "votes": 1, "drawn": True} for one in checkers]
    ballots.sort(key=lambda ballot: ballot["checker"])


def tell_checkers(led, key, checkers, appeal=False):
    epoch, who, model = parts(key)
    led.tell("SprintCheckDrawn", epoch=epoch, participant=who, model=model, appeal=appeal, checkers=checkers,
             commit_until=led.height + led.params["sprint"]["check_blocks"])


def is_silent(ballot):
    return ballot["votes"] > 0 and ballot["commitment"] is None and ballot["finding"] is None


def is_unrevealed(ballot):
    return ballot["commitment"] is not None and ballot["finding"] is None


def count_silence(led, epoch, ballot, phase):
    first = max(0, led.height - led.params["sprint"][phase])
    if not maintenance.was_away(led, ballot["checker"], first, led.height):
        records.count_miss(led, epoch, ballot["checker"], 2)


def replace_silent(led, key, sprint):
    ballots = led.state.get(key)["ballots"]
    rest = order_of(led, key, sprint["sample_seed"])[len(ballots):]
    silent = [ballot for ballot in ballots if is_silent(ballot)][:len(rest)]
    if not silent:
        return False
    ballots, names = led.state.edit(key)["ballots"], {ballot["checker"] for ballot in silent}
    for ballot in ballots:
        if ballot["checker"] in names:
            count_silence(led, parts(key)[0], ballot, "check_blocks")
            ballot["votes"] = 0
    seat(led, key, rest[:len(silent)])
    tell_checkers(led, key, rest[:len(silent)])
    return True


# Outcomes.


def votes_for(entry, *verdicts):
    return sum(b["votes"] for b in entry["ballots"] if b["finding"] and b["finding"]["verdict"] in verdicts)


def samples_of(led, entry):
    return min(led.params["sprint"]["samples"], entry["count"])


def proven_of(entry):
    passes = sorted((b["finding"]["proven"], b["votes"]) for b in entry["ballots"]
                    if b["finding"] and b["finding"]["verdict"] == Verdict.Pass)
    total, votes = sum(own for _, own in passes), 0
    for proven, own in passes:
        votes += own
        if 2 * votes >= total:
            return proven
    return 0


def weight_of(count, proven, samples, unit):
    return min(count * proven * unit // (samples * ONE), WEIGHT_MAX)


def decide(led, key, outcome, proven=0):
    epoch, who, model = parts(key)
    entry = led.state.edit(key)
    samples, unit = samples_of(led, entry), led.state.get(b"m" + model)["sprint_weight"]
    entry["outcome"], entry["proven"] = outcome, proven
    if outcome == Outcome.Proven:
        entry["weight"] = weight_of(entry["count"], proven, samples, unit)
    elif outcome == FALSE:
        entry["weight"] = 0
    led.tell("SprintDecided", epoch=epoch, participant=who, model=model, outcome=outcome, proven=proven,
             samples=samples, weight=entry["weight"])


def judge(led, key):
    """Whether it goes to appeal."""
    entry = led.state.edit(key)
    for ballot in filter(is_unrevealed, entry["ballots"]):
        count_silence(led, parts(key)[0], ballot, "reveal_blocks")
        ballot["commitment"] = None
    if votes_for(entry, Verdict.Fail, Verdict.Unavailable) > 0:
        open_appeal(led, key, entry)
        return True
    if votes_for(entry, Verdict.Pass) == 0:
        decide(led, key, Outcome.Void)
    else:
        decide(led, key, Outcome.Proven, proven_of(entry))
    return False


def open_appeal(led, key, entry):
    known, ballots = {ballot["checker"]: ballot for ballot in entry["ballots"]}, []
    for who, weight in weights_of_others(led, key).items():
        removed = led.state.get(state.participant(who))["removed"]
        if not removed or who in known:
            ballots.append({**known.get(who, empty("SprintBallot")), "checker": who, "votes": 0 if removed else weight})
    entry["appealed"], entry["ballots"] = True, sorted(ballots, key=lambda ballot: ballot["checker"])
    tell_checkers(led, key, [], appeal=True)


def judge_appeal(led, key):
    entry = led.state.get(key)
    total = sum(ballot["votes"] for ballot in entry["ballots"])
    if 2 * votes_for(entry, Verdict.Pass) > total:
        penalise(led, key, entry, Verdict.Fail)
        return decide(led, key, Outcome.Proven, proven_of(entry))
    fail, unavailable = votes_for(entry, Verdict.Fail), votes_for(entry, Verdict.Unavailable)
    if 2 * (fail + unavailable) <= total:
        return decide(led, key, Outcome.Void)
    if fail > unavailable:
        penalise(led, key, entry, Verdict.Pass)
    decide(led, key, FALSE)


def penalise(led, key, entry, wrong):
    for ballot in entry["ballots"]:
        finding, who = ballot["finding"], ballot["checker"]
        if not ballot["drawn"] or finding is None:
            continue
        if finding["verdict"] == wrong:
            stake = membership.take_stake(led.state.edit(state.participant(who)), led.params["money"]["accusation_bond"])
            cases.penalise(led, ZERO, who, stake, "SprintVerdict")
        elif wrong == Verdict.Fail and finding["verdict"] == Verdict.Unavailable:
            records.count_miss(led, parts(key)[0], who, 2)


# Weights.


def earn_weights(led, epoch):
    if led.params["sprint"]["lead_blocks"] == 0:
        return
    sprint = led.state.get(sprint_key(epoch))
    if sprint is None or sprint["is_void"] or sprint["phase"] < Phase.Check:
        return led.tell("SprintVoid", epoch=epoch)
    for key in undecided(led, epoch):
        decide(led, key, Outcome.Void)
    everybody = [key for key in led.state.keys(b"p") if not led.state.get(key)["removed"]]
    weights = {key: new_weight(led, epoch, key) for key in everybody}
    if not any(weights.values()):
        return led.tell("SprintVoid", epoch=epoch)
    for key, weight in weights.items():
        before = led.state.get(key)["weight"]
        if before != weight:
            led.state.edit(key)["weight"] = weight
            led.tell("WeightEarned", epoch=epoch + 1, participant=key[1:], before=before, after=weight)


def new_weight(led, epoch, participant):
    entries = [led.state.get(key) for key in led.state.keys(b"E" + state.big(epoch) + participant[1:])]
    if any(entry["outcome"] == FALSE for entry in entries):
        return 0
    proven, void = (sum(e["weight"] for e in entries if e["outcome"] == what) for what in (Outcome.Proven, Outcome.Void))
    before = led.state.get(participant)["weight"]
    return min(proven + min(void, before - min(before, proven)), WEIGHT_MAX)


# Events.


def commit(led, sender, event):
    led.require(event["count"] > 0 and event["root"] != ZERO, "Malformed")
    led.require_participant(sender)
    led.require(event["epoch"] == led.chain["epoch"], "WrongEpoch")
    sprint = led.state.get(sprint_key(event["epoch"]))
    led.require(sprint is not None and sprint["phase"] >= Phase.Compute, "TooEarly")
    led.require(sprint["phase"] == Phase.Compute, "TooLate")
    led.require(stays(led, sender, event["epoch"]), "Left")
    model, participant = led.state.get(b"m" + event["model"]), led.state.get(state.participant(sender))
    led.require(model is not None, "UnknownModel")
    served = (participant["next_terms"] or participant)["models"]
    led.require(event["model"] in served and model["sprint_weight"] > 0, "NotServed")
    key = entry_key(event, sender)
    known = led.state.get(key)
    if known is not None:
        led.refuse("AlreadyDone" if all(known[name] == event[name] for name in ("count", "root")) else "ConflictsWithRecord")
    led.state.put(key, {**empty("SprintEntry"), "count": event["count"], "root": event["root"], "height": led.height,
                        "weight": weight_of(event["count"], 1, 1, model["sprint_weight"])})
    led.tell("SprintCommitted", epoch=event["epoch"], participant=sender, model=event["model"], count=event["count"])


def require_step(led, event, in_checks, in_appeal):
    led.require(event["epoch"] == led.chain["epoch"], "WrongEpoch")
    entry = led.state.get(entry_key(event))
    led.require(entry is not None, "UnknownSprint")
    led.require(entry["outcome"] is None, "TooLate")
    phase = led.state.get(sprint_key(event["epoch"]))["phase"]
    led.require(phase >= in_checks, "TooEarly")
    if phase not in (in_checks, in_appeal):
        led.refuse("TooEarly" if phase < in_appeal and entry["appealed"] else "TooLate")


def ballot_of(led, event, sender):
    return next((b for b in led.state.edit(entry_key(event))["ballots"] if b["checker"] == sender), None)


def verdict_commit(led, sender, event):
    require_step(led, event, Phase.Check, Phase.Appeal)
    led.require_participant(sender)
    ballot = ballot_of(led, event, sender)
    led.require(ballot is not None and ballot["votes"] > 0, "NotAssigned")
    if ballot["commitment"] is not None:
        led.refuse("AlreadyDone" if ballot["commitment"] == event["commitment"] else "ConflictsWithRecord")
    ballot["commitment"] = event["commitment"]
    led.state.edit(sprint_key(event["epoch"]))["waiting"] -= 1


def verdict_reveal(led, sender, event):
    require_step(led, event, Phase.Reveal, Phase.AppealReveal)
    ballot = ballot_of(led, event, sender)
    led.require(ballot is not None and ballot["commitment"] is not None, "NotAssigned")
    led.require(ballot["finding"] is None, "AlreadyDone")
    commitment = tagged("gonka/sprint/verdict/1", sender, encode("SprintVerdictReveal", event))
    led.require(commitment == ballot["commitment"], "CommitmentMismatch")
    entry, verdict = led.state.get(entry_key(event)), event["verdict"]
    led.require(fits(led, samples_of(led, entry), verdict, event["proven"]), "Malformed")
    ballot["finding"] = {"verdict": verdict, "proven": event["proven"]}
    led.state.edit(sprint_key(event["epoch"]))["waiting"] -= 1
    if verdict != Verdict.Inconclusive:
        standing = led.state.ensure(state.standing(event["epoch"], sender))
        standing["duties"] += 1
        standing["checks"] += 1
        standing["checked_tokens"] += samples_of(led, entry) * input_length(led, event["model"])
    elif not entry["appealed"]:
        records.count_miss(led, event["epoch"], sender, 2)
    led.tell("SprintVerdictRevealed", epoch=event["epoch"], participant=event["participant"], model=event["model"],
             checker=sender, verdict=verdict, proven=event["proven"], votes=ballot["votes"])


def input_length(led, model):
    return max(2, min(led.params["sprint"]["input_tokens"], led.state.get(b"m" + model)["context"]))


def fits(led, samples, verdict, proven):
    enough = proven * ONE >= samples * led.params["sprint"]["share_min"]
    if verdict == Verdict.Pass:
        return enough and proven <= samples
    return not enough if verdict == Verdict.Fail else proven == 0


def expose(led, sender, event):
    key, who = entry_key(event), event["participant"]
    entry = led.state.get(key)
    led.require(entry is not None, "UnknownSprint")
    led.require(event["epoch"] >= led.chain["epoch_settled"], "TooLate")
    led.require(not led.state.get(state.participant(who))["removed"], "AlreadyDone")
    leaf = leaf_hash(u32(event["index"]) + event["result"])
    led.require(not path_leads(entry["root"], entry["count"], event["index"], leaf, event["path"]), "ConflictsWithRecord")
    message = tagged("gonka/sprint/opening/1", led.chain["network"], u64(event["epoch"]), who, event["model"], entry["root"],
                     u32(event["index"]), event["result"], encode("list<bytes32, 64>", event["path"]))
    led.require(keys.is_signed_for(led, who, message, event["signature"]), "BadSignature")
    if event["epoch"] == led.chain["epoch"]:
        decide(led, key, FALSE)
    hearings.convict(led, event["epoch"], who, ConvictionCause.FalseSprintOpening)
