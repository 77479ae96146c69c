"""Section 10: the state, a map from keys to records, with an undo list for events that are refused. The
tables that only repeat what stands elsewhere are not kept but made anew (derived_keys)."""

from .codec import Status, copy_of, empty, encode_stored

LETTERS = {
    b"c": "Chain", b"g": "Params", b"a": "Account", b"p": "Participant", b"m": "ModelInfo", b"e": "EpochTable",
    b"s": "Standing", b"b": "Blame", b"v": "EvidenceLog", b"n": "Traffic", b"l": "Allowance", b"k": "bytes32",
    b"r": "InferenceRecord", b"d": "Case", b"y": "Delegation", b"f": "Pricing", b"i": "Proposal",
    b"j": "ProposalVote", b"V": "Vesting", b"R": "StateRoot", b"S": "Sprint", b"E": "SprintEntry", b"t": "", b"q": "",
}
DERIVED = b"hoxuwzP"


def big(number, size=8):
    return number.to_bytes(size, "big")


def account(who):
    return b"a" + who


def participant(who):
    return b"p" + who


def epoch_table(epoch):
    return b"e" + big(epoch)


def state_root(epoch):
    return b"R" + big(epoch)


def standing(epoch, who):
    return b"s" + big(epoch) + who


def blame(epoch, executor, ta):
    return b"b" + big(epoch) + executor + ta


def evidence(epoch, who):
    return b"v" + big(epoch) + who


def traffic(epoch, model):
    return b"n" + big(epoch) + model


def vesting(who):
    return b"V" + who


def allowance(ta, developer):
    return b"l" + ta + developer


def record(inference):
    return b"r" + inference


def case(case_id):
    return b"d" + case_id


def is_settled(value):
    return "assignment" not in value


def kind_of(key, value):
    if key[:1] == b"r" and is_settled(value):
        return "SettledRecord"
    return LETTERS[key[:1]]


def value_bytes(key, value):
    kind = kind_of(key, value)
    return encode_stored(kind, value) if kind else b""


class State:
    """get is for looking, edit for changing; what an event has edited can be taken back."""

    def __init__(self):
        self.tables = {bytes([letter]): {} for letter in b"".join(LETTERS)}
        self.undo = {}
        self.touched = set()

    def get(self, key):
        return self.tables[key[:1]].get(key)

    def _note(self, key):
        if key not in self.undo:
            self.undo[key] = copy_of(self.get(key))
        self.touched.add(key)

    def edit(self, key):
        self._note(key)
        return self.tables[key[:1]][key]

    def put(self, key, value):
        self._note(key)
        self.tables[key[:1]][key] = value
        return value

    def ensure(self, key):
        """What is there, or a new record of zeros."""
        return self.edit(key) if self.get(key) is not None else self.put(key, empty(LETTERS[key[:1]]))

    def erase(self, key):
        self._note(key)
        self.tables[key[:1]].pop(key, None)

    def keys(self, prefix):
        """Ascending."""
        return sorted(key for key in self.tables[prefix[:1]] if key.startswith(prefix))

    def keep(self):
        self.undo.clear()

    def take_back(self):
        for key, value in self.undo.items():
            table = self.tables[key[:1]]
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        self.undo.clear()

    def derived_keys(self):
        """All keys of the tables in DERIVED, from what they repeat."""
        keys = set()
        places = {key: {member["id"]: big(place, 2) for place, member in enumerate(table["members"])}
                  for key, table in self.tables[b"e"].items()}
        for key, value in self.tables[b"r"].items():
            inference = key[1:]
            if is_settled(value):
                epoch, executor = value["epoch"], value["executor"]
            else:
                request = value["assignment"]["request"]
                epoch, executor = request["epoch"], value["assignment"]["executor"]
                if value["status"] == Status.Started:
                    keys.add(b"h" + big(request["expiry_height"]) + inference)
                if value["check_selected"] and not value["check_closed"]:
                    keys.add(b"o" + inference)
            keys.add(b"x" + big(epoch) + places[epoch_table(epoch)][executor] + inference)
        for key, value in self.tables[b"d"].items():
            keys.add(b"u" + big(value["epoch"]) + key[1:])
        for key, value in self.tables[b"l"].items():
            keys.add(b"w" + big(value["expires_epoch"]) + key[1:])
        for key, value in self.tables[b"y"].items():
            keys.add(b"z" + big(value["ends_height"]) + key[1:])
        for key, value in self.tables[b"i"].items():
            if value["status"] == 0:
                keys.add(b"P" + big(value["vote_until"]) + key[1:])
        return keys

    def purses(self):
        """Section 8: where all coins are, but for treasury and burned."""
        totals = dict.fromkeys(("balances", "allowances", "escrows", "held", "bonds", "collateral", "deposits", "unbonding",
                                "vesting"), 0)
        places = {b"a": [("balance", "balances")], b"l": [("available", "allowances")], b"d": [("bond", "bonds")],
                  b"p": [("collateral", "collateral")], b"i": [("deposit", "deposits")],
                  b"r": [("escrow", "escrows"), ("held", "held")]}
        for letter, fields in places.items():
            for value in self.tables[letter].values():
                for field, pot in fields:
                    totals[pot] += value.get(field, 0)
        for value in self.tables[b"p"].values():
            totals["unbonding"] += sum(entry["amount"] for entry in value["unbonding"])
        totals["vesting"] = sum(sum(value["releases"]) for value in self.tables[b"V"].values())
        return totals
