"""From a key path to its line."""

from __future__ import annotations

import time

import pytest

from cudapin.core.locate import find_array_lines, find_line

DOCUMENT = '''# """ a comment that opens nothing
[project]
name = "demo" # [tool.cudapin]
text = """
[fake]
name = 1
"""
raw = \'\'\'
key = "\'\'\' # = [ {
matrix = [
  [
    "b"
  ],
  ["a"]
]
after = 1
"quoted.key" = 1
'single' = { inner = [1,
  2], other = 3 }
"\\u0065scaped" = 1
dotted . "k\\"ey" = 1

[ tool . "cudapin" ]   # comment
x = 1
[[tool.cudapin.allow]] # first
code = "CP101"
[tool.cudapin.allow.sub]
deep = 1
[[tool.cudapin.allow.list]]
v = 1
[[tool.cudapin.allow.list]]
v = 2
[[ tool.cudapin."allow" ]]
code = "CP102"
[tool.cudapin.allow.sub]
deep = 2
\u2028 = 1
[last]
key = "\u2028 \u0085 \x0c"
end = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("project", 2),
        ("project/name", 3),
        ("project/text", 4),
        ("fake", None),
        ("project/raw", 8),
        ("project/key", 2),
        ("project/matrix", 10),
        ("project/after", 16),
        ("project/quoted.key", 17),
        ("project/single", 18),
        ("project/single/other", 18),
        ("project/escaped", 20),
        ('project/dotted/k"ey', 21),
        ("tool/cudapin", 23),
        ("tool/cudapin/x", 24),
        ("tool/cudapin/allow/0", 25),
        ("tool/cudapin/allow/0/code", 26),
        ("tool/cudapin/allow/0/sub/deep", 28),
        ("tool/cudapin/allow/0/list/0/v", 30),
        ("tool/cudapin/allow/0/list/1/v", 32),
        ("tool/cudapin/allow/1", 33),
        ("tool/cudapin/allow/1/code", 34),
        ("tool/cudapin/allow/1/sub/deep", 36),
        ("tool/cudapin/allow/1/absent", 33),
        ("last/key", 39),
        ("last/end", 40),
    ],
)
def test_find_line(path: str, line: int | None) -> None:
    assert find_line(DOCUMENT, *path.split("/")) == line


def test_windows_line_ends() -> None:
    text = DOCUMENT.replace("\n", "\r\n")
    assert find_line(text, "tool", "cudapin", "allow", "1", "sub", "deep") == 36
    assert find_line('x = """\r\n[y]\r\n"""\r\n[y]\r\nz = 1\r\n', "y", "z") == 5


def test_no_path_has_no_line() -> None:
    assert find_line("a = 1\n") is None


def test_find_array_lines() -> None:
    assert find_array_lines("[[package]]\nx = 1\n[[package]]  \n [[package]]\n[package.x]\n", "package") == (1, 3)


@pytest.mark.parametrize(
    "piece", ['"', "'", '"""', "'''", '"""\\', 'a = "\\', "a.", "[", "[[", "a = [", "a = 1\n", "\\"]
)
def test_broken_text_takes_linear_time(piece: str) -> None:
    start = time.perf_counter()
    find_line(piece * 20_000, "a")
    assert time.perf_counter() - start < 2
