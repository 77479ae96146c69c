#!/usr/bin/env python3
"""Checks every #include of the library, the programs and the bindings against policy.json.

    check.py [--repository DIR] [--policy FILE]

Prints one line a violation, "file:line: what", and exits 1 where there is any.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import sources

_STANDARD = re.compile(r"[a-z_0-9]+$")
_MODULE_CALL = re.compile(r"gonka_module\(\s*(\w+)(.*?)\)\s*(?:\n|$)", re.DOTALL)


class Policy:
    def __init__(self, text):
        data = json.loads(text)
        self.roots = data["roots"]
        self.libraries = data["libraries"]
        self.modules = data["modules"]
        self.public = data["public_headers"]
        self._paths = []  # Longest first, so that engine/torch is not taken for engine.
        for name, module in self.modules.items():
            default = [f"libgonka/src/{name}/", f"libgonka/include/gonka/{name}/"]
            self._paths += [(path, name) for path in module.get("paths", default)]
        self._paths.sort(key=lambda item: -len(item[0]))

    def module_of(self, path):
        """engine/torch stands for engine/torch/*, engine/torch.h and engine/torch_*.h."""
        for prefix, name in self._paths:
            if path.startswith(prefix) and (
                prefix.endswith("/") or not path[len(prefix)].isalnum()
            ):
                return name
        return None

    def library_of(self, include):
        """All libraries that an include may mean, by prefix or whole name."""
        return [
            name
            for name, patterns in self.libraries.items()
            if any(include == p or (p.endswith("/") and include.startswith(p)) for p in patterns)
        ]

    def mistakes(self):
        """Unknown names and cycles in the policy itself."""
        for name, module in self.modules.items():
            for other in module["may"]:
                if other not in self.modules:
                    yield f"policy: {name} may include unknown module {other}"
            for library in module["libraries"]:
                if library not in self.libraries:
                    yield f"policy: {name} uses unknown library {library}"
        cycle = self._cycle()
        if cycle:
            yield "policy: cycle " + " -> ".join(cycle)

    def _cycle(self):
        done, path = set(), []

        def visit(name):
            if name in path:
                return path[path.index(name):] + [name]
            if name in done or name not in self.modules:
                return None
            path.append(name)
            for other in self.modules[name]["may"]:
                found = visit(other)
                if found:
                    return found
            path.pop()
            done.add(name)
            return None

        for name in self.modules:
            found = visit(name)
            if found:
                return found
        return None


def resolve(repository, includer, name):
    """The file of ours that an include means, or None."""
    folders = [includer.parent, repository / "libgonka/include", repository / "libgonka/src"]
    if includer.is_relative_to(repository / "apps"):
        folders.append(repository / "apps")
    for folder in folders:
        path = (folder / name).resolve()
        if path.is_file() and path.is_relative_to(repository):
            return path
    return None


def check_library(policy, module, path, name):
    """Why this third-party or standard include is refused, or None."""
    is_public = path.startswith(policy.public["root"] + "/")
    libraries = policy.library_of(name)
    if not libraries:
        return None if _STANDARD.match(name) else f"{name} belongs to no library of the policy"
    allowed = policy.public["libraries"] if is_public else policy.modules[module]["libraries"]
    if any(library in allowed for library in libraries):
        return None
    who = "a public header" if is_public else f"module {module}"
    return f"{who} may not include {name} ({', '.join(libraries)})"


def check_include(policy, repository, file, quoted, name):
    path = sources.relative(repository, file)
    module = policy.module_of(path)
    if module is None:
        return "this folder is no module of the policy"
    target = resolve(repository, file, name)
    if target is None:
        if name.startswith("gonka/") or (quoted and not policy.library_of(name)):
            return f"{name} does not exist"
        return check_library(policy, module, path, name)
    other_path = sources.relative(repository, target)
    other = policy.module_of(other_path)
    public = policy.public["root"] + "/"
    if other is None:
        return f"{name} is in no module of the policy"
    if other != module and other not in policy.modules[module]["may"]:
        return f"module {module} may not include {name} (module {other})"
    if path.startswith(public) and not other_path.startswith(public):
        return f"a public header may not include {name}, which is not installed"
    private = not other_path.startswith(public)
    if other != module and private and other not in policy.modules[module].get("may_private", []):
        return f"module {module} may not include {name}, a private header of module {other}"
    return None if quoted else f"{name} is ours: include it with quotes"


def check_links(policy, repository):
    """What a module links must be what it may include."""
    for file in sorted((repository / "libgonka/src").rglob("CMakeLists.txt")):
        text = re.sub(r"#[^\n]*", "", file.read_text())
        for call in _MODULE_CALL.finditer(text):
            name = call.group(1)
            line = text.count("\n", 0, call.start()) + 1
            where = f"{sources.relative(repository, file)}:{line}"
            if name not in policy.modules:
                yield f"{where}: {name} is no module of the policy"
                continue
            for other in sorted(set(re.findall(r"gonka::(\w+)", call.group(2)))):
                known = other in policy.modules  # Otherwise a library's imported target.
                if known and other not in policy.modules[name]["may"]:
                    yield f"{where}: module {name} may not link gonka::{other}"


def violations(policy, repository):
    yield from policy.mistakes()
    for file in sources.files_under(repository, policy.roots):
        for line, quoted, name in sources.includes(file.read_text(encoding="utf-8")):
            why = check_include(policy, repository, file, quoted, name)
            if why:
                yield f"{sources.relative(repository, file)}:{line}: {why}"
    yield from check_links(policy, repository)


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, default=here.parents[1])
    parser.add_argument("--policy", type=Path, default=here / "policy.json")
    options = parser.parse_args()
    repository = options.repository.resolve()
    policy = Policy(options.policy.read_text())
    found = list(violations(policy, repository))
    count = sum(1 for _ in sources.files_under(repository, policy.roots))
    for line in found:
        print(line)
    print(f"layers: {count} files, {len(found)} violations")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
