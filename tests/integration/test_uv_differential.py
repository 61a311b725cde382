"""Our verdicts and selections against uv's own, over every edit of several projects that exercise its features."""

from __future__ import annotations

import collections
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from cudapin.adapters.project import read_project
from cudapin.adapters.workspace import read_uv_inputs
from cudapin.core.lock import LockVerdict, Request, Source
from cudapin.core.verdict import render_problems
from cudapin.errors import CudapinError
from cudapin.locks.uv.fresh import judge_uv, path_dependencies
from cudapin.locks.uv.lock import parse_uv_lock
from integration.lab import Index, Table, edits, run_uv, serve, toml, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cudapin.core.lock import UvInputs

pytestmark = pytest.mark.integration

Files = dict[str, Table]

BUILD_SYSTEM = {"requires": [], "build-backend": "lab_backend", "backend-path": ["."]}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with three indexes: all, and two with their own builds of torch."""
    main, cpu, cuda = Index(), Index(), Index()
    main.add("alpha", "1.0.0", "1.1.0", "2.0.0")
    main.add("alpha", "3.0.0", day="2024-06-01")
    main.add("alpha", "4.0.0b1")
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


def _index(address: str, name: str = "main", **more: Any) -> Table:
    return {"name": name, "url": f"{address}/{name}/simple", **more}


def plain_project(address: str) -> Files:
    """Extras that refer to each other, groups, constraints, overrides, exclusions, markers, static metadata."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10",
        "dependencies": ["alpha>=1.0,<3", "beta; sys_platform == 'linux'", "gamma[all]>=1.0"],
        "optional-dependencies": {"one": ["delta>=1.0"], "Two_x": ["demo[one]", "epsilon>=0.9"]},
    }
    uv = {
        "index": [_index(address, default=True)],
        "constraint-dependencies": ["alpha<2.5", "epsilon>=0.5"],
        "override-dependencies": ["beta>=1.0"],
        "exclude-dependencies": ["epsilon"],
        "build-constraint-dependencies": ["alpha>=1.0"],
        "dependency-groups": {"lint": {"requires-python": ">=3.11"}},
        "default-groups": ["dev", "lint"],
        "dependency-metadata": [
            {"name": "delta", "version": "1.0.0", "requires-dist": ["beta", "alpha>=1.0"], "provides-extras": ["q"]}
        ],
        "resolution": "highest",
        "prerelease": "if-necessary",
        "fork-strategy": "requires-python",
    }
    groups = {"dev": ["beta>=1.0", {"include-group": "lint"}], "lint": ["epsilon"], "empty": []}
    return {".": {"project": project, "dependency-groups": groups, "tool": {"uv": uv}}}


def torch_project(address: str) -> Files:
    """The fork of the PyTorch pattern: two explicit indexes, conflicting extras and groups."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10",
        "dependencies": ["alpha"],
        "optional-dependencies": {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"], "other": ["gamma"]},
    }
    uv = {
        "index": [
            _index(address, default=True),
            _index(address, "cpu", explicit=True),
            _index(address, "cuda", explicit=True),
        ],
        "conflicts": [[{"extra": "cpu"}, {"extra": "cu128"}], [{"group": "a"}, {"group": "b"}]],
        "sources": {
            "torch": [
                {"index": "cpu", "extra": "cpu"},
                {"index": "cuda", "extra": "cu128", "marker": "sys_platform == 'linux'"},
            ]
        },
        "environments": ["sys_platform == 'linux'", "sys_platform == 'darwin'"],
        "required-environments": ["sys_platform == 'linux' and platform_machine == 'x86_64'"],
    }
    groups = {"a": ["beta==1.0"], "b": ["beta==1.2"], "c": [{"include-group": "a"}]}
    return {".": {"project": project, "dependency-groups": groups, "tool": {"uv": uv}}}


def workspace_project(address: str) -> Files:
    """A root with two members, one of them without a package, and a path dependency outside."""
    root: Table = {
        "project": {
            "name": "demo",
            "version": "0.1.0",
            "requires-python": ">=3.10",
            "dependencies": ["one>=0.1", "alpha", "outside>=1.0.0"],
        },
        "dependency-groups": {"dev": ["demo[x]", "beta"]},
        "build-system": BUILD_SYSTEM,
        "tool": {
            "uv": {
                "index": [_index(address, default=True)],
                "workspace": {"members": ["packages/*"]},
                "sources": {
                    "one": {"workspace": True},
                    "alpha": {"index": "main"},
                    "outside": {"path": "../outside", "editable": True},
                },
            }
        },
    }
    root["project"]["optional-dependencies"] = {"x": ["gamma"]}
    one = {
        "project": {
            "name": "one",
            "version": "0.2.0",
            "requires-python": ">=3.9,<3.14",
            "dependencies": ["two", "alpha"],
        },
        "tool": {"uv": {"sources": {"two": {"workspace": True, "editable": False}}}},
    }
    two: Table = {
        "project": {"name": "two", "dynamic": ["version"], "dependencies": ["epsilon"]},
        "build-system": BUILD_SYSTEM,
        "tool": {"uv": {"conflicts": [[{"extra": "p"}, {"extra": "q"}]]}},
    }
    two["project"]["optional-dependencies"] = {"p": ["beta==1.0"], "q": ["beta==1.2"], "r": ["alpha"]}
    outside = {
        "project": {"name": "outside", "version": "1.0.0", "requires-python": ">=3.8", "dependencies": ["epsilon"]},
        "dependency-groups": {"dev": ["alpha"]},
    }
    return {".": root, "packages/one": one, "packages/two": two, "../outside": outside}


def newer_project(address: str) -> Files:
    """A moment before which files must have been uploaded."""
    project = {"name": "demo", "version": "1.0", "requires-python": ">=3.10,<3.13", "dependencies": ["alpha", "beta"]}
    uv = {
        "index": [_index(address, default=True)],
        "exclude-newer": "2024-03-01T00:00:00Z",
        "exclude-newer-package": {"beta": "2024-02-01T00:00:00Z", "epsilon": False},
    }
    return {".": {"project": project, "tool": {"uv": uv}}}


def span_project(address: str) -> Files:
    """A span of time, legacy development dependencies, direct addresses, forks by Python version."""
    wheel = f"{address}/main/files/epsilon-1.0.0-py3-none-any.whl"
    project = {
        "name": "demo",
        "dynamic": ["version"],
        "requires-python": ">=3.10",
        "dependencies": [
            "alpha<2; python_version < '3.12'",
            "alpha>=2; python_version >= '3.12'",
            f"epsilon @ {wheel}",
            "delta; platform_machine == 'x86_64' or os_name == 'nt'",
        ],
        "optional-dependencies": {"all": ["demo[some]"], "some": ["gamma; 'x86' in platform_machine"]},
    }
    uv = {
        "index": [_index(address, default=True)],
        "exclude-newer": "7 days",
        "dev-dependencies": ["beta"],
        "sources": {"beta": {"url": f"{address}/main/files/beta-1.2.0-py3-none-any.whl"}},
    }
    return {".": {"project": project, "build-system": BUILD_SYSTEM, "tool": {"uv": uv}}}


def virtual_root(address: str) -> Files:
    """A workspace root that is no project, with groups of its own."""
    uv = {"index": [_index(address, default=True)], "workspace": {"members": ["a"]}}
    root = {"dependency-groups": {"dev": ["alpha>=1.0", "delta"], "empty": []}, "tool": {"uv": uv}}
    member = {"project": {"name": "a", "version": "1", "requires-python": ">=3.10", "dependencies": ["beta"]}}
    return {".": root, "a": member}


def inherited_project(address: str) -> Files:
    """A project without settings of its own takes those of the directory above."""
    project = {"name": "demo", "version": "1", "requires-python": ">=3.10", "dependencies": ["alpha", "gamma[all]"]}
    above = {
        "index": [_index(address, default=True)],
        "resolution": "lowest-direct",
        "dependency-metadata": [{"name": "delta", "version": "1.0.0", "requires-dist": ["beta"]}],
    }
    return {".": {"project": project}, "..": {"tool": {"uv": above}}}


def paths_project(address: str) -> Files:
    """A path dependency in a workspace of its own, which comes back into the project by the name of its directory."""
    root: Table = {
        "project": {
            "name": "demo",
            "version": "0.1.0",
            "requires-python": ">=3.10",
            "dependencies": ["outside[more]", "here"],
        },
        "tool": {
            "uv": {
                "index": [_index(address, default=True)],
                "sources": {"outside": {"path": "../outside/"}, "here": {"path": "./lib/../lib", "editable": True}},
            }
        },
    }
    outside: Table = {
        "project": {
            "name": "outside",
            "version": "1.0.0",
            "requires-python": ">=3.8",
            "dependencies": ["part>=1", "here"],
            "optional-dependencies": {"more": ["epsilon", "part[x]"]},
        },
        "dependency-groups": {"dev": ["here"]},
        "tool": {
            "uv": {
                "workspace": {"members": ["part"]},
                "sources": {"part": {"workspace": True}, "here": {"path": "../work/lib", "editable": True}},
            }
        },
    }
    part: Table = {"project": {"name": "part", "version": "1.5", "dependencies": ["alpha", "here"]}}
    part["project"]["optional-dependencies"] = {"x": ["beta"]}
    here = {"project": {"name": "here", "version": "3", "dependencies": ["alpha>=1"]}}
    return {".": root, "lib": here, "../outside": outside, "../outside/part": part}


PROJECTS = {
    f.__name__: f
    for f in (
        plain_project,
        torch_project,
        workspace_project,
        newer_project,
        span_project,
        virtual_root,
        inherited_project,
        paths_project,
    )
}


def load_inputs(directory: Path, text: str) -> UvInputs:
    """Read what uv reads of the project."""
    lock = parse_uv_lock(Source(path="uv.lock", text=text))
    return read_uv_inputs(read_project(directory), path_dependencies(lock))


def judge(directory: Path, text: str) -> LockVerdict:
    """Judge the project's lock, whose text is given; a project that cannot be read at all is unknown."""
    try:
        return judge_uv(parse_uv_lock(Source(path="uv.lock", text=text)), load_inputs(directory, text))
    except CudapinError as error:
        return LockVerdict(freshness="unknown", problems=error.problems)


@pytest.mark.parametrize("name", PROJECTS)
def test_verdicts_are_those_of_uv(name: str, address: str, tmp_path: Path) -> None:
    """After each edit, `uv lock --check` and `judge_uv` say the same."""
    directory = tmp_path / "work"
    files = PROJECTS[name](address)
    directory.mkdir()
    write_project(directory, files)
    made = run_uv(directory, "lock")
    assert made.returncode == 0, made.stderr
    text = (directory / "uv.lock").read_text(encoding="utf-8")
    assert judge(directory, text).freshness == "fresh", render_problems(judge(directory, text).problems)

    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    for place, table in files.items():
        for label, edited in edits(table):
            write_project(directory, {place: edited})
            (directory / "uv.lock").write_text(text, encoding="utf-8")
            checked = run_uv(directory, "lock", "--check")
            verdict = judge(directory, text)
            theirs = _their_verdict(checked.returncode, checked.stderr)
            outcome = f"uv {theirs}, we {verdict.freshness}"
            counts[outcome] += 1
            if outcome == "uv refused, we fresh":
                print(f"{outcome}: {place}: {label}: {checked.stderr.strip()[-200:]}")
            if theirs != verdict.freshness and not _is_expected(theirs, verdict):
                wrong.append(f"{outcome}: {place}: {label}\n{checked.stderr}{render_problems(verdict.problems)}\n")
        write_project(directory, {place: table})
    decided = sum(count for outcome, count in counts.items() if not outcome.startswith("uv refused"))
    unknown = sum(counts[f"uv {theirs}, we unknown"] for theirs in ("fresh", "stale"))
    print(f"\n{name}: {sum(counts.values())} edits, unknown {unknown} of {decided} that uv decides", dict(counts))
    assert unknown * 100 <= decided
    assert not wrong, f"{len(wrong)} disagreements\n" + "\n".join(wrong)


def _their_verdict(status: int, message: str) -> str:
    if status == 0:
        return "fresh"
    if re.search(r"Failed to parse `[^`]*` during settings discovery", message):
        return "refused"
    if "needs to be updated" in message or "No solution found" in message:
        return "stale"
    return "refused"


def _is_expected(theirs: str, verdict: LockVerdict) -> bool:
    """Tell whether a difference is one that we want.

    A locked version beyond its specifier (CP204) is fresh for uv when it is that of a local project, and a lock made
    under a user's `exclude-newer` (CP207) is fresh for us. Where uv refuses to work, anything is right.
    """
    codes = {problem.code.name for problem in verdict.problems}
    return theirs == "refused" or codes == {"CP204"} or (codes == {"CP207"} and verdict.freshness == "fresh")


def _reformatted(table: Table) -> str:
    """Return the table with other order, spacing, comments, line ends, and a byte order mark."""
    lines: list[str] = ["# a comment"]
    for name, value in reversed(table.items()):
        lines += ["", f"[ {name} ]  # [x]"]
        lines += [f"  {json.dumps(key)}   =   {toml(item)}  # = [" for key, item in reversed(value.items())]
    return "\ufeff" + "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize("name", PROJECTS)
def test_reformatting_leaves_a_lock_fresh(name: str, address: str, tmp_path: Path) -> None:
    """Neither uv nor we look at how a project file or the lock is written."""
    directory = tmp_path / "work"
    files = PROJECTS[name](address)
    directory.mkdir()
    write_project(directory, files)
    assert run_uv(directory, "lock").returncode == 0
    text = (directory / "uv.lock").read_text(encoding="utf-8")
    for place, table in files.items():
        (directory / place / "pyproject.toml").write_bytes(_reformatted(table).encode().removeprefix(b"\xef\xbb\xbf"))
    checked = run_uv(directory, "lock", "--check")
    assert checked.returncode == 0, checked.stderr
    head, *packages = text.split("\n[[package]]")
    reversed_lock = "\n[[package]]".join([head, *reversed([package.rstrip() + "\n" for package in packages])])
    spaced = re.sub(r"^(\S+) = ", r"\1   =  ", text, flags=re.MULTILINE).replace("\n", "  # x\r\n")
    for lock in (text, reversed_lock, spaced, text.replace('", hash', '",  hash').replace('", marker', '",  marker')):
        verdict = judge(directory, lock)
        assert verdict.freshness == "fresh", render_problems(verdict.problems)


LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"}
CHOICES = {
    "plain_project": [((), ()), (("one",), ()), (("two-x",), ("dev",)), ((), ("lint",))],
    "torch_project": [
        ((), ()),
        (("cpu",), ()),
        (("cu128",), ()),
        (("cu128", "other"), ("a",)),
        ((), ("b",)),
        ((), ("c",)),
    ],
    "workspace_project": [((), ()), (("x",), ()), ((), ("dev",))],
    "span_project": [((), ()), (("all",), ("dev",))],
}


@pytest.mark.parametrize("name", CHOICES)
def test_selections_are_those_of_uv(name: str, address: str, tmp_path: Path) -> None:
    """For each choice of extras and groups, the walk gives what `uv export --frozen` lists for the environment."""
    directory = tmp_path / "work"
    directory.mkdir()
    write_project(directory, PROJECTS[name](address))
    made = run_uv(directory, "lock")
    assert made.returncode == 0, made.stderr
    lock = parse_uv_lock(Source(path="uv.lock", text=(directory / "uv.lock").read_text(encoding="utf-8")))
    compared = 0
    for extras, groups in CHOICES[name]:
        options = [f"--extra={extra}" for extra in extras] + [f"--group={group}" for group in groups]
        fixed = ("--frozen", "--no-header", "--no-hashes", "--no-annotate", "--no-default-groups", "--no-emit-local")
        exported = run_uv(directory, "export", *fixed, *options)
        assert exported.returncode == 0, exported.stderr
        # `uv export` leaves out what `tool.uv.environments` does not support.
        for platform in (LINUX, MACOS) if name == "torch_project" else (LINUX, MACOS, WINDOWS):
            for python in ("3.10", "3.12"):
                environment = {**_own_environment(), **platform}
                environment |= {"python_version": python, "python_full_version": f"{python}.4"}
                request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
                ours = {(p.name, p.version) for p in lock.select(request).packages if p.kind != "directory"}
                assert ours == _exported(exported.stdout, environment), (extras, groups, platform, python)
                compared += 1
    print(f"\n{name}: {compared} selections")


def _own_environment() -> dict[str, str]:
    return {key: str(value) for key, value in default_environment().items()}


def _exported(text: str, environment: dict[str, str]) -> set[tuple[str, str | None]]:
    found: set[tuple[str, str | None]] = set()
    for line in filter(str.strip, text.splitlines()):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            pins = [clause.version for clause in requirement.specifier]
            pins += re.findall(r"-([0-9][^-]*)-py3-none-any", requirement.url or "")
            found.add((requirement.name, pins[0]))
    return found
