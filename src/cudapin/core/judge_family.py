"""Are packages that belong together of one CUDA? Families such as torch's, and what one package requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.cuda_fix import fix_build
from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.cuda_fix import Setting
    from cudapin.core.lock import Selection

__all__ = ["judge_closures", "judge_families"]

_SHOWN = 4


def judge_families(
    variant: Variant, bound: tuple[Bound, ...], reported: Collection[str | None], setting: Setting
) -> Iterable[Problem]:
    """Return a problem for each package of another CUDA than the head of its family, such as torch.

    What is `reported` by itself is left out, and so is what cannot be told.
    """
    heads = {item.package.name: item for item in bound if item.family == item.package.name}
    for item in bound:
        head = heads.get(item.family or "")
        if head is None or head is item or item.package.name in reported or head.package.name in reported:
            continue
        if "unknown" in (item.belonging.kind, head.belonging.kind) or _agree(item, head):
            continue
        yield Problem(
            code=Code.CP309,
            what=f"`{item.package.name}` and `{head.package.name}` of variant `{variant.name}` are of different CUDA",
            where=Where(path=setting.lock_path, line=item.package.line, key=item.package.name),
            why=f"wanted one CUDA, the lock has {_found(item)} and {_found(head)}",
            fix=fix_build(variant, item, setting),
            variant=variant.name,
            package=item.package.name,
        )


def _agree(one: Bound, other: Bound) -> bool:
    if one.belonging.cuda is None or other.belonging.cuda is None:
        return one.belonging.kind == other.belonging.kind
    return one.belonging.cuda.matches(other.belonging.cuda)


def _found(item: Bound) -> str:
    cuda, kind = item.belonging.cuda, item.belonging.kind
    of = f"CUDA {cuda}" if cuda is not None else "no CUDA" if kind == "cpu" else "another accelerator"
    return f"`{item.package.name} {item.package.version}` of {of} ({item.belonging.evidence})"


def judge_closures(
    variant: Variant, selection: Selection, bound: tuple[Bound, ...], reported: Collection[str | None], setting: Setting
) -> Iterable[Problem]:
    """Return a problem for each package that requires two CUDA majors; the own one of a `reported` one is left out."""
    majors = {item.package.name: item.belonging.cuda.major for item in bound if item.belonging.cuda}
    for item in bound:
        if item.is_toolkit_part or (len(variant.cuda) > 1 and item.belonging.cuda is None):
            continue
        closure = selection.closure(frozenset((item.package.name,)))
        if item.package.name in reported:
            closure -= {item.package.name}
        found: dict[int, list[str]] = {}
        for name in sorted(closure & majors.keys()):
            found.setdefault(majors[name], []).append(name)
        if len(found) > 1:
            listed = "; ".join(f"CUDA {major}: {_shortened(names)}" for major, names in sorted(found.items()))
            yield Problem(
                code=Code.CP302,
                what=f"`{item.package.name}` of variant `{variant.name}` requires several CUDA majors",
                where=Where(path=setting.lock_path, line=item.package.line, key=item.package.name),
                why=f"wanted one CUDA major in its closure, found {listed}",
                fix=f"constrain the packages of the other major, then lock again (`{setting.lock_path}`)",
                variant=variant.name,
                package=item.package.name,
            )


def _shortened(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return name_list(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
