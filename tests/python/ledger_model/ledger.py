"""A block from its header to its end: sections 5 and 6 of protocol.md."""

from . import accounts, cases, checks, epochs, governance, keys, maintenance, membership, pricing, records, settlement, sprint, state
from .codec import EVENTS, NOTICE_TAGS, ZERO, TxCode, node_hash, tagged, tx_hash, u64
from .state import State

WINDOW = 1024
RULES_KNOWN = 1

RULES = {
    "Register": membership.register, "Update": membership.update, "Leave": membership.leave, "Maintain": maintenance.maintain,
    "WithdrawCollateral": membership.withdraw_collateral, "Transfer": accounts.transfer, "DepositCollateral": accounts.deposit_collateral,
    "Allow": accounts.allow, "CommitBeacon": accounts.commit_beacon, "Start": records.start, "Finish": records.finish,
    "Delivered": records.delivered, "ValidateCommit": checks.validate_commit, "ValidateReveal": checks.validate_reveal,
    "VoteCommit": cases.vote_commit, "VoteReveal": cases.vote_reveal, "Challenge": cases.challenge,
    "Delegate": keys.delegate, "Revoke": keys.revoke, "Propose": governance.propose,
    "VoteProposal": governance.vote_proposal, "SprintCommit": sprint.commit,
    "SprintVerdictCommit": sprint.verdict_commit, "SprintVerdictReveal": sprint.verdict_reveal,
    "SprintExpose": sprint.expose,
}


class Refused(Exception):
    """By the rules; nothing of the event remains."""


class BlockRefused(Exception):
    """The whole block; nothing of it remains."""


class Ledger:
    def __init__(self, genesis):
        self.state = State()
        self.notices = []
        self.state_root = None  # Of the epoch's first state: whoever has that state's bytes puts it here.
        self.signatures = set()  # (key, message, signature): all that are valid.
        epochs.apply_genesis(self, genesis)
        self.state.keep()

    # What the rules need all the time.

    @property
    def chain(self):
        return self.state.get(b"c")

    @property
    def params(self):
        return self.state.get(b"g")

    @property
    def height(self):
        return self.chain["height"]

    def edit_chain(self):
        return self.state.edit(b"c")

    def table(self, epoch):
        return self.state.get(state.epoch_table(epoch))

    def tell(self, name, **fields):
        self.notices.append((NOTICE_TAGS[name], fields))

    def refuse(self, code):
        raise Refused(getattr(TxCode, code))

    def require(self, condition, code):
        if not condition:
            self.refuse(code)

    def require_participant(self, who):
        found = self.state.get(state.participant(who))
        self.require(found is not None, "UnknownParticipant")
        self.require(not found["removed"], "Removed")

    def pay(self, who, amount):
        """Into an account, which is made where there is none; nothing happens for nothing."""
        if amount > 0:
            self.state.ensure(state.account(who))["balance"] += amount

    def pot(self, name, amount):
        """treasury, burned and minted are no sums of anything: they are counted."""
        self.edit_chain()["totals"][name] += amount

    # A block.

    def apply_block(self, block):
        """Receipts; the notices are in self.notices."""
        self.notices = []
        self.state.touched = set()
        header = block["header"]
        try:
            self._begin(header)
        except BlockRefused:
            self.state.take_back()
            raise
        self.state.keep()
        receipts = []
        for tx in block["txs"]:
            receipts += self._apply_tx(tx)
        self._end()
        self.state.keep()
        return receipts

    def _begin(self, header):
        def require(condition, why):
            if not condition:
                raise BlockRefused(why)

        chain = self.edit_chain()
        require(header["network"] == chain["network"], "another network")
        require(header["height"] == chain["height"] + 1, "another height")
        require(header["time_us"] > chain["time_us"], "time goes back")
        require(header["app_hash"] == app_hash(chain["history"]), "another app hash")
        chain["height"], chain["time_us"] = header["height"], header["time_us"]
        begins = header["height"] == chain["epoch_first_height"] + self.params["time"]["epoch_blocks"]
        if begins:
            epochs.adopt_chain_ends(self)
        link = header["link"]
        if link is not None:
            key = state.participant(header["proposer"])
            proposer = self.state.get(key)
            require(proposer is not None, "a link of nobody")
            require(proposer["chain_head"] != ZERO, "a link without a chain")
            require(tagged("gonka/beacon-chain/1", link) == proposer["chain_head"], "another chain's link")
            self.state.edit(key)["chain_head"] = link
            chain["beacon"] = tagged("gonka/beacon/1", chain["beacon"], u64(header["height"]), link)
            chain["beacon_links"] += 1
        if begins:
            epochs.begin_epoch(self)
        epochs.record_state_root(self)
        require(chain["rules"] <= RULES_KNOWN, "a version of the rules that is not known here")

    def _end(self):
        records.expire_records(self)
        cases.run_timers(self)
        sprint.run(self)
        epochs.run_due_draws(self)
        settlement.settle_if_due(self)
        governance.count_votes(self)
        keys.end_delegations(self)
        pricing.move_prices(self)
        epochs.prune(self)
        totals = self.edit_chain()["totals"]
        totals.update(self.state.purses())
        made = totals["genesis"] + totals["minted"]
        assert made == sum(value for pot, value in totals.items() if pot not in ("genesis", "minted")), totals

    # Transactions.

    def _apply_tx(self, tx):
        refused = self._admit(tx)
        name = tx_hash(tx)
        receipts = []
        for index, event in enumerate(tx["events"]):
            code = refused or self._apply_event(tx, event)
            receipts.append({"tx": name, "index": index, "code": code})
        return receipts

    def _admit(self, tx):
        if tx["network"] != self.chain["network"]:
            return TxCode.WrongNetwork
        if tx["acts_for"] == tx["sender"]:
            return TxCode.Malformed
        key = state.account(tx["sender"])
        if self.state.get(key) is None:
            return TxCode.UnknownAccount
        window, sequence = self.state.get(key)["window"], tx["sequence"]
        used = int.from_bytes(window["used"], "little")
        place = sequence - window["base"]
        if place < 0 or used >> place & 1:
            return TxCode.SequenceUsed
        if place >= 2 * WINDOW:
            return TxCode.SequenceTooFar
        base, used = use_sequence(window["base"], used, place)
        self.state.edit(key)["window"] = {"base": base, "used": used.to_bytes(WINDOW // 8, "little")}
        self.state.keep()
        return None

    def _apply_event(self, tx, event):
        told, tag, body = len(self.notices), event[0], event[1]
        try:
            if tx["acts_for"] is None:
                RULES[EVENTS[tag]](self, tx["sender"], body)
            else:
                self._apply_delegated(tx["sender"], tx["acts_for"], tag, body)
        except Refused as refused:
            self.state.take_back()
            del self.notices[told:]
            self._charge_refused(tx, tag)
            return refused.args[0]
        self.state.keep()
        return TxCode.Ok

    def _charge_refused(self, tx, tag):
        fee = self.params["money"]["refused_event_fee"]
        if fee == 0:
            return
        warm, speaker = tx["sender"], tx["sender"]
        if tx["acts_for"] is not None:
            try:
                keys.require_named(self, warm, tx["acts_for"], tag)
                speaker = tx["acts_for"]
            except Refused:
                pass
        if self.state.get(state.participant(speaker)) is not None:
            taken = membership.take_stake(self.state.edit(state.participant(speaker)), fee)
        else:
            taken = min(fee, self.state.get(state.account(speaker))["balance"])
            if speaker != warm:
                taken = min(taken, self.state.get(keys.delegation(warm))["cap"])
                keys.charge(self, warm, taken)
            if taken > 0:
                self.state.edit(state.account(speaker))["balance"] -= taken
        if taken > 0:
            self.pot("treasury", taken)
        self.state.keep()

    def _apply_delegated(self, warm, who, tag, body):
        keys.require_named(self, warm, who, tag)
        before = self.state.get(state.account(who))["balance"]
        RULES[EVENTS[tag]](self, who, body)
        after = self.state.get(state.account(who))["balance"]
        keys.charge(self, warm, max(0, before - after))


def use_sequence(base, used, place):
    """Bit i of used is number base + i."""
    if place >= WINDOW:
        passed = place - WINDOW + 1
        base, used, place = base + passed, used >> passed, WINDOW - 1
    used |= 1 << place
    while used & 1:
        base, used = base + 1, used >> 1
    return base, used


# The history.


def app_hash(history):
    root = None
    for peak in reversed(history["peaks"]):  # The smallest trees are to the right.
        root = peak if root is None else node_hash(peak, root)
    return root


def append_leaf(history, leaf):
    size, peaks = history["size"], history["peaks"]
    while size & 1:
        leaf, size = node_hash(peaks.pop(), leaf), size >> 1
    peaks.append(leaf)
    history["size"] += 1
