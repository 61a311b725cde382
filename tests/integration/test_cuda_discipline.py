"""`cudapin check` on projects that real uv locked: which CUDA each variant really gets."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from integration.lab import Index, Table, run_uv, serve, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

TARGET = ("--python", "3.12", "--platform", "linux_x86_64")
CU12 = "nvidia-cuda-runtime-cu12==12.8.90; sys_platform == 'linux' and platform_machine == 'x86_64'"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with an index like the default one, and one for each CUDA as PyTorch has them."""
    main_, cpu, cu121, cu128, cu130 = (Index() for _ in range(5))
    main_.add("numpy", "1.0.0", "2.0.0")
    main_.add("nvidia-cuda-runtime-cu12", "12.1.105", "12.8.90")
    main_.add("nvidia-cuda-runtime", "13.0.96")
    main_.add("nvidia-cutlass-dsl", "4.6.0", requires=("nvidia-cutlass-dsl-libs-cu12==4.6.0",))
    main_.add("nvidia-cutlass-dsl-libs-cu12", "4.6.0")
    main_.add("cudart-probe", "1.0.0", requires=("nvidia-cuda-runtime-cu12==12.8.90",))
    main_.add(
        "cuda-toolkit", "13.0.2", requires=("nvidia-cuda-runtime==13.0.*; extra == 'cudart'",), extras=("cudart",)
    )
    main_.add("torch", "2.9.0", requires=(CU12,))
    main_.add("torch", "2.11.0", requires=("cuda-toolkit[cudart]==13.0.2; sys_platform == 'linux'",))
    main_.add("torchaudio", "2.11.0")
    for index, label, requires in (
        (cpu, "+cpu", ()),
        (cu121, "+cu121", ("nvidia-cuda-runtime-cu12==12.1.105; sys_platform == 'linux'",)),
        (cu128, "+cu128", (CU12,)),
        (cu130, "+cu130", ("nvidia-cuda-runtime==13.0.96; sys_platform == 'linux'",)),
    ):
        index.add("torch", f"2.9.0{label}", requires=requires)
        index.add("torchvision", f"0.24.0{label}", requires=("torch==2.9.0",))
    with serve({"main": main_, "cpu": cpu, "cu121": cu121, "cu128": cu128, "cu130": cu130}) as url:
        yield url


def project(address: str, variants: Table, extras: dict[str, list[str]], **sources: Any) -> Table:
    """Return a project with an extra for each variant, and the sources of its packages."""
    tags = sorted({entry["index"] for entries in sources.values() for entry in entries})
    uv = {
        "cache-keys": [{"env": "CUDAPIN_VARIANT"}],
        "conflicts": [[{"extra": name} for name in extras]] if len(extras) > 1 else [],
        "environments": ["sys_platform == 'linux'", "sys_platform == 'darwin'"],
        "index": [{"name": "main", "url": f"{address}/main/simple", "default": True}]
        + [{"name": tag, "url": f"{address}/{tag}/simple", "explicit": True} for tag in tags],
        "sources": sources,
    }
    own = {"name": "demo", "version": "0.1.0", "requires-python": ">=3.10", "dependencies": ["numpy"]}
    return {"project": {**own, "optional-dependencies": extras}, "tool": {"uv": uv, "cudapin": {"variants": variants}}}


def of(name: str, *indexes: str) -> list[dict[str, str]]:
    return [{"index": index, "extra": extra} for index, extra in zip(indexes, name.split(), strict=True)]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Lock a project with uv, and return what `cudapin check` says of it: verdicts by variant, and all messages."""

    def run(table: Table, *arguments: str) -> tuple[int, dict[str, str], list[str]]:
        folder = tmp_path / "demo"
        write_project(folder, {".": table})
        done = run_uv(folder, "lock")
        assert done.returncode == 0, done.stderr
        code = main(["check", "--project", str(folder), "--format", "json", *(arguments or TARGET)])
        found = json.loads(capsys.readouterr().out)
        said = [f"{problem['code']} {problem['what']}: {problem['why']}" for problem in found["problems"]]
        return code, {row["name"]: row["verdict"] for row in found["variants"]}, said

    return run


TWO = {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"]}


def test_the_pytorch_pattern(address: str, check: Any) -> None:
    table = project(address, {"cpu": {}, "cu128": {}}, TWO, torch=of("cpu cu128", "cpu", "cu128"))
    assert check(table) == (0, {"cpu": "ok", "cu128": "ok"}, [])


def test_cpu_and_gpu_of_the_same_index(address: str, check: Any) -> None:
    extras = {"cpu": ["torch>=2"], "gpu": ["torch>=2"]}
    table = project(address, {"cpu": {}, "gpu": {}}, extras, torch=of("cpu gpu", "cu121", "cu121"))
    why = "wanted no CUDA, the lock has `torch 2.9.0+cu121` (the local version label `+cu121`)"
    assert check(table) == (
        1,
        {"cpu": "wrong", "gpu": "wrong"},
        [
            f"CP304 `torch` of variant `cpu` is a build for CUDA 12.1: {why}",
            f"CP304 `torch` of variant `gpu` is a build for CUDA 12.1: {why}",
        ],
    )
    declared = project(address, {"cpu": {}, "gpu": {"cuda": "12.1"}}, extras, torch=of("cpu gpu", "cu121", "cu121"))
    code, verdicts, said = check(declared)
    assert (code, verdicts, len(said)) == (1, {"cpu": "wrong", "gpu": "ok"}, 1)


def test_the_fix_that_is_named_mends_it(address: str, check: Any, tmp_path: Path, capsys: Any) -> None:
    table = project(address, {"cpu": {}, "cu128": {}}, TWO, torch=of("cpu cu128", "cu121", "cu128"))
    table["tool"]["uv"]["index"].append({"name": "our-cpu", "url": f"{address}/cpu/simple", "explicit": True})
    assert check(table)[:2] == (1, {"cpu": "wrong", "cu128": "ok"})
    assert main(["check", "--project", str(tmp_path / "demo"), *TARGET]) == 1
    fix = '`torch = [{ index = "our-cpu", extra = "cpu" }]` in `[tool.uv.sources]` (beside the entries of other '
    assert f"  fix: {fix}variants); then `uv lock`\n" in capsys.readouterr().err
    table["tool"]["uv"]["sources"]["torch"][0] = {"index": "our-cpu", "extra": "cpu"}
    assert check(table)[:2] == (0, {"cpu": "ok", "cu128": "ok"})


def test_a_companion_of_another_cuda(address: str, check: Any) -> None:
    extras = {"cpu": ["torch>=2.9"], "cu12": ["torch>=2.9", "torchvision"]}
    variants = {"cpu": {}, "cu12": {}}
    torch = of("cpu cu12", "cpu", "cu128")
    table = project(address, variants, extras, torch=torch, torchvision=of("cu12", "cu128"))
    assert check(table)[:2] == (0, {"cpu": "ok", "cu12": "ok"})
    table["tool"]["uv"]["sources"]["torchvision"] = of("cu12", "cu121")
    table["tool"]["uv"]["index"].append({"name": "cu121", "url": f"{address}/cu121/simple", "explicit": True})
    assert check(table) == (
        1,
        {"cpu": "ok", "cu12": "wrong"},
        [
            "CP309 `torchvision` and `torch` of variant `cu12` are of different CUDA: wanted one CUDA, the lock has "
            "`torchvision 0.24.0+cu121` of CUDA 12.1 (the local version label `+cu121`) and `torch 2.9.0+cu128` of "
            "CUDA 12.8 (the local version label `+cu128`)"
        ],
    )


def test_torch_of_a_mirror_is_told_by_what_it_requires(address: str, check: Any) -> None:
    extras = {"cu128": ["torch==2.9.0"], "cu130": ["torch==2.11.0"]}
    table = project(address, {"cu128": {}, "cu130": {}, "cpu": {"extra": []}}, extras)
    assert check(table) == (0, {"cu128": "ok", "cu130": "ok", "cpu": "ok"}, [])
    mac = ("--python", "3.12", "--platform", "macosx_14_0_arm64")
    code, verdicts, said = check(table, *mac)
    assert (code, verdicts) == (1, {"cu128": "wrong", "cu130": "wrong", "cpu": "ok"})
    assert said[0] == (
        "CP303 `torch` of variant `cu128` is a build without CUDA on macos: wanted CUDA 12.8, the lock has "
        "`torch 2.9.0` (version `2.9.0` names no CUDA, and there is none on macos)"
    )
    swapped = project(address, {"cu126": {"extra": "cu128"}, "cu128": {"extra": "cu130"}}, extras)
    swapped["tool"]["cudapin"]["default"] = "cu128"
    assert check(swapped)[2] == [
        "CP301 `torch` of variant `cu126` is a build for CUDA 12.8: "
        "wanted CUDA 12.6, the lock has `torch 2.9.0` (it requires `nvidia-cuda-runtime-cu12 12.8.90`)",
        "CP301 `torch` of variant `cu128` is a build for CUDA 13.0: "
        "wanted CUDA 12.8, the lock has `torch 2.11.0` (it requires `cuda-toolkit 13.0.2`)",
    ]


def test_another_major_beside_torch_is_a_warning(address: str, check: Any) -> None:
    extras = {"cu130": ["torch==2.11.0", "nvidia-cutlass-dsl"]}
    assert check(project(address, {"cu130": {}}, extras)) == (
        0,
        {"cu130": "ok"},
        [
            "CP307 `nvidia-cutlass-dsl-libs-cu12` of variant `cu130` is a build for CUDA 12, outside the closure of "
            "the variant's own packages: wanted CUDA 13.0, the lock has `nvidia-cutlass-dsl-libs-cu12 4.6.0` "
            "(`cu12` in the name), required by `nvidia-cutlass-dsl`"
        ],
    )


def test_torch_that_an_override_removes(address: str, check: Any) -> None:
    extras = {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9", "cudart-probe"], "cu121": ["torch"]}
    table = project(
        address, {"cpu": {}, "cu128": {}, "cu121": {}}, extras, torch=of("cpu cu128 cu121", "cpu", "cu128", "cu121")
    )
    table["tool"]["uv"]["override-dependencies"] = ["torch; sys_platform == 'never'"]
    assert check(table) == (
        0,
        {"cpu": "ok", "cu128": "ok", "cu121": "ok"},
        [
            "CP310 extra `cu121` of variant `cu121` selects nothing: wanted packages of CUDA 12.1, the lock selects "
            "the same packages without it (1 of them); `torch` would be, but a marker, an override or an exclusion "
            "leaves it out"
        ],
    )


def test_twins(address: str, check: Any) -> None:
    extras = {"cu12": ["torch>=2.9"], "cu128": ["torch>=2.9"]}
    variants: Table = {"cu12": {}, "cu128": {}}
    table = project(address, variants, extras, torch=of("cu12 cu128", "cu128", "cu128"))
    table["tool"]["cudapin"]["default"] = "cu128"
    code, verdicts, said = check(table)
    assert (code, verdicts) == (0, {"cu12": "ok", "cu128": "ok"})
    assert said == [
        "CP311 variants `cu12`, `cu128` select the same CUDA packages: wanted a difference, the lock gives each of "
        "them `torch 2.9.0+cu128`, `nvidia-cuda-runtime-cu12 12.8.90`"
    ]
    variants["cu12"]["arch"] = ["9.0"]
    assert check(table)[2] == []


def test_each_target_has_its_own_verdict(address: str, check: Any) -> None:
    """One machine judges all: aarch64 gets CUDA 13 by an override, macOS has no CUDA variant, one is for Windows."""
    torch = [
        {"index": "cpu", "extra": "cpu"},
        {"index": "cu128", "extra": "gpu", "marker": "platform_machine != 'aarch64'"},
        {"index": "cu130", "extra": "gpu", "marker": "platform_machine == 'aarch64'"},
    ]
    gpu: Table = {"cuda": "12.8", "environments": ["sys_platform == 'linux'"]}
    table = project(
        address,
        {"cpu": {}, "gpu": gpu, "cu128": {"extra": "gpu", "platforms": ["win_amd64"]}},
        {"cpu": ["torch>=2.9"], "gpu": ["torch>=2.9"]},
        torch=torch,
    )
    elsewhere = "not for this target"
    assert check(table) == (0, {"cpu": "ok", "gpu": "ok", "cu128": elsewhere}, [])
    arm = ("--python", "3.12", "--platform", "linux_aarch64")
    assert check(table, *arm)[:2] == (1, {"cpu": "ok", "gpu": "wrong", "cu128": elsewhere})
    overridden = copy.deepcopy(table)
    overridden["tool"]["cudapin"]["variants"]["gpu"]["overrides"] = [
        {"when": "platform_machine == 'aarch64'", "cuda": "13.0"}
    ]
    assert check(overridden, *arm) == (0, {"cpu": "ok", "gpu": "ok", "cu128": elsewhere}, [])
    assert check(overridden)[1]["gpu"] == "ok"
    mac = ("--python", "3.12", "--platform", "macosx_14_0_arm64")
    assert check(table, *mac) == (0, {"cpu": "ok", "gpu": elsewhere, "cu128": elsewhere}, [])
    assert check(table, *mac, "--variant", "gpu") == (0, {"gpu": elsewhere}, [])


def test_a_python_that_the_project_does_not_support(address: str, check: Any) -> None:
    table = project(address, {"cpu": {}}, {"cpu": ["torch>=2.9"]}, torch=of("cpu", "cpu"))
    code, verdicts, said = check(table, "--python", "3.9")
    assert (code, verdicts) == (0, {"cpu": "ok"})
    assert said == [
        "CP312 the project does not support the Python that it is checked for: wanted Python `>=3.10`, found 3.9.0, "
        "for which the lock need not hold anything"
    ]


def test_a_target_that_the_lock_does_not_cover(address: str, check: Any) -> None:
    table = project(address, {"cpu": {}, "cu128": {}}, TWO, torch=of("cpu cu128", "cpu", "cu128"))
    elsewhere = "not for this target"
    assert check(table, "--python", "3.12", "--platform", "win_amd64") == (
        0,
        {"cpu": elsewhere, "cu128": elsewhere},
        [
            "CP312 `uv.lock` does not cover Python 3.12 on win32 AMD64: wanted a lock for it, this one is made for "
            "`sys_platform == 'linux'`, `sys_platform == 'darwin'` only"
        ],
    )
