"""`cudapin doctor` on real virtual environments: as uv makes them from a lock, and changed by hand afterwards."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from integration.lab import Index, make_wheel, run_uv, serve, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

VERSION_FILE = "from typing import Optional\n\n__version__ = '2.9.0+{label}'\ncuda: Optional[str] = {cuda!r}\n"
NO_IMPORT = "raise SystemExit('nothing may import this')\n"
CU12 = "nvidia-cuda-runtime-cu12==12.8.90"


def with_files(wheel: bytes, files: dict[str, str]) -> bytes:
    buffer = io.BytesIO(wheel)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def add_torch(index: Index, label: str, cuda: str | None, requires: tuple[str, ...] = ()) -> None:
    files = {"torch/__init__.py": NO_IMPORT, "torch/version.py": VERSION_FILE.format(label=label, cuda=cuda)}
    wheel = with_files(make_wheel("torch", f"2.9.0+{label}", requires), files)
    index.files.setdefault("torch", {})[f"torch-2.9.0+{label}-py3-none-any.whl"] = (wheel, "2024-01-15")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    main, cpu, cu126, cu128 = (Index() for _ in range(4))
    main.add("numpy", "1.0.0", "2.0.0")
    main.add("nvidia-cuda-runtime-cu12", "12.6.77", "12.8.90")
    add_torch(cpu, "cpu", None)
    add_torch(cu126, "cu126", "12.6", ("nvidia-cuda-runtime-cu12==12.6.77",))
    add_torch(cu128, "cu128", "12.8", (CU12,))
    with serve({"main": main, "cpu": cpu, "cu126": cu126, "cu128": cu128}) as url:
        yield url


class Place:
    """A project that is locked, and an environment beside it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.project, self.address = folder / "demo", address
        write_project(self.project, {".": self.table()})
        (self.project / "demo").mkdir()
        (self.project / "demo" / "__init__.py").write_text("")
        self.uv("lock")

    def table(self) -> dict[str, Any]:
        indexes = [{"name": "main", "url": f"{self.address}/main/simple", "default": True}]
        indexes += [{"name": tag, "url": f"{self.address}/{tag}/simple", "explicit": True} for tag in ("cpu", "cu128")]
        return {
            "build-system": {"requires": ["hatchling", "cudapin"], "build-backend": "hatchling.build"},
            "project": {
                "name": "demo",
                "version": "1.2.0",
                "requires-python": ">=3.10",
                "dependencies": ["numpy"],
                "optional-dependencies": {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"]},
            },
            "tool": {
                "uv": {
                    "conflicts": [[{"extra": "cpu"}, {"extra": "cu128"}]],
                    "index": indexes,
                    "sources": {"torch": [{"index": name, "extra": name} for name in ("cpu", "cu128")]},
                },
                "cudapin": {"variants": {"cpu": {}, "cu128": {"arch": ["9.0"]}}},
                "hatch": {"metadata": {"hooks": {"cudapin": {}}}, "build": {"hooks": {"cudapin": {}}}},
            },
        }

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    def uv(self, *arguments: str) -> None:
        done = run_uv(self.project, *arguments)
        assert done.returncode == 0, done.stderr

    def sync(self, variant: str) -> None:
        self.uv("sync", "--extra", variant, "--no-install-project")

    def install(self, *arguments: str) -> None:
        self.uv("pip", "install", "--python", str(self.venv), "--no-deps", *arguments)

    def environment(self, **settings: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CUDA", "NVIDIA", "UV_", "VIRTUAL_ENV"))}
        uv = {"UV_CACHE_DIR": str(self.project.parent / "uv-cache"), "UV_NO_SYSTEM_CONFIG": "1"}
        machine = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0"}
        path = os.pathsep.join((str(self.project.parent / "bin"), kept.get("PATH", "")))
        return {**kept, **uv, **machine, "PATH": path, "HOME": str(self.project.parent), **settings}

    def doctor(self, *arguments: str, **settings: str) -> tuple[int, dict[str, Any], str]:
        command = [sys.executable, "-m", "cudapin", "doctor", "--python", str(self.venv), *arguments]
        environ = self.environment(**settings)
        as_json = subprocess.run(
            [*command, "--format", "json"], cwd=self.project, env=environ, capture_output=True, text=True, check=False
        )
        text = subprocess.run(command, cwd=self.project, env=environ, capture_output=True, text=True, check=False)
        assert "Traceback" not in as_json.stderr + text.stderr
        assert as_json.returncode == text.returncode
        return text.returncode, json.loads(as_json.stdout), text.stdout

    def mend(self, found: dict[str, Any]) -> None:
        """Run the command that the only error names, with the programs of this Python."""
        (fix,) = {item["fix"] for item in found["problems"] if item["level"] == "error"}
        bin_ = self.project.parent / "bin"
        bin_.mkdir(exist_ok=True)
        for name in ("uv", "cudapin"):
            (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
            (bin_ / name).chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", "-c", fix],
            cwd=self.project,
            env=self.environment(UV_NO_INSTALL_PROJECT="1"),  # its build requirements are on no index here
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{fix}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def place(tmp_path: Path, address: str) -> Place:
    return Place(tmp_path, address)


def errors(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["code"], item["what"], item["why"]) for item in found["problems"] if item["level"] == "error"]


def test_what_uv_installs_is_the_variant_and_what_is_swapped_is_not(place: Place) -> None:
    place.sync("cu128")
    code, found, text = place.doctor("--variant", "cu128")
    assert (code, errors(found), found["environment"]["is_variant"]) == (0, [], True)
    assert "  variant    it is `cu128`: 3 of 3 locked packages are as locked (asked for by `--variant`)\n" in text
    packages = {item["name"]: (item["version"], item["cuda"]) for item in found["environment"]["packages"]}
    assert packages == {"nvidia-cuda-runtime-cu12": ("12.8.90", "12.8"), "torch": ("2.9.0+cu128", "12.8")}
    assert place.doctor()[1]["environment"]["matches"] == ["cu128"]

    place.install("--index", f"{place.address}/cu126/simple", "torch==2.9.0+cu126")
    code, found, _ = place.doctor(CUDAPIN_VARIANT="cu128")
    assert code == 1
    assert errors(found) == [
        (
            "CP503",
            "the environment is not variant `cu128`, which `CUDAPIN_VARIANT` asks for",
            "wanted `torch` 2.9.0+cu128, found 2.9.0+cu126",
        )
    ]
    assert place.doctor()[1]["environment"]["matches"] == []
    place.sync("cu128")
    place.uv("pip", "uninstall", "--python", str(place.venv), "numpy")
    code, found, _ = place.doctor("--variant", "cu128")
    assert (code, errors(found)[0][2]) == (1, "`numpy 2.0.0` is missing")
    place.mend(found)
    assert place.doctor("--variant", "cu128")[0] == 0


def test_the_files_tell_more_than_the_metadata(place: Place) -> None:
    place.sync("cu128")
    (file,) = place.venv.glob("lib/python*/site-packages/torch/version.py")
    file.unlink()
    file.write_text(VERSION_FILE.format(label="cu126", cuda="12.6"))
    code, found, _ = place.doctor("--variant", "cu128")
    assert code == 1
    assert errors(found) == [
        (
            "CP502",
            "the installed `torch 2.9.0+cu128` says two things about its CUDA",
            "its version's label says CUDA 12.8, and `cuda = '12.6'` in `torch/version.py` CUDA 12.6",
        ),
        (
            "CP503",
            "the environment is not variant `cu128`, which `--variant` asks for",
            "wanted `torch` 2.9.0+cu128 of CUDA 12.8, "
            "found 2.9.0+cu128 of CUDA 12.6 (`cuda = '12.6'` in `torch/version.py`)",
        ),
    ]


def test_an_environment_elsewhere_is_mended_by_the_command_that_is_named(place: Place) -> None:
    elsewhere = place.project.parent / "elsewhere"
    place.uv("venv", str(elsewhere))
    code, found, text = place.doctor("--variant", "cpu", "--python", str(elsewhere))
    assert (code, [item[2] for item in errors(found)]) == (
        1,
        ["none of the 2 packages that `uv.lock` selects is installed there"],
    )
    assert str(place.project.parent) not in text + json.dumps(found)
    place.mend(found)
    code, found, _ = place.doctor("--variant", "cpu", "--python", str(elsewhere / "bin" / "python"))
    assert (code, found["environment"]["matches"]) == (0, [])


def test_the_wheel_of_the_project_says_what_the_environment_should_be(place: Place) -> None:
    place.sync("cpu")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=place.project,
        env=place.environment(CUDAPIN_VARIANT="cu128"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (place.project / "dist").glob("*.whl")
    assert re.match(r"demo-1\.2\.0\+cu128-", wheel.name)
    place.install(str(wheel))
    code, found, text = place.doctor()
    assert code == 1
    assert errors(found)[0][:2] == (
        "CP503",
        "the environment is not variant `cu128`, which the record of `demo 1.2.0+cu128` asks for",
    )
    assert "1.2.0+cu128  CUDA 12.8 (the local version label `+cu128`), stamped `cu128`" in text
    assert errors(place.doctor("--variant", "cpu")[1])[0][2] == (
        "wanted `demo` of variant `cpu`, found 1.2.0+cu128 of variant `cu128`, by its record"
    )
    place.uv(
        "pip",
        "install",
        "--python",
        str(place.venv),
        "torch==2.9.0+cu128",
        CU12,
        "--index",
        f"{place.address}/cu128/simple",
    )
    assert place.doctor()[:1] == (0,)


def test_a_stale_lock_is_told_and_does_not_hide_the_answer(place: Place) -> None:
    place.sync("cu128")
    table = place.table()
    table["project"]["dependencies"] = ["numpy>=1.5"]
    write_project(place.project, {".": table})
    code, found, text = place.doctor("--variant", "cu128")
    assert (code, [(item["code"], item["level"]) for item in found["problems"]]) == (0, [("CP201", "warning")])
    assert "  lock       uv.lock: stale\n" in text
    (place.project / "pyproject.toml").write_text("[project\n")
    code, found, text = place.doctor()
    assert (code, [(item["code"], item["level"]) for item in found["problems"]]) == (0, [("CP101", "warning")])
    assert found["machine"]["driver"] == "570.86.10"
    assert place.doctor("--variant", "cu128")[0] == 2
