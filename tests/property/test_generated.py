"""Generated inputs: lines of TOML keys, mangled locks and seals, idempotent stamps, judges that never crash."""

# ruff: noqa: PT017

from __future__ import annotations

import json
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.core.config import Config, Variant, parse_config
from cudapin.core.locate import find_line
from cudapin.core.lock import Fork, LockedPackage, Pyproject, Request, Selection, Source, UvInputs
from cudapin.core.seal import Seal, SealedFile, parse_seal, render_seal
from cudapin.core.stamp import Metadata, stamp_metadata
from cudapin.errors import ConfigError, LockError
from cudapin.locks.requirements.fresh import judge_requirements
from cudapin.locks.requirements.lock import parse_requirements
from unit.support import LINUX, A, config_of, pyproject_of

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=300, deadline=None)


# Lines of keys


class Inline(dict[str, Any]):
    """A table that is written as `{ … }`."""


class Array(list[Any]):
    """A list that is written as `[[…]]`."""


BARE = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_"
KEYS = st.text(BARE, min_size=1, max_size=6) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=20)
SCALARS = TEXTS | st.integers(-9, 9) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3).map(Inline),
    max_leaves=5,
)


TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=4),
    lambda inner: st.dictionaries(
        KEYS, VALUES | inner | st.lists(inner, min_size=1, max_size=3).map(Array), max_size=4
    ),
    max_leaves=8,
)


class Writer:
    """Writes TOML in every style that draws from `data`, and remembers the line of each key that has one."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.lines: list[str] = []
        self.found: dict[tuple[str, ...], int] = {}

    def key(self, key: str) -> str:
        styles = ["basic"]
        if key and all(character in BARE for character in key):
            styles += ["bare"]
        if "'" not in key:
            styles += ["literal"]
        style = self.data.draw(st.sampled_from(styles))
        return {"bare": key, "literal": f"'{key}'", "basic": self.basic(key)}[style]

    def basic(self, text: str) -> str:
        if self.data.draw(st.booleans()):
            return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
        return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    def value(self, value: Any) -> str:  # noqa: PLR0911
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        if isinstance(value, Inline):
            return "{ " + ", ".join(f"{self.key(key)} = {self.value(item)}" for key, item in value.items()) + " }"
        if isinstance(value, list):
            glue = self.data.draw(st.sampled_from([", ", ",\n  ", " # ] [x]\n, "]))
            start = "\n" if "\n" in glue else ""
            return f"[{start}{glue.join(map(self.value, value))}{start}]"
        if self.data.draw(st.booleans()) and "'''" not in value and not value.endswith("'") and "\r" not in value:
            return f"'''\n{value}'''"
        if self.data.draw(st.booleans()) and '"' not in value and "\\" not in value and "\r" not in value:
            return f'"""\n{value}"""'
        return self.basic(value)

    def emit(self, text: str) -> None:
        comment = self.data.draw(st.sampled_from(["", " # x = 1", ' # """', " # '''", "\n", "\n# [a.b]\n"]))
        self.lines += f"{text}{comment}".split("\n")

    def table(self, table: dict[str, Any], path: tuple[str, ...], shown: tuple[str, ...]) -> None:
        later = []
        for key, value in table.items():
            if isinstance(value, Array) or (isinstance(value, dict) and not isinstance(value, Inline)):
                later.append((key, value))
                continue
            self.found[(*path, key)] = len(self.lines) + 1
            self.emit(f"{self.key(key)} = {self.value(value)}")
        for key, value in later:
            items = list(enumerate(value)) if isinstance(value, Array) else [(None, value)]
            for index, item in items:
                own = (*path, key) if index is None else (*path, key, str(index))
                spelled = (*shown, self.key(key))
                self.found[own] = len(self.lines) + 1
                dots = self.data.draw(st.sampled_from([".", " . "])).join(spelled)
                self.emit(f"[{dots}]" if index is None else f"[[{dots}]]")
                self.table(item, own, spelled)


@LIMITS
@given(TABLES, st.data())
def test_every_key_stands_in_its_line(table: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data)
    writer.table(table, (), ())
    text = "\n".join(writer.lines)
    assert tomli.loads(text) == table
    for path, line in writer.found.items():
        assert find_line(text, *path) == line
    for path, line in writer.found.items():
        assert find_line(text.replace("\n", "\r\n"), *path) == line


@LIMITS
@given(st.text("[]{}=\"'#.\\\n ab\r", max_size=80))
def test_no_text_is_too_strange_for_a_line(text: str) -> None:
    line = find_line(text, "a", "b")
    assert line is None or 1 <= line <= text.count("\n") + 1


# Configuration

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "default",
        "lock",
        "spelling",
        "name",
        "spell-default",
        "extras",
        "pin",
        "build-requires",
        "cuda-bound",
        "allow",
        "variants",
        "cpu",
        "cu128",
        "cuda",
        "extra",
        "group",
        "index",
        "dependencies",
        "arch",
        "driver",
        "platforms",
        "requires-python",
        "environments",
        "overrides",
        "when",
        "code",
        "reason",
        "until",
    ]
)
WORDS = st.sampled_from(
    ["cu128", "12.8", "{variant}", "{variant.x}", "x-{major}", ">=3", "os_name == 'nt'", "CP305", "a b", ""]
)
CONFIGS = st.recursive(
    JUNK | WORDS, lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, max_size=2), max_size=4)
)


@LIMITS
@given(CONFIGS)
def test_any_table_is_a_config_or_a_config_error(table: Any) -> None:
    try:
        config = parse_config(table, Source(path="pyproject.toml", text=""))
    except ConfigError as error:
        assert all(problem.what and problem.why and problem.fix and problem.where for problem in error.problems)
    else:
        assert isinstance(config, Config)


# Requirements

PIECES = st.sampled_from(
    [
        "alpha",
        "beta==1",
        "==2",
        "===",
        " ; ",
        "os_name == 'nt'",
        "sys_platform ~= 'x'",
        "\\\n",
        "\n",
        "\r\n",
        " \\\n    ",
        "--hash=sha256:",
        A,
        "# via",
        "#   demo (pyproject.toml)",
        "    # via -r a.in",
        "<<<<<<< x",
        "=======",
        ">>>>>>>",
        "-r a.in",
        "-e .",
        "-c b.txt",
        "--index-url https://index.example",
        "@",
        "git+https://index.example/x@main",
        "\0",
        "#    uv pip compile pyproject.toml a.in --extra cpu",
        "#    pip-compile",
        "#    uv export",
        "[",
        "]",
        "(",
        ")",
        ",",
        "\ufeff",
        "é",
        "*",
        "1!2.0+cu128",
        "'",
        '"',
        "\t",
        "\x0c",
        "\u2028",
    ]
)
REQUIREMENTS = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)
PROJECT = pyproject_of(
    '[project]\nname = "demo"\ndependencies = ["alpha>=1"]\n[project.optional-dependencies]\ncpu = ["beta"]\n'
)


@LIMITS
@given(REQUIREMENTS, REQUIREMENTS)
def test_any_text_is_a_lock_or_a_lock_error(text: str, other: str) -> None:
    try:
        lock = parse_requirements(Source(path="lock.txt", text=text))
    except LockError as error:
        lines = text.count("\n") + 1
        assert all(problem.where and problem.where.line and problem.where.line <= lines for problem in error.problems)
        return
    lock.select(Request(environment=LINUX))
    verdict = judge_requirements(lock, PROJECT, (), lambda path: Source(path=path, text=other), LINUX)
    assert (verdict.freshness == "fresh") is (not verdict.problems)


PINS = st.lists(
    st.sampled_from(["alpha==1", "beta==2", "gamma==3 ; os_name == 'nt'", "delta @ https://index.example/d"]),
    unique=True,
)


@LIMITS
@given(PINS, st.randoms(use_true_random=False), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_order_hashes_and_line_ends_do_not_matter(pins: list[str], random: Any, end: str, hashed: bool) -> None:  # noqa: FBT001
    def select(items: list[str], glue: str) -> list[tuple[str, str | None]]:
        lock = parse_requirements(Source(path="x", text=glue.join(items)))
        return [(package.name, package.version) for package in lock.select(Request(environment=LINUX)).packages]

    shuffled = [f"{pin} \\{end}    --hash=sha256:{A}" if hashed else pin for pin in pins]
    random.shuffle(shuffled)
    assert select(shuffled, end) == select(pins, "\n")


# Seals

TEXT = st.text(max_size=8)
SEALS = st.builds(
    Seal,
    files=st.dictionaries(
        TEXT, st.builds(SealedFile, path=st.none() | st.sampled_from(["uv.lock", "a/b"]), sha256=TEXT)
    ),
    uv=st.none()
    | st.builds(
        UvInputs,
        members=st.just((Pyproject(source=PROJECT.source, table=PROJECT.table),)),
        settings=st.dictionaries(TEXT, st.integers() | st.booleans() | TEXT.filter(lambda text: "://" not in text)),
        settings_path=st.none() | TEXT,
        project=st.just("."),
    ),
)


@LIMITS
@given(SEALS)
def test_seals_round_trip(seal: Seal) -> None:
    assert parse_seal(Source(path="seal", text=render_seal(seal)), PROJECT) == seal


@LIMITS
@given(SEALS, st.data())
def test_a_mangled_seal_is_a_seal_or_a_lock_error(seal: Seal, data: st.DataObject) -> None:
    document = json.loads(render_seal(seal))
    place = document
    path: list[str] = []
    while isinstance(place, dict) and place and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(place))))
        place = place[path[-1]]
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(st.none() | st.integers() | st.text(max_size=4) | st.just([]) | st.just({}))
    try:
        found = parse_seal(Source(path="seal", text=json.dumps(document)), PROJECT)
    except LockError:
        return
    for file in found.files.values():
        assert file.path is None or (not file.path.startswith(("/", "..")) and "/../" not in file.path)
    render_seal(found)


# Stamps

VERSIONS = st.from_regex(
    r"([1-3]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,3}((a|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?(\+[a-z0-9]{1,4}(\.[a-z0-9]{1,3}){0,2})?",
    fullmatch=True,
)
MARKERS = st.sampled_from(
    [None, "os_name == 'nt'", "sys_platform == 'linux' or os_name == 'x'", "python_version >= '3.11'"]
)
DEPENDENCIES = st.lists(
    st.sampled_from(
        [
            "torch",
            "torch>=2; os_name == 'posix'",
            "Torch[opt]>=2",
            "numpy",
            "torch @ https://index.example/t",
            "jax; sys_platform == 'linux' or os_name == 'y'",
        ]
    ),
    unique=True,
).map(tuple)
FORKS = st.lists(
    st.builds(lambda version, marker: Fork(version=version, marker=marker), VERSIONS, MARKERS), max_size=3, unique=True
)


@LIMITS
@given(
    st.builds(
        Metadata,
        name=st.just("demo"),
        version=VERSIONS,
        dependencies=DEPENDENCIES,
        optional_dependencies=st.dictionaries(st.sampled_from(["cpu", "cu128", "dev", "C.P.U"]), DEPENDENCIES),
        classifiers=st.just(()),
    ),
    FORKS,
    st.sampled_from(["exact", "minor", "minimum"]),
    st.sampled_from(["", 'name = "demo-{variant}"', "spell-default = true", 'extras = "keep"', 'spelling = "none"']),
    st.sampled_from(["cpu", "cu128", "012"]),
)
def test_stamping_twice_is_stamping_once(metadata: Metadata, forks: list[Fork], pin: str, top: str, name: str) -> None:
    text = f'[tool.cudapin]\npin = {{ torch = "{pin}", jax = "{pin}" }}\n{top}\n'
    config = config_of(text + "".join(f"[tool.cudapin.variants.{name}]\n" for name in ("cpu", "cu128", "012")))
    variant = Variant(name=name, extra=(name,), pin=config.variants[name].pin, dependencies=("extra-one",))
    packages = tuple(LockedPackage(name=item, version=forks[0].version if forks else "1") for item in ("torch", "jax"))
    selection = Selection(packages=packages, forks={"torch": tuple(forks)} if forks else {})

    def stamp(value: Metadata) -> Metadata:
        return stamp_metadata(value, config, variant, selection, default="cpu", classifiers=("A",))

    once = stamp(metadata)
    assert stamp(once) == once
