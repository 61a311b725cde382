"""Generated `pylock.toml` files: order and layout do not matter, and nothing mangled ends in a traceback."""

from __future__ import annotations

import contextlib
import json

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.core.config import Variant
from cudapin.core.lock import LockVerdict, Request, Source
from cudapin.errors import LockError
from cudapin.locks.pylock.fresh import judge_pylock
from cudapin.locks.pylock.lock import parse_pylock
from unit.support import LINUX, A, pyproject_of

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=150, deadline=None)
PROJECT = pyproject_of(
    '[project]\nname = "demo"\ndependencies = ["a>=2", "b; sys_platform == \'win32\'"]\n'
    '[project.optional-dependencies]\nx = ["c"]\n[dependency-groups]\ndev = ["d<2"]\n'
    "[tool.cudapin.variants.x]\n"
)
USERS = ((), (Variant(name="x", extra=("x",), group=("dev",)),))
MARKERS = (
    "",
    "sys_platform == 'win32'",
    "python_version >= '3.8'",
    "'x' in extras",
    "'dev' in dependency_groups",
    "'default' in dependency_groups or 'x' not in extras",
)
PACKAGES = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["1.0", "2.0"]), st.sampled_from(MARKERS)),
    max_size=5,
)
ORDERED = PACKAGES.flatmap(lambda packages: st.tuples(st.just(packages), st.permutations(packages)))
CREATORS = st.sampled_from(["uv", "pdm", "pip", "me"])
Item = tuple[str, str, str]


def render(creator: str, packages: list[Item], gap: str = "", *, is_reversed: bool = False) -> str:
    """Write a lock; `gap` is put between lines, and keys are written in either order."""
    text = ['lock-version = "1.0"', f'created-by = "{creator}"', 'default-groups = ["default"]']
    for name, version, marker in packages:
        file = f'{{ url = "https://index.example/{name}-{version}-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}'
        keys = [f'name = "{name}"', f'version = "{version}"', f"wheels = [{file}]"]
        keys += [f'marker = "{marker}"'] if marker else []
        text += ["[[packages]]", *(keys[::-1] if is_reversed else keys)]
    text += [] if packages else ["packages = []"]
    return f"\n{gap}".join([*text, "[tool.pdm]", f'hashes = {{ sha256 = "{A}" }}', ""])


def judge(text: str, users: tuple[Variant, ...]) -> LockVerdict:
    lock = parse_pylock(Source(path="pylock.toml", text=text))
    return judge_pylock(lock, PROJECT, users, lambda _: None, LINUX)


def said(verdict: LockVerdict) -> tuple[str, set[str]]:
    """Return what must not depend on the order; of several names that are selected twice, the first one is named."""
    return verdict.freshness, {
        problem.code.name if "twice" in problem.what else f"{problem.code.name} {problem.what} {problem.why[:30]}"
        for problem in verdict.problems
    }


@given(CREATORS, ORDERED, st.sampled_from(USERS), st.sampled_from(["", "\n", "# note\n", "  ", "\t\n"]))
@LIMITS
def test_order_and_layout_do_not_matter(
    creator: str, ordered: tuple[list[Item], list[Item]], users: tuple[Variant, ...], gap: str
) -> None:
    packages, shuffled = ordered
    wanted = said(judge(render(creator, packages), users))
    assert said(judge(render(creator, shuffled, gap, is_reversed=True), users)) == wanted
    assert said(judge(render(creator, packages).replace("\n", "\r\n"), users)) == wanted


TEXTS = st.sampled_from(
    [
        "",
        "\x00",
        "(",
        "'",
        "1",
        "x" * 300,
        "../..",
        "https://[",
        "a-1.0-py3-none-any.whl",
        ">=3.99",
        "extra == 'x'",
        "ü",
    ]
)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "url", "sha256"]), inner),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        ("lock-version",),
        ("requires-python",),
        ("environments",),
        ("extras",),
        ("dependency-groups",),
        ("default-groups",),
        ("packages",),
        ("tool",),
        ("tool", "pdm"),
        ("tool", "pdm", "hashes"),
        *(
            ("packages", key)
            for key in (
                "name", "version", "marker", "requires-python", "dependencies", "vcs", "directory", "archive",
                "index", "sdist", "wheels", "tool",
            )
        ),
    ]
)  # fmt: skip


@given(CREATORS, PACKAGES, KEYS, VALUES, st.sampled_from(USERS))
@LIMITS
def test_a_wrong_value_never_ends_in_a_traceback(
    creator: str, packages: list[Item], key: tuple[str, ...], value: object, users: tuple[Variant, ...]
) -> None:
    table = tomli.loads(render(creator, packages or [("a", "2.0", "")]))
    place = table["packages"][0] if key[0] == "packages" and len(key) > 1 else table
    for part in key[:-1] if place is table else ():
        place = place[part]
    place[key[-1]] = value
    text = "\n".join(f"{name} = {inline(item)}" for name, item in table.items())
    with contextlib.suppress(LockError):
        judge(text, users)
        parse_pylock(Source(path="pylock.toml", text=text)).select(Request(environment=LINUX), "demo")


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value) if value is not None else '""'


@given(st.text(max_size=40), st.integers(0, 400), st.integers(0, 60))
@LIMITS
def test_a_mangled_text_never_ends_in_a_traceback(text: str, start: int, length: int) -> None:
    whole = render("uv", [("a", "2.0", "'x' in extras"), ("b", "1.0", "")])
    with contextlib.suppress(LockError):
        judge(whole[:start] + text + whole[start + length :], ())
