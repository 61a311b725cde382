"""`cudapin doctor`: in any directory, with any project; when it exits with what."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.doctor import doctor
from cudapin.cli.main import main
from cudapin.core.machine import Machine
from unit.support import COMPILE, PROJECT, VARIANTS, locked, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")

Files = dict[str, "str | bytes"]
H200 = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0"}
TORCH: Files = {
    "site/torch-2.9.0+cu128.dist-info/METADATA": "Name: torch\nVersion: 2.9.0+cu128\n",
    "site/torch/version.py": "cuda: Optional[str] = '12.8'\n",
    "site/numpy-2.0.dist-info/METADATA": "",
}
STAMPED = "site/demo-1.2+cu128.dist-info/extra_metadata/cudapin.json"


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def section(self) -> str:
        """The lines of the environment and the project."""
        return self.out.partition("environment\n")[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on an interpreter whose packages lie in `site`, with a machine that variables stand in for."""
    project, python = tmp_path / "project", tmp_path / "python"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    for name, value in H200.items():
        monkeypatch.setenv(name, value)
    markers = {
        "implementation_name": "cpython",
        "implementation_version": "3.12.4",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": "3.12.4",
        "python_version": "3.12",
        "sys_platform": "linux",
    }
    answer = {"path": [str(project / "site")], "prefix": str(project), "base": "/usr", "markers": markers}
    python.write_text(f"#!/bin/sh\necho 'cudapin-interpreter {json.dumps(answer)}'\n")
    python.chmod(0o755)

    def call(files: Files, *arguments: str) -> Ran:
        write(project, files)
        code = main(["doctor", "--python", str(python), *arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


def test_where_there_is_no_project(run: Any) -> None:
    found = run({"numpy": ""})
    assert (found.code, found.err) == (0, "")
    assert "  driver     570.86.10 (CUDAPIN_DRIVER_VERSION)\n  CUDA       12.8 (by the table of drivers)\n" in found.out
    assert "  GPU 0      GPU of CUDAPIN_GPU_ARCH, compute capability 9.0 (CUDAPIN_GPU_ARCH)\n" in found.out
    assert found.section == (
        "  Python     3.12.4 (CPython), ~/python\n"
        "  packages   0 installed, none of them tied to CUDA\n"
        "project\n  name       none\n  not read   there is no project here\n"
    )
    document = run({}, "--format", "json").json
    assert {key: document[key] for key in ("schema", "command", "ok", "problems", "variants")} == {
        "schema": 1,
        "command": "doctor",
        "ok": True,
        "problems": [],
        "variants": [],
    }
    gpu = {"name": "GPU of CUDAPIN_GPU_ARCH", "arch": "9.0", "memory_mib": None, "mig": None}
    assert (document["machine"]["driver"], document["machine"]["gpus"]) == ("570.86.10", [gpu])
    assert run({}, "--variant", "cu128").code == 2
    assert run({}, "--project", "absent").code == 2


def test_a_host_compiler_that_the_toolkit_does_not_take(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    write(
        tmp_path,
        {
            "cuda/version.json": '{"cuda": {"version": "12.6.3"}}',
            "cuda/bin/nvcc": "#!/bin/sh\nexit 1\n",
            "tools/gcc": "#!/bin/sh\necho '#define __GNUC__ 14'\n",
        },
    )
    for program in ("cuda/bin/nvcc", "tools/gcc"):
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    monkeypatch.setenv("PATH", f"{tmp_path}/tools:/bin:/usr/bin")
    found = run({})
    assert found.code == 0
    assert "  compiler   GCC 14 (`gcc` on PATH)\n" in found.out
    assert found.err.startswith("warning[CP418]: GCC 14 is newer than the nvcc of CUDA 12.6 takes\n")
    (tmp_path / "cuda/bin/nvcc").unlink()
    found = run({})
    assert "compiler" not in found.out
    assert found.err == ""


def test_a_project_and_its_variants(run: Any) -> None:
    found = run({**VARIANTS, **TORCH})
    assert (found.code, found.err) == (0, "")
    assert found.section == (
        "  Python     3.12.4 (CPython), ~/python\n"
        "  packages   2 installed, 1 of them tied to CUDA\n"
        "             torch  2.9.0+cu128  CUDA 12.8 (`cuda = '12.8'` in `torch/version.py`)\n"
        "  variant    it is `cu128`\n"
        "project\n"
        "  name       demo\n"
        "  lock       locks/cpu.txt: fresh\n"
        "  lock       locks/cu128.txt: fresh\n"
        "  variant    cpu: fits: it needs no GPU\n"
        "  variant    cu128: fits\n"
        "             - driver 570.86.10 is not older than 525.60.13, the lowest for CUDA 12\n"
        "             - GPU of CUDAPIN_GPU_ARCH (9.0) is served by the wheel's architectures 9.0\n"
    )


def test_an_environment_that_is_no_variant(run: Any) -> None:
    swapped: Files = {"site/numpy-1.0.dist-info/METADATA": "", "site/torch-2.9.0+cu126.dist-info/METADATA": ""}
    found = run({**VARIANTS, **swapped})
    assert found.code == 0
    assert "  variant    it is none of `cpu`, `cu128`\n" in found.section


def test_the_variant_that_is_asked_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {**VARIANTS, **TORCH}
    found = run(files, "--variant", "cu128")
    assert (found.code, found.err) == (0, "")
    assert "it is `cu128`: 2 of 2 locked packages are as locked (asked for by `--variant`)\n" in found.out
    wrong = (
        "error[CP503]: the environment is not variant `cpu`, which {} asks for\n"
        "  why: wanted `torch` 2.9.0+cpu, found 2.9.0+cu128\n"
        "  fix: ~/python -m pip install -r locks/cpu.txt\n"
    )
    found = run(files, "--variant", "cpu")
    assert (found.code, found.err) == (1, wrong.format("`--variant`"))
    monkeypatch.setenv("CUDAPIN_VARIANT", "cpu")
    assert (run(files).code, run(files).err) == (1, wrong.format("`CUDAPIN_VARIANT`"))
    assert run(files, "--variant", "cu128").code == 0
    monkeypatch.setenv("CUDAPIN_VARIANT", "auto")
    assert run(files, "--format", "json").json["environment"]["variant"] == "cu128"


def test_the_variant_that_the_installed_wheel_says(run: Any) -> None:
    stamp = {STAMPED: json.dumps({"variant": "cu128", "cuda": "12.8"}), "site/demo-1.2+cu128.dist-info/METADATA": ""}
    found = run({**VARIANTS, **TORCH, **stamp})
    assert (found.code, found.err) == (0, "")
    assert "(asked for by the record of `demo 1.2+cu128`)" in found.out
    found = run({"site/torch-2.9.0+cu128.dist-info/METADATA": "Version: 2.9.0+cu126\n"})
    assert found.code == 1
    assert "the environment is not variant `cu128`, which the record of `demo 1.2+cu128` asks for\n" in found.err
    found = run({STAMPED: json.dumps({"variant": "cu126", "cuda": "12.6"}), **TORCH})
    assert (found.code, found.err) == (
        0,
        "warning[CP503]: the environment is of variant `cu126`, which the project does not have here\n"
        "  why: the record of `demo 1.2+cu128` says so, and `[tool.cudapin.variants]` declares no `cu126` for this "
        "Python and platform\n"
        "  fix: install a wheel of a declared variant, or ask for one with `--variant`\n",
    )


def test_a_wheel_of_another_name_is_the_projects_own(run: Any) -> None:
    text = PROJECT.replace('pin = ["torch"]', 'name = "demo-{variant}"')
    record = {"site/demo_cpu-1.2.dist-info/extra_metadata/cudapin.json": '{"variant": "cpu"}'}
    found = run({**VARIANTS, **TORCH, **record, "pyproject.toml": text}, "--variant", "cu128")
    assert (found.code, found.err.splitlines()[1]) == (
        1,
        "  why: wanted `demo-cpu` of variant `cu128`, found 1.2 of variant `cpu`, by its record",
    )


def test_a_variant_that_is_not_declared(run: Any) -> None:
    found = run({**VARIANTS, **TORCH}, "--variant", "cu129")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error[CP104]: no variant `cu129` is declared\n")
    plain = PROJECT.partition("[tool.cudapin]")[0]
    assert run({"pyproject.toml": plain, "requirements.lock": ""}).code == 0
    found = run({}, "--variant", "cu128")
    assert (found.code, found.err) == (
        2,
        "error[CP112]: there is no variant `cu128`\n"
        "  why: the project declares no variants\n"
        "  fix: leave out `--variant`\n",
    )


def test_a_request_for_another_project_of_the_same_run(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_VARIANT", "cu128")
    plain = PROJECT.partition("[tool.cudapin]")[0]
    assert run({"pyproject.toml": plain, "uv.lock": ""}).code == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[project\n", "CP101"),
        (PROJECT + "typo = 1\n[tool.cudapin.variants.cu128.x]\n", "CP102"),
        (PROJECT.replace("tool.cudapin", "tool.cudpin"), "CP102"),
        (b"\xff\x00", "CP101"),
        ("a = " + "[" * 5000, "CP101"),
    ],
)
def test_a_broken_project_does_not_hide_the_machine(run: Any, text: str | bytes, code: str) -> None:
    found = run({**VARIANTS, **TORCH, "pyproject.toml": text})
    assert found.code == 0
    assert f"warning[{code}]" in found.err
    assert "  driver     570.86.10 (CUDAPIN_DRIVER_VERSION)\n" in found.out
    assert "  not read   " in found.out.partition("project\n")[2]
    found = run({}, "--variant", "cu128")
    assert (found.code, found.out) == (2, "")
    assert f"error[{code}]" in found.err


def test_a_variant_whose_extra_is_missing(run: Any) -> None:
    text = PROJECT.replace('cu128 = ["torch>=2.9"]\n', "").replace('arch = ["9.0"]', 'extra = "cu128"')
    found = run({**VARIANTS, **TORCH, "pyproject.toml": text})
    assert (found.code, found.err.splitlines()[0]) == (
        0,
        "warning[CP113]: variant `cu128` is selected by the extra `cu128`, which the project does not have",
    )
    assert "  variant    cu128: fits\n" in found.out
    assert run({}, "--variant", "cu128").code == 2


def test_locks_that_are_stale_missing_or_broken(run: Any, tmp_path: Path) -> None:
    stale = {"locks/cu128.txt": locked(COMPILE.format("cu128"), "torch==2.9.0+cu128")}
    found = run({**VARIANTS, **TORCH, **stale}, "--variant", "cu128")
    assert (found.code, found.err.partition("\n")[0]) == (
        0,
        "warning[CP201]: `locks/cu128.txt` does not pin what `project.dependencies` asks for",
    )
    found = run({"locks/cu128.txt": "torch=="}, "--variant", "cu128")
    assert (found.code, found.err.count("CP205")) == (3, 1)
    assert "whether it is `cu128` cannot be told" in found.out
    assert run({}).code == 0
    (tmp_path / "project" / "locks" / "cu128.txt").unlink()
    found = run({}, "--variant", "cu128")
    assert (found.code, found.err.count("CP202")) == (1, 1)
    assert (run({}).code, run({}).err.partition(":")[0]) == (0, "warning[CP202]")


def test_a_variant_that_selects_nothing_is_no_environment(run: Any) -> None:
    text = '[project]\nname = "demo"\nversion = "1"\n[tool.cudapin.variants.cpu]\nextra = []\n'
    files = {"pyproject.toml": text, "requirements.lock": locked("uv pip compile pyproject.toml --generate-hashes")}
    assert run({**files, **TORCH}, "--format", "json").json["environment"]["matches"] == []
    found = run({}, "--variant", "cpu", "--format", "json")
    assert (found.code, found.json["environment"]["is_variant"]) == (0, True)


def test_no_lock_gate(run: Any) -> None:
    text = PROJECT.replace('lock = "locks/{variant}.txt"\npin = ["torch"]', "lock = false")
    found = run({"pyproject.toml": text, **TORCH}, "--variant", "cu128", "--format", "json")
    assert (found.code, found.json["environment"]["is_variant"]) == (0, None)


@pytest.mark.parametrize(
    ("name", "value"), [("CUDAPIN_GPU_ARCH", "sm_90"), ("CUDAPIN_DRIVER_VERSION", "12.8"), ("CUDAPIN_FACTS", "/absent")]
)
def test_variables_that_mean_nothing(run: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    found = run({})
    assert (found.code, found.err.partition(":")[0]) == (2, "error[CP108]")


def test_foreign_facts_are_said(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[[driver-branch]]\ndate = 2099-01-01\n[driver-branch.rows]\n570 = "12.9"\n'
    (tmp_path / "facts.toml").write_text(text)
    monkeypatch.setenv("CUDAPIN_FACTS", str(tmp_path / "facts.toml"))
    found = run({})
    assert "  CUDA       12.9 (by the table of drivers)\n" in found.out
    assert "  hint       `CUDAPIN_FACTS` adds to the tables\n" in found.out


def test_wrong_waivers_do_not_hide_the_rest(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_ALLOW", "CP999")
    found = run({**VARIANTS, **TORCH})
    assert (found.code, found.err.partition(":")[0]) == (0, "warning[CP108]")


def test_what_the_user_waives_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_ALLOW", "CP201")
    stale = {"locks/cu128.txt": locked(COMPILE.format("cu128"), "torch==2.9.0+cu128")}
    found = run({**VARIANTS, **TORCH, **stale})
    assert (found.code, found.err) == (
        0,
        "note: waived CP201: `locks/cu128.txt` does not pin what `project.dependencies` asks for (CUDAPIN_ALLOW)\n",
    )


def test_packages_that_do_not_go_together_fail_without_a_project(run: Any) -> None:
    vision: Files = {"site/torchvision-0.24.0+cu130.dist-info/METADATA": ""}
    found = run({**TORCH, **vision})
    assert (found.code, found.err.partition("\n")[0]) == (
        1,
        "error[CP502]: `torchvision` and `torch` in one environment are of different CUDA",
    )
    found = run({}, "--format", "github")
    assert "::error title=CP502::" in found.out


def test_a_machine_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"dev/nvidia0": "", "dev/nvidiactl": ""})
    machine = Machine(driver=None, gpus=(), gaps=("NVML: no NVIDIA driver library on this machine",))
    found = doctor(tmp_path, {}, read=lambda _: machine, root=tmp_path)
    assert [(problem.code.name, problem.level) for problem in found.problems] == [("CP501", "warning")]
    assert found.data["machine"]["devices"] == ["/dev/nvidia0", "/dev/nvidiactl"]


def test_the_environment_that_was_meant(tmp_path: Path) -> None:
    """cudapin runs from an environment of its own, and the project has another."""
    pins = [f"# made by\n#    {COMPILE.format('cu128')}\nnever-installed==1 --hash=sha256:{'a' * 64}\n"]
    root = write(tmp_path, {**VARIANTS, "locks/cu128.txt": pins[0], ".venv/pyvenv.cfg": ""})
    machine = Machine(driver=None, gpus=())
    found = doctor(root, {}, variant="cu128", read=lambda _: machine, root=tmp_path / "none")
    assert [problem.fix for problem in found.problems if problem.code.name == "CP503"] == [
        f"cudapin doctor --variant cu128 --python {root}/.venv"
    ]


def test_a_lock_that_is_made_for_other_machines(run: Any) -> None:
    from unit.cli.test_cli import UV_LOCK, UV_PROJECT

    marker = "supported-markers = [\"sys_platform == 'win32'\"]\nresolution-markers"
    lock = UV_LOCK.replace("[[package]]", marker.partition("\n")[0] + "\n\n[[package]]", 1)
    text = UV_PROJECT + "environments = [\"sys_platform == 'win32'\"]\n[tool.cudapin.variants.cpu]\nextra = []\n"
    found = run({"pyproject.toml": text, "uv.lock": lock}, "--variant", "cpu", "--format", "json")
    assert found.json["environment"]["is_variant"] is None
    assert [item["code"] for item in found.json["problems"] if item["code"] != "CP201"] == ["CP312"]


def test_an_activated_environment_that_is_another_one(tmp_path: Path) -> None:
    machine = Machine(driver=None, gpus=())
    environ = {"VIRTUAL_ENV": str(tmp_path / "venv"), "HOME": str(tmp_path)}
    found = doctor(tmp_path, environ, read=lambda _: machine, root=tmp_path)
    assert found.notes == (
        "`VIRTUAL_ENV` names another environment than this Python's: `cudapin doctor --python ~/venv`",
    )
    assert doctor(tmp_path, {"VIRTUAL_ENV": sys.prefix}, read=lambda _: machine, root=tmp_path).notes == ()


def test_what_is_no_python(run: Any) -> None:
    found = run({}, "--python", "absent")
    assert (found.code, found.err.partition("\n")[0]) == (2, "error[CP112]: `--python` names no Python interpreter")
