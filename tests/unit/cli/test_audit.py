"""`cudapin audit`: rows, text and exit codes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from elves import Entry, make_elf, make_fatbin
from unit.support import VARIANTS, write
from whl import write_wheel

if TYPE_CHECKING:
    from pathlib import Path

NEW = b"_ZN2at6Tensor3fooENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
CU12 = make_elf(needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin(Entry(arch=90))})
CU13 = make_elf(needed=("libcudart.so.13", "libtorch.so"), undefined=(NEW,))
NAME = "demo_cu12-1.0-cp311-cp311-linux_x86_64.whl"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: Path) -> None:
    assert clean_environment
    monkeypatch.chdir(tmp_path)


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["audit", "--format", "json", *arguments])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_a_good_wheel_needs_no_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wheel(tmp_path, {"demo/_ext.so": CU12}, name=NAME, requires=("nvidia-cuda-runtime-cu12",))
    assert main(["audit", NAME]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{NAME}: ok (CUDA 12: `cu12` in the name)\n  demo/_ext.so  sm_90\n"
    assert shown.err == ""
    code, found = rows(capsys, NAME)
    assert code == 0
    assert found == {
        "schema": 1,
        "command": "audit",
        "ok": True,
        "problems": [],
        "wheels": [
            {
                "path": NAME,
                "variant": None,
                "verdict": "ok",
                "binaries": [
                    {
                        "path": "demo/_ext.so",
                        "needed": ["libcudart.so.12"],
                        "arch": ["sm_90"],
                        "uses_cuda": True,
                        "static_cudart": False,
                        "torch": None,
                    }
                ],
                "problems": [],
                "cuda": ["12"],
                "evidence": "`cu12` in the name",
            }
        ],
    }


def test_a_wrong_one_among_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wheel(tmp_path, {"demo/_ext.so": CU12}, name=NAME, requires=("nvidia-cuda-runtime-cu12",))
    wrong = NAME.replace("1.0", "2.0")
    write_wheel(tmp_path, {"demo/_ext.so": CU13}, name=wrong, requires=("torch==2.9.0",))
    code, found = rows(capsys, NAME, wrong)
    assert (code, found["ok"]) == (1, False)
    assert [row["verdict"] for row in found["wheels"]] == ["ok", "wrong"]
    assert [problem["code"] for problem in found["problems"]] == ["CP406"]
    assert found["problems"] == found["wheels"][1]["problems"]
    assert found["wheels"][1]["binaries"][0]["torch"] == {"stable": False, "std_string": "new"}
    assert main(["audit", wrong]) == 1
    assert "  demo/_ext.so  torch (C++ symbols, new std::string)\n" in capsys.readouterr().out


def test_what_is_no_wheel_is_said_beside_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wheel(tmp_path, {"demo/_ext.so": CU13}, name=NAME)
    (tmp_path / "text.whl").write_text("text")
    code, found = rows(capsys, "text.whl", "missing.whl", NAME)
    assert code == 3
    assert [row["verdict"] for row in found["wheels"]] == ["unknown", "unknown", "wrong"]
    assert found["wheels"][0]["problems"][0]["code"] == "CP416"
    assert main(["audit", "text.whl"]) == 3
    assert capsys.readouterr().out == "text.whl: unknown\n"


def test_many_files_are_not_all_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {f"demo/_{number:02}.so": CU12 for number in range(14)}
    write_wheel(tmp_path, {**files, "demo/host.so": make_elf(needed=("libc.so.6",))}, name=NAME)
    assert main(["audit", NAME]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[-1]) == (14, "  and 2 more")


def test_a_variant_of_the_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VARIANTS)
    write_wheel(tmp_path, {"demo/_ext.so": CU13}, name=NAME, requires=("torch==2.9.0",))
    code, found = rows(capsys, "--variant", "cu128", NAME)
    assert code == 1
    assert found["wheels"][0]["variant"] == "cu128"
    assert [problem["code"] for problem in found["problems"]] == ["CP406", "CP408"]
    assert main(["audit", "--variant", "cu99", NAME]) == 2
    assert "error[CP104]" in capsys.readouterr().err


def test_a_variant_without_a_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wheel(tmp_path, name=NAME)
    assert main(["audit", "--variant", "cu126", NAME]) == 2
    assert "error[CP112]" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n')
    assert main(["audit", "--variant", "cu126", NAME]) == 2
    assert capsys.readouterr().err == (
        "error[CP112]: there is no variant `cu126`\n"
        "  why: the project declares no variants\n"
        "  fix: leave `--variant` out\n"
    )


def test_the_runtime_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    static = make_elf(data=b"\0cudaErrorCudartUnloading\0driver shutting down\0")
    write_wheel(tmp_path, {"demo/_ext.so": static}, name=NAME)
    assert main(["audit", NAME]) == 0
    shown = capsys.readouterr()
    assert "  demo/_ext.so  static cudart\n" in shown.out
    assert shown.err.startswith("warning[CP417]: ")


def test_excludes_for_auditwheel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VARIANTS)
    command = ["export", "--to", "auditwheel-excludes"]
    assert main([*command, "--variant", "cu128"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("--exclude lib") for line in lines)
    assert {"--exclude libcudart.so.12", "--exclude libcuda.so.1", "--exclude libcusolver.so.11"} <= set(lines)
    assert not [line for line in lines if line.endswith(("cudart.so.13", "cudart.so.11", ".dll"))]
    assert main([*command, "--variant", "cpu", "-o", "excludes.txt"]) == 0
    assert "libcuda.so.1" in (tmp_path / "excludes.txt").read_text()
    assert "libcudart" not in (tmp_path / "excludes.txt").read_text()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n')
    assert main(command) == 2
    assert "error[CP112]: there is no variant to go by\n" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_what_never_ends_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "x.whl")
    assert main(["audit", str(tmp_path / "x.whl")]) == 3
    assert capsys.readouterr().err.endswith(
        "  why: wanted a wheel, which is a zip archive, found a device, a pipe or a socket\n"
        "  fix: build or download the wheel anew\n"
    )


def test_a_folder_and_a_name_that_would_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path)]) == 3
    assert f"  fix: name the wheels in it, such as `{tmp_path}/*.whl`\n" in capsys.readouterr().err
    assert main(["audit", "\x1b[2J\n.whl"]) == 3
    captured = capsys.readouterr()
    assert captured.out == "\\x1b[2J\\x0a.whl: unknown\n"
    assert "  fix: look how the wheel is called, and where it is\n" in captured.err
