"""What `cudapin build` plans: which wheels, from what, where to, and what is refused before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.gate import open_gate
from cudapin.isolated.plain import is_plain
from cudapin.isolated.plan import Plan, make_plan
from unit.support import COMPILE, PROJECT, STALE_CPU, STALE_TEXT, VARIANTS, faults, locked, write

if TYPE_CHECKING:
    from pathlib import Path

HOOK = "[tool.hatch.build.hooks.cudapin]"
WRONG_CUDA = {**VARIANTS, "locks/cu128.txt": locked(COMPILE.format("cu128"), "numpy==2.0", "torch==2.9.0+cu126")}


def plan_of(root: Path, *names: str, is_all: bool = False, sdist: bool = False, **environ: str) -> Plan:
    return make_plan(open_gate(root, environ), names or None, is_all=is_all, wants_sdist=sdist)


def codes(plan: Plan) -> dict[str | None, list[str]]:
    return {order.variant: [problem.code.name for problem in order.refused] for order in plan.orders}


def test_the_default_variant_from_the_tree(tmp_path: Path) -> None:
    plan = plan_of(write(tmp_path, VARIANTS))
    assert (codes(plan), plan.is_via_sdist) == ({"cpu": []}, False)


def test_the_variable_and_the_option(tmp_path: Path) -> None:
    write(tmp_path, VARIANTS)
    assert list(codes(plan_of(tmp_path, CUDAPIN_VARIANT="cu128"))) == ["cu128"]
    assert list(codes(plan_of(tmp_path, "cpu", CUDAPIN_VARIANT="cu128"))) == ["cpu"]
    assert list(codes(plan_of(tmp_path, "cu128", "cpu", "cu128"))) == ["cu128", "cpu"]


def test_several_wheels_are_built_from_one_sdist(tmp_path: Path) -> None:
    write(tmp_path, VARIANTS)
    assert plan_of(tmp_path, is_all=True).is_via_sdist
    assert plan_of(tmp_path, sdist=True).is_via_sdist
    assert not plan_of(tmp_path, "cpu").is_via_sdist


def test_every_wrong_name_in_one_run(tmp_path: Path) -> None:
    write(tmp_path, VARIANTS)
    assert faults(lambda: plan_of(tmp_path, "cu129", "cpuu")) == (
        "error[CP104]: no variant `cpuu` is declared\n"
        "  why: `--variant` asks for `cpuu`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
        "  fix: use `cpu`; the names are `cpu`, `cu128`, `auto`\n"
        "error[CP104]: no variant `cu129` is declared\n"
        "  why: `--variant` asks for `cu129`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
        "  fix: use `cu128`; the names are `cpu`, `cu128`, `auto`"
    )


def test_a_stale_lock_refuses_its_own_variant_and_the_sdist(tmp_path: Path) -> None:
    write(tmp_path, STALE_CPU)
    plan = plan_of(tmp_path, is_all=True)
    assert codes(plan) == {"cpu": ["CP201"], "cu128": []}
    assert faults(lambda: _raise(plan)) == STALE_TEXT
    assert [problem.code.name for problem in plan.sdist_refused] == ["CP201"]
    assert not plan.is_via_sdist


def test_two_good_variants_beside_a_stale_lock_are_built_from_the_tree(tmp_path: Path) -> None:
    text = PROJECT.replace("[tool.hatch", "[tool.cudapin.variants.cu126]\nextra = 'cu128'\n\n[tool.hatch")
    lock = locked(COMPILE.format("cu128"), "numpy==2.0", "torch==2.9.0+cu126")
    write(tmp_path, {**STALE_CPU, "pyproject.toml": text, "locks/cu126.txt": lock})
    plan = plan_of(tmp_path, is_all=True)
    assert codes(plan) == {"cpu": ["CP201"], "cu128": [], "cu126": []}
    assert not plan.is_via_sdist


def _raise(plan: Plan) -> None:
    from cudapin.errors import ConfigError

    raise ConfigError(*plan.orders[0].refused)


def test_a_wrong_cuda_refuses_one_variant_and_no_sdist(tmp_path: Path) -> None:
    plan = plan_of(write(tmp_path, WRONG_CUDA), is_all=True)
    assert codes(plan) == {"cpu": [], "cu128": ["CP301"]}
    assert plan.sdist_refused == ()


def test_a_waiver_counts_and_is_told(tmp_path: Path) -> None:
    plan = plan_of(write(tmp_path, WRONG_CUDA), is_all=True, CUDAPIN_ALLOW="CP301")
    assert codes(plan) == {"cpu": [], "cu128": []}
    assert [note.partition(":")[0] for note in plan.notes] == ["waived CP301"]


def test_without_the_hook_nothing_is_judged(tmp_path: Path) -> None:
    text = PROJECT.partition("[project.optional")[0]
    plan = plan_of(write(tmp_path, {"pyproject.toml": text}), is_all=True, sdist=True)
    assert (codes(plan), plan.sdist_refused) == ({None: []}, ())


def test_without_variants_the_lock_still_counts(tmp_path: Path) -> None:
    text = f"{PROJECT.partition('[project.optional')[0]}{HOOK}\n"
    plan = plan_of(write(tmp_path, {"pyproject.toml": text}))
    assert codes(plan) == {None: ["CP202"]}
    assert faults(lambda: plan_of(tmp_path, "cpu")) == (
        "error[CP112]: there is no variant `cpu`\n  why: the project declares no variants\n  fix: leave `--variant` out"
    )


def test_variants_that_do_not_exist_here(tmp_path: Path) -> None:
    text = PROJECT.replace('arch = ["9.0"]', "environments = [\"sys_platform == 'nowhere'\"]")
    write(tmp_path, {**VARIANTS, "pyproject.toml": text})
    plan = plan_of(tmp_path, is_all=True)
    assert (list(codes(plan)), plan.elsewhere) == (["cpu"], ("cu128",))
    text = text.replace("[tool.cudapin.variants.cpu]", "[tool.cudapin.variants.cpu]\nrequires-python = '<3'")
    write(tmp_path, {"pyproject.toml": text})
    assert faults(lambda: plan_of(tmp_path, is_all=True)).startswith(
        "error[CP104]: variant `cpu` does not exist for this Python and platform\n"
    )


def test_off(tmp_path: Path) -> None:
    plan = plan_of(write(tmp_path, STALE_CPU), CUDAPIN="off")
    assert codes(plan) == {None: []}
    text = (
        "error[CP112]: `CUDAPIN=off` builds no variant\n"
        "  why: it is set, and a variant is asked for\n"
        "  fix: unset CUDAPIN, or leave out `--variant` and `--all`"
    )
    assert faults(lambda: plan_of(tmp_path, "cpu", CUDAPIN="off")) == text
    assert faults(lambda: plan_of(tmp_path, is_all=True, CUDAPIN="off")) == text


@pytest.mark.parametrize(
    ("setting", "folders"),
    [
        ("", [".", "."]),
        ('spelling = "none"', ["cpu", "cu128"]),
        ('name = "demo-{variant}"', [".", "."]),
    ],
)
def test_folders(tmp_path: Path, setting: str, folders: list[str]) -> None:
    text = PROJECT.replace("[tool.cudapin]\n", f"[tool.cudapin]\n{setting}\n")
    plan = plan_of(write(tmp_path, {**VARIANTS, "pyproject.toml": text}), is_all=True)
    assert [order.folder for order in plan.orders] == folders


def test_another_backend(tmp_path: Path) -> None:
    text = PROJECT.replace("hatchling.build", "setuptools.build_meta")
    write(tmp_path, {**VARIANTS, "pyproject.toml": text})
    assert faults(lambda: plan_of(tmp_path)) == (
        "error[CP112]: `cudapin build` builds no project of another build backend\n"
        "  why: wanted `hatchling.build` or `cudapin.build`, found `build-backend = 'setuptools.build_meta'` in "
        "`pyproject.toml`\n"
        "  fix: use that backend's own front end, such as `python -m build`"
    )
    write(tmp_path, {"pyproject.toml": PROJECT.partition("\n\n")[2]})
    assert "found no `build-backend`" in faults(lambda: plan_of(tmp_path))
    write(tmp_path, {"pyproject.toml": PROJECT.replace('["hatchling", "cudapin"]', '"hatchling"')})
    assert faults(lambda: plan_of(tmp_path)) == (
        "error[CP112]: `[build-system].requires` is no list of requirements\n"
        "  why: found `'hatchling'`\n"
        '  fix: add `requires = ["hatchling", "cudapin"]`'
    )


def test_the_build_system(tmp_path: Path) -> None:
    text = PROJECT.replace('build-backend = "hatchling.build"', 'build-backend = "cudapin.build"\nbackend-path = ["."]')
    system = plan_of(write(tmp_path, {**VARIANTS, "pyproject.toml": text})).system
    assert (system.requires, system.backend, system.path) == (("hatchling", "cudapin"), "cudapin.build", (".",))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", True),
        ('"cudapin"]', '"cudapin>=0.1", "Hatchling>=1.27"]', True),
        (HOOK, f"[tool.hatch.metadata.hooks.cudapin]\n{HOOK}", True),
        ('"cudapin"]', '"cudapin", "setuptools"]', False),
        ('"cudapin"]', '"cudapin", "./nothing that can be read"]', False),
        ("[project]", 'backend-path = ["."]\n[project]', False),
        (HOOK, f"[tool.hatch.build.hooks.custom]\n{HOOK}", False),
        (HOOK, f"[tool.hatch.build.hooks.version]\npath = 'x'\n{HOOK}", False),
        (HOOK, f"[tool.hatch.build.targets.wheel.hooks.custom]\n{HOOK}", False),
        (HOOK, f"[tool.hatch.metadata.hooks.custom]\n{HOOK}", False),
        (HOOK, f"[tool.hatch.build]\ndependencies = ['x']\n{HOOK}", False),
        (HOOK, f"[tool.hatch.build.targets.wheel]\ndependencies = ['x']\n{HOOK}", False),
        (HOOK, f"[tool.hatch.version]\nsource = 'code'\n{HOOK}", False),
        (HOOK, f"[tool.hatch.version]\npath = 'x'\n{HOOK}", True),
    ],
)
def test_plain_is_what_runs_nothing_else(tmp_path: Path, old: str, new: str, *, expected: bool) -> None:
    write(tmp_path, {**VARIANTS, "pyproject.toml": PROJECT.replace(old, new, 1) if old else PROJECT})
    assert is_plain(open_gate(tmp_path, {})) is expected


def test_settings_elsewhere_are_not_plain(tmp_path: Path) -> None:
    write(tmp_path, {**VARIANTS, "hatch.toml": ""})
    assert not is_plain(open_gate(tmp_path, {}))


def test_labels(tmp_path: Path) -> None:
    write(tmp_path, VARIANTS)
    plan = make_plan(open_gate(tmp_path, {}), ("cu128",), is_all=False, wants_sdist=False, labelled=True)
    assert [(order.name, order.variant, order.label) for order in plan.orders] == [
        ("cu128", "cu128", "cu128"),
        ("cpu (plain)", "cpu", None),
    ]
    plan = make_plan(open_gate(tmp_path, {}), None, is_all=True, wants_sdist=False, labelled=True)
    assert [(order.name, order.label) for order in plan.orders] == [
        ("cpu", "null"),
        ("cu128", "cu128"),
        ("cpu (plain)", None),
    ]


def test_labels_need_variants(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PROJECT.partition("[project.optional")[0]})
    gate = open_gate(tmp_path, {})
    assert faults(lambda: make_plan(gate, None, is_all=True, wants_sdist=False, labelled=True)) == (
        "error[CP112]: `--label` needs variants\n"
        "  why: a label says which variant a wheel is of, and the project declares none\n"
        "  fix: leave `--label` out"
    )
