"""Section 8: settlement of an epoch."""

from . import cases, checks, epochs, maintenance, membership, records, state, vesting
from .codec import RefundReason, Status, Verdict, WithholdReason, ZERO, empty
from .numbers import ONE, availability, beyond_bad_luck, counted_misses, emission, reputation_step

COINS_MAX = 1 << 62


def settle_if_due(led):
    epoch = led.chain["epoch_settled"]
    if epoch < led.chain["epoch"] and led.height >= epochs.settlement_height(led, epoch):
        Settlement(led, epoch).run()


class Settlement:
    def __init__(self, led, epoch):
        self.led, self.epoch = led, epoch
        self.members = led.table(epoch)["members"]
        self.result = dict.fromkeys(("records", "fees", "emission", "paid", "refunded", "burned", "treasury"), 0)
        self.paid = {m["id"]: self.nothing() for m in self.members}
        self.withheld = {}

    @staticmethod
    def nothing():
        return dict.fromkeys(("executor_fees", "ta_fees", "validator_fees", "emission"), 0)

    def standing(self, who):
        return self.led.state.get(state.standing(self.epoch, who)) or empty("Standing")

    def run(self):
        led = self.led
        cases.close_cases(led, self.epoch)
        places = {m["id"]: place for place, m in enumerate(self.members)}
        mine = [(places[value["assignment"]["executor"]], key) for key, value in led.state.tables[b"r"].items()
                if not state.is_settled(value) and records.epoch_of(value) == self.epoch]
        for _, key in sorted(mine):
            self.settle_record(key)
        vesting.release(led)
        self.pay_emission()
        self.publish()
        membership.settle_collateral(led, self.epoch)
        led.edit_chain()["epoch_settled"] = self.epoch + 1

    # Records.

    def settle_record(self, key):
        led, inference = self.led, key[1:]
        record = led.state.edit(key)
        self.result["records"] += 1
        self.result["fees"] += record["held"]
        if record["status"] == Status.Started:
            records.expire(led, inference, record)
        elif record["status"] != Status.Expired:
            checks.count_missed_checks(led, record)
            checks.close_check(record)
            self.settle_finished(inference, record)
            led.state.erase(state.case(cases.dispute_id(inference)))
        assert record["held"] == 0 and record["escrow"] == 0
        assignment = record["assignment"]
        request = assignment["request"]
        led.state.put(key, {
            "status": record["status"], "epoch": self.epoch, "developer": request["developer"], "ta": request["ta"],
            "executor": assignment["executor"], "prompt_tokens": assignment["prompt_tokens"],
            "output_tokens": record["finish"]["output_tokens"] if record["finish"] else 0,
            "paid": record["paid"], "refunded": record["refunded"]})

    def settle_finished(self, inference, record):
        if record["status"] == Status.Finished:
            record["status"] = Status.Unchecked
            return self.refund(inference, record, RefundReason.Unchecked)
        if record["held"] == 0:
            return
        convicted = self.standing(record["assignment"]["executor"])["convicted"]
        if convicted and record["status"] != Status.Validated:
            return self.refund(inference, record, RefundReason.Conviction)
        self.pay_fee(inference, record)

    def refund(self, inference, record, reason):
        self.result["refunded"] += record["held"]
        records.refund_held(self.led, inference, record, reason)

    def pay_fee(self, inference, record):
        money, fee = self.led.params["money"], record["held"]
        parts = {who: fee * money[f"fee_{who}"] // ONE for who in ("executor", "ta", "validators")}
        assignment = record["assignment"]
        self.pay_share(record, assignment["executor"], parts["executor"], "executor_fees")
        ta = assignment["request"]["ta"]
        delivered = record["delivered"] is not None and not record["delivery_differs"]
        unproven = any(skipped["refusal"] is None for skipped in assignment["skipped"])
        if delivered and not unproven or self.standing(ta)["convicted"]:
            self.pay_share(record, ta, parts["ta"], "ta_fees")
        else:
            self.keep(record, ta, parts["ta"], WithholdReason.Skipped if delivered else WithholdReason.NotDelivered)
        left = self.pay_validators(inference, record, parts["validators"])
        self.keep(record, *left)
        self.keep(record, ZERO, record["held"], WithholdReason.Rounding)

    def pay_share(self, record, who, amount, part):
        record["held"] -= amount
        if self.standing(who)["convicted"]:
            self.led.pot("burned", amount)
            return self.withhold(who, amount, WithholdReason.Conviction)
        self.led.pay(who, amount)
        record["paid"] += amount
        self.paid.setdefault(who, self.nothing())[part] += amount
        self.result["paid"] += amount

    def keep(self, record, who, amount, reason):
        """The treasury's."""
        record["held"] -= amount
        self.led.pot("treasury", amount)
        self.withhold(who, amount, reason)

    def withhold(self, who, amount, reason):
        if amount > 0:
            self.withheld[who, reason] = self.withheld.get((who, reason), 0) + amount
            self.result["burned" if reason == WithholdReason.Conviction else "treasury"] += amount

    def pay_validators(self, inference, record, share):
        """What is left: of whom, how much, why."""
        seats = {}
        for commit in filter(checks.is_pass, record["verdicts"]):
            seats[commit["validator"]] = seats.get(commit["validator"], 0) + 1
        case = self.led.state.get(state.case(cases.dispute_id(inference)))
        for ballot in case["ballots"] if case else []:
            if ballot["reveal"] is not None and ballot["reveal"]["verdict"] == Verdict.Pass:
                seats[ballot["voter"]] = seats.get(ballot["voter"], 0) + ballot["votes"]
        total, left = sum(seats.values()), share
        for validator in sorted(seats):
            part = share * seats[validator] // total if total else 0
            left -= part
            self.pay_share(record, validator, part, "validator_fees")
        return ZERO, left, WithholdReason.Rounding if seats else WithholdReason.NotChecked

    # Emission and reputation.

    def misses(self, who):
        """Half misses that count, and duties, with what was carried over."""
        claims = [self.led.state.get(key)["misses_half"] for key in self.led.state.keys(b"b" + state.big(self.epoch) + who)]
        standing, participant = self.standing(who), self.led.state.get(state.participant(who))
        counted = counted_misses(standing["misses_half"] - sum(claims), claims, len(self.members) - 1)
        return participant["misses"] + counted, participant["duties"] + standing["duties"]

    def pay_emission(self):
        led, members = self.led, self.members
        totals = led.chain["totals"]
        wanted = emission(led.params["money"]["emission_initial"], self.epoch)
        made = min(wanted, COINS_MAX - totals["genesis"] - totals["minted"])
        self.result["emission"] = made
        led.pot("minted", made)
        work = {m["id"]: self.standing(m["id"])["tokens"] + self.standing(m["id"])["checked_tokens"] for m in members}
        total_weight, total_work = sum(m["proven_weight"] for m in members), sum(work.values())
        rest = made
        for member in members:
            who = member["id"]
            share, capped = (made * member[name] // total_weight for name in ("proven_weight", "weight"))
            rest -= share
            held_back = {WithholdReason.Conviction: 0, WithholdReason.Availability: 0, WithholdReason.WorkShare: 0,
                         WithholdReason.WeightCap: share - capped, WithholdReason.Maintenance: 0}
            paid = 0
            if self.standing(who)["convicted"]:
                held_back[WithholdReason.Conviction] = capped
            else:
                present = maintenance.present_in(led, self.epoch, who)
                there = capped * present // ONE
                available = there * availability(led.params["reputation"], *self.misses(who)) // ONE
                fair = total_work * member["weight"] // (2 * total_weight) * present // ONE
                paid = available if work[who] >= fair else available * work[who] // fair
                held_back[WithholdReason.Maintenance] = capped - there
                held_back[WithholdReason.Availability] = there - available
                held_back[WithholdReason.WorkShare] = available - paid
            vesting.mint(led, who, paid)
            self.paid[who]["emission"] += paid
            self.result["paid"] += paid
            for reason, amount in held_back.items():
                led.pot("burned" if reason == WithholdReason.Conviction else "treasury", amount)
                self.withhold(who, amount, reason)
        led.pot("treasury", rest)
        self.withhold(ZERO, rest, WithholdReason.Rounding)

    def publish(self):
        led = self.led
        for member in self.members:
            led.tell("Paid", epoch=self.epoch, participant=member["id"], **self.paid[member["id"]])
        for (who, reason), amount in sorted(self.withheld.items()):
            led.tell("Withheld", epoch=self.epoch, participant=who, amount=amount, reason=reason)
        for member in self.members:
            self.move_reputation(member["id"])
        led.tell("EpochSettled", epoch=self.epoch, **self.result)

    def move_reputation(self, who):
        rules, standing = self.led.params["reputation"], self.standing(who)
        misses, duties = self.misses(who)
        participant = self.led.state.edit(state.participant(who))
        before = participant["reputation"]
        enough = standing["passes"] >= rules["passes_min"]
        if standing["convicted"]:
            participant["reputation"] = 0
        elif beyond_bad_luck(rules, misses, duties):
            participant["reputation"] = before * availability(rules, misses, duties) // ONE
        elif standing["fails"] > 0:
            participant["reputation"] = max(0, before - standing["fails"] * reputation_step(rules))
        elif enough:
            participant["reputation"] = min(ONE, before + reputation_step(rules))
        if enough and standing["fails"] == 0 and not standing["convicted"]:
            participant["clean_epochs"] += 1
        few = duties < rules["miss_sample_min"]
        participant["misses"], participant["duties"] = (misses, duties) if few else (0, 0)
        if participant["reputation"] != before:
            self.led.tell("ReputationChanged", participant=who, before=before, after=participant["reputation"])
