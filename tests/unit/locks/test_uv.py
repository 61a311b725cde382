"""`parse_uv_lock` reads what uv writes, quickly or not, and refuses anything else with its place."""

from __future__ import annotations

import dataclasses
import random

import pytest
import tomli

from cudapin.core.lock import Fork, LockedFile, Request, Source
from cudapin.core.verdict import render_problems
from cudapin.errors import ConfigError, LockError
from cudapin.locks.uv import text as uv_text
from cudapin.locks.uv.lock import UvLock, parse_uv_lock
from cudapin.locks.uv.model import UvEdge, UvSource
from unit.locks.uv_texts import HASH, LOCK
from unit.support import faults

LINUX = {"sys_platform": "linux", "python_version": "3.12", "python_full_version": "3.12.1"}
MACOS = {**LINUX, "sys_platform": "darwin"}


def parse(text: str) -> UvLock:
    """Parse a text as `uv.lock`."""
    return parse_uv_lock(Source(path="uv.lock", text=text))


def refusal(text: str) -> str:
    """Return what is shown for a lock that cannot be read."""
    with pytest.raises(LockError) as caught:
        parse(text)
    return render_problems(caught.value.problems)


def versions(
    lock: UvLock, environment: dict[str, str], *extras: str, groups: frozenset[str] = frozenset()
) -> list[str]:
    """Return what a request selects as `name==version`."""
    request = Request(extras=frozenset(extras), groups=groups, environment=environment)
    return [f"{package.name}=={package.version}" for package in lock.select(request).packages]


@pytest.mark.parametrize(
    ("environment", "extras", "groups", "expected"),
    [
        (LINUX, (), (), ["numpy==2.1.0"]),
        (LINUX, ("cpu",), (), ["numpy==2.1.0", "torch==2.9.0+cpu"]),
        (LINUX, ("cu128",), (), ["numpy==2.1.0", "torch==2.9.0+cu128"]),
        (MACOS, ("cu128",), (), ["numpy==2.1.0", "torch==2.9.0"]),
        (LINUX, (), ("dev",), ["numpy==2.1.0", "quick==1.0"]),
        ({**LINUX, "python_full_version": "3.10.2"}, (), ("dev",), ["numpy==2.1.0"]),
        (LINUX, ("none-such",), ("neither",), ["numpy==2.1.0"]),
    ],
)
def test_select_walks_from_the_project(
    environment: dict[str, str], extras: tuple[str, ...], groups: tuple[str, ...], expected: list[str]
) -> None:
    """Chosen extras and groups, markers, extras on edges, and several entries of one name all count."""
    assert versions(parse(LOCK), environment, *extras, groups=frozenset(groups)) == expected


def test_a_selected_package_says_where_it_comes_from() -> None:
    """Index, files with hashes, line, directness and dependencies are those of its entry."""
    selection = parse(LOCK).select(Request(extras=frozenset({"cu128"}), environment=LINUX))
    torch, numpy = selection.find("torch"), selection.find("numpy")
    assert torch is not None
    assert numpy is not None
    assert (torch.index, torch.direct, torch.dependencies) == ("https://index.example/cu128", True, ("numpy",))
    assert [(file.name, dict(file.hashes)) for file in torch.files] == [
        ("torch-2.9.0+cu128-py3-none-any.whl", {"sha256": HASH.partition(":")[2]})
    ]
    assert torch.line is not None
    assert LOCK.splitlines()[torch.line - 1 :][:3] == ["[[package]]", 'name = "torch"', 'version = "2.9.0+cu128"']
    assert [file.name for file in numpy.files] == [
        "numpy-2.1.0.tar.gz",
        "numpy-2.1.0-cp312-cp312-linux_x86_64.whl",
        "numpy-2.1.0-cp312-cp312-win_amd64.whl",
    ]
    assert selection.forks["torch"] == (
        Fork(version="2.9.0", marker="sys_platform != 'linux'"),
        Fork(version="2.9.0+cu128", marker="sys_platform == 'linux'"),
    )
    assert selection.forks["numpy"] == (Fork(version="2.1.0", marker=None),)


def test_files_are_read_only_where_asked_for() -> None:
    """The other packages are selected all the same."""
    request = Request(extras=frozenset({"cpu"}), environment=LINUX)
    selection = parse(LOCK).select(request, files_for=lambda name: name == "torch")
    assert [(package.name, len(package.files)) for package in selection.packages] == [("numpy", 0), ("torch", 1)]


def test_the_names_of_extras_and_groups_are_known() -> None:
    """So that a caller can report one that does not exist."""
    lock = parse(LOCK)
    assert (lock.extras(), lock.groups("demo")) == (frozenset({"cpu", "cu128"}), frozenset({"dev"}))


def test_a_project_that_is_not_locked_is_refused() -> None:
    """Nothing can be selected for it."""
    with pytest.raises(LockError) as caught:
        parse(LOCK).select(Request(environment=LINUX), "other")
    assert render_problems(caught.value.problems) == (
        "error[CP206]: `uv.lock` does not lock `other`\n"
        "  --> uv.lock\n"
        "  why: wanted an entry for `other`, the lock holds `demo`\n"
        "  fix: uv lock"
    )


def slow_parse(text: str, monkeypatch: pytest.MonkeyPatch) -> UvLock | str:
    """Parse without the shortcut for arrays; return what is shown where that fails."""
    with monkeypatch.context() as patch:
        patch.setattr(uv_text, "_read_with_cuts", lambda text: None)
        return outcome(text)


def outcome(text: str) -> UvLock | str:
    """Return the lock or what is shown instead."""
    try:
        return parse(text)
    except LockError as error:
        return render_problems(error.problems)


def content(result: UvLock | str) -> object:
    """Return a lock with all wheels and edges read, in comparable form."""
    if isinstance(result, str):
        return result
    packages = []
    for package in result.packages:
        wheels, sdist = package.wheels, package.sdist
        if isinstance(wheels, uv_text.WheelText):
            wheels = tuple(map(uv_text_file, wheels.tables()))
        if isinstance(sdist, uv_text.WheelText):
            (sdist,) = map(uv_text_file, sdist.tables())
        packages.append(dataclasses.replace(package, wheels=wheels, sdist=sdist, edges=package.dependencies))
    return packages, result.header


def uv_text_file(table: dict[str, str]) -> LockedFile:
    """Read a wheel as the package reader does."""
    from cudapin.locks.uv.package import read_file

    return read_file(table)


INDEX = '{ registry = "https://index.example/simple" }'
FORKED = f"""{LOCK}
[[package]]
name = "forked"
version = "1.0"
source = {INDEX}
resolution-markers = [
    "sys_platform == 'linux'",
]
dependencies = [
    {{ name = "numpy", version = "2.1.0", source = {INDEX}, marker = "a == ']'" }},
    {{ name = "quick", extra = ["one", "two"], marker = "sys_platform == 'linux'" }},
    {{ name = "demo", source = {{ editable = "." }} }},
]
"""


def mangled() -> list[str]:
    """Return texts in which one character of the lock is dropped, doubled or replaced."""
    chance = random.Random(20261122)
    texts = [
        FORKED,
        LOCK + "dependencies = [0]\n",
        LOCK + 'wheels = [\n]\ndependencies = [\n    { name = "numpy" },\n]\n',
        FORKED.replace("dependencies = [\n", "[package.metadata.requires-dev]\ndependencies = [\n"),
        FORKED.replace("resolution-markers", "dependencies"),
        FORKED.replace("dependencies = [\n", "wheels = [\n"),
        LOCK,
        LOCK.replace("\n", "\r\n"),
        LOCK + "wheels = [0]\n",
        LOCK.replace("wheels = [\n    { url", "wheels = [0]\nx = [\n    { url", 1),
    ]
    for _ in range(400):
        at = chance.randrange(len(FORKED))
        new = chance.choice(["", FORKED[at] * 2, '"', "\\", "\x00", "\n", "]", "é", "wheels = [0]\n", '"""'])
        texts.append(FORKED[:at] + new + FORKED[at + 1 :])
    return texts


def test_the_shortcut_for_arrays_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock, or a broken one, gives the same with and without it, including the place of an error."""
    for text in mangled():
        assert content(outcome(text)) == content(slow_parse(text, monkeypatch)), text


def test_the_shortcut_is_taken() -> None:
    """Arrays in uv's own form are cut out, others are not."""
    kinds = [isinstance(package.wheels, uv_text.WheelText) for package in parse(LOCK).packages]
    assert kinds == [False, True, False, True, False, True]
    forked = parse(FORKED).packages[-1]
    assert isinstance(forked.edges, uv_text.EdgeText)
    assert forked.dependencies[1:] == (
        UvEdge("quick", None, None, "sys_platform == 'linux'", ("one", "two")),
        UvEdge("demo", None, UvSource("editable", "."), None, ()),
    )


def test_cut_out_wheels_are_those_of_the_toml_parser() -> None:
    """Address and hash are taken from the same text."""
    tables = tomli.loads(LOCK)["package"][1]["wheels"]
    wheels = parse(LOCK).packages[1].wheels
    assert isinstance(wheels, uv_text.WheelText)
    assert wheels.tables() == [{"url": table["url"], "hash": table["hash"]} for table in tables]


MINIMAL = 'version = 1\nrequires-python = ">=3.10"\n'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            MINIMAL + "<<<<<<< HEAD\n[[package]]\n=======\n",
            "error[CP205]: `uv.lock` holds an unresolved merge conflict\n"
            "  --> uv.lock:3\n"
            "  why: `<<<<<<< HEAD` is a marker of an unresolved merge conflict\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            MINIMAL + "[[package]\n",
            "error[CP205]: `uv.lock` is not valid TOML\n"
            "  --> uv.lock:3\n"
            "  why: expected ']]' at the end of an array declaration\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            'version = 2\nrequires-python = ">=3.10"\n',
            "error[CP205]: `uv.lock` has a format version that is not known: it was made by a newer uv\n"
            "  --> uv.lock:1 (version)\n"
            "  why: wanted `version = 1`, found `2`\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            'version = "1"\nrequires-python = ">=3.10"\n',
            "error[CP205]: `uv.lock` has a format version that is not known\n"
            "  --> uv.lock:1 (version)\n"
            '  why: wanted `version = 1`, found `"1"`\n'
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            "",
            "error[CP205]: `uv.lock` has a format version that is not known\n"
            "  --> uv.lock (version)\n"
            "  why: wanted `version = 1`, found none\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            MINIMAL + '[[package]]\nname = "a"\nversion = 1\nsource = { registry = "x" }\n',
            "error[CP205]: `uv.lock` has a value of the wrong type at `package.version`\n"
            "  --> uv.lock:3 (package.version)\n"
            "  why: wanted a string, found an integer\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            MINIMAL + '[[package]]\nname = "a"\n',
            "error[CP205]: `uv.lock` lacks `package.source`\n"
            "  --> uv.lock:3 (package.source)\n"
            "  why: uv writes a table there\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            MINIMAL + '[[package]]\nname = "a"\nsource = { moon = "x" }\n',
            "error[CP205]: `uv.lock` has an entry that cannot be read: `a`\n"
            "  --> uv.lock:3 (package)\n"
            "  why: its `source` is of no known kind\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
        (
            "x = " + "[" * 100_000,
            "error[CP205]: `uv.lock` cannot be read\n"
            "  --> uv.lock\n"
            "  why: its values are nested too deeply\n"
            "  fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`",
        ),
    ],
)
def test_what_is_no_lock_is_refused_with_its_place(text: str, shown: str) -> None:
    """Never a traceback; the line is that of the original text."""
    assert refusal(text) == shown


def test_any_revision_is_read() -> None:
    """Revisions only add to the format."""
    assert parse(LOCK.replace("revision = 3", "revision = 99")).revision == 99


@pytest.mark.parametrize("value", ["1", '"x"', "true", "[1]", "{ a = 1 }", "1979-05-27", "[[1]]", "[{ name = 1 }]"])
def test_values_of_any_type_anywhere_never_end_in_a_traceback(value: str) -> None:
    """Each key of the lock is given a value of another type."""
    for number, line in enumerate(LOCK.splitlines()):
        key, equals, rest = line.partition(" = ")
        if equals and not rest.endswith("["):
            lines = LOCK.splitlines()
            lines[number] = f"{key} = {value}"
            result = outcome("\n".join(lines))
            if isinstance(result, UvLock):
                result.select(Request(extras=frozenset({"cu128"}), environment=LINUX), result.find_member().name)


CONFLICTS = LOCK.replace(
    """    { package = "demo", extra = "cu128" },
]]""",
    """    { package = "demo", extra = "cu128" },
], [
    { package = "demo" },
    { package = "demo", group = "dev" },
], [
    { package = "demo", extra = "cu128" },
    { package = "demo", group = "test" },
], [
    { package = "other", extra = "cpu" },
    { package = "other", extra = "slow" },
]]""",
)


@pytest.mark.parametrize(
    ("extras", "groups", "both", "conflict"),
    [
        (("cpu", "cu128"), (), "extra `cpu` and extra `cu128`", "demo[cpu], demo[cu128]"),
        (("CPU", "cu128"), (), "extra `cpu` and extra `cu128`", "demo[cpu], demo[cu128]"),
        ((), ("dev",), "group `dev` and project `demo`", "demo:dev, demo:"),
        (("cu128",), ("test",), "extra `cu128` and group `test`", "demo[cu128], demo:test"),
    ],
)
def test_what_the_lock_keeps_apart_is_not_selected_together(
    extras: tuple[str, ...], groups: tuple[str, ...], both: str, conflict: str
) -> None:
    """Two extras, an extra and a group, or the project and a group; uv refuses them as well."""
    with pytest.raises(ConfigError) as caught:
        versions(parse(CONFLICTS), LINUX, *extras, groups=frozenset(groups))
    assert render_problems(caught.value.problems) == (
        f"error[CP106]: {both} cannot be selected together\n"
        "  --> uv.lock:8 (conflicts)\n"
        f"  why: `tool.uv.conflicts` rules it out, and `uv.lock` was made for that: `{{{conflict}}}`\n"
        "  fix: select one of them only, or take them out of `tool.uv.conflicts` and run `uv lock`"
    )


def test_conflicts_of_other_projects_and_of_one_name_alone_do_not_count() -> None:
    """Each conflict is about names of its own package."""
    assert versions(parse(CONFLICTS), LINUX, "cpu", "slow", groups=frozenset({"test"})) == [
        "numpy==2.1.0",
        "torch==2.9.0+cpu",
    ]


def test_a_group_that_requires_an_extra_in_conflict_with_the_chosen_one() -> None:
    """`uv sync` refuses it: `Found conflicting extras`; asked for alone, either is fine."""
    group = """dev = [
    { name = "demo" },
    { name = "demo", extra = ["cu128"], marker = "extra == 'extra-4-demo-cu128'" },
"""
    lock = parse_uv_lock(Source(path="uv.lock", text=LOCK.replace("dev = [\n", group, 1)))
    for extras, groups in ((("cpu",), ()), (("cu128",), ("dev",)), ((), ("dev",))):
        request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=LINUX)
        assert lock.select(request, "demo").find("numpy") is not None
    request = Request(extras=frozenset({"cpu"}), groups=frozenset({"dev"}), environment=LINUX)
    assert faults(lambda: lock.select(request, "demo")) == (
        "error[CP106]: what is selected requires `demo[cpu]` and `demo[cu128]` at once\n"
        "  --> uv.lock:8 (conflicts)\n"
        "  why: `tool.uv.conflicts` rules it out, and `uv.lock` was made for that: `{demo[cpu], demo[cu128]}`\n"
        "  fix: select no group or extra that requires the other one, or take them out of `tool.uv.conflicts` and run "
        "`uv lock`"
    )
