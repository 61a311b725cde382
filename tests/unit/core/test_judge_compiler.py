"""The parts of a locked nvcc: nvvm may not be newer than what reads its PTX."""

from __future__ import annotations

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.bound import bound_packages
from cudapin.core.config import Variant
from cudapin.core.cuda import parse_cuda
from cudapin.core.judge_compiler import judge_compiler
from cudapin.core.lock import LockedPackage, Selection
from cudapin.core.verdict import render_problems

FACTS = read_facts({})


def judged(nvcc: str, nvvm: str | None, *build_requires: str) -> str:
    requires = ("nvidia-nvvm",) if nvvm else ()
    packages = [LockedPackage(name="nvidia-cuda-nvcc", version=nvcc, dependencies=requires, line=3)]
    packages += [LockedPackage(name="nvidia-nvvm", version=nvvm, line=9)] if nvvm else []
    packages += [LockedPackage(name="cuda-toolkit", version=nvcc, dependencies=("nvidia-cuda-nvcc",))]
    selection = Selection(packages=tuple(packages))
    variant = Variant(name="cu130", cuda=(parse_cuda("13.0"),), build_requires=build_requires)
    return render_problems(judge_compiler(variant, selection, bound_packages(selection, FACTS, "linux"), "locks/x.txt"))


@pytest.mark.parametrize("build_requires", ["nvidia-cuda-nvcc", "cuda-toolkit"])
def test_an_nvvm_that_is_newer_than_its_nvcc(build_requires: str) -> None:
    assert judged("13.0.88", "13.5.37", build_requires) == (
        "warning[CP309]: `nvidia-nvvm` of variant `cu130` is newer than its `nvidia-cuda-nvcc`\n"
        "  --> locks/x.txt:9 (nvidia-nvvm)\n"
        "  why: wanted both of CUDA 13.0, the lock has `nvidia-nvvm 13.5.37`, which writes PTX that the ptxas of "
        "`nvidia-cuda-nvcc 13.0.88` does not read\n"
        "  fix: require `nvidia-nvvm==13.0.*` beside `nvidia-cuda-nvcc`, then lock again"
    )


def test_what_goes_together_and_what_no_build_compiles_with() -> None:
    assert judged("13.0.88", "13.0.48", "nvidia-cuda-nvcc") == ""
    assert judged("13.5.37", "13.0.88", "nvidia-cuda-nvcc") == ""  # older PTX is read
    assert judged("13.0.88", "13.5.37") == ""
    assert judged("13.0.88", "13.5.37", "nvidia-nvvm") == ""
    assert judged("13.0.88", None, "nvidia-cuda-nvcc") == ""
