"""The gate: which variant fits, what selects it, waivers, and what it says beyond the rules of `core` and `locks`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.tags import sys_tags

from cudapin.builds.judgement import judge_sdist
from cudapin.builds.sdist import seal_sdist
from cudapin.core.lock import LockedFile
from cudapin.core.target import Target
from cudapin.core.verdict import render_problems
from cudapin.discipline import judge_variant, judge_variants
from cudapin.errors import Code, ConfigError, Problem, Refusal
from cudapin.gate import Gate, open_gate
from cudapin.run_variables import is_off
from unit.support import LINUX, MACOS, PROJECT, STALE_CPU, VARIANTS, faults, locked, write

if TYPE_CHECKING:
    from pathlib import Path

THREE = (
    '[project]\nname = "demo"\n[tool.cudapin]\ndefault = "cpu"\nlock = false\n[tool.cudapin.variants.cpu]\n'
    '[tool.cudapin.variants.cu128]\narch = ["9.0"]\n[tool.cudapin.variants.cu130]\n'
)


def gate_of(root: Path, text: str = PROJECT, environ: dict[str, str] | None = None, **markers: str) -> Gate:
    write(root, {**VARIANTS, "pyproject.toml": text})
    gate = open_gate(root, environ or {})
    gate.target = Target({**LINUX, **markers}, sys_tags)
    return gate


@pytest.mark.parametrize(
    ("driver", "arch", "expected", "why"),
    [
        ("580.65.06", "9.0", "cu130", "auto: the highest CUDA that this machine runs (driver 580.65.06)"),
        ("570.86.10", "9.0", "cu128", "auto: the highest CUDA that this machine runs (driver 570.86.10)"),
        ("570.86.10", "8.0", "cpu", "auto: cu130: driver 570.86.10 is older than 580.65.06, the lowest for CUDA 13"),
        ("", "", "cpu", "auto: cu130: no NVIDIA driver was found"),
    ],
)
def test_auto_takes_the_highest_cuda_that_fits(tmp_path: Path, driver: str, arch: str, expected: str, why: str) -> None:
    environ = {"CUDAPIN_DRIVER_VERSION": driver, "CUDAPIN_GPU_ARCH": arch}
    choice = gate_of(tmp_path, THREE, environ).choose("auto")
    assert choice is not None
    assert (choice.variant.name, choice.why) == (expected, why)


def test_auto_without_a_variant_that_fits(tmp_path: Path) -> None:
    text = (
        THREE.replace("[tool.cudapin.variants.cpu]\n", "")
        .replace('"cpu"', '"cu128"')
        .replace("[tool.cudapin.variants.cu130]\n", "")
    )
    gate = gate_of(tmp_path, text, {"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": ""})
    assert faults(lambda: gate.choose("auto")) == (
        "error[CP104]: `auto` finds no variant for this machine\n"
        "  why: cu128: no NVIDIA driver was found; cu128: no GPU was found\n"
        "  fix: name one of `cu128` instead"
    )


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        (LINUX, "linux"),
        ({**LINUX, "platform_machine": "aarch64"}, "linux-aarch64"),
        (MACOS, "macos"),
        ({**LINUX, "sys_platform": "win32"}, "windows"),
    ],
)
def test_platforms(tmp_path: Path, markers: dict[str, str], expected: str) -> None:
    assert gate_of(tmp_path, THREE, None, **markers).platform == expected


@pytest.mark.parametrize(
    ("own", "extras", "groups", "expected"),
    [
        ("", "cu128", "", (("cu128",), ())),
        ("", "", "cu128", ((), ("cu128",))),
        ("", "cu128", "cu128", (("cu128",), ())),
        ("", "", "", ((), ())),
        ('group = "cu128"', "cu128", "cu128", ((), ("cu128",))),
        ('extra = "gpu"', "gpu", "cu128", (("gpu",), ())),
        ("extra = []", "cu128", "", ((), ())),
        ('extra = ["gpu", "Cu.128"]', "gpu cu-128", "", (("gpu", "cu-128"), ())),
    ],
)
def test_what_selects_a_variant(
    tmp_path: Path, own: str, extras: str, groups: str, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    tables = "[project.optional-dependencies]\n" + "".join(f"{name} = []\n" for name in extras.split())
    tables += "[dependency-groups]\n" + "".join(f"{name} = []\n" for name in groups.split())
    text = f'[project]\nname = "demo"\n{tables}[tool.cudapin.variants.cu128]\n{own}\n'
    choice = gate_of(tmp_path, text).choose(None)
    assert choice is not None
    assert (choice.variant.extra, choice.variant.group) == expected


def test_a_group_that_does_not_exist(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n[tool.cudapin.variants.cu128]\ngroup = "gpu"\n'
    assert faults(lambda: gate_of(tmp_path, text).choose(None)) == (
        "error[CP113]: variant `cu128` is selected by the group `gpu`, which the project does not have\n"
        "  --> pyproject.toml:4 (tool.cudapin.variants.cu128.group)\n"
        "  why: the project's groups are none\n"
        "  fix: the names are none"
    )


def problem(code: Code = Code.CP301, variant: str | None = "cu128", package: str | None = "torch") -> Problem:
    return Problem(code=code, what="x", why="y", fix="z", variant=variant, package=package)


@pytest.mark.parametrize(
    ("waiver", "subject", "expected"),
    [
        ("", problem(), True),
        ("", problem(Code.CP302), False),
        ('variant = "cu128"', problem(), True),
        ('variant = "cpu"', problem(), False),
        ('package = "Torch"', problem(), True),
        ('package = "jax"', problem(), False),
        ("until = 2999-01-01", problem(), True),
        ("until = 2020-01-01", problem(), False),
    ],
)
def test_what_a_waiver_covers(tmp_path: Path, waiver: str, subject: Problem, *, expected: bool) -> None:
    text = f'{PROJECT}[[tool.cudapin.allow]]\ncode = "CP301"\nreason = "r"\n{waiver}\n'
    waived = gate_of(tmp_path, text).waive([subject])
    assert bool(waived.accepted) is expected
    assert (subject not in waived.standing) is expected


@pytest.mark.parametrize("code", [Code.CP102, Code.CP205, Code.CP900])
def test_what_no_waiver_covers(tmp_path: Path, code: Code) -> None:
    gate = gate_of(tmp_path, PROJECT, {"CUDAPIN_ALLOW": f" {code.name} , CP201"})
    assert gate.waive([problem(code)]).accepted == ()
    assert [waiver.code for waiver in gate.run_waivers] == [code, Code.CP201]


def test_a_waiver_of_a_variant_covers_its_lock(tmp_path: Path) -> None:
    text = f'{PROJECT}[[tool.cudapin.allow]]\ncode = "CP201"\nreason = "r"\nvariant = "cpu"\n'
    gate = gate_of(tmp_path, text)
    subject = problem(Code.CP201, None, None)
    assert gate.waive([subject], "cpu").accepted
    assert not gate.waive([subject], "cu128").accepted


def test_an_index_that_the_lock_contradicts(tmp_path: Path) -> None:
    text = PROJECT.replace("arch =", 'index = "https://index.example/cu126"\narch =')
    gate = gate_of(tmp_path, text)
    lock = "--index-url https://index.example/cu128\n" + str(VARIANTS["locks/cu128.txt"])
    write(tmp_path, {"locks/cu128.txt": lock})
    assert render_problems(judge_variant(gate, gate.variants()[1])) == (
        "error[CP106]: `index` of variant `cu128` contradicts the lock\n"
        "  --> pyproject.toml:21 (tool.cudapin.variants.cu128.index)\n"
        "  why: wanted `torch` from `https://index.example/cu126`, the lock has it from `https://index.example/cu128`\n"
        "  fix: remove `index`: this lock format records the index of each package"
    )


def test_a_package_of_another_cuda_names_the_command_that_made_its_lock(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    write(tmp_path, {"locks/cu128.txt": str(VARIANTS["locks/cu128.txt"]).replace("+cu128", "+cpu")})
    assert render_problems(judge_variant(gate, gate.variants()[1])) == (
        "error[CP303]: `torch` of variant `cu128` is a build without CUDA\n"
        "  --> locks/cu128.txt:5 (torch)\n"
        "  why: wanted CUDA 12.8, the lock has `torch 2.9.0+cpu` (the local version label `+cpu`)\n"
        "  fix: uv pip compile --torch-backend cu128 pyproject.toml --generate-hashes --extra cu128"
    )


def test_requirements_are_wholly_their_variants(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    same = {"locks/cpu.txt": VARIANTS["locks/cu128.txt"]}
    assert judge_variants(gate, ["cpu", "cu128"]) == ()
    write(tmp_path, same)
    found = gate_of(tmp_path / "x", PROJECT.replace('arch = ["9.0"]', ""))
    write(tmp_path / "x", same)
    assert [(problem.code, problem.what) for problem in judge_variants(found, ["cpu", "cu128"])] == [
        (Code.CP311, "variants `cpu`, `cu128` select the same CUDA packages")
    ]
    assert judge_variants(found, ["cu128"]) == ()
    (tmp_path / "x" / "locks" / "cpu.txt").unlink()
    assert judge_variants(gate_of(tmp_path / "y").at(found.target), []) == ()


def test_a_broken_lock_is_no_question_across_variants(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    (tmp_path / "locks" / "cpu.txt").unlink()
    assert judge_variants(gate, ["cpu", "cu128"]) == ()
    assert judge_variants(gate_of(tmp_path / "x", THREE), ["cpu", "cu128"]) == ()


def test_the_mend_of_a_lock_passes_the_gate_of_a_dynamic_project(tmp_path: Path) -> None:
    text = PROJECT.replace('dependencies = ["numpy>=1"]\n', 'dynamic = ["dependencies"]\n')
    verdict = gate_of(tmp_path, text).judge_lock("locks/cpu.txt")
    assert [found.fix.partition(" ")[0] for found in verdict.problems] == ["CUDAPIN=off"]


def test_which_files_are_usable(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    names = {
        "a-1-py3-none-any.whl": True,
        "a-1-cp27-cp27m-win32.whl": False,
        "a-1.tar.gz": True,
        "": True,
        "odd.whl": True,
    }
    assert {name: gate.target.is_usable(LockedFile(name=name, url=None, hashes={})) for name in names} == names


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("on", False), ("off", True)])
def test_the_switch(value: str | None, *, expected: bool) -> None:
    assert is_off({} if value is None else {"CUDAPIN": value}) is expected


def test_the_worst_problem_decides_the_class_of_a_refusal(tmp_path: Path) -> None:
    write(tmp_path, STALE_CPU)
    judgement = judge_sdist(open_gate(tmp_path, {}))
    with pytest.raises(Refusal):
        judgement.refuse()
    with pytest.raises(ConfigError):
        replace(judgement, errors=(*judgement.errors, problem(Code.CP107))).refuse()
    replace(judgement, errors=()).refuse()


def test_an_sdist_with_a_private_host(tmp_path: Path) -> None:
    lock = f"--index-url https://index.internal/simple\n{locked('uv pip compile x.in', 'a==1')}"
    text = '[project]\nname = "demo"\n[tool.cudapin]\nlock = "../lock.txt"\n'
    write(tmp_path, {"lock.txt": lock, "x/pyproject.toml": text, "x/x.in": "a\n"})
    judgement = judge_sdist(open_gate(tmp_path / "x", {}))
    assert [found.code.name for found in judgement.errors] == ["CP201"]
    assert render_problems(judgement.warnings) == (
        "warning[CP210]: the sdist carries `../lock.txt`, which names the private host `index.internal`\n"
        "  --> ../lock.txt\n"
        "  why: the lock lies outside the project, and whoever gets the sdist can read it\n"
        "  fix: publish wheels only, or lock from an index that may be known"
    )


def test_a_misspelled_table_is_said(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\n\n[tool.cudpin.variants.cpu]\n'
    assert faults(lambda: gate_of(tmp_path, text)) == (
        "error[CP102]: `[tool.cudpin]` looks like a misspelled `[tool.cudapin]`\n"
        "  --> pyproject.toml:4 (tool.cudpin)\n"
        "  why: there is no `[tool.cudapin]`, so nothing of that table would count\n"
        "  fix: rename `[tool.cudpin]` to `[tool.cudapin]`"
    )
    gate_of(tmp_path, '[project]\nname = "demo"\n[tool.cuda]\n[tool.cibuildwheel]\n')


def test_a_lock_of_an_override_is_used_too(tmp_path: Path) -> None:
    text = PROJECT + "[[tool.cudapin.variants.cu128.overrides]]\nwhen = \"platform_machine == 'aarch64'\"\n"
    gate = gate_of(tmp_path, text + 'lock = "locks/arm.txt"\n')
    assert sorted(gate.lock_users()) == ["locks/arm.txt", "locks/cpu.txt", "locks/cu128.txt"]


def test_a_waiver_of_one_variant_covers_its_own_lock(tmp_path: Path) -> None:
    text = STALE_CPU["pyproject.toml"]
    waiver = '[[tool.cudapin.allow]]\ncode = "CP201"\nreason = "x"\nvariant = "{}"\n'
    write(tmp_path, {**STALE_CPU, "pyproject.toml": text + waiver.format("cpu")})
    assert judge_sdist(open_gate(tmp_path, {})).errors == ()
    write(tmp_path, {**STALE_CPU, "pyproject.toml": text + waiver.format("cu128")})
    assert [problem.code for problem in judge_sdist(open_gate(tmp_path, {})).errors] == [Code.CP201]


def test_the_way_to_a_lock_is_normalised(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, PROJECT.replace("locks/{variant}.txt", "sub/../locks//{variant}.txt"))
    assert sorted(gate.lock_users()) == ["locks/cpu.txt", "locks/cu128.txt"]


def test_a_lock_cannot_name_files_outside_the_repository_as_its_input(tmp_path: Path) -> None:
    from cudapin.adapters.workspace import read_input

    secret = write(tmp_path, {"secret": "token"}) / "secret"
    gate = gate_of(tmp_path / "repository" / "project")
    assert read_input(gate.project, str(secret)) is None
    assert read_input(gate.project, "../../secret") is None
    (tmp_path / "repository" / ".git").mkdir()
    write(tmp_path / "repository", {"base.in": "six"})
    assert read_input(gate.project, "../base.in") is not None
    assert read_input(gate.project, "../../secret") is None


def test_an_sdist_that_would_carry_credentials(tmp_path: Path) -> None:
    lock = f"--extra-index-url https://me:secret@index.example/simple\n{VARIANTS['locks/cpu.txt']}"
    write(tmp_path, {**VARIANTS, "locks/cpu.txt": lock})
    judgement = judge_sdist(open_gate(tmp_path, {}))
    assert render_problems(judgement.warnings) == (
        "warning[CP210]: the sdist carries `locks/cpu.txt`, which holds credentials\n"
        "  --> locks/cpu.txt\n"
        "  why: an address in it has a user name and a password or token, and whoever gets the sdist can read them\n"
        "  fix: take the credentials out of the lock: installers read them from a keyring, netrc or the environment"
    )


def test_private_hosts() -> None:
    from cudapin.core.index import find_private_hosts

    text = "http://[fd00::1]:80/x https://127.0.0.1/x http://pkg.corp:8080/x https://index.example/x ssh://git@nas/x"
    assert find_private_hosts(text) == ("127.0.0.1", "fd00::1", "nas", "pkg.corp")


UV_LOCK = """\
version = 1
requires-python = ">=3.10"

[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://index.example/alpha-1.0-py3-none-any.whl", hash = "sha256:HASH" }]

[[package]]
name = "demo"
version = "1.0"
source = { virtual = "." }
dependencies = [{ name = "alpha" }]

[package.metadata]
requires-dist = [{ name = "alpha" }]
""".replace("HASH", "0" * 64)
EXPORTED = f"#    uv export --no-emit-project\nalpha==1.0 --hash=sha256:{'0' * 64}\n"


def test_an_sdist_carries_the_lock_that_its_lock_was_exported_from(tmp_path: Path) -> None:
    """Without it, nobody could say of the unpacked sdist whether the exported file is fresh."""
    text = (
        '[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">=3.10"\ndependencies = ["alpha"]\n'
        '[tool.cudapin]\nlock = "requirements.txt"\n'
        '[[tool.uv.index]]\nurl = "https://index.example/simple"\n'
    )
    gate = open_gate(write(tmp_path, {"pyproject.toml": text, "requirements.txt": EXPORTED, "uv.lock": UV_LOCK}), {})
    assert gate.judge_lock("requirements.txt").freshness == "fresh"
    seal, carried = seal_sdist(gate, judge_sdist(gate))
    assert sorted(carried.values()) == sorted(seal.files) == ["requirements.txt", "uv.lock"]
    assert seal.uv is not None
