"""C++ sources as the checks see them: which there are, what they include, and their bare code."""

import re
from pathlib import Path

SUFFIXES = {".h", ".cc", ".cpp", ".inc"}

# Comments, raw strings, strings and character constants, in the order in which they are tried.
# 1'000 is no character constant: a quote after a digit or letter separates digits.
_SKIPPED = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL,
)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def bare_code(text):
    """The text with comments and literals blanked out; every line keeps its number."""
    return _SKIPPED.sub(_blank, text)


def files_under(repository, roots):
    for root in roots:
        folder = repository / root
        if folder.is_dir():
            yield from sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


def includes(text):
    """Pairs of line number and (quoted, name)."""
    # An include's name is a literal itself, so only comments are blanked here, and only those that
    # do not begin inside a name such as <torch//x.h>, which nobody writes.
    code = _COMMENT.sub(_blank, text)
    for match in _INCLUDE.finditer(code):
        line = code.count("\n", 0, match.start(2)) + 1
        yield line, match.group(1) == '"', match.group(2)


def relative(repository, path):
    return Path(path).relative_to(repository).as_posix()
