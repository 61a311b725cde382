"""A `uv.lock` whose entries do not go together is refused as uv refuses it, and no other is."""

from __future__ import annotations

import pytest

from cudapin.core.lock import Source
from cudapin.core.verdict import render_problems
from cudapin.errors import LockError
from cudapin.locks.uv.lock import parse_uv_lock
from unit.locks.uv_texts import HASH, LOCK

INDEX = 'source = { registry = "https://index.example/simple" }'
OTHER = 'source = { registry = "https://index.example/other" }'
WHEEL = "a-1.0-py3-none-any.whl"


def package(*wheels: str, name: str = "a", version: str | None = "1.0", source: str = INDEX, more: str = "") -> str:
    """Return the text of one entry, as uv writes it."""
    files = "".join(f'    {{ url = "https://files.example/{wheel}", hash = "{HASH}" }},\n' for wheel in wheels)
    lines = [f'name = "{name}"', *([f'version = "{version}"'] if version else []), source]
    return "\n[[package]]\n" + "\n".join(lines) + f"\n{more}" + (f"wheels = [\n{files}]\n" if wheels else "")


def demo(*edges: str, more: str = "") -> str:
    """Return the text of a lock up to its project, on line 5, which has these edges."""
    array = "dependencies = [\n" + "".join(f"    {{ {edge} }},\n" for edge in edges) + "]\n"
    entry = package(name="demo", source='source = { virtual = "." }', more=array + more)
    return 'version = 1\nrevision = 3\nrequires-python = ">=3.10"\n' + entry


def outcome(text: str) -> str:
    """Return what is shown for the lock, nothing where it can be read."""
    try:
        parse_uv_lock(Source(path="uv.lock", text=text))
    except LockError as error:
        return render_problems(error.problems)
    return ""


def shown(what: str, why: str, line: int) -> str:
    """Return the whole message of a refusal."""
    return (
        f"error[CP205]: `uv.lock` cannot be read: {what}\n"
        f"  --> uv.lock:{line} (package)\n"
        f"  why: {why}\n"
        "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`"
    )


A = package(WHEEL)
A2 = package("a-2.0-py3-none-any.whl", version="2.0")
EDGE = 'name = "a"'
MISSING = "wanted an entry of that name, version and source, found "
VAGUE = "wanted a version and a source, since 2 entries have that name, found no "
FULL = f'{EDGE}, version = "1.0", {INDEX}'
LEAF = package(name="z", more='dependencies = [\n    { name = "q" },\n]\n')
EXTRA = '\n[package.optional-dependencies]\nx = [\n    { name = "q" },\n]\n'


@pytest.mark.parametrize(
    ("text", "what", "why", "line"),
    [
        (demo(EDGE), "`demo==1.0` requires `a`, which it does not lock", MISSING + "none", 5),
        (demo(EDGE) + A + LEAF, "`z==1.0` requires `q`, which it does not lock", MISSING + "none", 21),
        (demo(EDGE, more=EXTRA) + A, "`demo==1.0` requires `q`, which it does not lock", MISSING + "none", 5),
        (
            demo(EDGE, more=EXTRA.replace("optional", "dev")) + A,
            "`demo==1.0` requires `q`, which it does not lock",
            MISSING + "none",
            5,
        ),
        (
            demo(f'{EDGE}, version = "3.0", {INDEX}') + A + A2,
            "`demo==1.0` requires `a==3.0`, which it does not lock",
            MISSING + "`a==1.0`, `a==2.0`",
            5,
        ),
        (
            demo(f"{EDGE}, {OTHER}") + A,
            "`demo==1.0` requires `a`, which it does not lock",
            MISSING + "`a==1.0`",
            5,
        ),
        (demo(EDGE) + A + A2, "`demo==1.0` requires `a` and does not say which one", VAGUE + "version", 5),
        (
            demo(f'{EDGE}, version = "1.0"') + A + A2,
            "`demo==1.0` requires `a==1.0` and does not say which one",
            VAGUE + "source",
            5,
        ),
        (
            demo(EDGE, EDGE) + A,
            "`demo==1.0` requires `a` twice",
            "wanted each requirement once, found two that are the same",
            5,
        ),
        (
            demo(FULL) + A + A,
            "`a==1.0` is there twice",
            "wanted one entry, found another of the same source in line 13",
            21,
        ),
        (
            demo(FULL) + A + package(version="1.0.0"),
            "`a==1.0.0` is there twice",
            "wanted one entry, found another of the same source in line 13",
            21,
        ),
        (
            demo(EDGE) + package(WHEEL, version=None),
            "`a` has no version",
            "wanted a `version`, as every package of an index has, found none",
            13,
        ),
    ],
)
def test_entries_that_do_not_go_together_are_refused(text: str, what: str, why: str, line: int) -> None:
    """With the line of the entry, or of the one that requires what is not there."""
    assert outcome(text) == shown(what, why, line)


@pytest.mark.parametrize(
    "text",
    [
        demo(EDGE) + A,
        demo('name = "A"') + A,
        demo(f"{EDGE}, extra = ['none-such']") + A,
        demo(FULL) + A + A2,
        demo(FULL.replace('"1.0"', '"1.0.0"')) + A + A2,
        demo(FULL) + A + package(WHEEL, source=OTHER),
        demo(FULL) + A + package(WHEEL, source=INDEX.replace('simple"', 'simple/"')),
        demo(EDGE) + package(),
        demo(EDGE) + package(version=None, source='source = { directory = "a" }'),
        demo(EDGE) + package(version=None, source='source = { path = "a.tar.gz" }'),
        LOCK,
    ],
)
def test_entries_that_uv_accepts_are_read(text: str) -> None:
    """Every form that `uv lock --check` was seen to read."""
    assert outcome(text) == ""


@pytest.mark.parametrize(
    ("version", "wheel"),
    [
        ("1.0", "a-2.0-py3-none-any.whl"),
        ("1.0", "a-2.0-1.0-py3-none-any.whl"),
        ("1.0", "a-1.0.1-py3-none-any.whl"),
        ("1.0", "a-x.y-py3-none-any.whl"),
        ("1.0+cu128", "a-1.0-py3-none-any.whl"),
        ("1.0+cu128", "a-1.0+cu129-py3-none-any.whl"),
        ("1!1.0", "a-1.0-py3-none-any.whl"),
    ],
)
def test_a_wheel_of_another_version_is_refused(version: str, wheel: str) -> None:
    """Alone, and after one that is right; quickly read or not."""
    what = f"`a=={version}` has a wheel of another version"
    message = shown(what, f"wanted wheels of `{version}`, found `{wheel}`", 13)
    good = f"a-{version}-py3-none-any.whl"
    for text in (package(wheel, version=version), package(good, wheel, good, version=version)):
        assert outcome(demo(EDGE) + text) == message
        assert outcome(demo(EDGE) + text.replace("wheels = [", "wheels = [ # x")) == message


@pytest.mark.parametrize(
    "wheel",
    [
        "a-1.0.zip",
        "1.0.whl",
        "a-1.0.whl",
        "a-1.0-any.whl",
        "a-1.0-py3-any.whl",
        "a-1.0-py3-none-any-x-y.whl",
        "a-1.0-1-py3-none-any-x-y.whl",
        "a-1.0-py3-none-any.WHL",
        "a-1.0-py3-none-any.zip",
        "a-1.0-py3-none-.whl",
        "a-1.0--none-any.whl",
        "a-1.0-py3-none-any!.whl",
        "a-1.0-b+d-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "_a-1.0-py3-none-any.whl",
        "a b-1.0-py3-none-any.whl",
    ],
)
def test_a_file_that_is_no_wheel_is_refused(wheel: str) -> None:
    """As uv does, which wants five to seven parts; alone, and after one that is right; quickly read or not."""
    why = f"wanted `name-version-python-abi-platform.whl`, found `{wheel}`"
    message = shown("`a==1.0` has a file that is no wheel", why, 13)
    good = "a-1.0-py3-none-any.whl"
    for text in (package(wheel, version="1.0"), package(good, wheel, good, version="1.0")):
        assert outcome(demo(EDGE) + text) == message
        assert outcome(demo(EDGE) + text.replace("wheels = [", "wheels = [ # x")) == message


@pytest.mark.parametrize(
    ("version", "wheel"),
    [
        ("1.0", "a-1.0.0-py3-none-any.whl"),
        ("1.0.0", "a-1-1-py3-none-any.whl"),
        ("1.0", "a-1.0+cu128-py3-none-any.whl"),
        ("1.0+cu128", "a-1.0%2Bcu128-py3-none-any.whl"),
        ("1!1.0", "a-1!1.0-py3-none-any.whl"),
        ("1!1.0", "a-1%211.0-py3-none-any.whl"),
        ("1.0.post1", "a-1.0_post1-py3-none-any.whl"),
        ("1.0rc1", "a-1.0.RC1-py3-none-any.whl"),
        ("1.0", "a-1.0-1-py3-none-any-x.whl"),
        ("1.0", "a-1.0-label-py3-none-any.whl"),
        ("1.0", "a-1.0-py3-none-any-cu128.whl"),
        ("1.0", "a-1.0-%70y3-none-any.whl"),
        ("1.0", "A_b-1.0-py3-none-any.whl"),
        ("1.0", "a-1.0-py3-none-any.whl?x=/a-2.0-py3-none-any.whl"),
        ("1.0", "a-1.0-py3-none-any.whl#/a-2.0-py3-none-any.whl"),
    ],
)
def test_other_spellings_of_the_version_of_a_wheel_are_read(version: str, wheel: str) -> None:
    """Alone, and beside another spelling."""
    for text in (package(wheel, version=version), package(f"a-{version}-py3-none-any.whl", wheel, version=version)):
        assert outcome(demo(EDGE) + text) == ""


def test_the_name_of_an_sdist_need_not_hold_the_version() -> None:
    """Uv does not look at it."""
    sdist = f'sdist = {{ url = "https://files.example/master.zip", hash = "{HASH}" }}\n'
    assert outcome(demo(EDGE) + package(more=sdist)) == ""
