#!/usr/bin/env python3
"""Asks a question with the stock OpenAI client, then checks what the ledger says about the answer.

    pip install openai
    ask.py --base-url http://127.0.0.1:7100/v1 --api-key gk-... "Why is the sky blue?"

Defaults come from GONKA_BASE_URL, GONKA_API_KEY and GONKA_MODEL; without a model the first one of
the node is asked. With the gonka module installed (pip install ./bindings/python) the record in the
ledger is also proven: the proof comes from the node that was asked, the block hash from another
participant.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request

from openai import OpenAI


def get(node, path):
    with urllib.request.urlopen(f"{node}/gonka/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def wait_for(seconds, what, look):
    """The first answer of look() that is not None; the ledger lags the answer by a block or two."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = look()
        except urllib.error.HTTPError as error:
            if error.code not in (404, 503):
                raise
            found = None
        if found is not None:
            return found
        time.sleep(0.25)
    sys.exit(f"ask.py: {what} did not come within {seconds} s")


def ask(client, model, question, tokens_max):
    """Streams the answer to the terminal; the receipt comes with the last chunk."""
    receipt = None
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_tokens=tokens_max, stream=True
    )
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
        receipt = getattr(chunk, "gonka", None) or receipt
    print("\n")
    if receipt is None:
        sys.exit("ask.py: the answer came without a receipt")
    return receipt


def compare(receipt, record):
    """What the node promised must be what the ledger holds."""
    for field in ("executor", "transfer_agent"):
        if receipt[field] != record[field]:
            sys.exit(f"ask.py: the receipt's {field} is {receipt[field]}, the ledger's {record[field]}")
    print(f"ledger: {record['status']}, {record['prompt_tokens']} + {record['output_tokens']} tokens")


def prove(node, inference):
    try:
        import gonka
    except ImportError:
        print("(pip install ./bindings/python to prove the record offline too)")
        return
    proof = wait_for(15, "a proof", lambda: get(node, f"proof/state?inference={inference}"))
    others = [p["endpoint"] for p in get(node, "participants")["participants"] if p["endpoint"] != node]
    height = proof["header_height"]
    block = wait_for(15, f"block {height}", lambda: get(others[0], f"block/{height}"))
    leaf = gonka.verify_proof(proof["proof"], block["hash"])
    record = gonka.decode(leaf["value"])
    print(f"proven by the hash of block {height}, asked of {others[0]}:")
    print(f"  {gonka.kind_of(leaf['value'])} with status {record.get('status')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default="What is the capital of France?")
    parser.add_argument("--base-url", default=os.environ.get("GONKA_BASE_URL", "http://127.0.0.1:7100/v1"))
    parser.add_argument("--api-key", default=os.environ.get("GONKA_API_KEY"))
    parser.add_argument("--model", default=os.environ.get("GONKA_MODEL"))
    parser.add_argument("--max-tokens", type=int, default=64)
    flags = parser.parse_args()
    if not flags.api_key:
        parser.error("an API key is needed: --api-key or GONKA_API_KEY")

    client = OpenAI(base_url=flags.base_url, api_key=flags.api_key)
    node = flags.base_url.rstrip("/").removesuffix("/v1")
    model = flags.model or client.models.list().data[0].id

    receipt = ask(client, model, flags.question, flags.max_tokens)
    for field, value in receipt.items():
        print(f"  {field:20} {value}")
    inference = receipt["inference_id"]

    def finished():
        record = get(node, f"inferences/{inference}")
        return record if record["status"] != "started" else None

    compare(receipt, wait_for(15, "the finished record", finished))
    prove(node, inference)


if __name__ == "__main__":
    main()
