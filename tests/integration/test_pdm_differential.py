"""Our verdicts and selections against pdm's own, over every edit of several projects that exercise its features."""

from __future__ import annotations

import collections
import copy
import json
import re
from typing import TYPE_CHECKING

import pytest
import tomli
from packaging.markers import default_environment
from packaging.requirements import Requirement

from cudapin.core.lock import Pyproject, Request, Source
from cudapin.core.verdict import render_problems
from cudapin.errors import LockError
from cudapin.locks.pdm.fresh import judge_pdm
from cudapin.locks.pdm.lock import parse_pdm_lock
from integration.lab import Index, Table, document, edits, serve
from integration.pdm_lab import checker, run_pdm, selector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cudapin.core.lock import LockVerdict

pytestmark = pytest.mark.integration

Files = dict[str, Table]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with two indexes: all, and one with its own build of torch."""
    main, cuda = Index(), Index()
    main.add("alpha", "1.0.0", "1.1.0", "2.0.0")
    main.add("beta", "1.0.0", "1.2.0", requires=("alpha>=1.0",))
    main.add("gamma", "1.0.0", "2.0.0", requires=("alpha; extra == 'all'", "delta; extra == 'all'"), extras=("all",))
    main.add("delta", "1.0.0", requires=("beta; sys_platform == 'linux'", "epsilon; python_version < '3.12'"))
    main.add("epsilon", "0.9.0", "1.0.0")
    main.add("nvidia-cublas-cu12", "12.8.4.1")
    main.add("torch", "2.8.0", "2.9.0", requires=("epsilon", "nvidia-cublas-cu12; sys_platform == 'linux'"))
    cuda.add("torch", "2.9.0+cu128", requires=("epsilon", "nvidia-cublas-cu12==12.8.4.1; sys_platform == 'linux'"))
    with serve({"main": main, "cuda": cuda}) as url:
        yield url


def _sources(address: str, *, cuda: bool = False) -> list[Table]:
    found: list[Table] = [{"name": "pypi", "url": f"{address}/main/simple", "verify_ssl": False}]
    if cuda:
        found.append(
            {
                "name": "cu128",
                "url": f"{address}/cuda/simple",
                "verify_ssl": False,
                "include_packages": ["torch"],
                "exclude_packages": ["*"],
            }
        )
    return found


def plain_project(address: str) -> Files:
    """Static metadata: extras that refer to each other, markers, an extra of a requirement."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "description": "a demo",
        "requires-python": ">=3.10",
        "dependencies": ["alpha>=1.0,<3", "beta; sys_platform == 'linux'", "gamma[all]>=1.0"],
        "optional-dependencies": {"one": ["delta>=1.0"], "Two_x": ["demo[one]", "epsilon>=0.9"]},
    }
    resolution = {"allow-prereleases": False, "respect-source-order": True}
    return {".": {"project": project, "tool.pdm": {"source": _sources(address), "resolution": resolution}}}


def grouped_project(address: str) -> Files:
    """Dependency groups of both kinds, includes, overrides, exclusions, two indexes."""
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10,<3.15",
        "dependencies": ["alpha>=1.0", "epsilon>=0.9"],
        "optional-dependencies": {"cuda": ["torch>=2.9"]},
    }
    groups = {"dev": ["beta>=1.0"], "Lint_all": [{"include-group": "dev"}, "delta"]}
    pdm = {
        "source": _sources(address, cuda=True),
        "dev-dependencies": {"old": ["gamma[all]"]},
        "resolution": {"overrides": {"alpha": "1.1.0"}, "excludes": ["epsilon"]},
        "distribution": True,
    }
    return {".": {"project": project, "dependency-groups": groups, "tool.pdm": pdm}}


def workspace_project(address: str) -> Files:
    """A workspace of two members, one of which the root requires by name."""
    member = {"name": "one", "version": "1.0", "requires-python": ">=3.10", "dependencies": ["beta>=1.0"]}
    other = {"name": "two", "version": "1.0", "requires-python": ">=3.10", "dependencies": ["epsilon"]}
    project = {"name": "demo", "version": "0.1.0", "requires-python": ">=3.10", "dependencies": ["alpha"]}
    pdm = {"source": _sources(address), "workspace": {"members": ["packages/t*", "packages/one"]}}
    return {
        ".": {"project": project, "tool.pdm": pdm},
        "packages/one": {"project": member},
        "packages/two": {"project": other},
    }


def inputs_project(address: str) -> Files:
    """The inputs recorded one by one, instead of a hash of them."""
    files = plain_project(address)
    files["."]["tool.pdm"]["resolution"]["lock_inputs"] = True
    files["."]["dependency-groups"] = {"dev": ["epsilon>=0.9"], "lint": [{"include-group": "dev"}, "alpha"]}
    return files


def inputs_workspace(address: str) -> Files:
    """A workspace with its inputs recorded one by one."""
    files = workspace_project(address)
    files["."]["tool.pdm"]["resolution"] = {"lock_inputs": True}
    files["packages/one"]["build-system"] = {"requires": ["hatchling"], "build-backend": "hatchling.build"}
    return files


PROJECTS: dict[str, Callable[[str], Files]] = {
    "plain": plain_project,
    "grouped": grouped_project,
    "workspace": workspace_project,
    "inputs": inputs_project,
    "inputs-workspace": inputs_workspace,
}


def write(directory: Path, files: Files) -> None:
    """Write each table as `<key>/pyproject.toml`."""
    for place, table in files.items():
        (directory / place).mkdir(parents=True, exist_ok=True)
        text = document(table)
        (directory / place / "pyproject.toml").write_text(text, encoding="utf-8")


def read_pyproject(directory: Path) -> Pyproject:
    """Read the project as written."""
    text = (directory / "pyproject.toml").read_text(encoding="utf-8")
    return Pyproject(source=Source(path="pyproject.toml", text=text), table=tomli.loads(text))


def judge(directory: Path, text: str) -> LockVerdict:
    """Judge the lock for the project as written."""

    def read(path: str) -> Source | None:
        file = directory / path
        return Source(path=path, text=file.read_text(encoding="utf-8")) if file.is_file() else None

    def find(pattern: str) -> list[str]:
        return [str(path.relative_to(directory)) for path in directory.glob(pattern)]

    pyproject = read_pyproject(directory)
    lock = parse_pdm_lock(Source(path="pdm.lock", text=text), pyproject)
    return judge_pdm(lock, pyproject, (), read, dict(default_environment()), find)


def all_edits(files: Files) -> Iterator[tuple[str, Files]]:
    """Yield every edit of every table, and a few of the whole."""
    for place, table in files.items():
        for label, edited in edits(table):
            yield f"{place} {label}", {**files, place: edited}
    for key, value in {
        "dependency-groups": {"new": ["alpha"]},
        "tool.other": {"key": "value"},
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
    }.items():
        edited = copy.deepcopy(files["."])
        edited.setdefault(key, {}).update(value)
        yield f"added {key}", {**files, ".": edited}


@pytest.mark.parametrize("name", PROJECTS)
def test_verdicts_are_those_of_pdm(
    name: str, address: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every edit is judged as `pdm lock --check` judges it; where it reports an error, ours says unknown or stale."""
    directory = tmp_path / "demo"
    files = PROJECTS[name](address)
    write(directory, files)
    made = run_pdm(directory, "lock", "-G", ":all")
    assert made.returncode == 0, made.stderr
    text = (directory / "pdm.lock").read_text(encoding="utf-8")
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    with checker(directory) as check:
        for number, (label, edited) in enumerate([("unchanged", files), *all_edits(files)]):
            write(directory, edited)
            theirs = check(directory)
            if number % 40 == 0:
                command = run_pdm(directory, "lock", "--check")
                assert (command.returncode == 0) == (theirs == "fresh"), (label, theirs, command.stderr)
            ours = judge(directory, text)
            counts[f"{theirs.partition(':')[0]}/{ours.freshness}"] += 1
            if not agrees(theirs, ours) and not lacks_what_ours_says(text, ours):
                wrong.append(f"{label}: pdm {theirs}, ours {ours.freshness}\n{render_problems(ours.problems)}")
    record_property("counts", json.dumps(counts))
    print(name, dict(counts))
    assert not wrong, "\n\n".join(wrong[:10])
    total = sum(counts.values())
    unknown = sum(count for key, count in counts.items() if key.endswith("/unknown"))
    assert unknown <= max(1, total // 100)


def agrees(theirs: str, ours: LockVerdict) -> bool:
    """Tell whether two verdicts agree."""
    if theirs in ("fresh", "stale"):
        return ours.freshness in (theirs, "unknown")
    return ours.freshness != "fresh"


def lacks_what_ours_says(text: str, ours: LockVerdict) -> bool:
    """Tell whether ours is stricter, as documented: each problem names a direct dependency that the lock has not."""
    absent = [re.search(r"the lock has no `([^`]+)`$", problem.why) for problem in ours.problems]
    return bool(absent) and all(found and f'name = "{found[1]}"' not in text for found in absent)


# Selections

PLATFORMS = {
    "manylinux_2_39_x86_64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "manylinux_2_39_aarch64": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "windows_amd64": {"sys_platform": "win32", "platform_machine": "AMD64"},
    "macos_14_0_arm64": {"sys_platform": "darwin", "platform_machine": "arm64"},
}
SYSTEMS = {"linux": ("Linux", "posix"), "win32": ("Windows", "nt"), "darwin": ("Darwin", "posix")}


def environment_of(platform: str, python: str) -> dict[str, str]:
    """Return the markers of an environment."""
    found = PLATFORMS[platform]
    system, os_name = SYSTEMS[found["sys_platform"]]
    return {
        **found,
        "os_name": os_name,
        "platform_system": system,
        "platform_release": "",
        "platform_version": "",
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def forked_project(address: str, *, is_forked: bool) -> Files:
    """Extras that refer to each other, markers, and if asked for, a version of one package for each target."""
    forks = ["alpha<2; sys_platform == 'win32'", "alpha>=2; sys_platform != 'win32'"]
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.10",
        "dependencies": [*(forks if is_forked else ["alpha>=1.0"]), "delta"],
        "optional-dependencies": {
            "cuda": ["torch>=2.9; sys_platform != 'darwin'"],
            "all": ["gamma[all]", "demo[cuda]"],
        },
    }
    groups = {"dev": ["beta", "demo[cuda]"], "old": ["epsilon<1; python_version < '3.11'"]}
    return {
        ".": {
            "project": project,
            "dependency-groups": groups,
            "tool.pdm": {"source": _sources(address, cuda=True)},
        }
    }


LOCKS = {
    "one-target": [["lock", "-G", ":all"]],
    "static": [["lock", "-G", ":all", "-S", "static_urls"]],
    "walk": [["lock", "-G", ":all", "-S", "no_inherit_metadata"]],
    "targets": [
        ["lock", "-G", ":all", "--platform", "linux"],
        ["lock", "-G", ":all", "--platform", "windows", "--append"],
    ],
    "walk-targets": [
        ["lock", "-G", ":all", "-S", "no_inherit_metadata", "--platform", "linux"],
        ["lock", "-G", ":all", "--platform", "windows", "--append"],
    ],
}
CHOICES: list[tuple[list[str], list[str]]] = [
    ([], []),
    (["cuda"], []),
    (["all"], []),
    ([], ["dev"]),
    (["cuda"], ["old"]),
    (["all", "cuda"], ["dev", "old"]),
]


def selected(directory: Path, extras: list[str], groups: list[str], environment: dict[str, str]) -> list[str]:
    """Return what we select, with public versions as pdm records them, or the code of the error."""
    text = (directory / "pdm.lock").read_text(encoding="utf-8")
    lock = parse_pdm_lock(Source(path="pdm.lock", text=text), read_pyproject(directory))
    request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
    try:
        packages = lock.select(request).packages
    except LockError as error:
        return [f"error: {problem.code.name}" for problem in error.problems]
    return sorted(f"{p.name}=={(p.version or '').partition('+')[0]}" for p in packages)


@pytest.mark.parametrize("kind", LOCKS)
def test_selections_are_those_of_pdm(kind: str, address: str, tmp_path: Path) -> None:
    """For every choice, platform and Python, as `pdm install` would do it; errors of pdm are errors of ours."""
    directory = tmp_path / "demo"
    write(directory, forked_project(address, is_forked="targets" in kind))
    for command in LOCKS[kind]:
        made = run_pdm(directory, *command)
        assert made.returncode == 0, made.stderr
    wrong, count, refused = [], 0, 0
    with selector(directory) as select:
        for extras, groups in CHOICES:
            for platform in PLATFORMS:
                for python in ("3.10.4", "3.12.1"):
                    theirs = select(directory, ["default", *extras, *groups], python, platform)
                    ours = selected(directory, extras, groups, environment_of(platform, python))
                    count += 1
                    refused += ours[:1] == ["error: CP206"]
                    is_refused = "No compatible lock target" in theirs[0] and ours == ["error: CP206"]
                    if theirs != ours and not is_refused:
                        wrong.append(f"{extras} {groups} {platform} {python}\n  pdm  {theirs}\n  ours {ours}")
    print(kind, count, refused)
    assert not wrong, "\n".join(wrong[:10])


def test_an_export_has_the_same_packages(address: str, tmp_path: Path) -> None:
    """Its lines whose markers hold, for every choice and environment."""
    directory = tmp_path / "demo"
    write(directory, forked_project(address, is_forked=False))
    assert run_pdm(directory, "lock", "-G", ":all").returncode == 0
    for extras, groups in CHOICES[:5]:
        flags = [flag for name in (*extras, *groups) for flag in ("-G", name)]
        flags += (
            [flag for name in {"dev", "old"} - set(groups) for flag in ("--without", name)] if flags else ["--prod"]
        )
        done = run_pdm(directory, "export", "--no-hashes", *flags)
        assert done.returncode == 0, done.stderr
        lines = [Requirement(line) for line in done.stdout.splitlines() if line and line[0] not in "#-"]
        for platform in PLATFORMS:
            for python in ("3.10.4", "3.12.1"):
                environment = environment_of(platform, python)
                here = [line for line in lines if line.marker is None or line.marker.evaluate(environment)]
                theirs = sorted({f"{line.name}{line.specifier}" for line in here})
                assert selected(directory, extras, groups, environment) == theirs, (extras, groups, platform, python)


def test_a_group_in_both_tables_is_fresh_though_pdm_calls_its_own_lock_stale(address: str, tmp_path: Path) -> None:
    """pdm appends its items again at each look, and so records the hash of a list that it never sees again."""
    directory = tmp_path / "demo"
    files = grouped_project(address)
    files["."]["tool.pdm"]["dev-dependencies"]["dev"] = ["delta"]
    write(directory, files)
    assert run_pdm(directory, "lock", "-G", ":all").returncode == 0
    assert run_pdm(directory, "lock", "--check").returncode == 1
    text = (directory / "pdm.lock").read_text(encoding="utf-8")
    assert judge(directory, text).freshness == "fresh"
    files["."]["tool.pdm"]["dev-dependencies"]["dev"] = ["delta", "beta"]
    write(directory, files)
    assert judge(directory, text).freshness == "stale"
