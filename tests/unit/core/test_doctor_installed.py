"""Which CUDA installed packages are of, what does not go together, and what is not as a variant has it."""

from __future__ import annotations

from typing import Any

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.bound import bound_packages
from cudapin.core.config import Variant
from cudapin.core.cuda import CudaVersion
from cudapin.core.installed import (
    Environment,
    InstalledPackage,
    StampRecord,
    cuda_packages,
    parse_headers,
    parse_version_file,
)
from cudapin.core.judge_installed import compare_variant, judge_difference, judge_mixture
from cudapin.core.lock import LockedPackage, Selection
from cudapin.core.verdict import render_problems
from unit.support import LINUX

FACTS = read_facts({})
CU128 = Variant(name="cu128", cuda=(CudaVersion(major=12, minor=8),))


def package(name: str, version: str, **more: Any) -> InstalledPackage:
    return InstalledPackage(name=name, version=version, **more)


def environment(*packages: InstalledPackage) -> Environment:
    found = {item.name: item for item in packages}
    return Environment(executable="python", prefix="/x", version="3.12.4", markers=LINUX, packages=found)


def torch(version: str, cuda: str | None, **more: Any) -> InstalledPackage:
    return package(
        "torch", version, build_text=f"cuda: Optional[str] = {cuda!r}\n", build_file="torch/version.py", **more
    )


def told(*packages: InstalledPackage) -> list[tuple[str, str, str, bool]]:
    found = cuda_packages(environment(*packages), FACTS, "linux")
    return [(item.name, item.text, item.belonging.evidence, item.is_inferred) for item in found]


@pytest.mark.parametrize(
    ("text", "cuda", "kind"),
    [
        ("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", "12.8", "cuda"),
        ("cuda = '11.8'", "11.8", "cuda"),
        ('cuda: str | None = "13.0"\r\n', "13.0", "cuda"),
        ("cuda: Optional[str] = '12.8.1'", "12.8", "cuda"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "None", "cpu"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4.43482'\n", "None", "other-accelerator"),
    ],
)
def test_what_torch_says_of_itself(text: str, cuda: str, kind: str) -> None:
    found = parse_version_file(f"__version__ = '2.9.0'\n{text}")
    assert found is not None
    assert (str(found.cuda), found.kind) == (cuda, kind)


@pytest.mark.parametrize("text", ["", "cuda", "cuda = 'new'", "cuda = 12.8", "my_cuda = '12.8'", "cuda = get('12.8')"])
def test_a_version_file_that_says_nothing(text: str) -> None:
    assert parse_version_file(text) is None


def test_headers_end_at_the_first_empty_line() -> None:
    text = "Name: Torch \r\nversion: 2.9\r\nRequires-Dist: A.b>=1; python_version > '3'\r\n"
    text += "Requires-Dist: c; extra=='x'\r\n"
    assert parse_headers(f"{text}\r\nName: other\r\n") == ("Torch", "2.9", ("a-b",))
    assert parse_headers("") == (None, None, ())


def test_every_kind_of_evidence() -> None:
    runtime = package("nvidia-cuda-runtime-cu12", "12.8.90")
    assert told(
        torch("2.9.0", "12.6"),
        package("torchvision", "0.24.0+cu128"),
        package("torchaudio", "2.9.0", requires=("torch", "nvidia-cuda-runtime-cu12")),
        runtime,
        package("cupy-cuda12x", "13.0"),
        package("jax", "0.8"),
        package("vllm", "0.1"),
        package("numpy", "2.0"),
        package("nvidia-ml-py", "13.615.71"),
    ) == [
        ("cupy-cuda12x", "CUDA 12", "`cuda12x` in the name", False),
        ("jax", "no CUDA", "it brings no CUDA itself", False),
        (
            "nvidia-cuda-runtime-cu12",
            "CUDA 12.8",
            "`cu12` in the name and version `12.8.90`, which is the toolkit's",
            False,
        ),
        ("torch", "CUDA 12.6", "`cuda = '12.6'` in `torch/version.py`", False),
        ("torchaudio", "CUDA 12", "it requires `nvidia-cuda-runtime-cu12`", False),
        ("torchvision", "CUDA 12.8", "the local version label `+cu128`", False),
        ("vllm", "CUDA unknown", "version `0.1` names no CUDA", False),
    ]
    ((_, text, evidence, is_inferred),) = told(package("torch", "2.9.0"))
    assert (text, is_inferred) == ("CUDA 12.8", True)
    assert evidence == "`torch` 2.9.0 of the default index is built for CUDA 12.8 on linux"


def test_a_stamped_package_tells_by_its_record() -> None:
    stamps = [
        StampRecord(variant="a", cuda="12.8"),
        StampRecord(variant="b", cuda=None),
        StampRecord(variant=None, cuda=None),
    ]
    assert [told(package("demo", "1.2", stamp=stamp))[0][1:3] for stamp in stamps] == [
        ("CUDA 12.8", "its record"),
        ("no CUDA", "its record"),
        ("CUDA unknown", "its record"),
    ]


def mixed(*packages: InstalledPackage) -> str:
    found = environment(*packages)
    return render_problems(judge_mixture(cuda_packages(found, FACTS, "linux"), found, FACTS))


def test_a_family_of_several_cudas() -> None:
    head = torch("2.9.0+cu128", "12.8")
    assert mixed(head, package("torchvision", "0.24.0+cu128"), package("torchaudio", "2.9.0+cu128")) == ""
    assert mixed(head, package("torchvision", "0.24.0+cpu")) == (
        "warning[CP502]: `torchvision` and `torch` in one environment are of different CUDA\n"
        "  why: wanted one CUDA, found `torchvision 0.24.0+cpu` of no CUDA (the local version label `+cpu`) and "
        "`torch 2.9.0+cu128` of CUDA 12.8 (`cuda = '12.8'` in `torch/version.py`)\n"
        "  fix: install `torchvision` from where `torch` comes from"
    )
    apart = mixed(head, package("torchvision", "0.24.0+cu130"))
    assert (apart[:12], apart.count("CP502")) == ("error[CP502]", 1)
    assert mixed(head, package("torchvision", "0.24.0+cu126")).startswith("warning[CP502]")
    assert mixed(package("torch", "2.9.0"), package("torchvision", "0.24.0+cu130")).startswith("warning[CP502]")
    assert mixed(torch("2.9.0+cpu", None), package("torchvision", "0.24.0+cu128")).startswith("error[CP502]")
    assert mixed(head, package("vllm", "0.1")) == ""


def test_several_majors_are_a_warning() -> None:
    assert mixed(torch("2.9.0+cu128", "12.8"), package("cupy-cuda13x", "13.6")) == (
        "warning[CP502]: the environment holds packages of several CUDA majors\n"
        "  why: wanted one, found CUDA 12: `torch`; CUDA 13: `cupy-cuda13x`\n"
        "  fix: install each into an environment of its own, or all for one CUDA"
    )
    assert mixed(torch("2.9.0+cu128", "12.8"), package("bitsandbytes", "0.50"), package("cuda-core", "0.3")) == ""


def test_metadata_and_files_of_different_wheels() -> None:
    assert mixed(torch("2.9.0+cu128", None)) == (
        "error[CP502]: the installed `torch 2.9.0+cu128` says two things about its CUDA\n"
        "  why: its version's label says CUDA 12.8, and `cuda = None` in `torch/version.py` no CUDA\n"
        "  fix: install `torch` again: its files and its metadata are of different wheels"
    )
    assert mixed(torch("2.8.0", "12.8", others=("2.9.0",))) == (
        "warning[CP502]: `torch` has the metadata of several versions\n"
        "  why: found `2.8.0`, `2.9.0` in one folder, of which one holds\n"
        "  fix: install `torch` again"
    )


def differences(
    locked: list[LockedPackage], *packages: InstalledPackage, own: tuple[str, ...] = ("demo",)
) -> list[str]:
    selection = Selection(packages=tuple(locked))
    found = environment(*packages)
    bound = bound_packages(selection, FACTS, "linux")
    cudas = cuda_packages(found, FACTS, "linux")
    return [f"{item.kind}: {item}" for item in compare_variant(CU128, selection, bound, found, cudas, own)]


INDEX = "https://index.example/whl/cu128"


@pytest.mark.parametrize(
    ("locked", "installed", "said"),
    [
        (LockedPackage(name="numpy", version="2.0"), package("numpy", "2.0.0"), []),
        (
            LockedPackage(name="numpy", version="2.0"),
            package("numpy", "2.1"),
            ["version: wanted `numpy` 2.0, found 2.1"],
        ),
        (LockedPackage(name="numpy", version="2.0"), package("extra", "1"), ["missing: `numpy 2.0` is missing"]),
        (
            LockedPackage(name="numpy", version="2.0"),
            package("numpy", "2.0+mkl"),
            ["version: wanted `numpy` 2.0, found 2.0+mkl"],
        ),
        (
            LockedPackage(name="numpy", version="2.0"),
            package("numpy", "odd"),
            ["version: wanted `numpy` 2.0, found odd"],
        ),
        (LockedPackage(name="local", version=None), package("local", "1"), []),
        (LockedPackage(name="local", version="1", kind="directory"), package("local", "2"), []),
        (LockedPackage(name="torch", version="2.9.0", index=INDEX), torch("2.9.0+cu128", "12.8"), []),
        (
            LockedPackage(name="torch", version="2.9.0", index=INDEX),
            torch("2.9.0+cpu", None),
            [
                "cuda: wanted `torch` 2.9.0 of CUDA 12.8, found 2.9.0+cpu of no CUDA "
                "(`cuda = None` in `torch/version.py`)"
            ],
        ),
        (
            LockedPackage(name="torch", version="2.9.0+cu128"),
            torch("2.9.0+cu128", "12.6"),
            [
                "cuda: wanted `torch` 2.9.0+cu128 of CUDA 12.8, found 2.9.0+cu128 of CUDA 12.6 "
                "(`cuda = '12.6'` in `torch/version.py`)"
            ],
        ),
        (
            LockedPackage(name="torch", version="2.9.0+cu128"),
            package("torch", "2.9.0"),
            ["version: wanted `torch` 2.9.0+cu128, found 2.9.0"],
        ),
    ],
)
def test_each_locked_package_must_be_there(locked: LockedPackage, installed: InstalledPackage, said: list[str]) -> None:
    assert differences([locked], installed) == said


def test_the_wheel_of_the_project_must_be_of_the_variant() -> None:
    for stamp, said in (
        (None, []),
        (StampRecord(variant="cu128", cuda="12.8"), []),
        (
            StampRecord(variant="cpu", cuda=None),
            ["variant: wanted `demo` of variant `cu128`, found 1.2 of variant `cpu`, by its record"],
        ),
        (
            StampRecord(variant=None, cuda=None),
            ["variant: wanted `demo` of variant `cu128`, found 1.2 of no variant, by its record"],
        ),
    ):
        assert differences([], package("demo", "1.2", stamp=stamp)) == said
    assert differences([], package("demo", "1.2", stamp=StampRecord(variant="cpu", cuda=None)), own=("other",)) == []


def test_one_problem_for_all_differences() -> None:
    locked = [LockedPackage(name=f"package-{number}", version="1") for number in range(8)]
    selection, found = Selection(packages=tuple(locked)), environment(package("package-7", "2"))
    all_ = compare_variant(CU128, selection, (), found, (), ())
    assert render_problems(judge_difference(CU128, 8, all_, "uv.lock", "`--variant`", "mend")) == (
        "error[CP503]: the environment is not variant `cu128`, which `--variant` asks for\n"
        "  why: wanted `package-7` 1, found 2; `package-0 1` is missing; `package-1 1` is missing; "
        "`package-2 1` is missing; `package-3 1` is missing; `package-4 1` is missing; and 2 more\n"
        "  fix: mend"
    )
    (problem,) = judge_difference(CU128, 7, all_[:7], "uv.lock", "`--variant`", "mend")
    assert problem.why == "none of the 7 packages that `uv.lock` selects is installed there"
    (problem,) = judge_difference(CU128, 8, all_[:1], "uv.lock", "`--variant`", "mend")
    assert problem.why == "`package-0 1` is missing"
    assert judge_difference(CU128, 8, (), "uv.lock", "`--variant`", "mend") == ()
