#!/usr/bin/env python3
"""Looks for ways into nondeterminism (clock, randomness, float, threads, hash-table order, addresses,
surroundings) in the core, as determinism.json lists them.

    determinism.py [--repository DIR] [--rules FILE]

Prints "file:line: kind: the line" for each and exits 1 where there is any.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import sources


def core_files(repository, modules):
    roots = [f"libgonka/{part}/{module}" for module in modules for part in ("include/gonka", "src")]
    return list(sources.files_under(repository, roots))


def violations(repository, rules):
    patterns = {kind: re.compile(text) for kind, text in rules["patterns"].items()}
    allowed = {(rule["file"], rule["pattern"]): False for rule in rules["allowed"]}
    for rule in rules["allowed"]:
        if not rule.get("reason"):
            yield f"{rule['file']}: the exception for {rule['pattern']} gives no reason"
    for file in core_files(repository, rules["modules"]):
        path = sources.relative(repository, file)
        text = file.read_text(encoding="utf-8")
        for number, line in enumerate(sources.bare_code(text).splitlines(), 1):
            for kind, pattern in patterns.items():
                if not pattern.search(line):
                    continue
                if (path, kind) in allowed:
                    allowed[path, kind] = True
                else:
                    yield f"{path}:{number}: {kind}: {line.strip()}"
    for (path, kind), used in allowed.items():
        if not used:
            yield f"{path}: the exception for {kind} is not needed"


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, default=here.parents[1])
    parser.add_argument("--rules", type=Path, default=here / "determinism.json")
    options = parser.parse_args()
    repository = options.repository.resolve()
    rules = json.loads(options.rules.read_text())
    found = list(violations(repository, rules))
    count = len(core_files(repository, rules["modules"]))
    for line in found:
        print(line)
    print(f"determinism: {count} files, {len(found)} violations")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
