"""`judge_pdm` says what `pdm lock --check` says, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.core.lock import LockVerdict, Source
from cudapin.core.verdict import render_problems
from cudapin.locks.pdm.fresh import judge_pdm
from cudapin.locks.pdm.hash import content_hash
from unit.locks.pdm_texts import LOCK, PROJECT, hashed, parse
from unit.support import LINUX, MACOS, config_of, pyproject_of

if TYPE_CHECKING:
    from cudapin.core.config import Variant

TORCH = PROJECT + '[tool.cudapin.variants.cu128]\nextra = "cu128"\n'


def variants(text: str) -> tuple[Variant, ...]:
    return tuple(config_of(text).variants.values())


def judge(
    lock: str,
    project: str = PROJECT,
    *,
    users: tuple[Variant, ...] = (),
    files: dict[str, str] | None = None,
    globs: dict[str, list[str]] | None = None,
    environment: dict[str, str] = LINUX,
    path: str = "pdm.lock",
) -> LockVerdict:
    """Judge a lock for a project, with further files by their path."""

    def read(name: str) -> Source | None:
        return Source(path=name, text=files[name]) if files and name in files else None

    found = parse(lock, project)
    if path != "pdm.lock":
        found = type(found)(
            source=Source(path=path, text=lock),
            metadata=found.metadata,
            packages=found.packages,
            header=found.header,
            pyproject=found.pyproject,
        )
    find = None if globs is None else (lambda pattern: globs.get(pattern, []))
    return judge_pdm(found, pyproject_of(project), users, read, environment, find)


def shown(verdict: LockVerdict) -> str:
    """Return the verdict and what is shown with it."""
    return "\n".join(filter(None, (verdict.freshness, render_problems(verdict.problems))))


FRESH = hashed(LOCK, PROJECT)


def test_a_lock_with_the_hash_of_its_inputs_is_fresh() -> None:
    """Comments, the project's version and other tables do not count."""
    assert shown(judge(FRESH)) == "fresh"
    assert (
        judge(FRESH, PROJECT.replace('version = "1.0"', 'version = "2"  # new') + "[tool.x]\na = 1\n").freshness
        == "fresh"
    )


def test_another_algorithm_counts_as_recorded() -> None:
    """The name stands before the colon."""
    text = LOCK.replace("sha256:CONTENT", "md5:" + content_hash(pyproject_of(PROJECT), algorithm="md5"))
    assert judge(text).freshness == "fresh"
    assert shown(judge(LOCK.replace("sha256:CONTENT", "sha0:1"))) == (
        "unknown\n"
        "error[CP206]: whether `pdm.lock` is fresh cannot be told\n"
        "  --> pdm.lock\n  why: there is no hash algorithm `sha0`\n  fix: pdm lock --check"
    )


def test_what_the_lock_shows_is_said_first() -> None:
    """A requirement that the pins do not satisfy, one that is not there, another Python, a group that is gone."""
    project = (
        PROJECT.replace("numpy>=2", "numpy>=2.2", 1)
        .replace('"tqdm;', '"rich", "tqdm;')
        .replace('requires-python = ">=3.10"', 'requires-python = ">=3.11"')
        .replace('[dependency-groups]\ndev = ["ruff"]\n', "")
    )
    assert shown(judge(FRESH, project)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` was made for groups that are gone\n"
        "  --> pdm.lock:2 (metadata.groups)\n"
        "  why: wanted `cu128`, `default`, found `dev`\n"
        "  fix: pdm lock\n"
        "error[CP201]: `pdm.lock` locks `ruff`, which nothing asks for any more\n"
        "  --> pdm.lock:26 (ruff)\n"
        "  why: wanted only what `pyproject.toml` and the locked packages require, found `ruff 0.9`\n"
        "  fix: pdm lock\n"
        "error[CP201]: `pdm.lock` was made for other versions of Python\n"
        "  --> pyproject.toml:4 (project.requires-python)\n"
        "  why: wanted `>=3.11`, the lock has `>=3.10` at pdm.lock:7\n"
        "  fix: pdm lock\n"
        "error[CP201]: `pdm.lock` does not pin what `project.dependencies` asks for\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `rich`, the lock has no `rich`\n"
        "  fix: pdm lock\n"
        "error[CP204]: `pdm.lock` locks a `numpy` that does not satisfy `project.dependencies`\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `numpy>=2.2`, the lock has `2.1.0` at pdm.lock:17\n"
        "  fix: pdm lock"
    )


def test_a_change_that_the_lock_does_not_show_is_said_by_the_hash() -> None:
    """Wanted and found, with the line."""
    project = PROJECT.replace("numpy>=2", "numpy>=1")
    assert shown(judge(FRESH, project)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` was made from other inputs\n"
        "  --> pdm.lock:5 (metadata.content_hash)\n"
        f"  why: wanted `sha256:{content_hash(pyproject_of(project))}`, "
        f"found `sha256:{content_hash(pyproject_of(PROJECT))}`: something in `dependencies`, `optional-dependencies`, "
        "`requires-python`, `dependency-groups` or `tool.pdm` (`dev-dependencies`, `source`, `resolution`) changed\n"
        "  fix: pdm lock"
    )


def test_a_lock_without_a_hash_is_stale() -> None:
    """As pdm has it."""
    text = "\n".join(line for line in FRESH.splitlines() if "content_hash" not in line)
    assert shown(judge(text)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` does not say what it was made from\n"
        "  --> pdm.lock:1 (metadata.content_hash)\n"
        f"  why: wanted `sha256:{content_hash(pyproject_of(PROJECT))}`, found no hash of the inputs at all\n"
        "  fix: pdm lock"
    )


def test_a_pin_that_was_edited_by_hand_is_found() -> None:
    """pdm's own check looks at the hash alone."""
    assert shown(judge(FRESH.replace('"2.1.0"', '"1.26"'))) == (
        "stale\n"
        "error[CP204]: `pdm.lock` locks a `numpy` that does not satisfy `project.dependencies`\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `numpy>=2`, the lock has `1.26` at pdm.lock:17\n"
        "  fix: pdm lock"
    )


@pytest.mark.parametrize("table", ['overrides = { NumPy = "1.26" }', 'excludes = ["numpy"]'])
def test_what_the_project_overrides_is_not_held_against_the_lock(table: str) -> None:
    """Then the requirement as written is not what pdm resolves."""
    project = f"{PROJECT}[tool.pdm.resolution]\n{table}\n"
    text = hashed(LOCK.replace('"2.1.0"', '"1.26"'), project)
    assert shown(judge(text, project)) == "fresh"


def test_a_variant_whose_extra_is_not_locked_is_stale() -> None:
    """`pdm lock` keeps the groups that a lock has, so the fix names them all."""
    text = FRESH.replace('"default", "cu128", "dev"]', '"default", "dev"]')
    assert shown(judge(text, TORCH, users=variants(TORCH))) == (
        "stale\n"
        "error[CP201]: `pdm.lock` was not made for variant `cu128`\n"
        "  --> pyproject.toml:21 (tool.cudapin.variants.cu128)\n"
        "  why: wanted the groups `cu128`, the lock has `default`, `dev` at pdm.lock:2\n"
        "  fix: pdm lock -G :all"
    )
    assert judge(text, TORCH).freshness == "fresh"
    assert judge(FRESH, TORCH, users=variants(TORCH)).freshness == "fresh"


def test_an_environment_that_is_no_target_is_judged_by_the_hash_alone() -> None:
    """Nothing is installed there, so no pin can be missing."""
    text = FRESH.replace('">=3.10"\n\n', '">=3.10"\nplatform = "linux"\n\n', 1).replace('"2.1.0"', '"1.26"')
    assert judge(text, environment=MACOS).freshness == "fresh"
    assert judge(text).freshness == "stale"


def test_dynamic_dependencies_cannot_be_told() -> None:
    """pdm locks none of them and calls that fresh; only a build tells what they are."""
    project = PROJECT.replace(
        'dependencies = ["numpy>=2", "tqdm; sys_platform == \'win32\'"]', 'dynamic = ["dependencies"]'
    )
    assert shown(judge(hashed(LOCK, project), project)) == (
        "unknown\n"
        "error[CP206]: whether `pdm.lock` is fresh cannot be told\n"
        "  --> pyproject.toml:5 (project.dynamic)\n"
        "  why: `dependencies` is dynamic, "
        "so only a build tells what the project asks for, and pdm locks nothing of it\n"
        "  fix: state `dependencies` in `[project]`"
    )


def test_a_group_in_both_tables_may_be_hashed_several_times_over() -> None:
    """pdm 2.29 appends the items again at each look, and records that; its own check then calls the lock stale."""
    project = PROJECT + '[tool.pdm.dev-dependencies]\ndev = ["ruff"]\n'
    digest = content_hash(pyproject_of(project), repetitions=3)
    assert digest != content_hash(pyproject_of(project))
    assert judge(LOCK.replace("CONTENT", digest), project).freshness == "fresh"
    other = project.replace('dependencies]\ndev = ["ruff"]', 'dependencies]\ndev = ["black"]')
    assert judge(LOCK.replace("CONTENT", digest), other).freshness == "stale"


def test_an_entry_that_pdm_does_not_read_is_found() -> None:
    """Of two with one name and version pdm keeps the last; with another marker the package is lost elsewhere."""
    torch = LOCK[LOCK.index('[[package]]\nname = "torch"') : LOCK.index('[[package]]\nname = "tqdm"')]
    text = FRESH + torch.replace('groups = ["cu128"]', 'groups = ["cu128"]\nmarker = "sys_platform == \'win32\'"')
    assert shown(judge(text)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` holds `torch 2.9.0` twice, and pdm reads only the last\n"
        "  --> pdm.lock:31 (torch)\n"
        "  why: wanted one entry, found another marker or other groups at pdm.lock:52\n"
        '  fix: name the full version in `pyproject.toml` (`"torch==2.9.0+cu128"`), then `pdm lock`'
    )
    assert judge(FRESH + torch).freshness == "fresh"


MEMBER = '[project]\nname = "one"\ndependencies = ["numpy"]\n'
ROOT = PROJECT + '[tool.pdm.workspace]\nmembers = ["libs/one", "more/*"]\n'


def test_the_members_of_a_workspace_count() -> None:
    """Those that are named, and those that a glob finds."""
    text = LOCK.replace("CONTENT", content_hash(pyproject_of(ROOT), {"libs/one": pyproject_of(MEMBER)}))
    files = {"libs/one/pyproject.toml": MEMBER, "more/two/pyproject.toml": MEMBER.replace("one", "two")}
    assert judge(text, ROOT, files=files, globs={}).freshness == "fresh"
    assert judge(text, ROOT, files=files, globs={"more/*": ["more/two"]}).freshness == "stale"
    assert judge(text, ROOT, files={**files, "libs/one/pyproject.toml": MEMBER + "\n"}, globs={}).freshness == "fresh"
    changed = {"libs/one/pyproject.toml": MEMBER.replace("numpy", "numpy>=1")}
    assert judge(text, ROOT, files=changed, globs={}).freshness == "stale"


def test_a_workspace_that_cannot_be_read_whole_is_not_judged() -> None:
    """A member that is not there, a glob with nobody to ask, a file that is no TOML."""
    text = hashed(LOCK, PROJECT)

    def why(**more: object) -> str:
        verdict = judge(text, ROOT, **more)  # type: ignore[arg-type]
        assert verdict.freshness == "unknown"
        return verdict.problems[0].why

    assert why(globs={}) == "the workspace member `libs/one`, which it may have been made from, is not there"
    assert why() == "which directories the glob `more/*` in `tool.pdm.workspace.members` means is not known"
    broken = {"libs/one/pyproject.toml": "["}
    assert why(files=broken, globs={}) == "`libs/one/pyproject.toml`, which it was made from, is not valid TOML"
    assert judge(text, ROOT.replace('"libs/one"', "1"), globs={}).problems[0].why == (
        "`tool.pdm.workspace.members` is no list of texts"
    )


def test_a_member_is_judged_by_the_lock_of_its_workspace() -> None:
    """The root is what stands beside the lock."""
    root = PROJECT.replace('"demo"', '"root"') + '[tool.pdm.workspace]\nmembers = ["libs/one"]\n'
    text = LOCK.replace("CONTENT", content_hash(pyproject_of(root), {"libs/one": pyproject_of(MEMBER)}))
    files = {"../../pyproject.toml": root, "../../libs/one/pyproject.toml": MEMBER}
    assert shown(judge(text, MEMBER, files=files, path="../../pdm.lock")) == "fresh"
    files["../../libs/one/pyproject.toml"] = MEMBER.replace("numpy", "numpy>=1")
    assert judge(text, MEMBER, files=files, path="../../pdm.lock").freshness == "stale"
    assert judge(FRESH, path="locks/pdm.lock").freshness == "fresh"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "[dependency-groups]\n",
            "[dependency-groups]\nDev = []\n",
            "the group `dev` stands in `dependency-groups` twice",
        ),
        (
            "[tool.pdm.x]",
            "[tool.pdm.dev-dependencies]\ndev = 1",
            "the group `dev` of `tool.pdm.dev-dependencies` is no list",
        ),
        (
            "[tool.pdm.x]",
            "[tool.pdm.resolution]\nday = 2024-01-01",
            "a date or time stands in what pdm hashes, and pdm cannot hash it",
        ),
        (
            '[[tool.pdm.source]]\nname = "pypi"',
            '[[tool.pdm]]\n[[tool.pdm.source]]\nname = "x"',
            "`tool.pdm` is no table",
        ),
    ],
)
def test_inputs_that_pdm_cannot_hash_are_not_judged(old: str, new: str, why: str) -> None:
    """pdm ends with an error there."""
    verdict = judge(FRESH, (PROJECT + "[tool.pdm.x]\n").replace(old, new))
    assert (verdict.freshness, verdict.problems[0].why) == ("unknown", why)


def test_a_project_that_pdm_converts_is_not_judged() -> None:
    """Without `[project]` it hashes what it makes of another tool's table."""
    verdict = judge(FRESH, "[tool.poetry]\nname = 'demo'\n")
    assert (verdict.freshness, verdict.problems[0].why) == (
        "unknown",
        "pdm converts a project without `[project]` before it hashes it",
    )


INPUTS = PROJECT + "[tool.pdm.resolution]\nlock_inputs = true\nrespect-source-order = true\n"
RECORDED = LOCK.replace('content_hash = "sha256:CONTENT"\n', "").replace(
    "[[package]]",
    """\
[metadata.lock_inputs.project]
requires-python = ">=3.10"
groups = { default = ["numpy", "tqdm; sys_platform == \\"win32\\""], cu128 = ["torch"], dev = ["ruff"] }
resolution = { respect-source-order = true }

[[metadata.lock_inputs.project.sources]]
name = "pypi"
url = "sha256:0ca5f8"

[[metadata.lock_inputs.project.sources]]
name = "cu128"
url = "sha256:0ca5f8"
include_packages = ["torch"]

[[package]]""",
    1,
)


def recorded() -> str:
    """Return the lock with the fingerprints of the addresses filled in."""
    import hashlib

    text = RECORDED
    for url in ("https://me:secret@index.example/simple", "https://index.example/cu128/"):
        text = text.replace("0ca5f8", hashlib.sha256(url.encode()).hexdigest(), 1)
    return text


def test_recorded_inputs_are_compared_one_by_one() -> None:
    """A changed specifier alone keeps the lock fresh as long as the pins satisfy it."""
    assert shown(judge(recorded(), INPUTS)) == "fresh"
    assert judge(recorded(), INPUTS.replace("numpy>=2", "numpy>=1,<3")).freshness == "fresh"
    assert shown(judge(recorded(), INPUTS.replace("numpy>=2", "numpy>=2.2"))) == (
        "stale\n"
        "error[CP204]: `pdm.lock` locks a version that does not satisfy what group `default` asks for\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `numpy>=2.2`, the lock has `2.1.0` at pdm.lock:30\n"
        "  fix: pdm lock"
    )
    project = INPUTS.replace('dev = ["ruff"]', 'dev = ["ruff", "rich"]').replace("respect-source-order = true\n", "")
    assert shown(judge(recorded(), project)) == (
        "stale\n"
        "error[CP201]: `pdm.lock` was made from other inputs: `groups.dev`\n"
        "  --> pyproject.toml:1 (project)\n"
        "  why: wanted `rich`, `ruff`, the lock has `ruff` at pdm.lock:11\n"
        "  fix: pdm lock\n"
        "error[CP201]: `pdm.lock` was made from other inputs: `resolution.respect-source-order`\n"
        "  --> pyproject.toml:21 (tool.pdm.resolution)\n"
        "  why: wanted nothing, the lock has `True` at pdm.lock:12\n"
        "  fix: pdm lock"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">=3.10", ">=3.11"),
        ("cu128/", "cu126/"),
        ("sys_platform == 'win32'", "sys_platform == 'linux'"),
        ("torch>=2.9", "torch[opt]>=2.9"),
        ("cu128 = [", "cu126 = ["),
        ('include_packages = ["torch"]\n', ""),
    ],
)
def test_every_recorded_input_counts(old: str, new: str) -> None:
    """Python, addresses, markers, extras, names of groups, sources."""
    assert judge(recorded(), INPUTS.replace(old, new)).freshness == "stale"


def test_a_lock_with_a_hash_is_stale_where_recorded_inputs_are_wanted() -> None:
    """And the other way round the recorded ones are compared."""
    assert judge(hashed(LOCK, INPUTS), INPUTS).freshness == "stale"
    assert judge(recorded(), INPUTS.replace("lock_inputs = true\n", "")).freshness == "fresh"
    assert (
        judge(recorded().replace("[metadata.lock_inputs.project]", "[metadata.lock_inputs.other]"), INPUTS).freshness
        == "stale"
    )


def test_recorded_inputs_that_depend_on_files_are_not_judged() -> None:
    """A path has its own inputs, which pdm reads from the disk."""
    verdict = judge(recorded(), INPUTS.replace("numpy>=2", "numpy @ file:///${PROJECT_ROOT}/libs/numpy"))
    assert (verdict.freshness, verdict.problems[0].why) == (
        "unknown",
        "what pdm records of `numpy` depends on its own reading of an address",
    )


def test_a_package_that_was_taken_out_by_hand() -> None:
    """Also one of a group that no variant uses, on a Python that the lock is not for: pdm's hash says nothing of it."""
    text = hashed(LOCK, PROJECT)
    assert judge(text).freshness == "fresh"
    without = text.replace('[[package]]\nname = "ruff"\nversion = "0.9"\ngroups = ["dev"]\n', "")
    old = {**LINUX, "python_version": "3.9", "python_full_version": "3.9.1"}
    for environment in (LINUX, old):
        assert render_problems(judge(without, environment=environment).problems) == (
            "error[CP201]: `pdm.lock` does not pin what `dependency-groups.dev` asks for\n"
            "  --> pyproject.toml:11 (dependency-groups.dev)\n"
            "  why: wanted `ruff`, the lock has no `ruff`\n"
            "  fix: pdm lock"
        )
    partial = without.replace('groups = ["default", "cu128", "dev"]', 'groups = ["default", "cu128"]')
    assert judge(partial).freshness == "fresh"
