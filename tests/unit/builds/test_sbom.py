"""What an SBOM is made from, and what is said where it cannot be made."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.wheel import read_files
from cudapin.builds.judgement import Judgement, judge_wheel
from cudapin.builds.sbom import judge_sbom, make_sbom, old_hatchling
from cudapin.core.verdict import render_problems
from cudapin.gate import open_gate
from elves import make_elf
from unit.support import VARIANTS, config_of, faults, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.gate import Gate

PYPROJECT = str(VARIANTS["pyproject.toml"]).replace("[tool.cudapin]\n", "[tool.cudapin]\nsbom = true\n")
LISTED = PYPROJECT.replace('"cudapin"]', '"cudapin[sbom]"]')


def gate_of(root: Path, pyproject: str = LISTED, environ: Mapping[str, str] | None = None) -> Gate:
    write(root, {**VARIANTS, "pyproject.toml": pyproject})
    return open_gate(root, environ or {})


def make(gate: Gate, files: Mapping[str, Path] | None = None) -> dict[str, Any]:
    choice = gate.choose("cu128")
    assert choice is not None
    judgement = judge_wheel(gate, choice, compiled=False)
    files = files or {}
    text = make_sbom(gate, choice.variant, judgement, ("demo", "1.2+cu128"), files, read_files(files), "demo-1.2.data")
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_packages_are_those_that_the_variant_locks(tmp_path: Path) -> None:
    found = make(gate_of(tmp_path, environ={"SOURCE_DATE_EPOCH": "1700000000"}))
    assert [one["bom-ref"] for one in found["components"]] == ["numpy==2.0", "torch==2.9.0+cu128"]
    assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    facts = {one["name"].removeprefix("cudapin:"): one["value"] for one in found["metadata"]["properties"]}
    assert facts.pop("environment").startswith(f"CPython {sys.version_info[0]}.{sys.version_info[1]}, ")
    assert facts == {
        "cuda": "12.8",
        "lock.path": "locks/cu128.txt",
        "lock.sha256": hashlib.sha256((tmp_path / "locks/cu128.txt").read_bytes()).hexdigest(),
        "lock.verdict": "fresh",
        "variant": "cu128",
    }


def test_the_libraries_are_those_that_python_does_not_import(tmp_path: Path) -> None:
    names = (
        "demo/_core.cpython-312-x86_64-linux-gnu.so",
        "demo/_plain.so",
        "demo/libwrong.abi3.so",
        "demo.libs/libcudart-e8e8b82a.so.12",
        "*.data/data/lib/libown.so",
    )
    elf = make_elf(needed=())
    write(tmp_path / "files", dict.fromkeys(names, elf))
    found = make(gate_of(tmp_path), {name: tmp_path / "files" / name for name in names})
    assert [(one["name"], one["bom-ref"]) for one in found["components"][:2]] == [
        ("libcudart.so.12", "file:demo.libs/libcudart-e8e8b82a.so.12"),
        ("libown.so", "file:demo-1.2.data/data/lib/libown.so"),
    ]
    assert found["components"][0]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(elf).hexdigest()}]
    assert found["components"][0]["properties"][0] == {"name": "cudapin:cuda", "value": "12"}
    assert len(found["components"]) == 4


def test_a_project_without_variants_gets_what_its_lock_selects(tmp_path: Path) -> None:
    text = LISTED.split("[tool.cudapin]")[0] + '[tool.cudapin]\nsbom = true\nlock = "locks/cpu.txt"\n'
    gate = gate_of(tmp_path, text)
    judgement = Judgement(errors=(), warnings=(), verdicts={})
    found = json.loads(make_sbom(gate, None, judgement, ("demo", "1.2"), {}, (), "demo-1.2.data"))
    assert [one["bom-ref"] for one in found["components"]] == ["numpy==2.0", "torch==2.9.0+cpu"]


NOT_REQUIRED = """\
error[CP117]: `sbom = true` needs the extra `cudapin[sbom]`, which the project does not require
  --> pyproject.toml:2 (build-system.requires)
  why: `cyclonedx-python-lib` writes the SBOM, and only that extra brings it
  fix: write `"cudapin[sbom]"` instead of `"cudapin"` in `requires` of `[build-system]`"""
NOT_INSTALLED = """\
error[CP117]: `sbom = true` needs the extra `cudapin[sbom]`, which the build environment lacks
  --> pyproject.toml:15 (tool.cudapin.sbom)
  why: `cyclonedx-python-lib` writes the SBOM, and only that extra brings it
  fix: python -m pip install "cudapin[sbom]\""""


@pytest.mark.parametrize(("pyproject", "message"), [(PYPROJECT, NOT_REQUIRED), (LISTED, NOT_INSTALLED)])
def test_a_missing_library_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pyproject: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.output.json", None)
    gate = gate_of(tmp_path, pyproject)
    assert faults(lambda: make(gate)) == message


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ('"hatchling", "cudapin"', NOT_REQUIRED),
        ('"hatchling", "CudaPin[SBOM]>=0.1"', ""),
        ('"hatchling", "cudapin", "cyclonedx-python-lib"', ""),
        ('"hatchling", "cuda pin"', NOT_REQUIRED),
    ],
)
def test_the_check_asks_for_the_extra(tmp_path: Path, requires: str, expected: str) -> None:
    gate = gate_of(tmp_path, PYPROJECT.replace('"hatchling", "cudapin"', requires))
    assert render_problems(judge_sbom(gate)) == expected


def test_the_check_says_nothing_where_no_sbom_is_wanted(tmp_path: Path) -> None:
    assert not list(judge_sbom(gate_of(tmp_path, str(VARIANTS["pyproject.toml"]))))


def test_an_old_hatchling_is_said(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)

    def refuse() -> None:
        raise old_hatchling(gate, "1.28.0")

    assert faults(refuse) == (
        "error[CP117]: `sbom = true` needs hatchling 1.29, and the build has 1.28.0\n"
        "  --> pyproject.toml:15 (tool.cudapin.sbom)\n"
        "  why: older ones take no file for `*.dist-info/sboms` (PEP 770) from a build hook\n"
        '  fix: write `"hatchling>=1.29"` in `requires` of `[build-system]`'
    )


def test_an_sbom_needs_a_lock_file() -> None:
    assert faults(lambda: config_of("[tool.cudapin]\nsbom = true\nlock = false\n")) == (
        "error[CP106]: `lock = false`, and yet `sbom` needs a lock file\n"
        "  --> pyproject.toml:3 (tool.cudapin.lock)\n"
        "  why: `sbom` lists the packages of the lock file\n"
        "  fix: remove `lock = false`, or `sbom`"
    )


def test_it_is_a_flag() -> None:
    assert config_of("[tool.cudapin]\nsbom = true\n").sbom
    assert not config_of("[tool.cudapin]\n").sbom
    assert faults(lambda: config_of('[tool.cudapin]\nsbom = "yes"\n')).startswith("error[CP103]")
