import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ledger_model.trace import Comparison, Disagreement  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[3]


def compare_seed(program, seed, blocks):
    """One random history, made and compared as it is made."""
    comparison = Comparison()
    with subprocess.Popen([program, str(seed), str(blocks)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        try:
            comparison.run(made.stdout)
        except BaseException:
            made.kill()
            raise
        said = made.stderr.read().decode()
    if made.returncode != 0:
        raise Disagreement(f"{program} {seed} {blocks} ended with {made.returncode}: {said}")
    return comparison


def tell(comparison):
    print(f"{comparison.blocks} blocks, {comparison.refused_blocks} refused ones, {comparison.events} events")
    counted = {"events (taken, refused)": comparison.kinds, "receipts": comparison.codes, "notices": comparison.notices}
    for title, counts in counted.items():
        print(f"  {title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))


def main():
    parser = argparse.ArgumentParser(prog="ledger_model", description=__doc__)
    parser.add_argument("--program", default=REPOSITORY / "build/tests/unit/ledger/ledger_trace")
    parser.add_argument("--seeds", default="1-20", help="FIRST-LAST")
    parser.add_argument("--blocks", type=int, default=700)
    parser.add_argument("--trace", help="compare this file instead")
    options = parser.parse_args()
    if options.trace:
        comparison = Comparison()
        with open(options.trace, "rb") as stream:
            comparison.run(stream)
        return tell(comparison)
    first, _, last = options.seeds.partition("-")
    events, started = 0, time.monotonic()
    for seed in range(int(first), int(last or first) + 1):
        try:
            comparison = compare_seed(options.program, seed, options.blocks)
        except Disagreement as difference:
            print(f"seed {seed}: {difference}")
            return 1
        events += comparison.events
        print(f"seed {seed}:", end=" ")
        tell(comparison)
    print(f"{events} events agree, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
