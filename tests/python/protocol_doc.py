#!/usr/bin/env python3
"""Keeps the record tables of libgonka/doc/protocol.md equal to the headers.

    protocol_doc.py --check    exits 1 and says what differs (an ordinary test)
    protocol_doc.py --write    rewrites the tables

A line <!-- records: gonka/protocol/tx.h --> in the document is followed by generated text up to the
line <!-- end -->: every enum, record and variant of that header, with the header's own comments. What
stands between <!-- bounds: src/protocol/params.cc --> and <!-- end --> is the bounds of every parameter.
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "libgonka/doc/protocol.md"
INCLUDE = REPOSITORY / "libgonka/include"

_BOUNDS_SECTION = re.compile(r"(<!-- bounds: (\S+) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)
_BOUND = re.compile(r'^    \{"([\w.]+)", ([^,]+), ([^,]+)\},', re.MULTILINE)
_NUMBER = re.compile(r"constexpr int64_t (k\w+) = ([^;]+);")
_SECTION = re.compile(r"(<!-- records: (\S+) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)
_KIND = re.compile(r"RecordKind kKind\{(\d+), (\d+)\}")
_NAME = re.compile(r'kName = "(\w+)"')
_FIELDS = re.compile(r"GONKA_FIELDS\((.*?)\)", re.DOTALL)
_ENUM = re.compile(r"^enum class (\w+) : (uint\d+_t) \{(.*?)\};", re.DOTALL | re.MULTILINE)
_STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.DOTALL | re.MULTILINE)
_VARIANT = re.compile(r"^using (\w+) =\s*std::variant<(.*?)>;", re.DOTALL | re.MULTILINE)

_PLAIN = {
    "bool": "bool",
    "Amount": "amount",
    "Ppm": "ppm",
    "Hash": "bytes32",
    "PublicKey": "bytes32",
    "Signature": "bytes64",
    "AccountId": "bytes32",
    "NetworkId": "bytes32",
    "ModelId": "bytes32",
    "InferenceId": "bytes32",
    "TxHash": "bytes32",
    "BlockHash": "bytes32",
    "CaseId": "bytes32",
    "MerklePath": "list<bytes32, 64>",
    "OutputTokens": "list<u32, 131072>",
}
_CONSTANTS = {"kAttemptsMax - 1": "2", "kSequenceWindow / 8": "128"}


def wire_type(text):
    """The document's name of a C++ type."""
    text = text.strip().replace("'", "")
    for name, value in _CONSTANTS.items():
        text = text.replace(name, value)
    if match := re.fullmatch(r"u?int(\d+)_t", text):
        return ("u" if text.startswith("u") else "i") + match.group(1)
    if match := re.fullmatch(r"std::optional<(.*)>", text):
        return f"optional<{wire_type(match.group(1))}>"
    if match := re.fullmatch(r"FixedBytes<(\d+)>", text):
        return f"bytes{match.group(1)}"
    if match := re.fullmatch(r"(Text|Blob)<(\d+)>", text):
        return f"{match.group(1).lower()}<{match.group(2)}>"
    if match := re.fullmatch(r"List<(.*), (\d+)>", text):
        return f"list<{wire_type(match.group(1))}, {match.group(2)}>"
    return _PLAIN.get(text, text)


def comment_before(text, position):
    lines = text[:position].split("\n")[:-1]
    comment = []
    while lines and lines[-1].lstrip().startswith("//"):
        comment.insert(0, lines.pop().lstrip()[2:].strip())
    return " ".join(comment)


def members(body):
    """(type, name, note) of every data member, in the order of the header."""
    found, above = [], []
    lines = body.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        index += 1
        if line.startswith("//"):
            above.append(line[2:].strip())
            continue
        if not line or line.startswith(("static", "friend", "GONKA_FIELDS")):
            above = []
            continue
        while ";" not in line.split("//")[0] and index < len(lines):
            line += " " + lines[index].strip()
            index += 1
        code, _, note = line.partition("//")
        match = re.match(r"([\w:<>, \-/']+?)\s+(\w+)\s*(?:=[^;]*|\{[^;]*\})?\s*;", code.strip())
        if match is None:
            above = []
            continue
        notes = above + ([note.strip()] if note else [])
        # A comment that goes on below its member is indented to the same column.
        column = lines[index - 1].find("//")
        while note and index < len(lines) and column > 4 and lines[index].find("//") == column:
            if lines[index][:column].strip():
                break
            notes.append(lines[index].strip()[2:].strip())
            index += 1
        found.append((match.group(1), match.group(2), " ".join(notes)))
        above = []
    return found


def record_table(text, match):
    name, body = match.groups()
    fields = _FIELDS.search(body)
    if fields is None:
        return None
    order = [part.strip() for part in fields.group(1).split(",")][1:]
    known = {member[1]: member for member in members(body)}
    missing = [field for field in order if field not in known]
    if missing:
        raise SystemExit(f"{name}: no declaration found for {', '.join(missing)}")
    kind = _KIND.search(body)
    title = f"#### {name}\n\n"
    if kind:
        title += f"Kind {kind.group(1)}, version {kind.group(2)}. "
    title += comment_before(text, match.start())
    rows = "".join(
        f"| {field} | `{wire_type(known[field][0])}` | {known[field][2]} |\n" for field in order
    )
    return title.rstrip() + "\n\n| field | type | |\n|---|---|---|\n" + rows + "\n"


def enum_table(text, match):
    name, width, body = match.groups()
    rows = []
    for line in body.split("\n"):
        code, _, note = line.partition("//")
        for value in filter(None, (part.strip() for part in code.split(","))):
            rows.append([value, note.strip()])
        if not code.strip() and note.strip() and rows:
            rows[-1][1] += " " + note.strip()
    rows = [row for row in rows if not row[0].endswith("End")]
    bits = re.search(r"\d+", width).group(0)
    head = f"#### {name}\n\nEnum, `u{bits}`. {comment_before(text, match.start())}".rstrip()
    table = "".join(f"| {i} | {value[1:]} | {note} |\n" for i, (value, note) in enumerate(rows))
    return head + "\n\n| value | name | |\n|---|---|---|\n" + table + "\n"


def variant_table(text, match, names):
    name, body = match.groups()
    alternatives = [part.strip() for part in body.split(",")]
    head = f"#### {name}\n\nVariant. {comment_before(text, match.start())}".rstrip()
    rows = "".join(
        f"| {i} | {alternative} | {names.get(alternative, '')} |\n"
        for i, alternative in enumerate(alternatives)
    )
    return head + "\n\n| tag | record | name |\n|---|---|---|\n" + rows + "\n"


def tables(header):
    text = (INCLUDE / header).read_text()
    names = {m.group(1): n.group(1) for m in _STRUCT.finditer(text) if (n := _NAME.search(m.group(2)))}
    parts = []
    for match in _STRUCT.finditer(text):
        table = record_table(text, match)
        if table:
            parts.append((match.start(), table))
    parts += [(match.start(), enum_table(text, match)) for match in _ENUM.finditer(text)]
    parts += [(match.start(), variant_table(text, match, names)) for match in _VARIANT.finditer(text)]
    return "\n" + "".join(table for _, table in sorted(parts))


def number(text, names):
    """The value of an integer expression of C++, and how the document writes it."""
    text = re.sub(r"int64_t\{1\} << (\d+)", r"2^\1", text.replace("'", ""))
    text = re.sub(r"\bk\w+", lambda m: names[m.group(0)], text.replace("Ppm::kOne", "1000000"))
    if match := re.fullmatch(r"(\d+) \* (\d+)", text):
        text = str(int(match.group(1)) * int(match.group(2)))
    if not re.fullmatch(r"-?\d+(\^\d+)?", text):
        raise SystemExit(f"a bound that this script cannot read: {text}")
    return text


def bounds(source):
    text = (INCLUDE.parent / source).read_text()
    names = {}
    for match in _NUMBER.finditer(text):
        names[match.group(1)] = number(match.group(2), names)
    rows = "".join(f"| `{m.group(1)}` | {number(m.group(2), names)} | {number(m.group(3), names)} |\n"
                   for m in _BOUND.finditer(text))
    return "\n| parameter | from | to |\n|---|---|---|\n" + rows + "\n"


def regenerated(document):
    document = _BOUNDS_SECTION.sub(lambda m: m.group(1) + bounds(m.group(2)) + m.group(4), document)
    return _SECTION.sub(lambda m: m.group(1) + tables(m.group(2)) + m.group(4), document)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    options = parser.parse_args()
    document = DOCUMENT.read_text()
    wanted = regenerated(document)
    count = len(_SECTION.findall(document))
    if options.write:
        DOCUMENT.write_text(wanted)
    elif document != wanted:
        for line in difflib.unified_diff(document.split("\n"), wanted.split("\n"), "protocol.md", "headers", lineterm="", n=1):
            print(line)
        print("protocol.md differs from the headers: run protocol_doc.py --write and read it again")
        return 1
    print(f"protocol.md: {count} headers, {wanted.count('#### ')} tables")
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
