"""Are the compiled files of a wheel what it should hold? Of its CUDA, with its architectures, without the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.compiled import is_cuda_library, is_driver_name, is_host, traces_of, uses_cuda
from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.core.compiled import Binary, Trace
    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion
    from cudapin.core.facts import Facts
    from cudapin.errors import Level

__all__ = ["Wanted", "judge_binaries", "judge_cuda", "judge_driver", "place_of", "wanted_of_variant", "wanted_text"]

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a wheel should be: its CUDA (none at all: no CUDA), the architectures it declares, and who says so.

    `says` is a clause for messages. `only_needed`: what is said is what an installation brings, so that files of the
    wheel which bring their own libraries are not bound to it.
    """

    cuda: tuple[CudaVersion, ...]
    says: str
    fix: str
    arch: tuple[str, ...] = ()
    variant: str | None = None
    only_needed: bool = False

    @property
    def majors(self) -> frozenset[int]:
        """The CUDA majors that are right."""
        return frozenset(cuda.major for cuda in self.cuda)


def wanted_text(cuda: Iterable[CudaVersion]) -> str:
    """Return `CUDA 12.6`, `CUDA 11 or 12`, or `no CUDA`."""
    texts = [str(item) for item in cuda]
    return f"CUDA {' or '.join(texts)}" if texts else "no CUDA"


def wanted_of_variant(variant: Variant) -> Wanted:
    """Return what the wheel of a declared variant should be."""
    cuda = wanted_text(variant.cuda)
    return Wanted(
        cuda=variant.cuda,
        says=f"variant `{variant.name}`",
        fix=f"compile it against {cuda}: look which toolkit the build names (`CUDA_HOME`) and which library it links"
        if variant.cuda
        else "compile it without CUDA, or give the variant its `cuda`",
        arch=variant.arch,
        variant=variant.name,
    )


def place_of(wheel: str | None, member: str) -> Where:
    """Return the place of a file in a wheel; before the wheel has a name, that of the file alone."""
    return Where(path=member) if wheel is None else Where(path=wheel, key=member)


def judge_binaries(
    binaries: Sequence[Binary], wanted: Wanted, facts: Facts, wheel: str | None = None
) -> tuple[Problem, ...]:
    """Return a problem for files of another CUDA, for the driver's library, for missing and surplus architectures."""
    hosts = [binary for binary in binaries if is_host(binary)]
    problems = [*judge_driver(hosts, wheel, wanted.variant), *judge_cuda(hosts, wanted, facts, wheel)]
    own = [binary for binary in hosts if not is_cuda_library(binary.name, facts)]
    if not wanted.only_needed:
        problems += _judge_ptx(own, wanted, facts, wheel)
    if wanted.arch:
        problems += _judge_archs(own, wanted, wheel)
    return tuple(problems)


def judge_driver(hosts: Iterable[Binary], wheel: str | None = None, variant: str | None = None) -> Iterable[Problem]:
    """Return a problem for each library of the driver; a stub, which compilers link against, is none."""
    for binary in hosts:
        names = (binary.name, binary.info.soname or "")
        if any(is_driver_name(name) for name in names) and "stubs" not in binary.path.split("/"):
            yield Problem(
                code=Code.CP410,
                what=f"the wheel bundles `{binary.path}`, which is part of the driver",
                where=place_of(wheel, binary.path),
                why="the driver's own library must be loaded: another one fails with every other driver",
                fix=f"leave it out; for auditwheel: `--exclude {binary.info.soname or binary.name}`",
                variant=variant,
            )


def judge_cuda(hosts: Sequence[Binary], wanted: Wanted, facts: Facts, wheel: str | None) -> Iterable[Problem]:
    """Return a problem for the files of each other CUDA major; for all that have to do with CUDA, where none should."""
    if not wanted.cuda:
        found = [(binary, _first_sign(binary, facts)) for binary in hosts if uses_cuda(binary, facts)]
        if found:
            yield _of_another("has to do with CUDA", found, wanted, wheel)
        return
    brought = frozenset(name for binary in hosts for name in (binary.path.rpartition("/")[2], binary.info.soname))
    others: dict[int, list[tuple[Binary, str]]] = {}
    for binary in hosts:
        majors: dict[int, list[str]] = {}
        for trace in traces_of(binary, facts):
            if _contradicts(trace, wanted, brought):
                majors.setdefault(trace.major, []).append(trace.found)
        for major, texts in majors.items():
            others.setdefault(major, []).append((binary, " and ".join(texts[:_SHOWN])))
    for major, found in sorted(others.items()):
        yield _of_another(f"is of CUDA {major}", found, wanted, wheel)


def _contradicts(trace: Trace, wanted: Wanted, brought: frozenset[str | None]) -> bool:
    if trace.major in wanted.majors or (trace.at_least and trace.major < max(wanted.majors)):
        return False
    return not wanted.only_needed or (trace.library is not None and trace.library not in brought)


def _first_sign(binary: Binary, facts: Facts) -> str:
    for name in binary.libraries:
        if is_cuda_library(name, facts) or is_driver_name(name) or "cuda" in name:
            return f"it needs `{name}`"
    if binary.info.arch:
        return f"it has device code ({name_list(binary.info.arch[:_SHOWN])})"
    return "it has device code" if binary.info.codes else "it has the CUDA runtime in it"


def _of_another(how: str, found: Sequence[tuple[Binary, str]], wanted: Wanted, wheel: str | None) -> Problem:
    first, reason = found[0]
    more = [f"`{binary.path}`" for binary, _ in found[1:_SHOWN]]
    rest = len(found) - 1 - len(more)
    also = f"; the same of {', '.join(more)}" + (f" and {rest} more" if rest else "") if more else ""
    return Problem(
        code=Code.CP406,
        what=f"`{first.path}` {how}",
        where=place_of(wheel, first.path),
        why=f"wanted {wanted_text(wanted.cuda)} ({wanted.says}), found that {reason}{also}",
        fix=wanted.fix,
        variant=wanted.variant,
    )


# Minors


def _judge_ptx(hosts: Iterable[Binary], wanted: Wanted, facts: Facts, wheel: str | None) -> Iterable[Problem]:
    """Warn of PTX that is newer than the minor of its wheel.

    Only PTX makes a minor matter: a driver runs binary code of any toolkit of its major, but compiles no PTX of an ISA
    that is newer than its own CUDA. And nothing else in a compiled file tells a minor for certain.
    """
    for binary in hosts:
        isa = binary.info.ptx_versions[-1:]
        toolkit = facts.ptx_toolkits.get(f"{isa[0][0]}.{isa[0][1]}") if isa else None
        same = [cuda for cuda in wanted.cuda if toolkit is not None and cuda.major == toolkit.major]
        newest = max(same, key=lambda cuda: cuda.sort_key, default=None)
        if toolkit is None or newest is None or any(cuda.minor is None for cuda in same):
            continue
        if toolkit.sort_key > newest.sort_key:
            yield Problem(
                code=Code.CP419,
                level="warning",
                what=f"`{binary.path}` has PTX of CUDA {toolkit} or newer",
                where=place_of(wheel, binary.path),
                why=f"wanted {wanted_text(wanted.cuda)} ({wanted.says}), found PTX of ISA {isa[0][0]}.{isa[0][1]}, "
                f"which a driver of CUDA {newest} does not compile",
                fix=f"compile it with the nvcc of CUDA {newest}, or declare CUDA {toolkit}",
                variant=wanted.variant,
            )


# Architectures


def _judge_archs(hosts: Sequence[Binary], wanted: Wanted, wheel: str | None) -> Iterable[Problem]:
    """Compare the architectures of all files together with the declared ones, then those of each file."""
    if not hosts:
        return
    unread = [binary for binary in hosts if not binary.info.is_judged("code")]
    carried = {name for binary in hosts for name in binary.info.arch}
    missing = _missing(wanted.arch, carried)
    if missing and not unread:
        found = sorted(carried, key=_order)
        yield _lacking(hosts[0] if len(hosts) == 1 else None, missing, found, wanted, wheel, "error")
    elif not missing:
        for binary in hosts:
            lacking = _missing(wanted.arch, set(binary.info.arch)) if binary.info.arch else ()
            if lacking and binary not in unread:
                yield _lacking(binary, lacking, binary.info.arch, wanted, wheel, "warning")
    surplus = sorted(carried - _covered(wanted.arch), key=_order)
    if surplus:
        holder = next(binary for binary in hosts if surplus[0] in binary.info.arch)
        yield Problem(
            code=Code.CP409,
            level="warning",
            what=f"the compiled files carry {name_list(surplus)}, which is not declared",
            where=place_of(wheel, holder.path),
            why=f"declared are {name_list(wanted.arch)} ({wanted.says}), and more only makes the wheel larger",
            fix="add them to `arch`, or compile for fewer architectures",
            variant=wanted.variant,
        )


def _order(name: str) -> tuple[str, int, str]:
    kind, _, number = name.partition("_")
    return ("0" if kind == "sm" else kind, len(number.rstrip("af")), number)


def _accepted(arch: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of binary code, and of PTX, that serve a declared architecture such as `9.0` or `12.0+ptx`."""
    number = arch.partition("+")[0].replace(".", "")
    numbers = (number,) if number[-1] in "af" else (number, f"{number}a", f"{number}f")
    ptx = numbers if arch.endswith("+ptx") else ()
    return frozenset(f"sm_{one}" for one in numbers), frozenset(f"compute_{one}" for one in ptx)


def _missing(declared: Iterable[str], carried: set[str]) -> tuple[str, ...]:
    found = []
    for arch in declared:
        binary, ptx = _accepted(arch)
        if not binary & carried:
            found.append(min(binary, key=len))
        if ptx and not ptx & carried:
            found.append(min(ptx, key=len))
    return tuple(dict.fromkeys(found))


def _covered(declared: Iterable[str]) -> set[str]:
    return {name for arch in declared for names in _accepted(arch) for name in names}


def _lacking(
    binary: Binary | None,
    missing: Sequence[str],
    carried: Sequence[str],
    wanted: Wanted,
    wheel: str | None,
    level: Level,
) -> Problem:
    subject = "the compiled files lack" if binary is None else f"`{binary.path}` lacks"
    where = place_of(wheel, binary.path) if binary else None if wheel is None else Where(path=wheel)
    # PTX of any architecture serves newer GPUs, but for that of one alone (`compute_90a`) or of a family.
    has_ptx = any(name.startswith("compute_") and name[-1].isdecimal() for name in carried)
    is_ptx_missing = any(name.startswith("compute_") for name in missing) and not has_ptx
    return Problem(
        code=Code.CP408,
        level=level,
        what=f"{subject} {name_list(missing)}",
        where=where,
        why=f"wanted {name_list(wanted.arch)} ({wanted.says}), "
        f"found {name_list(carried) if carried else 'no device code'}"
        + ("; without PTX no newer GPU is served" if is_ptx_missing else ""),
        fix="compile for what is declared (`TORCH_CUDA_ARCH_LIST`, `CUDAARCHS` or `-gencode`), or change `arch`",
        variant=wanted.variant,
    )
