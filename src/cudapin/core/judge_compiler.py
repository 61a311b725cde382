"""Do the parts of a locked nvcc go together? Its wheel asks for any release of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection

__all__ = ["judge_compiler"]

_NVCC, _NVVM = "nvidia-cuda-nvcc", "nvidia-nvvm"
"""From CUDA 13 on; before, one wheel has both. `ptxas` is in the first, what writes its PTX in the second."""


def judge_compiler(
    variant: Variant, selection: Selection, bound: tuple[Bound, ...], lock_path: str
) -> Iterable[Problem]:
    """Warn of a build's nvcc whose front end writes PTX that its assembler does not read: no kernel compiles.

    What is only there at run time, as below jax, is used in other ways and not judged.
    """
    if _NVCC not in selection.closure(frozenset(variant.build_requires)):
        return
    found = {item.package.name: item for item in bound if item.package.name in (_NVCC, _NVVM)}
    if len(found) < len((_NVCC, _NVVM)):
        return
    nvcc, nvvm = found[_NVCC], found[_NVVM]
    if nvcc.belonging.cuda is None or nvvm.belonging.cuda is None:
        return
    if nvvm.belonging.cuda.sort_key > nvcc.belonging.cuda.sort_key:
        yield Problem(
            code=Code.CP309,
            level="warning",
            what=f"`{_NVVM}` of variant `{variant.name}` is newer than its `{_NVCC}`",
            where=Where(path=lock_path, line=nvvm.package.line, key=_NVVM),
            why=f"wanted both of CUDA {nvcc.belonging.cuda}, the lock has `{_NVVM} {nvvm.package.version}`, which "
            f"writes PTX that the ptxas of `{_NVCC} {nvcc.package.version}` does not read",
            fix=f"require `{_NVVM}=={nvcc.belonging.cuda}.*` beside `{_NVCC}`, then lock again",
            variant=variant.name,
            package=_NVVM,
        )
