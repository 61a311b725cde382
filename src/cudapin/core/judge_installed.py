"""Do the installed packages go together, and are they what a variant of the project locks?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.facts import Facts
    from cudapin.core.installed import CudaPackage, Environment, InstalledPackage
    from cudapin.core.lock import LockedPackage, Selection

__all__ = ["Difference", "compare_variant", "judge_difference", "judge_mixture"]

_SHOWN = 6
_APART = "install each into an environment of its own, or all for one CUDA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One package of an environment that is not as a variant has it; `found` is None for one that is missing."""

    name: str
    kind: Literal["missing", "version", "cuda", "variant"]
    wanted: str
    found: str | None

    def __str__(self) -> str:
        """Return it as a clause of a message."""
        if self.found is None:
            return f"`{f'{self.name} {self.wanted}'.rstrip()}` is missing"
        return f"wanted `{self.name}` {self.wanted}, found {self.found}"


def compare_variant(
    variant: Variant,
    selection: Selection,
    locked: Sequence[Bound],
    environment: Environment,
    installed: Sequence[CudaPackage],
    own_names: Iterable[str],
) -> tuple[Difference, ...]:
    """Return what keeps an environment from being a variant: each locked package must be there, in that version.

    Further packages are fine. `own_names` are the names that wheels of the project have; one that is installed and
    carries a stamp must be of this variant.
    """
    bound = {item.package.name: item for item in locked}
    cudas = {item.name: item for item in installed}
    own = [environment.packages[name] for name in own_names if name in environment.packages]
    found = [_of_own(package, variant) for package in own]
    for package in selection.packages:
        there = environment.packages.get(package.name)
        if there is None:
            found.append(Difference(name=package.name, kind="missing", wanted=package.version or "", found=None))
        else:
            found.append(_of_locked(package, there, bound.get(package.name), cudas.get(package.name)))
    return tuple(item for item in found if item is not None)


def _of_own(package: InstalledPackage, variant: Variant) -> Difference | None:
    stamp = package.stamp
    if stamp is None or stamp.variant == variant.name:
        return None
    wanted = f"of variant `{variant.name}`"
    found = f"{package.version} {f'of variant `{stamp.variant}`' if stamp.variant else 'of no variant'}, by its record"
    return Difference(name=package.name, kind="variant", wanted=wanted, found=found)


def _of_locked(
    package: LockedPackage, there: InstalledPackage, bound: Bound | None, found: CudaPackage | None
) -> Difference | None:
    """A folder's version may change without its lock; a lock without a local label leaves the build to its CUDA."""
    wanted = package.version
    if wanted is None or package.kind == "directory":
        return None
    is_same, is_same_public = _compare(wanted, there.version)
    is_other_build = not is_same and is_same_public and "+" not in wanted and bound is not None
    if not is_same and not is_other_build:
        return Difference(name=package.name, kind="version", wanted=wanted, found=there.version)
    if bound is None or found is None or found.is_inferred:
        return None
    if "unknown" in (bound.belonging.kind, found.belonging.kind) or _agree(bound, found):
        return None
    return Difference(
        name=package.name,
        kind="cuda",
        wanted=f"{wanted} of {_text(bound)}",
        found=f"{found.version} of {found.text} ({found.belonging.evidence})",
    )


def _agree(bound: Bound, found: CudaPackage) -> bool:
    one, other = bound.belonging.cuda, found.belonging.cuda
    if one is None or other is None:
        return bound.belonging.kind == found.belonging.kind
    return one.matches(other)


def _text(bound: Bound) -> str:
    cuda = bound.belonging.cuda
    return f"CUDA {cuda}" if cuda else "no CUDA" if bound.belonging.kind == "cpu" else "another accelerator"


def _compare(wanted: str, found: str) -> tuple[bool, bool]:
    """Return whether two versions are the same, and whether they are but for their local labels."""
    if wanted == found:
        return True, True
    from packaging.version import InvalidVersion, Version

    try:
        one, other = Version(wanted), Version(found)
    except InvalidVersion:
        return False, False
    return one == other, one.public == other.public


def judge_difference(
    variant: Variant, total: int, differences: Sequence[Difference], lock_path: str, asked_by: str, fix: str
) -> tuple[Problem, ...]:
    """Return one problem for all differences, the telling ones first."""
    if not differences:
        return ()
    telling = sorted(differences, key=lambda item: ("variant", "cuda", "version", "missing").index(item.kind))
    missing = [item for item in differences if item.kind == "missing"]
    if len(missing) == total == len(differences):
        why = f"none of the {total} packages that `{lock_path}` selects is installed there"
    else:
        why = "; ".join(map(str, telling[:_SHOWN]))
        why += f"; and {len(telling) - _SHOWN} more" if len(telling) > _SHOWN else ""
    return (
        Problem(
            code=Code.CP503,
            what=f"the environment is not variant `{variant.name}`, which {asked_by} asks for",
            why=why,
            fix=fix,
            variant=variant.name,
        ),
    )


def judge_mixture(installed: Sequence[CudaPackage], environment: Environment, facts: Facts) -> tuple[Problem, ...]:
    """Return what does not go together: a family of several CUDA, several majors, a package that contradicts itself."""
    by_name = {item.name: item for item in installed}
    families = list(_families(by_name, facts))
    return (
        *_contradictions(installed),
        *_doubled(installed, environment),
        *families,
        *(() if families else _majors(installed)),
    )


def _contradictions(installed: Sequence[CudaPackage]) -> Iterable[Problem]:
    for item in installed:
        if item.label is not None and not _matches(item):
            yield Problem(
                code=Code.CP502,
                what=f"the installed `{item.name} {item.version}` says two things about its CUDA",
                why=f"its version's label says CUDA {item.label}, and {item.belonging.evidence} {item.text}",
                fix=f"install `{item.name}` again: its files and its metadata are of different wheels",
                package=item.name,
            )


def _matches(item: CudaPackage) -> bool:
    return item.belonging.cuda is not None and item.label is not None and item.belonging.cuda.matches(item.label)


def _doubled(installed: Sequence[CudaPackage], environment: Environment) -> Iterable[Problem]:
    for item in installed:
        others = environment.packages[item.name].others if item.name in environment.packages else ()
        if others:
            yield Problem(
                code=Code.CP502,
                level="warning",
                what=f"`{item.name}` has the metadata of several versions",
                why=f"found {name_list((item.version, *others))} in one folder, of which one holds",
                fix=f"install `{item.name}` again",
                package=item.name,
            )


def _families(by_name: Mapping[str, CudaPackage], facts: Facts) -> Iterable[Problem]:
    for item in by_name.values():
        head = by_name.get(facts.families.get(item.name, ""))
        if head is None or "unknown" in (item.belonging.kind, head.belonging.kind):
            continue
        one, other = item.belonging, head.belonging
        if one.kind == other.kind and (one.cuda is None or other.cuda is None or one.cuda.matches(other.cuda)):
            continue
        is_minor = one.cuda is not None and other.cuda is not None and one.cuda.major == other.cuda.major
        # Without CUDA it loads beside any torch, and lacks kernels for its tensors; the other way round it fails.
        is_sure = not (is_minor or one.kind == "cpu" or item.is_inferred or head.is_inferred)
        yield Problem(
            code=Code.CP502,
            level="error" if is_sure else "warning",
            what=f"`{item.name}` and `{head.name}` in one environment are of different CUDA",
            why=f"wanted one CUDA, found {_told(item)} and {_told(head)}",
            fix=f"install `{item.name}` from where `{head.name}` comes from",
            package=item.name,
        )


def _told(item: CudaPackage) -> str:
    return f"`{item.name} {item.version}` of {item.text} ({item.belonging.evidence})"


def _majors(installed: Sequence[CudaPackage]) -> Iterable[Problem]:
    """Several majors may live side by side where each is complete; often one of them is a leftover."""
    majors: dict[int, list[str]] = {}
    for item in installed:
        if item.belonging.cuda is not None and not item.is_inferred:
            majors.setdefault(item.belonging.cuda.major, []).append(item.name)
    if len(majors) < 2:  # noqa: PLR2004
        return
    listed = "; ".join(
        f"CUDA {major}: {name_list(names[:_SHOWN])}{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}"
        for major, names in sorted(majors.items())
    )
    yield Problem(
        code=Code.CP502,
        level="warning",
        what="the environment holds packages of several CUDA majors",
        why=f"wanted one, found {listed}",
        fix=_APART,
    )
