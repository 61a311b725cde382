"""What the build tells others: never over the user's own, and nothing of an earlier project."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from cudapin.core.config import Variant
from cudapin.core.cuda import parse_cuda
from cudapin.plugin.variables import (
    export_flags,
    export_toolkit,
    export_variant,
    requested_variant,
    user_environ,
    withdraw,
)

CU128 = Variant(name="cu128", cuda=(parse_cuda("12.8"),), arch=("8.0", "9.0a", "12.0+ptx"))
CPU = Variant(name="cpu")
ROOT = Path("/project")


def ours() -> dict[str, str]:
    user = user_environ()
    return {name: value for name, value in os.environ.items() if user.get(name) != value}


def test_a_variant_with_architectures() -> None:
    export_variant(CU128)
    assert ours() == {
        "CUDAPIN_VARIANT": "cu128",
        "CUDAPIN_CUDA_VERSION": "12.8",
        "TORCH_CUDA_ARCH_LIST": "8.0;9.0a;12.0+PTX",
        "CUDAARCHS": "80-real;90a-real;120",
    }


@pytest.mark.parametrize(
    ("variant", "cuda"),
    [
        (CPU, ""),
        (Variant(name="both", cuda=(parse_cuda("12"), parse_cuda("13"))), ""),
        (Variant(name="cu12", cuda=(parse_cuda("12"),)), "12"),
    ],
)
def test_a_variant_without_architectures(variant: Variant, cuda: str) -> None:
    export_variant(variant)
    found = {name: value for name, value in os.environ.items() if name.startswith("CUDA") or "ARCH_LIST" in name}
    assert found == {"CUDAPIN_VARIANT": variant.name, "CUDAPIN_CUDA_VERSION": cuda}


def test_the_users_architectures_stay() -> None:
    os.environ["TORCH_CUDA_ARCH_LIST"] = "7.5"
    os.environ["CUDAARCHS"] = "75"
    export_variant(CU128)
    assert (os.environ["TORCH_CUDA_ARCH_LIST"], os.environ["CUDAARCHS"]) == ("7.5", "75")


def test_the_users_request_stays_known() -> None:
    assert requested_variant() is None
    export_variant(CU128)
    assert requested_variant() is None
    os.environ["CUDAPIN_VARIANT"] = "cpu"
    assert requested_variant() == "cpu"
    os.environ["CUDAPIN_VARIANT"] = ""
    assert requested_variant() is None


def test_twice_is_once() -> None:
    os.environ["CFLAGS"] = "-O1"
    found = []
    for _ in range(2):
        export_variant(CU128)
        export_flags(ROOT, None)
        found.append(dict(os.environ))
    assert found[0] == found[1]
    assert user_environ()["CFLAGS"] == "-O1"


def test_a_second_project_gets_nothing_of_the_first() -> None:
    os.environ["CFLAGS"] = "-O1"
    before = dict(os.environ)
    export_variant(CU128)
    export_flags(ROOT, None)
    withdraw()
    assert dict(os.environ) == before
    export_variant(CPU)
    assert "TORCH_CUDA_ARCH_LIST" not in os.environ
    withdraw()
    withdraw()
    assert dict(os.environ) == before


def test_withdrawing_gives_back_what_was_there_and_what_was_not(tmp_path: Path) -> None:
    os.environ.update({"CUDA_HOME": "", "CFLAGS": "", "CPPFLAGS": "-DX", "CUDAPIN_VARIANT": "cpu"})
    before = dict(os.environ)
    for _ in range(2):
        export_variant(CU128)
        export_toolkit(tmp_path)
        export_flags(ROOT, tmp_path)
    assert len(ours()) >= 7
    for _ in range(2):
        withdraw()
        assert dict(os.environ) == before


def test_what_the_user_changed_meanwhile_stays() -> None:
    export_variant(CU128)
    os.environ["CUDAARCHS"] = "75"
    withdraw()
    assert os.environ.pop("CUDAARCHS") == "75"


def test_a_toolkit(tmp_path: Path) -> None:
    export_toolkit(tmp_path)
    assert ours() == {name: str(tmp_path) for name in ("CUDA_HOME", "CUDA_PATH", "CUDAToolkit_ROOT")}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nvcc").touch()
    export_toolkit(tmp_path)
    assert ours()["CUDACXX"] == f"{tmp_path}/bin/nvcc"


@pytest.mark.parametrize("name", ["CUDA_HOME", "CUDA_PATH", "CUDAToolkit_ROOT", "CUDACXX"])
def test_the_users_toolkit_is_never_mixed_with_ours(tmp_path: Path, name: str) -> None:
    os.environ[name] = "/opt/cuda"
    before = dict(os.environ)
    export_toolkit(tmp_path)
    assert dict(os.environ) == before


OPTIONS = (
    "-ffile-prefix-map=/venv=build-environment -ffile-prefix-map=/project=. "
    "-ffile-prefix-map=/venv/lib/python3.14/site-packages=site-packages"
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such options there")


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", "/venv")
    monkeypatch.setattr(sys, "path", ["", "/usr/lib/python3.14", "/venv/lib/python3.14/site-packages"])


def places(root: Path = ROOT, toolkit: Path | None = None) -> list[str]:
    export_flags(root, toolkit)
    return [option.removeprefix("-ffile-prefix-map=") for option in shlex.split(os.environ["CPPFLAGS"])]


@POSIX
@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, {"CPPFLAGS": OPTIONS}),
        ({"CFLAGS": ""}, {"CPPFLAGS": OPTIONS}),
        ({"CPPFLAGS": "-DX"}, {"CPPFLAGS": f"-DX {OPTIONS}"}),
        ({"CFLAGS": "-O1"}, {"CFLAGS": f"-O1 {OPTIONS}", "CPPFLAGS": OPTIONS}),
        ({"CXXFLAGS": "-O2"}, {"CXXFLAGS": f"-O2 {OPTIONS}", "CPPFLAGS": OPTIONS}),
        ({"CFLAGS": "-O1", "CXXFLAGS": "-O2"}, {"CFLAGS": f"-O1 {OPTIONS}", "CXXFLAGS": f"-O2 {OPTIONS}"}),
    ],
)
def test_flags_go_where_the_user_has_some(user: dict[str, str], expected: dict[str, str]) -> None:
    os.environ.update(user)
    export_flags(ROOT, None)
    assert ours() == expected


@POSIX
@pytest.mark.usefixtures("virtual")
def test_what_lies_inside_comes_after_what_it_lies_in() -> None:
    site = "/venv/lib/python3.14/site-packages"
    assert places(Path("/venv/src/x"), Path(f"{site}/nvidia/cu13")) == [
        "/venv=build-environment",
        "/venv/src/x=.",
        f"{site}=site-packages",
        f"{site}/nvidia/cu13=cuda",
    ]
    assert places(Path("/"))[0] == "/=."


@POSIX
@pytest.mark.parametrize("prefix", ["/usr", "/of pip"])
def test_the_folders_of_pip_are_a_build_environment(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = f"{tempfile.gettempdir()}/pip-build-env-abc"
    sites = [f"{pip}/{name}/lib/python3.14/site-packages" for name in ("overlay", "normal")]
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "path", [f"{pip}/site", "/usr/lib/python3.14", "/site-packages", "site-packages", *sites])
    own = [f"{prefix}=build-environment"] if prefix != "/usr" else []
    assert sorted(places()) == sorted(
        [
            "/project=.",
            *own,
            "/site-packages=site-packages",
            "site-packages=site-packages",
            *(f"{pip}/{name}=build-environment" for name in ("overlay", "normal")),
            *(f"{site}=site-packages" for site in sites),
        ]
    )


@POSIX
def test_a_python_in_no_virtual_environment_is_never_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    site = "/usr/local/lib/python3.14/dist-packages"
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "path", ["/usr/lib/python3.14", "/usr/lib/python3/dist-packages", site])
    assert places() == [
        "/project=.",
        "/usr/lib/python3/dist-packages=site-packages",
        f"{site}=site-packages",
    ]
