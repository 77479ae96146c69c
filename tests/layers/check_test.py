#!/usr/bin/env python3
"""The two checks, tried on small repositories: what is sound passes, and each kind of violation is
found in its file and line."""

import json
import tempfile
import unittest
from pathlib import Path

import check
import determinism
import sources

HERE = Path(__file__).resolve().parent
POLICY = (HERE / "policy.json").read_text()
RULES = json.loads((HERE / "determinism.json").read_text())
INCLUDE = "libgonka/include/gonka/"


class Repository(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        self.write(INCLUDE + "base/bytes.h", '#include <vector>\n#include "absl/status/status.h"\n')
        self.write(INCLUDE + "ledger/view.h", '#include "gonka/base/bytes.h"\n')
        self.write(INCLUDE + "engine/engine.h", '#include "gonka/base/bytes.h"\n')
        self.write("libgonka/src/engine/clones.h", "")
        self.write(INCLUDE + "engine/transform.h", "")
        self.write("apps/devnet/story.h", "")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def layers(self, policy=POLICY):
        return list(check.violations(check.Policy(policy), self.root))

    def determinism(self, **changes):
        rules = {**RULES, "allowed": [], **changes}
        return list(determinism.violations(self.root, rules))


class LayersTest(Repository):
    def test_a_sound_repository_passes(self):
        self.write("libgonka/src/store/kv.cc", '#include <lmdb.h>\n#include "gonka/ledger/view.h"\n')
        self.write("libgonka/src/engine/torch/ops.cc", '#include "engine/clones.h"\n#include <torch/x.h>\n')
        self.write("apps/gonkad/main.cc", '#include <CLI/CLI.hpp>\n#include "gonka/engine/engine.h"\n')
        self.write("apps/devnet/cheat.cc", '#include "common/node.h"\n#include "gonka/engine/transform.h"\n')
        self.write("apps/common/node.h", "")
        self.assertEqual(self.layers(), [])

    def test_each_violation_is_named_with_file_and_line(self):
        cases = [
            ("libgonka/src/base/a.cc", '#include "gonka/ledger/view.h"', "may not include gonka/ledger/view.h"),
            ("libgonka/src/ledger/a.cc", '#include "gonka/engine/engine.h"', "module engine"),
            ("libgonka/src/engine/a.cc", '#include "gonka/ledger/view.h"', "module ledger"),
            ("libgonka/src/ledger/a.cc", "#include <lmdb.h>", "lmdb"),
            ("libgonka/src/net/a.cc", "#include <sodium.h>", "sodium"),
            ("libgonka/src/engine/a.cc", "#include <torch/torch.h>", "torch"),
            ("libgonka/src/engine/a.cc", "#  include <ATen/ATen.h> // why not", "torch"),
            ("libgonka/src/net/a.cc", "#include <httplib.h>", "httplib"),
            ("libgonka/src/node/a.cc", '#include "engine/clones.h"', "private header"),
            (INCLUDE + "base/b.h", "#include <fmt/format.h>", "a public header may not"),
            (INCLUDE + "engine/b.h", '#include "engine/clones.h"', "not installed"),
            (INCLUDE + "base/b.h", '#include "gonka/base/none.h"', "does not exist"),
            ("libgonka/src/base/a.cc", "#include <gonka/base/bytes.h>", "with quotes"),
            ("apps/gonkad/a.cc", '#include "gonka/engine/transform.h"', "module engine_transform"),
            ("apps/gonkad/a.cc", '#include "devnet/story.h"', "module devnet"),
            ("libgonka/src/base/a.cc", "#include <boost/any.hpp>", "no library of the policy"),
            ("libgonka/src/base/a.cc", "#include <stdint.h>", "no library of the policy"),
            ("libgonka/src/misc/a.cc", "#include <vector>", "no module of the policy"),
        ]
        for path, line, reason in cases:
            with self.subTest(path=path, line=line):
                self.write(path, "// A comment.\n" + line + "\n")
                found = self.layers()
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{path}:2: "), found)
                self.assertIn(reason, found[0])
                (self.root / path).unlink()

    def test_commented_out_includes_do_not_count(self):
        self.write("libgonka/src/base/a.cc", "/*\n#include <lmdb.h>\n*/\n// #include <lmdb.h>\n")
        self.assertEqual(self.layers(), [])

    def test_links_follow_the_same_table(self):
        self.write("libgonka/src/ledger/CMakeLists.txt", "gonka_module(ledger\n  SOURCES a.cc\n  PUBLIC gonka::base gonka::store)\n")
        self.assertEqual(self.layers(), ["libgonka/src/ledger/CMakeLists.txt:1: module ledger may not link gonka::store"])

    def test_cycles_and_unknown_names_in_the_policy_are_refused(self):
        policy = json.loads(POLICY)
        policy["modules"]["base"]["may"] = ["ledger"]
        self.assertIn("cycle", self.layers(json.dumps(policy))[0])
        policy["modules"]["base"]["may"] = ["leger"]
        self.assertIn("unknown module leger", self.layers(json.dumps(policy))[0])


class DeterminismTest(Repository):
    def test_each_way_in_is_found(self):
        cases = {
            "clock": "auto now = std::chrono::steady_clock::now();",
            "randomness": "std::random_device device;",
            "float": "double share = 0.5;",
            "thread": "std::atomic<int> count;",
            "unordered": "std::unordered_map<int, int> seen;",
            "address order": "std::map<const Account*, int> by_place;",
            "surroundings": 'getenv("HOME");',
        }
        self.assertEqual(set(cases), set(RULES["patterns"]))
        for kind, line in cases.items():
            with self.subTest(kind=kind):
                self.write("libgonka/src/ledger/a.cc", "\n" + line + "\n")
                found = self.determinism()
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"libgonka/src/ledger/a.cc:2: {kind}:"), found)

    def test_words_in_comments_and_strings_do_not_count(self):
        self.write("libgonka/src/ledger/a.cc", 'int a = 1\'000;  // no float\nCheck("double");\n')
        self.assertEqual(self.determinism(), [])

    def test_other_modules_may(self):
        self.write("libgonka/src/host/a.cc", "double seconds;\n")
        self.assertEqual(self.determinism(), [])

    def test_an_exception_covers_its_file_only_and_must_be_needed_and_reasoned(self):
        rule = {"file": "libgonka/src/base/a.cc", "pattern": "float", "reason": "a test"}
        self.write("libgonka/src/base/a.cc", "double share;\n")
        self.assertEqual(self.determinism(allowed=[rule]), [])
        self.assertEqual(len(self.determinism(allowed=[{**rule, "reason": ""}])), 1)
        self.write("libgonka/src/base/a.cc", "int share;\n")
        self.assertIn("not needed", self.determinism(allowed=[rule])[0])


class SourcesTest(unittest.TestCase):
    def test_blanked_code_keeps_its_lines(self):
        text = 'a /* b\nc */ d("e\\"f") // g\nR"x(h\ni)x" j\n'
        bare = sources.bare_code(text)
        self.assertEqual(bare.count("\n"), text.count("\n"))
        self.assertEqual(bare.split(), ["a", "d(", ")", "j"])


if __name__ == "__main__":
    unittest.main()
