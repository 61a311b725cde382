"""Our verdicts and selections against Poetry's own, over every edit of projects of each shape that it reads."""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
import tomli
from packaging.markers import default_environment
from packaging.requirements import Requirement

from cudapin.core.config import Variant
from cudapin.core.lock import Pyproject, Request, Source
from cudapin.core.verdict import render_problems
from cudapin.locks.poetry.fresh import judge_poetry
from cudapin.locks.poetry.lock import PoetryLock, parse_poetry_lock
from integration.lab import Index, Table, document, serve
from integration.poetry_lab import all_edits, judge_many, run_poetry, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cudapin.core.lock import LockVerdict, Selection

pytestmark = pytest.mark.integration

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
ARM = {**LINUX, "platform_machine": "aarch64"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"}
HASH = "metadata.content-hash"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with three indexes: all, and two with their own builds of torch."""
    main, cpu, cuda = Index(), Index(), Index()
    main.add("alpha", "1.0.0", "1.1.0", "2.0.0")
    main.add("beta", "1.0.0", "1.2.0", requires=("alpha>=1.0",))
    main.add("gamma", "1.0.0", "2.0.0", requires=("alpha; extra == 'all'", "delta; extra == 'all'"), extras=("all",))
    main.add("delta", "1.0.0", requires=("beta; sys_platform == 'linux'", "epsilon; python_version < '3.12'"))
    main.add("epsilon", "0.9.0", "1.0.0")
    main.add("nvidia-cublas-cu12", "12.8.4.1")
    main.add("torch", "2.8.0", "2.9.0", requires=("epsilon", "nvidia-cublas-cu12; sys_platform == 'linux'"))
    cpu.add("torch", "2.9.0+cpu", requires=("epsilon",))
    cuda.add("torch", "2.9.0+cu128", requires=("epsilon", "nvidia-cublas-cu12==12.8.4.1; sys_platform == 'linux'"))
    with serve({"main": main, "cpu": cpu, "cuda": cuda}) as url:
        yield url


def _sources(address: str) -> list[Table]:
    named = [{"name": name, "url": f"{address}/{name}/simple", "priority": "explicit"} for name in ("cpu", "cuda")]
    return [{"name": "main", "url": f"{address}/main/simple"}, *named]


def standard_project(address: str) -> Table:
    """`[project]` alone, but for where packages come from."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10,<4",
        "dependencies": ["alpha>=1.0,<3", "beta; sys_platform == 'linux'", "gamma[all]>=1.0"],
        "optional-dependencies": {"one": ["delta>=1.0"], "Two_x": ["epsilon>=0.9", "torch; sys_platform != 'win32'"]},
    }
    return {"project": project, "tool": {"poetry": {"source": _sources(address)}}}


def torch_project(address: str) -> Table:
    """One torch for each extra, from an index of its own: `[tool.poetry]` adds to `[project]`."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10",
        "dependencies": ["alpha", "beta>=1.0"],
        "optional-dependencies": {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"], "other": ["gamma[all]"]},
    }
    torch = [
        {"version": ">=2.9", "markers": "extra == 'cpu' and extra != 'cu128'", "source": "cpu"},
        {"version": ">=2.9", "markers": "extra == 'cu128' and extra != 'cpu'", "source": "cuda"},
    ]
    dependencies = {"torch": torch, "beta": {"version": "<2", "markers": "sys_platform != 'win32'"}}
    return {
        "project": project,
        "tool": {"poetry": {"package-mode": False, "dependencies": dependencies, "source": _sources(address)}},
    }


def legacy_project(address: str) -> Table:
    """`[tool.poetry]` alone, in Poetry's own constraints."""
    poetry = {
        "name": "demo",
        "version": "0.1.0",
        "description": "",
        "authors": [],
        "dependencies": {
            "python": "^3.10",
            "alpha": [{"version": "^1.0", "python": "<3.12"}, {"version": "~2.0", "python": ">=3.12"}],
            "gamma": {"version": ">=1.0", "extras": ["all"], "platform": "linux"},
            "epsilon": {"version": "*", "optional": True},
            "torch": [
                {"version": "2.9.0+cpu", "markers": "sys_platform == 'darwin'", "source": "cpu", "optional": True},
                {"version": "2.9.0+cu128", "markers": "sys_platform == 'linux'", "source": "cuda", "optional": True},
            ],
        },
        "extras": {"gpu": ["torch"], "eps": ["epsilon"]},
        "dev-dependencies": {"beta": "1.*"},
        "group": {"docs": {"optional": True, "dependencies": {"delta": "^1.0"}}},
        "source": _sources(address),
    }
    return {"tool": {"poetry": poetry}}


def groups_project(address: str) -> Table:
    """`[dependency-groups]` that include each other, and groups of `[tool.poetry]` that add to them."""
    project = {"name": "demo", "version": "0.1.0", "requires-python": ">=3.10", "dependencies": ["alpha<2"]}
    groups = {
        "dev": ["beta>=1.0"],
        "Lint_x": [{"include-group": "dev"}, "epsilon<1"],
        "cuda": ["torch>=2.9; sys_platform == 'linux'"],
    }
    group = {
        "cuda": {"dependencies": {"torch": {"source": "cuda"}}},
        "docs": {"optional": True, "include-groups": ["dev"], "dependencies": {"delta": ">=1.0 || >=2.0"}},
    }
    return {
        "project": project,
        "dependency-groups": groups,
        "tool": {"poetry": {"group": group, "source": _sources(address)}},
    }


def dynamic_project(address: str) -> Table:
    """Dependencies are dynamic, and `[tool.poetry]` gives them."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10",
        "dynamic": ["dependencies"],
        "optional-dependencies": {"one": ["epsilon>=0.9"]},
    }
    dependencies = {"alpha": "^1.0", "delta": {"version": "*", "python": "<3.13"}}
    return {"project": project, "tool": {"poetry": {"dependencies": dependencies, "source": _sources(address)}}}


PROJECTS = {f.__name__: f for f in (standard_project, torch_project, legacy_project, groups_project, dynamic_project)}
EXTRAS = {
    "standard_project": ("one", "two-x"),
    "torch_project": ("cpu", "cu128", "other"),
    "legacy_project": ("gpu", "eps"),
    "groups_project": (),
    "dynamic_project": ("one",),
}
GROUPS = {"legacy_project": ("dev", "docs"), "groups_project": ("dev", "lint-x", "cuda", "docs")}


def _pyproject(text: str) -> Pyproject:
    return Pyproject(source=Source(path="pyproject.toml", text=text), table=tomli.loads(text))


def _users(name: str) -> list[Variant]:
    users = [Variant(name=extra, extra=(extra,), group=()) for extra in EXTRAS[name]]
    return users + [Variant(name=group, extra=(), group=(group,)) for group in GROUPS.get(name, ())]


def _environment(platform: dict[str, str], python: str) -> dict[str, str]:
    own = {key: str(value) for key, value in default_environment().items()}
    return {**own, **platform, "python_version": python, "python_full_version": f"{python}.4"}


def _judge(name: str, lock: str, text: str, python: str = "3.11") -> LockVerdict:
    pyproject = _pyproject(text)
    parsed = parse_poetry_lock(Source(path="poetry.lock", text=lock), pyproject)
    return judge_poetry(parsed, pyproject, _users(name), _environment(LINUX, python))


@dataclasses.dataclass
class Workshop:
    """Projects on disk, each locked once."""

    root: Path
    address: str
    locks: dict[str, str] = dataclasses.field(default_factory=dict)

    def open(self, name: str) -> tuple[Path, Table, str]:
        """Return the directory of a project, as it was when locked, its table, and the text of its lock."""
        directory, table = self.root / name, PROJECTS[name](self.address)
        write_text(directory, document(table))
        if name not in self.locks:
            made = run_poetry(directory, "lock")
            assert made.returncode == 0, made.stdout + made.stderr
            self.locks[name] = (directory / "poetry.lock").read_text(encoding="utf-8")
        (directory / "poetry.lock").write_text(self.locks[name], encoding="utf-8")
        return directory, table, self.locks[name]


@pytest.fixture(scope="module")
def workshop(address: str, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The projects below, locked by Poetry."""
    return Workshop(tmp_path_factory.mktemp("poetry"), address)


@pytest.mark.parametrize("name", PROJECTS)
def test_verdicts_are_those_of_poetry(name: str, workshop: Workshop) -> None:
    """After each edit of `pyproject.toml`, `poetry check --lock` and `judge_poetry` say the same."""
    directory, table, lock = workshop.open(name)
    original = document(table)
    for platform in (LINUX, ARM, MACOS, WINDOWS):
        for python in ("3.9", "3.10", "3.12"):
            parsed = parse_poetry_lock(Source(path="poetry.lock", text=lock), _pyproject(original))
            verdict = judge_poetry(parsed, _pyproject(original), _users(name), _environment(platform, python))
            assert verdict.freshness == "fresh", render_problems(verdict.problems)

    edited = list(all_edits(table))
    theirs = judge_many(directory, [text for _, text in edited])
    counts: collections.Counter[str] = collections.Counter()
    explained = 0
    wrong: list[str] = []
    for (label, text), their in zip(edited, theirs, strict=True):
        verdict = _judge(name, lock, text)
        outcome = f"poetry {their.partition(':')[0]}, we {verdict.freshness}"
        counts[outcome] += 1
        explained += any(problem.where and problem.where.key != HASH for problem in verdict.problems)
        if not their.startswith("refused") and their != verdict.freshness:
            wrong.append(f"{outcome}: {label}\n{render_problems(verdict.problems)}\n")
        assert all(problem.where is not None and problem.where.line for problem in verdict.problems), label
    print(f"\n{name}: {sum(counts.values())} edits, {explained} explained", dict(counts))
    assert not wrong, f"{len(wrong)} disagreements\n" + "\n".join(wrong)
    unknown = sum(count for outcome, count in counts.items() if outcome.endswith("we unknown"))
    assert unknown <= sum(counts.values()) / 100

    for at in range(0, len(edited), max(1, len(edited) // 2)):  # one process after all, to see that it says the same
        write_text(directory, edited[at][1])
        checked = run_poetry(directory, "check", "--lock")
        is_stale = "changed significantly since poetry.lock was last generated" in checked.stderr
        if not theirs[at].startswith("refused"):
            assert is_stale == (theirs[at] == "stale"), (edited[at][0], checked.stderr)


def test_a_pin_edited_by_hand_is_found(workshop: Workshop) -> None:
    """Poetry calls a lock fresh whose pins no longer fit; that is the one difference, and it is wanted."""
    for name, old, new in (
        ("standard_project", 'name = "alpha"\nversion = "2.0.0"', 'name = "alpha"\nversion = "3.0.0"'),
        ("torch_project", 'name = "torch"\nversion = "2.9.0+cpu"', 'name = "torch"\nversion = "2.8.0+cpu"'),
        ("legacy_project", 'name = "alpha"\nversion = "1.1.0"', 'name = "alpha"\nversion = "2.1.0"'),
        ("groups_project", 'name = "epsilon"\nversion = "0.9.0"', 'name = "epsilon"\nversion = "1.0.0"'),
        ("dynamic_project", 'name = "alpha"\nversion = "1.1.0"', 'name = "alpha"\nversion = "2.0.0"'),
    ):
        directory, table, lock = workshop.open(name)
        assert old in lock, name
        edited = lock.replace(old, new)
        (directory / "poetry.lock").write_text(edited, encoding="utf-8")
        assert judge_many(directory, [document(table)]) == ["fresh"]
        verdict = _judge(name, edited, document(table))
        assert (verdict.freshness, {problem.code.name for problem in verdict.problems}) == ("stale", {"CP204"}), name


CHOICES: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "standard_project": [((), ()), (("one",), ()), (("one", "two-x"), ())],
    "torch_project": [((), ()), (("cpu",), ()), (("cu128",), ()), (("cpu", "cu128"), ()), (("cu128", "other"), ())],
    "legacy_project": [((), ()), (("gpu",), ()), (("gpu", "eps"), ("dev",)), ((), ("docs",))],
    "groups_project": [((), ()), ((), ("dev",)), ((), ("lint-x",)), ((), ("cuda", "docs"))],
    "dynamic_project": [((), ()), (("one",), ())],
}


@pytest.mark.parametrize("name", CHOICES)
def test_selections_are_those_of_poetry(name: str, workshop: Workshop) -> None:
    """For each choice of extras and groups, we select what `poetry export` lists for the environment."""
    directory, table, text = workshop.open(name)
    lock = parse_poetry_lock(Source(path="poetry.lock", text=text), _pyproject(document(table)))
    compared = 0
    for extras, groups in CHOICES[name]:
        options = [f"--extras={extra}" for extra in extras] + [f"--with={group}" for group in groups]
        exported = run_poetry(directory, "export", "--without-hashes", *options)
        assert exported.returncode == 0, exported.stderr
        for platform in (LINUX, ARM, MACOS, WINDOWS):
            for python in ("3.10", "3.12"):
                environment = _environment(platform, python)
                ours = _selected(lock, extras, groups, environment)
                pins = {(package.name, package.version) for package in ours.packages}
                assert pins == _exported(exported.stdout, environment), (extras, groups, platform, python)
                indexes = {p.name: p.index for p in ours.packages if p.name == "torch"}
                assert all(index and index.startswith(workshop.address) for index in indexes.values())
                compared += 1
    print(f"\n{name}: {compared} selections")


@pytest.mark.parametrize("name", CHOICES)
def test_selections_are_what_poetry_installs(name: str, workshop: Workshop) -> None:
    """Here, we select what `poetry install` would; so do we without groups and markers, as before lock-version 2.1."""
    directory, table, text = workshop.open(name)
    old = re.sub(r"^(?:groups|markers) = .*\n", "", text, flags=re.MULTILINE)
    old = old.replace('lock-version = "2.1"', 'lock-version = "2.0"')
    here = {key: str(value) for key, value in default_environment().items()}
    for lock_text in (text, old):
        (directory / "poetry.lock").write_text(lock_text, encoding="utf-8")
        lock = parse_poetry_lock(Source(path="poetry.lock", text=lock_text), _pyproject(document(table)))
        for extras, groups in CHOICES[name][1:2]:
            options = [f"--extras={extra}" for extra in extras] + [f"--with={group}" for group in groups]
            without = sorted({"dev", "lint-x", "cuda"} & set(GROUPS.get(name, ())) - set(groups))
            options += [f"--without={group}" for group in without]
            done = run_poetry(directory, "install", "--no-root", "--dry-run", *options)
            assert done.returncode == 0, done.stdout + done.stderr
            ours = {(p.name, p.version) for p in _selected(lock, extras, groups, here).packages}
            assert ours == _installed(done.stdout), (extras, groups, lock_text is old)


def _selected(
    lock: PoetryLock, extras: tuple[str, ...], groups: tuple[str, ...], environment: dict[str, str]
) -> Selection:
    return lock.select(Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment), "demo")


def _exported(text: str, environment: dict[str, Any]) -> set[tuple[str, str | None]]:
    found: set[tuple[str, str | None]] = set()
    for line in text.splitlines():
        if not line.strip() or line.startswith("--"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found.add((requirement.name, next(iter(requirement.specifier)).version))
    return found


def _installed(text: str) -> set[tuple[str, str]]:
    """Return what a dry run installs, or finds installed in that version; not what it skips as not required."""
    lines = re.findall(
        r"- Installing (\S+) \((\S+?)\)(?:: Skipped for the following reason: (.*))?$", text, re.MULTILINE
    )
    return {(name, version) for name, version, reason in lines if reason != "Not required"}
