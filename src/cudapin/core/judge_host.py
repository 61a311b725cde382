"""Does a toolkit take the host compiler? nvcc refuses one that is newer than it knows, and says so late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cudapin.core.cuda import CudaVersion
    from cudapin.core.facts import Facts

__all__ = ["HostCompiler", "judge_host"]

_NAMES = {"gcc": "GCC", "clang": "Clang"}
_COMMANDS = {"gcc": "g++-{}", "clang": "clang++-{}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCompiler:
    """A compiler by its kind (`gcc` or `clang`), its major, and what led to it."""

    kind: str
    major: int
    source: str

    def __str__(self) -> str:
        """Return it as `GCC 14`."""
        return f"{_NAMES[self.kind]} {self.major}"


def judge_host(
    compilers: Sequence[HostCompiler], toolkit: CudaVersion, facts: Facts, variant: str | None = None
) -> tuple[Problem, ...]:
    """Return a warning where none of the compilers that nvcc may be given is one that it takes.

    Of a toolkit or a compiler that the table does not have nothing is said.
    """
    limits = facts.host_compilers.get(str(toolkit), {})
    if not compilers or any(one.major <= limits.get(one.kind, one.major) for one in compilers):
        return ()
    first = compilers[0]
    limit = limits[first.kind]
    return (
        Problem(
            code=Code.CP418,
            level="warning",
            what=f"{first} is newer than the nvcc of CUDA {toolkit} takes",
            why=f"wanted {_NAMES[first.kind]} {limit} or older, found {first} ({first.source}); nvcc stops with "
            "`unsupported GNU version` or the like, unless it is given another compiler",
            fix=f"export NVCC_CCBIN={_COMMANDS[first.kind].format(limit)}",
            variant=variant,
        ),
    )
