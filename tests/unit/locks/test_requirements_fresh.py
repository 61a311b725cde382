"""When a requirements file is fresh, stale or unknown: one row per reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cudapin.core.config import Variant
from cudapin.core.lock import LockVerdict, Source
from cudapin.core.verdict import render_problems
from cudapin.locks.requirements.command import Inputs, input_paths, read_command
from cudapin.locks.requirements.fresh import judge_requirements
from cudapin.locks.requirements.lock import parse_requirements
from cudapin.locks.requirements.pins import is_strong_hash
from unit.support import LINUX, A, pyproject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = """\
[project]
name = "Demo"
version = "1"
dependencies = ["alpha>=1,<3", "win-only>=1; sys_platform == 'win32'"]

[project.optional-dependencies]
Cu_128 = ["torch>=2.9"]
all = ["demo[cu-128]", "beta"]

[dependency-groups]
dev = [{ include-group = "Lint" }, "pytest"]
lint = ["ruff"]
"""
UV = "uv pip compile pyproject.toml"
PINS = "alpha==2.0\n    # via demo (pyproject.toml)\n"
TORCH = "torch==2.9.0+cu128\n    # via demo (pyproject.toml)\n"
BETA = "beta==1\n    # via demo (pyproject.toml)\n"
DEV = "pytest==8\n    # via demo (pyproject.toml:dev)\nruff==1\n    # via demo (pyproject.toml:dev)\n"


def hashed(pins: str) -> str:
    """Give every pin that has a version a hash, in its own line."""
    return re.sub(r"(?m)^([^\s#-][^#\n]*==[^#\n]*?)(?=\s*(?:#.*)?$)", rf"\1 --hash=sha256:{A}", pins)


def judge(
    pins: str,
    command: str | None = UV,
    *,
    project: str = PROJECT,
    files: Mapping[str, str] | None = None,
    variants: tuple[Variant, ...] = (),
) -> LockVerdict:
    header = "" if command is None else f"# This file was made by\n#    {command}\n"
    lock = parse_requirements(Source(path="lock.txt", text=header + hashed(pins)))
    texts = files or {}

    def read(path: str) -> Source | None:
        return Source(path=path, text=texts[path]) if path in texts else None

    return judge_requirements(lock, pyproject_of(project), variants, read, LINUX)


def told(verdict: LockVerdict) -> str:
    return f"{verdict.freshness}\n{render_problems(verdict.problems)}"


def stale(what: str, where: str, why: str, fix: str = UV) -> str:
    return f"stale\nerror[CP201]: {what}\n  --> {where}\n  why: {why}\n  fix: {fix}"


def unknown(why: str, fix: str = f"{UV}, then build with `CUDAPIN_ALLOW=CP206`") -> str:
    return (
        "unknown\nerror[CP206]: whether `lock.txt` is fresh cannot be told\n"
        f"  --> lock.txt:1\n  why: {why}\n  fix: {fix}"
    )


DEPENDENCIES = "`lock.txt` does not pin what `project.dependencies` asks for", "pyproject.toml:4 (project.dependencies)"


@pytest.mark.parametrize(
    ("pins", "command"),
    [
        (PINS, UV),
        (PINS, None),
        (PINS, "./compile.sh"),
        (PINS, "pip-compile ./pyproject.toml"),
        (PINS, "uv --quiet pip compile pyproject.toml -o lock.txt -p 3.12 --python-platform linux"),
        (PINS, "python -m piptools compile --generate-hashes --index-url https://index.example/a -o x pyproject.toml"),
        ("alpha==1\n", UV),
        ("alpha==2.9.9rc1+local\n", UV),
        ("alpha @ https://index.example/alpha-9-py3-none-any.whl\n", UV),
        (PINS + TORCH, f"{UV} --extra cu128 --extra cu-128".replace("--extra cu128 ", "")),
        (PINS + TORCH, f"{UV} --extra=CU.128"),
        (PINS + TORCH + BETA, f"{UV} --extra all"),
        (PINS + TORCH + BETA, f"{UV} --all-extras"),
        ("alpha==2.0\ntorch==2.9\nbeta==1\n", f"{UV} --all-extras --no-annotate"),
        (PINS + DEV, f"{UV} --group dev"),
        (PINS + DEV, f"{UV} --group pyproject.toml:dev"),
        (DEV, "uv pip compile --group dev"),
        (PINS + "gamma==1\n    # via alpha\n", UV),
        (PINS + "gamma==1\n", UV),
        (PINS + "win-only==0.1 ; sys_platform == 'win32'\n    # via demo (pyproject.toml)\n", UV),
    ],
)
def test_fresh(pins: str, command: str | None) -> None:
    assert told(judge(pins, command)) == "fresh\n"


@pytest.mark.parametrize(
    ("pins", "why"),
    [
        ("", "wanted `alpha>=1,<3`, the lock has no `alpha`"),
        ("alpha==3.0\n", "wanted `alpha>=1,<3`, the lock has `3.0` at lock.txt:3"),
        ("alpha==0.9\n", "wanted `alpha>=1,<3`, the lock has `0.9` at lock.txt:3"),
        ("alpha==2 ; os_name == 'nt'\n", "wanted `alpha>=1,<3`, the lock has no `alpha`"),
    ],
)
def test_a_dependency_was_added_or_tightened(pins: str, why: str) -> None:
    assert told(judge(pins)) == stale(*DEPENDENCIES, why)


def test_a_loosened_dependency_cannot_be_seen() -> None:
    assert judge(PINS, project=PROJECT.replace("alpha>=1,<3", "alpha")).freshness == "fresh"


def test_a_dependency_was_removed() -> None:
    verdict = judge(PINS + BETA)
    why = "the lock says `via demo (pyproject.toml)`, where `beta` no longer stands"
    assert told(verdict) == stale("`lock.txt` pins `beta`, which nothing asks for any more", "lock.txt:5", why)


def test_an_extra_was_removed() -> None:
    assert told(judge(PINS, f"{UV} --extra gpu")) == stale(
        "`lock.txt` was made with `gpu`, which `project.optional-dependencies` no longer has",
        "pyproject.toml:6 (project.optional-dependencies)",
        "its command names `gpu`, and `project.optional-dependencies` does not",
        "uv pip compile pyproject.toml",
    )


@pytest.mark.parametrize(
    ("pins", "group", "project", "fix"),
    [
        (PINS, "test", PROJECT, UV),
        (
            PINS + "pytest==8\n    # via demo (pyproject.toml:dev)\n",
            "dev",
            PROJECT.replace("Lint", "test"),
            "take `test` out of the `include-group` of `dev`, or put it back",
        ),
    ],
)
def test_a_group_was_removed(pins: str, group: str, project: str, fix: str) -> None:
    assert told(judge(pins, f"{UV} --group {group}", project=project)) == stale(
        "`lock.txt` was made with `test`, which `dependency-groups` no longer has",
        "pyproject.toml:10 (dependency-groups)",
        "its command names `test`, and `dependency-groups` does not",
        fix,
    )


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        (f"{UV} --extra gpu --extra Cu_128 -o lock.txt", f"{UV} --extra Cu_128 -o lock.txt"),
        (f"{UV} --extra=gpu --extra=Cu_128 -o lock.txt", f"{UV} --extra=Cu_128 -o lock.txt"),
        (f"{UV} --group pyproject.toml:gone -o lock.txt", f"{UV} -o lock.txt"),
        ("uv pip compile --group gone -o lock.txt", "uv pip compile -o lock.txt pyproject.toml"),
        ("uv pip compile --group gone --group dev -o lock.txt", "uv pip compile --group dev -o lock.txt"),
        ("pip-compile --extra gpu --generate-hashes", "pip-compile --generate-hashes"),
    ],
)
def test_the_fix_names_no_extra_or_group_that_is_gone(command: str, fix: str) -> None:
    """Every problem of such a lock has a command that can be run."""
    changed = PROJECT.replace("alpha>=1", "alpha>=2.5")
    found = judge(PINS + TORCH + DEV, command, project=changed)
    fixes = {problem.fix for problem in found.problems}
    assert (found.freshness, fixes) == ("stale", {fix})


def test_a_requirement_that_is_none_is_named_with_its_line() -> None:
    """No waiver helps there, and no new lock: the project file has to be mended."""
    project = PROJECT.replace('dependencies = ["alpha>=1,<3", ', 'dependencies = [\n  "alpha",\n  "alpha=>1", ')
    assert told(judge(PINS, project=project)).endswith(
        "error[CP206]: `alpha=>1` is no requirement, so no lock can be judged by it\n"
        "  --> pyproject.toml:6 (project.dependencies)\n"
        "  why: wanted a requirement as in PEP 508, found `alpha=>1`\n"
        "  fix: write `alpha>=1`"
    )


def test_what_an_extra_and_an_included_group_ask_for_is_wanted() -> None:
    command = f"{UV} --extra all --group dev"
    problems = judge(PINS, command).problems
    keys = [problem.where.key for problem in problems if problem.where]
    assert keys == [
        "project.optional-dependencies.Cu_128",
        "project.optional-dependencies.all",
        "dependency-groups.dev",
        "dependency-groups.lint",
    ]
    assert [problem.why for problem in problems] == [
        "wanted `torch>=2.9`, the lock has no `torch`",
        "wanted `beta`, the lock has no `beta`",
        "wanted `pytest`, the lock has no `pytest`",
        "wanted `ruff`, the lock has no `ruff`",
    ]


@pytest.mark.parametrize("option", ["-c c.txt", "-cc.txt", "--constraint=c.txt", "--constraints c.txt"])
@pytest.mark.parametrize(("text", "expected"), [("alpha<2", "stale"), ("alpha<3", "fresh"), ("other<2", "fresh")])
def test_constraints(option: str, text: str, expected: str) -> None:
    assert judge(PINS, f"{UV} {option}", files={"c.txt": text}).freshness == expected


def test_a_violated_constraint_is_told_with_its_line() -> None:
    verdict = judge(PINS, f"{UV} -c c.txt", files={"c.txt": "# note\nalpha<2\n"})
    assert told(verdict) == stale(
        "`lock.txt` does not pin what `c.txt` asks for",
        "c.txt:2",
        "wanted `alpha<2`, the lock has `2.0` at lock.txt:3",
        f"{UV} -c c.txt",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("alpha==9", "stale"), ("alpha==2", "fresh"), ("win-only; sys_platform == 'never'", "fresh")],
)
def test_an_override_replaces_what_the_project_asks_for(text: str, expected: str) -> None:
    project = PROJECT.replace("alpha>=1,<3", "alpha>=5") if text == "alpha==2" else PROJECT
    pins = "alpha==2.0\n    # via demo (pyproject.toml), --override o.txt\n"
    assert judge(pins, f"{UV} --override o.txt", project=project, files={"o.txt": text}).freshness == expected


def test_an_override_in_the_project_replaces_too_for_uv_only() -> None:
    project = PROJECT.replace(",<3", ",<2") + '[tool.uv]\noverride-dependencies = ["alpha==2.0"]\n'
    pins = "alpha==2.0\n    # via\n    #   --override (workspace)\n    #   demo (pyproject.toml)\n"
    assert judge(pins, project=project).freshness == "fresh"
    assert judge(pins, "pip-compile pyproject.toml", project=project).freshness == "stale"


def test_a_constraint_in_the_project_counts() -> None:
    project = PROJECT + '[tool.uv]\nconstraint-dependencies = ["alpha<2"]\n'
    assert told(judge(PINS, project=project)) == stale(
        "`lock.txt` does not pin what `tool.uv.constraint-dependencies` asks for",
        "pyproject.toml:14 (tool.uv.constraint-dependencies)",
        "wanted `alpha<2`, the lock has `2.0` at lock.txt:3",
    )


IN = "pip-compile --generate-hashes requirements.in"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.in": "alpha>=1\n"}, "fresh"),
        ({"requirements.in": "alpha>=9\n"}, "stale"),
        ({"requirements.in": "# nothing\n"}, "stale"),
        ({"requirements.in": "alpha\nbeta\n"}, "stale"),
        ({"requirements.in": "alpha\n-r more.in\n", "more.in": "beta\n"}, "stale"),
        ({"requirements.in": "alpha\n-rmore.in\n", "more.in": "beta\n"}, "stale"),
        ({"requirements.in": "alpha\n--requirement=more.in\n", "more.in": "beta\n"}, "stale"),
        ({"requirements.in": "alpha\n-c more.in\n", "more.in": "alpha<1\nbeta\n"}, "stale"),
        ({"requirements.in": "alpha\n-c more.in\n", "more.in": "beta\n"}, "fresh"),
        ({"requirements.in": "alpha\n-r more.in\n"}, "unknown"),
        ({"requirements.in": "-r requirements.in\nalpha\n"}, "unknown"),
        ({"requirements.in": "alpha\n-e ./lib\n"}, "unknown"),
        ({"requirements.in": "alpha\nhttps://index.example/x.whl\n"}, "unknown"),
        ({"requirements.in": "alpha ; sys_platform ~= 'x'\n"}, "unknown"),
        ({"requirements.in": "--index-url https://index.example\nalpha  # why\n"}, "fresh"),
        ({}, "unknown"),
    ],
)
def test_a_requirements_file_as_input(files: dict[str, str], expected: str) -> None:
    assert judge("alpha==2.0\n    # via -r requirements.in\n", IN, files=files).freshness == expected


def test_an_input_that_is_missing() -> None:
    fix = f"{IN}, then build with `CUDAPIN_ALLOW=CP206`"
    assert told(judge(PINS, IN)) == unknown("its input `requirements.in` is missing", fix)


@pytest.mark.parametrize("command", ["pip-compile", "pip-compile -q -o lock.txt", "python -m piptools compile"])
@pytest.mark.parametrize(
    ("files", "pins", "expected"),
    [
        ({"requirements.in": "alpha\n"}, "alpha==9\n    # via -r requirements.in\n", "fresh"),
        ({"requirements.in": "beta\n"}, "alpha==2\n", "stale"),
        ({"requirements.in": "beta\n"}, "beta==2\nalpha==2\n    # via -r requirements.in\n", "stale"),
        ({}, PINS, "fresh"),
        ({}, "alpha==9\n", "stale"),
        ({"setup.py": ""}, PINS, "unknown"),
    ],
)
def test_pip_compile_without_input_searches_for_one(
    command: str, files: dict[str, str], pins: str, expected: str
) -> None:
    assert judge(pins, command, files=files).freshness == expected


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("uv pip compile -", "its input `-` is missing"),
        ("uv pip compile setup.py", "its input `setup.py` is not judged"),
        ("uv pip compile setup.cfg", "its input `setup.cfg` is not judged"),
        ("uv pip compile other/pyproject.toml", "its input `other/pyproject.toml` is not judged"),
        ("uv pip compile .", "its input `.` is not judged"),
        (f"{UV} --group other/pyproject.toml:dev", "its group `other/pyproject.toml:dev` is of another project"),
        ("pip-compile --all-build-deps pyproject.toml", "its option `--all-build-deps` is not judged"),
        ("pip-compile --build-deps-for=wheel pyproject.toml", "its option `--build-deps-for=wheel` is not judged"),
    ],
)
def test_inputs_that_are_not_judged(command: str, why: str) -> None:
    assert told(judge(PINS, command)) == unknown(why, f"{command}, then build with `CUDAPIN_ALLOW=CP206`")


@pytest.mark.parametrize("key", ["dependencies", "optional-dependencies"])
def test_dynamic_fields_are_in_no_file(key: str) -> None:
    project = f'[project]\nname = "demo"\ndynamic = ["{key}"]\n'
    why = f"`project.{key}` is dynamic, so what it holds is not in any file"
    assert told(judge("alpha==1\n", f"{UV} --extra cpu" if key[0] == "o" else UV, project=project)) == unknown(
        why, f"{UV}{' --extra cpu' if key[0] == 'o' else ''}, then build with `CUDAPIN_ALLOW=CP206`"
    )


def test_what_is_certainly_stale_is_stale_whatever_else_cannot_be_told() -> None:
    assert judge("", "uv pip compile pyproject.toml setup.py").freshness == "stale"


@pytest.mark.parametrize(
    ("wanted", "pin", "expected"),
    [
        ("x @ https://index.example/x.whl", "x @ https://index.example/x.whl#sha256=aa", "fresh"),
        ("x @ https://me:pw@index.example/x.whl", "x @ https://index.example/x.whl", "fresh"),
        ("x @ https://index.example/x.whl", "x @ https://index.example/y.whl", "stale"),
        ("x @ https://index.example/x.whl", "x==1", "stale"),
        ("x @ git+https://index.example/x.git", f"x @ git+https://index.example/x.git@{'0' * 40}", "fresh"),
        ("x @ git+https://index.example/x.git@main", f"x @ git+https://index.example/x.git@{'0' * 40}", "fresh"),
        ("x @ git+https://index.example/x.git@main", "x @ git+https://index.example/x.git@main", "fresh"),
        ("x @ git+https://index.example/x.git@main", "x @ git+https://index.example/x.git@v1", "stale"),
        (f"x @ git+https://index.example/x@{'1' * 40}", f"x @ git+https://index.example/x@{'0' * 40}", "stale"),
        ("x @ git+https://index.example/x@main", f"x @ git+https://index.example/y@{'0' * 40}", "stale"),
        ("x @ git+ssh://git@index.example/x@main", f"x @ git+ssh://git@index.example/x@{'0' * 40}", "fresh"),
    ],
)
def test_addresses(wanted: str, pin: str, expected: str) -> None:
    project = f'[project]\nname = "demo"\ndependencies = ["{wanted}"]\n'
    assert judge(f"{pin}\n", project=project).freshness == expected


def test_no_secret_is_told() -> None:
    project = '[project]\nname = "demo"\ndependencies = ["x @ https://me:secret@index.example/x.whl"]\n'
    command = f"{UV} --index-url https://me:secret@index.example/simple?token=secret"
    assert "secret" not in told(judge("x==1\n", command, project=project))


@pytest.mark.parametrize(
    ("command", "variant", "missing"),
    [
        (f"{UV} --extra all", Variant(name="cu128", extra=("cu-128",)), "--extra cu-128"),
        (UV, Variant(name="cu128", extra=("cu-128",), group=("dev",)), "--extra cu-128, --group dev"),
        (f"{UV} --group lint", Variant(name="cu128", group=("dev",)), "--group dev"),
    ],
)
def test_what_selects_a_variant_must_be_in_the_command(command: str, variant: Variant, missing: str) -> None:
    project = PROJECT + "[tool.cudapin.variants.cu128]\n"
    lines = "".join(f"{pin}\n" for pin in ("alpha==2", "torch==2.9", "beta==1", "ruff==1"))
    shown = ", ".join(f"`{item}`" for item in missing.split(", "))
    assert told(judge(lines, command, project=project, variants=(variant,))) == stale(
        "`lock.txt` was not made for variant `cu128`",
        "pyproject.toml:13 (tool.cudapin.variants.cu128)",
        f"wanted {shown} in its command, found `{command}`",
        f"uv pip compile pyproject.toml --universal {missing.replace(',', '')} --generate-hashes -o lock.txt",
    )


@pytest.mark.parametrize("command", [f"{UV} --extra Cu_128", f"{UV} --all-extras", None])
def test_a_variant_whose_extra_is_in_the_command(command: str | None) -> None:
    verdict = judge("alpha==2\ntorch==2.9\nbeta==1\n", command, variants=(Variant(name="cu128", extra=("cu-128",)),))
    assert verdict.freshness == "fresh"


def test_a_project_of_wrong_shape_is_no_crash() -> None:
    for project in ("project = 3", "[project]\ndependencies = 3", "[project.optional-dependencies]\nx = 3"):
        assert judge("a==1\n", f"{UV} --all-extras", project=project).freshness == "fresh"
    assert judge("a==1\n", f"{UV} --group dev", project="[dependency-groups]\ndev = 3").freshness == "unknown"


def test_input_paths_follow_what_is_included() -> None:
    files = {"a/in.txt": "-r ../b.txt\n-c c.txt\n", "b.txt": "-r a/in.txt\n", "a/c.txt": "", "o.txt": ""}

    def read(path: str) -> Source | None:
        return Source(path=path, text=files[path]) if path in files else None

    header = parse_requirements(
        Source(path="x", text="#    uv pip compile ./a/in.txt pyproject.toml gone.in --override o.txt\n")
    ).header
    assert input_paths(read_command(header), read) == ("a/in.txt", "o.txt", "b.txt", "a/c.txt")


def test_read_command() -> None:
    text = "#    uv pip compile a.in -c c.txt --extra x --group g --override o.txt -oout.txt --all-extras\n"
    assert read_command(parse_requirements(Source(path="x", text=text)).header) == Inputs(
        files=("a.in",),
        extras=("x",),
        groups=("g",),
        constraints=("c.txt",),
        overrides=("o.txt",),
        all_extras=True,
        is_uv=True,
    )
    assert read_command(None) == Inputs(files=("pyproject.toml",))


def test_a_local_directory_may_be_what_is_missing() -> None:
    assert told(judge("./lib\n    # via demo (pyproject.toml)\n")) == (
        "unknown\n"
        "error[CP206]: whether `lock.txt` is fresh cannot be told\n"
        "  --> lock.txt:1\n"
        "  why: it has no `alpha` by that name, and a local directory in it may be `alpha`\n"
        "  fix: uv pip compile pyproject.toml, then build with `CUDAPIN_ALLOW=CP206`"
    )


@pytest.mark.parametrize("option", ["--python-platform windows", "--python-platform=x86_64-pc-windows-msvc"])
def test_a_lock_for_another_platform_is_not_judged_by_the_markers_of_this_one(option: str) -> None:
    verdict = judge("win-only==1\n", f"{UV} {option}")
    assert verdict.freshness == "unknown"
    assert "and markers are judged on `linux`" in verdict.problems[0].why
    assert judge(PINS, f"{UV} --python-platform x86_64-manylinux_2_28").freshness == "fresh"


@pytest.mark.parametrize(
    ("pin", "command", "found"),
    [
        ("requests[security]==2", UV, "requests[security]"),
        ("requests==2\nother[extra]==1", UV, "requests"),
        ("requests[security,use-it]==2", UV, "requests[security,use-it]"),
        ("requests==2", f"{UV} --no-strip-extras", "requests"),
        ("requests[Socks]==2", UV, None),
        ("requests[security, socks]==2", UV, None),
        ("requests==2", UV, None),
        ("requests==2", "pip-compile pyproject.toml", None),
    ],
)
def test_an_extra_of_a_dependency_counts_where_the_pins_keep_extras(pin: str, command: str, found: str | None) -> None:
    project = '[project]\nname = "demo"\ndependencies = ["requests[socks]>=1"]\n'
    assert told(judge(f"{pin}\n", command, project=project)) == (
        "fresh\n"
        if found is None
        else stale(
            DEPENDENCIES[0],
            "pyproject.toml:3 (project.dependencies)",
            f"wanted `requests[socks]>=1`, the lock has `{found}` at lock.txt:3",
            command,
        )
    )


def test_a_universal_lock_has_what_other_platforms_need() -> None:
    command = f"{UV} --universal"
    assert told(judge(PINS, command)) == stale(
        *DEPENDENCIES,
        "wanted `win-only>=1; sys_platform == 'win32'`, the lock has no `win-only`",
        command,
    )
    assert told(judge(PINS + "win-only==1 ; sys_platform == 'win32'\n", command)) == "fresh\n"


@pytest.mark.parametrize(
    ("command", "marker", "settings"),
    [
        (UV, "sys_platform == 'win32'", ""),
        ("pip-compile --universal pyproject.toml", "sys_platform == 'win32'", ""),
        (f"{UV} --universal", "python_version < '3.11'", ""),
        (f"{UV} --universal", "python_full_version < '3.11' and os_name == 'nt'", ""),
        (f"{UV} --universal", "extra == 'x'", ""),
        (f"{UV} --universal", "sys_platform == 'win32'", "[tool.uv]\nenvironments = [\"sys_platform == 'linux'\"]\n"),
    ],
)
def test_what_a_lock_may_leave_out(command: str, marker: str, settings: str) -> None:
    project = f'[project]\nname = "demo"\ndependencies = ["alpha", "beta; {marker}"]\n{settings}'
    assert told(judge(PINS, command, project=project)) == "fresh\n"


def test_a_lock_without_command_is_judged_by_what_its_variants_select() -> None:
    variant = Variant(name="cu128", extra=("cu-128", "gone"), group=("dev",))
    pins = PINS + TORCH + DEV
    assert told(judge(pins, None, variants=(variant,))) == "fresh\n"
    fix = "make `lock.txt` anew with the command that made it"
    assert told(judge(PINS + DEV, None, variants=(variant,))) == stale(
        "`lock.txt` does not pin what `project.optional-dependencies.Cu_128` asks for",
        "pyproject.toml:7 (project.optional-dependencies.Cu_128)",
        "wanted `torch>=2.9`, the lock has no `torch`",
        fix,
    )
    assert told(judge(PINS + TORCH, None, variants=(variant,), project=PROJECT.replace('"pytest"', ""))) == stale(
        "`lock.txt` does not pin what `dependency-groups.lint` asks for",
        "pyproject.toml:12 (dependency-groups.lint)",
        "wanted `ruff`, the lock has no `ruff`",
        fix,
    )


def test_a_lock_without_command_may_be_made_with_any_extra_and_group() -> None:
    assert told(judge(PINS + TORCH + BETA + DEV, None)) == "fresh\n"
    assert told(judge(PINS + "gone==1\n    # via demo (pyproject.toml)\n", None)) == stale(
        "`lock.txt` pins `gone`, which nothing asks for any more",
        "lock.txt:3",
        "the lock says `via demo (pyproject.toml)`, where `gone` no longer stands",
        "make `lock.txt` anew with the command that made it",
    )


@pytest.mark.parametrize("note", ["-r base.in", "-r r/../base.in", "-r base.in (line 3)", "base.in"])
def test_a_dependency_was_removed_from_an_included_file(note: str) -> None:
    command = "uv pip compile r/dev.in"
    files = {"r/dev.in": "-r ../base.in\nalpha\n", "base.in": "# beta\n"}
    pins = f"alpha==1\n    # via -r r/dev.in\nbeta==1\n    # via {note}\n"
    assert told(judge(pins, command, files=files)) == stale(
        "`lock.txt` pins `beta`, which nothing asks for any more",
        "lock.txt:5",
        f"the lock says `via {note}`, where `beta` no longer stands",
        command,
    )
    assert told(judge(pins, command, files={**files, "base.in": "beta\n"})) == "fresh\n"


def test_an_included_file_was_removed() -> None:
    pins = "alpha==1\n    # via -r requirements.in\nbeta==1\n    # via -r base.in\n"
    assert told(judge(pins, IN, files={"requirements.in": "alpha\n"})) == stale(
        "`lock.txt` pins `beta`, which nothing asks for any more",
        "lock.txt:5",
        "the lock says `via -r base.in`, which its command no longer reads",
        IN,
    )


def test_a_constraint_asks_for_nothing() -> None:
    pins = "alpha==1\n    # via -r requirements.in\nbeta==1\n    # via\n    #   -c c.txt\n    #   -r requirements.in\n"
    files = {"requirements.in": "-c c.txt\nalpha\n", "c.txt": "beta<2\n"}
    assert told(judge(pins, IN, files=files)) == stale(
        "`lock.txt` pins `beta`, which nothing asks for any more",
        "lock.txt:5",
        "the lock says `via -r requirements.in`, where `beta` no longer stands",
        IN,
    )


def test_a_removal_cannot_be_seen_where_the_lock_has_no_notes() -> None:
    assert told(judge("alpha==2\nbeta==1\n", f"{UV} --no-annotate")) == "fresh\n"


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        (UV, f"{UV} --generate-hashes"),
        (f"{UV} --generate-hashes", f"{UV} --generate-hashes"),
        (None, "make `lock.txt` anew with the command that made it, and with `--generate-hashes`"),
    ],
)
def test_a_lock_without_any_hash_is_not_judged(command: str | None, fix: str) -> None:
    header = "" if command is None else f"#\n#    {command}\n"
    lock = parse_requirements(Source(path="lock.txt", text=f"{header}alpha==9\n"))
    verdict = judge_requirements(lock, pyproject_of(PROJECT), (), lambda path: None, LINUX)
    assert told(verdict) == unknown("none of its pins has a hash, and only hashed requirements are judged", fix)


@pytest.mark.parametrize("text", ["", f"alpha @ git+https://index.example/a@{'0' * 40}\n"])
def test_what_can_have_no_hash_needs_none(text: str) -> None:
    lock = parse_requirements(Source(path="lock.txt", text=f"#    {UV}\n{text}"))
    project = pyproject_of('[project]\nname = "demo"\n')
    assert judge_requirements(lock, project, (), lambda path: None, LINUX).freshness == "fresh"


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("uv pip compile --no-build-isolation-package torch a.in", ("a.in",)),
        ("uv pip compile --no-binary-package torch a.in b", ("a.in", "b")),
        ("uv pip compile --not-known-yet=torch reqs", ("reqs",)),
        ("uv pip compile --universal --generate-hashes reqs", ("reqs",)),
        ("uv pip compile --config-file uv.toml ./a.in", ("a.in",)),
        ("uv pip compile --not-known-yet a.in", ("a.in",)),
        ("uv pip compile --not-known-yet in/reqs", ("in/reqs",)),
        ("uv pip compile --not-known-yet -", ("-",)),
        ("pip-compile -q reqs", ("reqs",)),
    ],
)
def test_the_value_of_an_unknown_option_is_no_input(command: str, files: tuple[str, ...]) -> None:
    header = parse_requirements(Source(path="x", text=f"#    {command}\n")).header
    assert read_command(header).files == files


def test_read_command_reads_indexes_and_platform() -> None:
    command = (
        "uv pip compile a.in -i https://me:pw@index.example/i --extra-index-url=https://index.example/e "
        "--index it=https://me:pw@index.example/n?a=b --default-index https://index.example/d -f links "
        "--find-links https://index.example/f --no-index --python-platform x86_64-manylinux_2_28"
    )
    inputs = read_command(parse_requirements(Source(path="x", text=f"#    {command}\n")).header)
    assert inputs.indexes == (
        "https://index.example/i",
        "https://index.example/e",
        "https://index.example/n",
        "https://index.example/d",
        "links",
        "https://index.example/f",
    )
    assert inputs.python_platform == "x86_64-manylinux_2_28"


def test_a_command_without_input_is_not_judged() -> None:
    command = "uv pip compile --not-known-yet torch"
    assert told(judge(PINS, command)) == unknown(
        "its command names no input", f"{command}, then build with `CUDAPIN_ALLOW=CP206`"
    )


@pytest.mark.parametrize("path", ["../base.in", "/etc/base.in"])
@pytest.mark.parametrize(
    ("line", "pins", "why"),
    [
        ("secret", "", "wanted what stands there, the lock has no pin for it"),
        ("secret<2", "secret==3\n", "wanted what stands there, the lock has `3` at lock.txt:3"),
    ],
)
def test_a_stale_line_outside_the_project_is_not_told(path: str, line: str, pins: str, why: str) -> None:
    command = "uv pip compile requirements.in"
    files = {"requirements.in": f"-r {path}\n", path: f"{line}\n"}
    assert told(judge(pins, command, files=files)) == stale(
        f"`lock.txt` does not pin what `{path}` asks for", f"{path}:1", why, command
    )


@pytest.mark.parametrize("path", ["../base.in", "/etc/base.in"])
@pytest.mark.parametrize(
    ("line", "pins", "why"),
    [
        ("secret:x:0", "", "what stands in `{}:1` is no PEP 508 requirement"),
        ("-e secret", "", "a local directory stands in `{}:1`"),
        ("-r secret", "", "the file that `{}:1` includes is missing"),
        ("secret", "./lib\n", "it has no pin for what `{}:1` asks for, and a local directory in it may be that"),
    ],
)
def test_a_line_outside_the_project_that_is_not_judged_is_not_told(path: str, line: str, pins: str, why: str) -> None:
    command = "uv pip compile requirements.in"
    files = {"requirements.in": f"-r {path}\n", path: f"{line}\n"}
    assert told(judge(pins, command, files=files)) == unknown(
        why.format(path), f"{command}, then build with `CUDAPIN_ALLOW=CP206`"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e ./lib", "a local directory stands in `requirements.in:1`: `-e ./lib`"),
        (
            "-e git+https://me:pw@index.example/x",
            "a local directory stands in `requirements.in:1`: `-e git+https://index.example/x`",
        ),
        ("-r https://me:pw@index.example/x.in", "its input `https://index.example/x.in` is missing"),
        ("-c ./c/../gone.in", "its input `gone.in` is missing"),
    ],
)
def test_a_line_of_an_input_that_is_not_judged(line: str, why: str) -> None:
    assert told(judge(PINS, IN, files={"requirements.in": f"{line}\n"})) == unknown(
        why, f"{IN}, then build with `CUDAPIN_ALLOW=CP206`"
    )


def test_a_path_with_a_space_is_no_input() -> None:
    """uv records `-o my locks/cpu.txt` without quotes."""
    text = f"# This file was made by\n#    {UV} -o my locks/cpu.txt\n{PINS}".replace(
        "\n    # via", " --hash=sha256:" + A + "\n    # via"
    )
    lock = parse_requirements(Source(path="my locks/cpu.txt", text=text))
    assert judge_requirements(lock, pyproject_of(PROJECT), (), lambda _: None, LINUX).freshness == "fresh"
    assert lock.header is not None
    assert lock.header.command == f"{UV} -o 'my locks/cpu.txt'"


# What is left out on purpose, and what stands twice

SETUPTOOLS = PROJECT.replace('"alpha>=1,<3"', '"alpha>=1,<3", "Setup_tools>=60"')
UNSAFE = "\n# The following packages are considered to be unsafe in a requirements file:\n# setup-tools\n"
UNPINNED = (
    "\n# WARNING: The following packages were not pinned, but pip requires them to be\n"
    "# pinned when the requirements file includes hashes and the requirement is not\n"
    "# satisfied by a package already installed. Consider using the --allow-unsafe flag.\n# pip\n# setup-tools\n"
)
EXCLUDED = "\n# The following packages were excluded from the output:\n# setup-tools\n# other"


@pytest.mark.parametrize(
    ("pins", "command", "tool"),
    [
        (PINS + UNSAFE, "pip-compile pyproject.toml", ""),
        (PINS + UNPINNED, "pip-compile --generate-hashes pyproject.toml", ""),
        (PINS + UNPINNED.replace("\n", "\r\n"), "pip-compile pyproject.toml", ""),
        (PINS + EXCLUDED, UV, ""),
        (PINS, f"{UV} --no-emit-package setup.tools", ""),
        (PINS, f"{UV} --unsafe-package=setup-tools", ""),
        (PINS, f"{UV} --excludes left.txt", ""),
        (PINS, UV, '[tool.uv.pip]\nno-emit-package = ["setup_tools"]\n'),
        (PINS, UV, '[tool.uv]\nexclude-dependencies = ["setup_tools", 1]\n'),
    ],
)
def test_a_name_that_is_left_out_is_not_missed(pins: str, command: str, tool: str) -> None:
    verdict = judge(pins, command, project=SETUPTOOLS + tool, files={"left.txt": "setup-tools\n"})
    assert told(verdict) == "fresh\n"


@pytest.mark.parametrize(
    ("pins", "command", "tool"),
    [
        (PINS + UNSAFE.replace("setup-tools", "pip"), "pip-compile pyproject.toml", ""),
        (PINS + UNSAFE.replace("\n# setup", "\n\n# setup"), "pip-compile pyproject.toml", ""),
        (PINS, "pip-compile pyproject.toml --unsafe-package setup-tools", ""),
        (PINS, "pip-compile pyproject.toml", '[tool.uv]\nexclude-dependencies = ["setup-tools"]\n'),
        (PINS, UV, "[tool.uv]\nexclude-dependencies = 1\npip = 2\n"),
    ],
)
def test_a_name_that_nothing_leaves_out_is_missed(pins: str, command: str, tool: str) -> None:
    verdict = judge(pins, command, project=SETUPTOOLS + tool)
    why = "wanted `Setup_tools>=60`, the lock has no `setup-tools`"
    assert told(verdict) == stale(*DEPENDENCIES, why, command)


def test_a_file_of_excluded_names_is_an_input() -> None:
    command = f"{UV} --excludes gone.txt"
    fix = f"{command}, then build with `CUDAPIN_ALLOW=CP206`"
    assert told(judge(PINS, command)) == unknown("its input `gone.txt` is missing", fix)
    inputs = read_command(parse_requirements(Source(path="x", text=f"# by\n#    {command}\n")).header)
    assert input_paths(inputs, lambda path: Source(path=path, text="x\n")) == ("gone.txt",)


@pytest.mark.parametrize(
    ("second", "is_double"),
    [
        ("alpha==1.5", True),
        ("alpha==1.5 ; os_name == 'posix'", True),
        ("alpha==1.5 ; os_name == 'nt'", False),
        ("alpha==2.0 ; os_name == 'posix'", False),
        ("alpha[x]==2.0", False),
    ],
)
def test_a_name_that_is_pinned_twice(second: str, *, is_double: bool) -> None:
    verdict = judge(f"{PINS}{second}\n")
    assert told(verdict) == (
        "unknown\nerror[CP205]: `lock.txt` pins `alpha` twice\n  --> lock.txt:5\n"
        f"  why: wanted one pin whose marker holds, found `2.0` at line 3 and `1.5` at line 5\n  fix: {UV}"
        if is_double
        else "fresh\n"
    )


def test_what_is_no_requirement_in_a_group_is_said() -> None:
    why = "`dependency-groups.lint` holds what is neither a requirement nor `include-group`"
    for text in ("[{}]", "[1]", "1", "[{ include-group = 1 }]"):
        project = PROJECT.replace('lint = ["ruff"]', f"lint = {text}")
        fix = f"{UV} --group lint, then build with `CUDAPIN_ALLOW=CP206`"
        assert told(judge(PINS, f"{UV} --group lint", project=project)) == unknown(why, fix)


@pytest.mark.parametrize(
    ("digest", "is_hash"),
    [
        (f"sha256:{A}", True),
        (f"sha256:{A.upper()}", True),
        (f"sha384:{'a' * 96}", True),
        (f"sha512:{'a' * 128}", True),
        (f"sha256:{A}a", False),
        ("sha256:aa", False),
        (f"sha512:{A}", False),
        (f"md5:{'a' * 32}", False),
        (f"sha1:{'a' * 40}", False),
        (f"blake2b:{'a' * 128}", False),
    ],
)
def test_only_what_pip_accepts_is_a_hash(digest: str, *, is_hash: bool) -> None:
    lock = parse_requirements(Source(path="lock.txt", text=f"alpha==1 --hash={digest}\n"))
    assert lock.is_hashed is is_hash
    assert [len(entry.hashes) for entry in lock.entries] == [is_hash]


def test_a_hash_is_hexadecimal() -> None:
    assert is_strong_hash("sha256", A)
    assert not is_strong_hash("sha256", "g" * 64)
