"""What the files of a wheel need from elsewhere, and whether anything brings it: CUDA libraries, and torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cudapin.core.audit_claims import parse_requirements
from cudapin.core.compiled import is_host, library_stem
from cudapin.core.cuda import belongs
from cudapin.core.fields import name_list
from cudapin.core.judge_binaries import wanted_text
from cudapin.core.libraries import original_name
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

    from cudapin.core.audit import Subject
    from cudapin.core.compiled import Binary
    from cudapin.core.facts import Facts
    from cudapin.core.judge_binaries import Wanted
    from cudapin.errors import Level

__all__ = ["judge_needs", "judge_torch"]

_SHOWN = 4
_INTERFACES = {
    True: "; by no C++ symbol of it, so that any newer torch would do",
    False: "; by C++ symbols, which are those of one release",
    None: "; by which interface cannot be told",
}
_OF_RELEASES = "; the wheel has one such file for each of several releases"
_RELEASE = re.compile(r"torch[-_.]?(\d+(?:[._]\d+)*)|(?<!\d)([12]_\d{1,2}_\d{1,2})(?!\d)")
"""How the name of a file states the release of torch that it is for: `x_torch211.so`, `x_2_11_0.so`."""
_BOUNDS = ("==", "===", "~=", "<", "<=")


def judge_needs(subject: Subject, wanted: Wanted | None, facts: Facts) -> Iterable[Problem]:
    """Warn of CUDA libraries that neither the wheel nor a requirement of it brings: users need them installed.

    Only what `facts` say a package brings can be missed; a requirement that needs CUDA itself, and torch, may bring
    anything.
    """
    if any(binary.info.torch for binary in subject.binaries):
        return  # torch brings them, required or not
    needed = _needed_elsewhere(subject)
    missing = {name: path for name, path in needed.items() if _is_brought_by_packages(name, facts)}
    for name in _required_names(subject):
        base, _, suffix = name.rpartition("-")
        stems = facts.package_libraries.get(name) or facts.package_libraries.get(base if suffix[:2] == "cu" else name)
        if stems is not None:
            missing = {library: path for library, path in missing.items() if library_stem(library) not in stems}
        elif name == subject.name:
            continue
        elif _is_of_cuda(name, facts):
            return
    if missing:
        first = next(iter(missing))
        cuda = f" of CUDA {wanted.cuda[0].major}" if wanted and len(wanted.majors) == 1 else ""
        yield Problem(
            code=Code.CP411,
            level="warning",
            what=f"nothing brings {name_list(list(missing)[:_SHOWN])}" + (", …" if len(missing) > _SHOWN else ""),
            where=Where(path=subject.path, key=missing[first]),
            why="neither the wheel nor its `Requires-Dist` has a package with it, so users need a toolkit of their own",
            fix=f"require the packages of NVIDIA{cuda} that bring it, or say in the README what users must install",
        )


def _needed_elsewhere(subject: Subject) -> dict[str, str]:
    hosts = [binary for binary in subject.binaries if is_host(binary)]
    own = {name for binary in hosts for name in (binary.path.rpartition("/")[2], binary.info.soname)}
    return {name: binary.path for binary in hosts for name in binary.libraries if name not in own}


def _is_brought_by_packages(name: str, facts: Facts) -> bool:
    return any(library_stem(name) in stems for stems in facts.package_libraries.values())


def _required_names(subject: Subject) -> list[str]:
    """Return the names that a wheel requires, with any extra and in any environment, and its own."""
    from packaging.utils import canonicalize_name

    names = [str(canonicalize_name(requirement.name)) for requirement in parse_requirements(subject.requires)]
    return sorted({*names, subject.name})


def _is_of_cuda(name: str, facts: Facts) -> bool:
    if name in facts.families or name in facts.families.values() or facts.packages.get(name) == "closure":
        return True
    return belongs(name, None, "", facts, platform="linux") is not None


def judge_torch(subject: Subject, wanted: Wanted | None, facts: Facts) -> Iterable[Problem]:
    """Return a problem where files link torch and no torch, no certain one, or one of another CUDA is required.

    C++ symbols of torch are those of one release: without a requirement that is an error. What uses torch's stable ABI
    only works with any newer torch, and many leave it to the user to install one: that is a warning, and so it is
    where the interface cannot be told, or where there is one file for each of several releases.
    """
    own = {binary.path.rpartition("/")[2] for binary in subject.binaries}
    using = [one for one in subject.binaries if one.info.torch is not None and not _is_within(one, own)]
    if not using or subject.name == "torch":
        return
    of_releases = _of_releases(using)
    first = next((one for one in using if not _is_stable(one) and one.path not in of_releases), using[0])
    named = {*_required_names(subject)} - {subject.name}
    if "torch" in named:
        is_bound_here = not _is_stable(first) and first.path not in of_releases
        if is_bound_here and not any(_is_bound(one) for one in parse_requirements(subject.requires)):
            why = "it uses C++ symbols of torch, which are those of one release, and no requirement bounds the release"
            fix = "require the release that it is compiled against, such as `torch==2.9.*`"
            yield _torch_problem(subject, first, "and the wheel takes any torch", why, fix, "warning")
    elif not any(facts.families.get(name) == "torch" for name in named):
        libraries = name_list(first.info.torch.libraries[:_SHOWN]) if first.info.torch else ""
        stable = first.info.torch.stable if first.info.torch else None
        how = _OF_RELEASES if first.path in of_releases else _INTERFACES[stable]
        why = f"it needs {libraries}, and no `Requires-Dist` brings torch{how}"
        fix = "add `torch`, of the releases that it is compiled against, to the dependencies"
        level: Level = "error" if stable is False and first.path not in of_releases else "warning"
        yield _torch_problem(subject, first, "and the wheel does not require it", why, fix, level)
    if wanted is not None and wanted.cuda and not wanted.only_needed:
        yield from _judge_label(subject, using[0], wanted, facts)


def _judge_label(subject: Subject, binary: Binary, wanted: Wanted, facts: Facts) -> Iterable[Problem]:
    """Compare the CUDA that a label names (`torch==2.9.0+cu130`). A public version is of several, by the index."""
    for requirement in parse_requirements(subject.requires):
        label = next((one.version for one in requirement.specifier if one.operator in ("==", "===")), "")
        if requirement.name.lower() != "torch" or "+" not in label or requirement.marker is not None:
            continue
        found = belongs("torch", label, "", facts, platform="linux")
        if found is not None and found.cuda is not None and found.cuda.major not in wanted.majors:
            how = f"and the wheel requires one of CUDA {found.cuda.major}"
            why = f"wanted a torch of {wanted_text(wanted.cuda)} ({wanted.says}), found `{requirement}`"
            fix = "require the torch that it is compiled against, by its public version: the index gives the CUDA"
            yield _torch_problem(subject, binary, how, why, fix, "error")


def _torch_problem(subject: Subject, binary: Binary, how: str, why: str, fix: str, level: Level) -> Problem:
    return Problem(
        code=Code.CP415,
        level=level,
        what=f"`{binary.path}` is compiled against torch, {how}",
        where=Where(path=subject.path, key=binary.path),
        why=why,
        fix=fix,
    )


def _of_releases(using: Iterable[Binary]) -> set[str]:
    """Return the paths of files of which there is one for each of several releases of torch, by their names."""
    groups: dict[str, list[str]] = {}
    for binary in using:
        stem = _RELEASE.sub("#", binary.path)
        if "#" in stem:
            groups.setdefault(stem, []).append(binary.path)
    return {path for paths in groups.values() if len(paths) > 1 for path in paths}


def _is_stable(binary: Binary) -> bool:
    """Tell whether a file is not known to be bound to one release of torch."""
    return binary.info.torch is None or binary.info.torch.stable is not False


def _is_bound(requirement: Requirement) -> bool:
    if requirement.name.lower() != "torch":
        return False
    return requirement.url is not None or any(one.operator in _BOUNDS for one in requirement.specifier)


def _is_within(binary: Binary, own: set[str]) -> bool:
    """Tell whether the wheel brings the libraries of torch itself."""
    libraries = binary.info.torch.libraries if binary.info.torch else ()
    return all(name in own or original_name(name) in own for name in libraries)
