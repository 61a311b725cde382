"""The toolkit that a build would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.adapters.toolchain import find_nvcc, judge_toolchain
from cudapin.core.config import Variant
from cudapin.core.cuda import parse_cuda
from cudapin.core.verdict import render_problems
from unit.support import write

if TYPE_CHECKING:
    from pathlib import Path

FACTS = read_facts({})
CU128 = Variant(name="cu128", cuda=(parse_cuda("12.8"),))


def toolkit(root: Path, version: str) -> str:
    write(root, {"version.json": f'{{"cuda": {{"version": "{version}"}}}}'})
    nvcc = root / "bin/nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {'.'.join(version.split('.')[:2])}, V1'\n")
    nvcc.chmod(0o755)
    return str(root)


def judged(user: dict[str, str], root: Path, variant: Variant = CU128, ours: dict[str, str] | None = None) -> str:
    user = {"PATH": "/nowhere", **user}
    return render_problems(
        judge_toolchain(variant, user=user, effective={**user, **(ours or {})}, root=root, facts=FACTS)
    )


@pytest.mark.parametrize("version", ["12.8", "12.8.1"])
def test_the_right_toolkit(tmp_path: Path, version: str) -> None:
    root = toolkit(tmp_path / "cuda", version)
    environ = {"CUDA_HOME": root, "CUDA_PATH": root, "CUDACXX": f"{root}/bin/nvcc"}
    assert judged(environ, tmp_path) == ""
    assert find_nvcc(environ, tmp_path) == {"nvcc": "12.8"}
    assert find_nvcc({"CUDA_PATH": root}, tmp_path) == {"nvcc": "12.8"}


@pytest.mark.parametrize("name", ["CUDA_HOME", "CUDA_PATH", "CUDACXX"])
@pytest.mark.parametrize(("version", "level"), [("13.0.1", "error[CP404]"), ("12.6.3", "warning[CP405]")])
def test_another_toolkit(tmp_path: Path, name: str, version: str, level: str) -> None:
    root = toolkit(tmp_path / "cuda", version)
    value = f"{root}/bin/nvcc" if name == "CUDACXX" else root
    short = version[:4]
    assert judged({name: value}, tmp_path) == (
        f"{level}: the toolkit that `{name}` names is CUDA {short}\n"
        f"  why: wanted CUDA 12.8 for variant `cu128`, found CUDA {short} in `{value}`\n"
        f"  fix: point `{name}` at a toolkit of CUDA 12.8, or unset it"
    )


def test_a_toolkit_that_tells_nothing(tmp_path: Path) -> None:
    assert judged({"CUDA_HOME": "/nowhere"}, tmp_path) == (
        "warning[CP405]: of which CUDA the toolkit is that `CUDA_HOME` names cannot be told\n"
        "  why: `/nowhere` has no `version.json`, no CUDA headers and no `nvcc` that answers\n"
        "  fix: point `CUDA_HOME` at a toolkit of CUDA 12.8, or unset it"
    )
    assert find_nvcc({"CUDACXX": "/nowhere/nvcc"}, tmp_path) == {"nvcc": None}


def test_a_version_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"version.json": '{"cuda": {"version": "new"}}'})
    assert "cannot be told" in judged({"CUDA_HOME": str(tmp_path)}, tmp_path)


def test_an_nvcc_on_the_path_counts_where_kernels_are_shipped(tmp_path: Path) -> None:
    root = toolkit(tmp_path / "cuda", "13.0")
    others = dict.fromkeys(("build/x.cu", "dist/x.cu", "a/node_modules/x.cu", ".venv/x.cu", "env/lib/x.cu"), "")
    project = write(tmp_path / "project", {"src/x.py": "", **others, "env/pyvenv.cfg": ""})
    environ = {"PATH": f"{root}/bin"}
    assert judged(environ, project) == ""
    assert find_nvcc(environ, project) == {"nvcc": None}
    write(project, {"src/kernel.cu": ""})
    assert judged(environ, project) == (
        "warning[CP405]: the `nvcc` on PATH is of CUDA 13.0\n"
        f"  why: wanted CUDA 12.8 for variant `cu128`, found CUDA 13.0 ({root}/bin/nvcc), and the project has `.cu` "
        "files\n"
        "  fix: point `CUDA_HOME` at a toolkit of CUDA 12.8, or lock `nvidia-cuda-nvcc` and name it in `build-requires`"
    )
    assert find_nvcc(environ, project) == {"nvcc": "13.0", "nvcc_from": "PATH"}
    assert judged({**environ, "CUDA_HOME": toolkit(tmp_path / "right", "12.8")}, project) == ""
    assert judged({}, project) == ""


def test_an_nvcc_of_ours_goes_before_the_one_on_the_path(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"kernel.cu": ""})
    environ = {"PATH": toolkit(tmp_path / "old", "13.0") + "/bin"}
    root = toolkit(tmp_path / "locked", "12.8")
    ours = {"CUDA_HOME": root, "CUDACXX": f"{root}/bin/nvcc"}
    assert judged(environ, project, ours=ours) == ""
    assert find_nvcc({**environ, **ours}, project) == {"nvcc": "12.8"}
    assert "the `nvcc` on PATH is of CUDA 13.0" in judged(environ, project, ours={"CUDA_HOME": "/only/headers"})


def test_a_toolkit_of_the_locked_packages_is_not_judged_as_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = toolkit(tmp_path / "site-packages" / "nvidia" / "cu13", "13.0")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    assert judged({}, tmp_path, ours={"CUDA_HOME": root, "CUDACXX": f"{root}/bin/nvcc"}) == ""


def test_a_toolkit_that_another_hook_names_while_it_compiles(tmp_path: Path) -> None:
    """After compiling, the variables are looked at once more."""
    right, wrong = toolkit(tmp_path / "right", "12.8"), toolkit(tmp_path / "wrong", "13.0")
    assert judged({"CUDA_HOME": right}, tmp_path) == ""
    assert judged({"CUDA_HOME": right}, tmp_path, ours={"CUDA_HOME": wrong}) == (
        "error[CP404]: the toolkit that `CUDA_HOME` names is CUDA 13.0\n"
        f"  why: wanted CUDA 12.8 for variant `cu128`, found CUDA 13.0 in `{wrong}`\n"
        "  fix: point `CUDA_HOME` at a toolkit of CUDA 12.8, or unset it"
    )


def test_a_host_compiler_that_the_toolkit_does_not_take(tmp_path: Path) -> None:
    """Only where the project has kernels: what else is compiled takes any."""
    root = toolkit(tmp_path / "cuda", "12.8")
    gcc = tmp_path / "tools" / "gcc"
    write(gcc.parent, {"gcc": "#!/bin/sh\necho '#define __GNUC__ 15'\n"})
    gcc.chmod(0o755)
    project = write(tmp_path / "project", {"x.py": ""})
    environ = {"CUDA_HOME": root, "PATH": f"{gcc.parent}:/bin:/usr/bin"}
    assert judged(environ, project) == ""
    write(project, {"kernel.cu": ""})
    assert judged(environ, project) == (
        "warning[CP418]: GCC 15 is newer than the nvcc of CUDA 12.8 takes\n"
        "  why: wanted GCC 14 or older, found GCC 15 (`gcc` on PATH); nvcc stops with `unsupported GNU version` or the "
        "like, unless it is given another compiler\n"
        "  fix: export NVCC_CCBIN=g++-14"
    )
    assert judged({**environ, "NVCC_APPEND_FLAGS": "-O3 -allow-unsupported-compiler"}, project) == ""


def test_a_variant_without_cuda_needs_no_toolkit(tmp_path: Path) -> None:
    assert judged({"CUDA_HOME": toolkit(tmp_path / "cuda", "13.0")}, tmp_path, Variant(name="cpu")) == ""


def test_a_variant_of_several_cudas_takes_each(tmp_path: Path) -> None:
    variant = Variant(name="both", cuda=(parse_cuda("12"), parse_cuda("13.0")))
    assert judged({"CUDA_HOME": toolkit(tmp_path / "a", "12.6")}, tmp_path, variant) == ""
    assert "CP405" in judged({"CUDA_HOME": toolkit(tmp_path / "b", "13.1")}, tmp_path, variant)
