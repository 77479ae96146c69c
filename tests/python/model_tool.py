#!/usr/bin/env python3
"""`gonka model` on the tiny checkpoint, as its users see it.

    model_tool.py --program build/bin/gonka
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = str(ROOT / "examples/tiny/tiny.gguf")
PROGRAM = "gonka"


def gonka(*arguments, text=""):
    done = subprocess.run([PROGRAM, *arguments], input=text, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout, done.stderr


class ModelTool(unittest.TestCase):
    def read(self, *arguments, text=""):
        code, out, err = gonka(*arguments, text=text)
        self.assertEqual(code, 0, err)
        return out

    def refusal(self, *arguments):
        code, _, err = gonka(*arguments)
        self.assertNotEqual(code, 0)
        return err

    def test_inspect_says_what_the_checkpoint_is(self):
        seen = json.loads(self.read("--json", "model", "inspect", TINY))
        self.assertEqual(seen["architecture"], "llama")
        self.assertEqual(seen["tokenizer"]["tokens"], seen["shape"]["vocab"])
        self.assertNotIn("error", seen["chat_template"])
        stored = sum(entry["bytes"] for entry in seen["tensor_types"].values())
        self.assertEqual(seen["memory"]["weights"], stored)
        shape = seen["shape"]
        self.assertEqual(seen["memory"]["kv_per_token"], 2 * shape["layers"] * shape["kv_heads"] * shape["head_dim"] * 4)
        self.assertIn("KV cache", self.read("model", "inspect", TINY))

    def test_the_manifest_is_the_same_from_the_cache_and_on_any_number_of_threads(self):
        with tempfile.TemporaryDirectory() as cache:
            first = self.read("model", "manifest", TINY, "--cache", cache, "--threads", "1")
            self.assertEqual(len(first.strip()), 64)
            self.assertEqual(len(list(pathlib.Path(cache).iterdir())), 1)
            self.assertEqual(self.read("model", "manifest", TINY, "--cache", cache), first)
        self.assertEqual(self.read("model", "manifest", TINY, "--no-cache"), first)
        parts = json.loads(self.read("--json", "model", "manifest", TINY, "--no-cache"))
        self.assertEqual(parts["manifest"], first.strip())

    def test_chat_answers_the_same_at_once_and_line_by_line(self):
        flags = ["model", "chat", TINY, "--tokens-max", "12"]
        once = self.read(*flags, "--message", "Once upon a time")
        self.assertGreater(len(once.strip()), 0)
        self.assertEqual(self.read(*flags, text="Once upon a time\n"), once)
        self.assertEqual(self.read(*flags, "--threads", "1", "--message", "Once upon a time"), once)
        two = self.read(*flags, text="Once upon a time\nAnd then?\n")
        self.assertTrue(two.startswith(once))
        self.assertGreater(len(two), len(once))

    def test_a_seed_decides_what_is_drawn(self):
        flags = ["model", "chat", TINY, "--tokens-max", "12", "--temperature", "1", "--message", "The sea was"]
        self.assertEqual(self.read(*flags, "--seed", "3"), self.read(*flags, "--seed", "3"))
        self.assertGreater(len({self.read(*flags, "--seed", str(seed)) for seed in range(4)}), 1)

    def test_bench_counts(self):
        seen = json.loads(self.read("--json", "model", "bench", TINY, "--prompt", "16", "--tokens", "4", "--rounds", "1"))
        self.assertEqual((seen["prompt_tokens"], seen["output_tokens"]), (16, 4))
        self.assertGreater(seen["prompt_tokens_per_s"], 0)
        self.assertGreater(seen["decode_tokens_per_s"], 0)

    def test_a_converted_checkpoint_is_the_same_and_a_quantised_one_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            same, small = f"{folder}/same.gguf", f"{folder}/small.gguf"
            manifest = self.read("model", "manifest", TINY, "--no-cache").strip()
            self.assertIn(manifest, self.read("model", "convert", TINY, same))
            self.read("model", "quantize", TINY, small, "--type", "q8_0")
            seen = json.loads(self.read("--json", "model", "inspect", small))
            self.assertIn("Q8_0", seen["tensor_types"])
            self.assertNotIn(manifest, self.read("model", "manifest", small, "--no-cache"))
            self.assertGreater(len(self.read("model", "chat", small, "--tokens-max", "4", "--message", "The sea")), 1)
            self.assertIn("exists already", self.refusal("model", "convert", TINY, same))
            self.assertIn("q3_9", self.refusal("model", "quantize", TINY, f"{folder}/x.gguf", "--type", "q3_9"))
            self.assertEqual(sorted(path.name for path in pathlib.Path(folder).iterdir()), ["same.gguf", "small.gguf"])

    def test_refusals_name_the_thing(self):
        self.assertIn("/no/such.gguf", self.refusal("model", "inspect", "/no/such.gguf"))
        self.assertIn("/no/such.gguf", self.refusal("model", "manifest", "/no/such.gguf"))
        self.assertIn("config.json", self.refusal("model", "inspect", str(ROOT / "tests")))
        self.assertIn("int3", self.refusal("model", "chat", TINY, "--precision", "int3", "--message", "a"))
        self.assertIn("no chat template", self.refusal("model", "chat", str(ROOT / "tests/golden/families/qwen2")))
        self.assertIn("context", self.refusal("model", "bench", TINY, "--prompt", "1000000"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    known, rest = parser.parse_known_args()
    PROGRAM = known.program
    unittest.main(argv=[sys.argv[0], *rest])
