"""When a `pylock.toml` is fresh, stale or unknown, for each tool that makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.core.config import Variant
from cudapin.core.lock import LockVerdict, Source
from cudapin.core.verdict import render_problems
from cudapin.locks.pdm.hash import content_hash
from cudapin.locks.pylock.fresh import judge_pylock
from cudapin.locks.pylock.lock import parse_pylock
from unit.support import LINUX, MACOS, A, pyproject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECT = """\
[project]
name = "demo"
version = "1"
dependencies = ["alpha>=1,<3", "win-only>=1; sys_platform == 'win32'"]

[project.optional-dependencies]
cu128 = ["torch>=2.9"]

[dependency-groups]
dev = ["pytest"]

[tool.cudapin.variants.cu128]
"""
CU128 = Variant(name="cu128", extra=("cu128",))
UV = "uv pip compile pyproject.toml -o pylock.toml"
UNIVERSAL = "uv pip compile pyproject.toml --universal -o pylock.toml"


def pin(name: str, version: str, more: str = "", tags: str = "py3-none-any") -> str:
    return (
        f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}'
        f'wheels = [{{ name = "{name.replace("-", "_")}-{version}-{tags}.whl", url = "https://index.example/{name}.whl",'
        f' hashes = {{ sha256 = "{A}" }} }}]\n'
    )


ALPHA = pin("alpha", "2.0")
TORCH = pin("torch", "2.9.0+cu128")


def judge(
    text: str,
    *variants: Variant,
    project: str = PROJECT,
    environment: Mapping[str, str] = LINUX,
    files: Mapping[str, str] | None = None,
) -> LockVerdict:
    def read(path: str) -> Source | None:
        return Source(path=path, text=files[path]) if files and path in files else None

    lock = parse_pylock(Source(path="pylock.toml", text=text))
    return judge_pylock(lock, pyproject_of(project), variants, read, environment)


def told(verdict: LockVerdict) -> str:
    return f"{verdict.freshness}\n{render_problems(verdict.problems)}"


def head(creator: str, command: str | None = None, more: str = "") -> str:
    comment = f"# This file was made by\n#    {command}\n" if command else ""
    return f'{comment}lock-version = "1.0"\ncreated-by = "{creator}"\n{more}'


def stale(
    why: str, fix: str, code: str = "CP201", what: str = "does not pin what `project.dependencies` asks for"
) -> str:
    return (
        f"stale\nerror[{code}]: `pylock.toml` {what}\n  --> pyproject.toml:4 (project.dependencies)\n"
        f"  why: {why}\n  fix: {fix}"
    )


def unknown(why: str, fix: str) -> str:
    return (
        "unknown\nerror[CP206]: whether `pylock.toml` is fresh cannot be told\n  --> pylock.toml:1\n"
        f"  why: {why}\n  fix: {fix}, then build with `CUDAPIN_ALLOW=CP206`"
    )


# uv pip compile


@pytest.mark.parametrize(
    ("text", "variants"),
    [
        (head("uv", UV) + ALPHA, ()),
        (head("uv", f"{UV} --extra cu128") + ALPHA + TORCH, (CU128,)),
        (head("uv") + ALPHA, ()),
        (head("uv") + ALPHA + TORCH, (CU128,)),
        (head("uv", UV, 'requires-python = ">=3.12"\n') + ALPHA, ()),
        (head("uv", UNIVERSAL) + ALPHA + pin("win-only", "1", "marker = \"sys_platform == 'win32'\"\n"), ()),
        (head("uv", UV) + ALPHA.replace("2.0", "1.0", 3) + pin("beta", "9"), ()),
    ],
)
def test_what_uv_compiled_is_fresh(text: str, variants: tuple[Variant, ...]) -> None:
    assert told(judge(text, *variants)) == "fresh\n"


@pytest.mark.parametrize(
    ("text", "why", "fix"),
    [
        (head("uv", UV) + pin("alpha", "3.0"), "wanted `alpha>=1,<3`, the lock has `3.0` at pylock.toml:6", UV),
        (head("uv") + pin("alpha", "3.0"), "wanted `alpha>=1,<3`, the lock has `3.0` at pylock.toml:4", UNIVERSAL),
        (head("uv", UV, "packages = []\n"), "wanted `alpha>=1,<3`, the lock has no `alpha`", UV),
        (
            head("uv", UNIVERSAL) + ALPHA,
            "wanted `win-only>=1; sys_platform == 'win32'`, the lock has no `win-only`",
            UNIVERSAL,
        ),
    ],
)
def test_what_uv_compiled_is_judged_by_its_inputs(text: str, why: str, fix: str) -> None:
    assert told(judge(text)) == stale(why, fix)


def test_what_uv_compiled_follows_overrides_and_what_is_left_out() -> None:
    override = '[tool.uv]\noverride-dependencies = ["alpha==4"]\n'
    assert told(judge(head("uv") + pin("alpha", "4"), project=PROJECT + override)) == "fresh\n"
    nothing = head("uv", f"{UV} --no-emit-package Alpha", "packages = []\n")
    assert told(judge(nothing)) == "fresh\n"


def test_a_variant_that_the_command_leaves_out() -> None:
    assert told(judge(head("uv", UV) + ALPHA, CU128)) == (
        "stale\nerror[CP201]: `pylock.toml` was not made for variant `cu128`\n"
        "  --> pyproject.toml:12 (tool.cudapin.variants.cu128)\n"
        f"  why: wanted `--extra cu128` in its command, found `{UV}`\n"
        "  fix: uv pip compile pyproject.toml --universal --extra cu128 --generate-hashes -o pylock.toml"
    )


GIT = 'vcs = { type = "git", url = "https://index.example/a", commit-id = "COMMIT" }'
ARCHIVE = 'archive = { url = "https://index.example/a.zip", hashes = { sha256 = "x" } }'
DIRECTORY = 'directory = { path = "../alpha" }'


@pytest.mark.parametrize(
    ("requirement", "source", "freshness"),
    [
        ("alpha @ git+https://index.example/a@main", GIT, "fresh"),
        ("alpha @ git+https://index.example/b@main", GIT, "stale"),
        ("alpha>=9", GIT, "fresh"),
        ("alpha @ file:///x/alpha", DIRECTORY, "fresh"),
        ("alpha>=9", DIRECTORY, "fresh"),
        ("alpha @ https://index.example/a.zip", ARCHIVE, "fresh"),
        ("alpha @ https://index.example/b.zip", ARCHIVE, "stale"),
        ("alpha>=9", 'vcs = { type = "git", path = "../a", commit-id = "1" }', "fresh"),
    ],
)
def test_addresses_are_compared(requirement: str, source: str, freshness: str) -> None:
    entry = f'[[packages]]\nname = "alpha"\nversion = "1"\n{source.replace("COMMIT", "c" * 40)}\n'
    project = f'[project]\nname = "demo"\ndependencies = ["{requirement}"]\n'
    assert judge(head("uv", UV) + entry, project=project).freshness == freshness


# pip, and tools that are not known


@pytest.mark.parametrize("creator", ["pip", "me"])
def test_what_pip_made_is_judged_by_its_pins(creator: str) -> None:
    fix = UNIVERSAL if creator == "me" else "pip lock -e . -o pylock.toml"
    own = '\n[[packages]]\nname = "demo"\ndirectory = { path = "." }\n'
    assert told(judge(head(creator) + ALPHA + own)) == "fresh\n"
    assert told(judge(head(creator) + own)) == stale("wanted `alpha>=1,<3`, the lock has no `alpha`", fix)
    what = "locks a `alpha` that does not satisfy `project.dependencies`"
    why = "wanted `alpha>=1,<3`, the lock has `3.0` at pylock.toml:4"
    assert told(judge(head(creator) + pin("alpha", "3.0"))) == stale(why, fix, "CP204", what)


def test_dynamic_requirements_cannot_be_judged_by_pins() -> None:
    project = '[project]\nname = "demo"\ndynamic = ["dependencies"]\n'
    fix = "pip lock -e . -o pylock.toml"
    why = "`project.dependencies` is dynamic, so what it holds is not in any file"
    assert told(judge(head("pip") + ALPHA, project=project)) == unknown(why, fix)


CP312 = "cp312-cp312-manylinux_2_17_x86_64"


@pytest.mark.parametrize(
    ("tags", "environment", "is_here"),
    [
        (CP312, LINUX, True),
        ("cp311-abi3-manylinux2014_x86_64", LINUX, True),
        ("cp312-cp312-linux_x86_64", LINUX, True),
        ("py2.py3-none-any", MACOS, True),
        ("pp310-pypy310_pp73-manylinux2014_x86_64", LINUX, True),
        (CP312, MACOS, False),
        (CP312, {**LINUX, "platform_machine": "aarch64"}, False),
        (CP312, {**LINUX, "python_version": "3.11"}, False),
        ("cp312-cp312-win_amd64", LINUX, False),
        ("cp313-cp313t-macosx_11_0_arm64", {**MACOS, "python_version": "3.13"}, True),
    ],
)
def test_a_lock_of_another_platform_is_not_called_stale(
    tags: str,
    environment: Mapping[str, str],
    is_here: bool,  # noqa: FBT001
) -> None:
    project = PROJECT.replace("sys_platform == 'win32'", "sys_platform != 'win32'")
    found = told(judge(head("pip") + pin("alpha", "2.0", tags=tags), project=project, environment=environment))
    fix = "pip lock -e . -o pylock.toml"
    if is_here:
        why = "wanted `win-only>=1; sys_platform != 'win32'`, the lock has no `win-only`"
        assert found == stale(why, fix)
    else:
        why = (
            f"it was made for another Python or platform (`alpha-2.0-{tags}.whl`), and the marker of "
            "`win-only>=1; sys_platform != 'win32'` is judged for this one"
        )
        assert found == unknown(why, fix)


def test_a_lock_of_another_platform_is_judged_where_no_marker_counts() -> None:
    text = head("pip") + pin("alpha", "3.0", tags=CP312)
    project = PROJECT.replace(", \"win-only>=1; sys_platform == 'win32'\"", "")
    assert judge(text, project=project, environment=MACOS).freshness == "stale"


def test_a_lock_for_every_platform_or_with_an_sdist_is_judged_here() -> None:
    project = PROJECT.replace("sys_platform == 'win32'", "sys_platform != 'win32'")
    alpha = pin("alpha", "2.0", tags=CP312)
    assert judge(head("uv", UNIVERSAL) + alpha, project=project, environment=MACOS).freshness == "stale"
    assert judge(head("uv", UV) + alpha, project=project, environment=MACOS).freshness == "unknown"
    sdist = f'sdist = {{ name = "alpha-2.0.tar.gz", path = "alpha-2.0.tar.gz", hashes = {{ sha256 = "{A}" }} }}\n'
    with_sdist = pin("alpha", "2.0", sdist, CP312)
    assert judge(head("uv", UV) + with_sdist, project=project, environment=MACOS).freshness == "stale"


def test_what_says_uv_and_has_extras_is_not_of_its_compile_command() -> None:
    text = head("uv", None, 'extras = ["cu128"]\n') + ALPHA + pin("torch", "2.8", "marker = \"'cu128' in extras\"\n")
    assert told(judge(text)) == "fresh\n"
    assert [problem.code.name for problem in judge(text, CU128).problems] == ["CP204"]


# pdm


def by_pdm(pins: str, digest: str | None = None, project: str = PROJECT, more: str = "") -> str:
    digest = content_hash(pyproject_of(project)) if digest is None else digest
    return (
        f'# This file is @generated by PDM.\nlock-version = "1.0"\ncreated-by = "pdm"\n{more}{pins}\n[tool.pdm]\n'
        f'hashes = {{ sha256 = "{digest}" }}\n'
    )


def test_what_pdm_locked_is_judged_by_its_hash() -> None:
    digest = content_hash(pyproject_of(PROJECT))
    assert told(judge(by_pdm(ALPHA))) == "fresh\n"
    assert told(judge(by_pdm(ALPHA, A))) == (
        "stale\nerror[CP201]: `pylock.toml` was made from another `pyproject.toml`\n"
        "  --> pylock.toml:11 (tool.pdm.hashes)\n"
        f"  why: wanted the content hash `{digest[:12]}…`, found `aaaaaaaaaaaa…`\n  fix: pdm lock"
    )


def test_what_pdm_locked_is_judged_by_its_pins_too() -> None:
    found = judge(by_pdm(pin("alpha", "3.0")))
    what = "locks a `alpha` that does not satisfy `project.dependencies`"
    why = "wanted `alpha>=1,<3`, the lock has `3.0` at pylock.toml:5"
    assert told(found) == stale(why, "pdm lock", "CP204", what)
    project = PROJECT + '[tool.pdm.resolution]\nexcludes = ["Gone"]\n[tool.pdm.resolution.overrides]\nAlpha = "3"\n'
    assert told(judge(by_pdm(pin("alpha", "3.0"), project=project), project=project)) == "fresh\n"


@pytest.mark.parametrize(
    ("text", "project", "why"),
    [
        ("[tool.pdm]\nhashes = {}", PROJECT, "it records no content hash"),
        ("[tool.pdm]\nhashes = { sha256 = 1 }", PROJECT, "it records no content hash"),
        ("[tool]\npdm = 1", PROJECT, "it records no content hash"),
        ("[tool.pdm]\nhashes = { nix = 'a' }", PROJECT, "there is no hash algorithm `nix`"),
        (
            "[tool.pdm]\nhashes = { sha256 = 'a' }",
            PROJECT + "[tool.pdm]\nworkspace = { members = ['a'] }",
            "its content hash is of all members of a workspace, and they are not read",
        ),
        (
            "[tool.pdm]\nhashes = { sha256 = 'a' }",
            PROJECT.replace("[tool.", "[[tool.pdm]]\n[tool."),
            "`tool.pdm` is no table",
        ),
        (
            "[tool.pdm]\nhashes = { sha256 = 'a' }",
            "[tool.poetry]\nname = 'x'\n",
            "pdm converts a project without `[project]` before it hashes it",
        ),
    ],
)  # fmt: skip
def test_what_pdm_locked_without_a_hash_cannot_be_judged(text: str, project: str, why: str) -> None:
    lock = head("pdm").replace("lock", "# This file is @generated by PDM.\nlock", 1) + ALPHA + text + "\n"
    assert told(judge(lock, project=project)) == unknown(why, "pdm lock")


def test_a_variant_whose_extra_is_not_locked() -> None:
    text = by_pdm(ALPHA + TORCH, more='extras = ["cpu"]\ndependency-groups = ["dev"]\n')
    assert told(judge(text, CU128)).endswith(
        "\nerror[CP201]: `pylock.toml` was not made for variant `cu128`\n"
        "  --> pyproject.toml:12 (tool.cudapin.variants.cu128)\n"
        "  why: wanted `cu128` in `extras` of the lock, found `cpu`\n  fix: pdm lock"
    )
    assert judge(text, Variant(name="dev", group=("dev",))).freshness == "stale"
    assert judge(text + pin("pytest", "1"), Variant(name="dev", group=("dev",))).freshness == "fresh"
    none = by_pdm(ALPHA, more="extras = []\n")
    assert "in `extras` of the lock, found none" in told(judge(none, CU128))


def test_what_pdm_locked_for_another_environment_is_judged_by_its_hash() -> None:
    more = 'requires-python = ">=3.13"\n'
    assert told(judge(by_pdm(pin("alpha", "3.0"), more=more))) == "fresh\n"
    assert judge(by_pdm(ALPHA, A, more=more)).freshness == "stale"


@pytest.mark.parametrize("repetitions", [1, 3, 12, 13])
def test_pdm_counts_a_group_of_two_tables_again_and_again(repetitions: int) -> None:
    project = PROJECT + '[tool.pdm.dev-dependencies]\ndev = ["ruff"]\n'
    digest = content_hash(pyproject_of(project), repetitions=repetitions)
    assert judge(by_pdm(ALPHA, digest), project=project).freshness == ("fresh" if repetitions < 13 else "stale")


@pytest.mark.parametrize("creator", ["uv", "pip"])
def test_an_environment_that_the_lock_is_not_for_cannot_be_judged(creator: str) -> None:
    found = judge(head(creator, None, 'requires-python = ">=3.13"\n') + ALPHA)
    assert found.freshness == "unknown"
    assert [problem.what for problem in found.problems] == ["`pylock.toml` is not for this Python and platform"]


@pytest.mark.parametrize("make", [lambda pins: head("uv") + pins, lambda pins: head("pip") + pins, by_pdm])
def test_two_entries_that_hold_together_cannot_be_judged(make: Callable[[str], str]) -> None:
    found = judge(make(ALPHA + pin("alpha", "1.0")))
    assert found.freshness == "unknown"
    assert [problem.what for problem in found.problems] == ["`pylock.toml` selects `alpha` twice"]


def test_a_newer_minor_version_is_warned_of() -> None:
    assert told(judge((head("uv") + ALPHA).replace('"1.0"', '"1.1"', 1))) == (
        "fresh\nwarning[CP205]: `pylock.toml` is of a newer version of the format than is known\n"
        "  --> pylock.toml:1 (lock-version)\n"
        "  why: wanted `lock-version` 1.0, found 1.1; what is new in it is not judged\n"
        "  fix: upgrade cudapin, or make the lock with an older version of its tool"
    )
