"""Is what is locked for the target in question: does the lock cover it, and has it a file of each CUDA package?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.cuda_fix import Setting
    from cudapin.core.lock import LockedFile

__all__ = ["judge_coverage", "judge_installable"]

_SHOWN = 3


def judge_coverage(
    markers: Iterable[str], environment: Mapping[str, str], where: Where, target: str
) -> tuple[Problem, ...]:
    """Warn where none of the markers that a lock is made for holds in the environment; no markers hold anywhere."""
    from packaging.markers import InvalidMarker, Marker

    texts = tuple(markers)
    try:
        if not texts or any(Marker(text).evaluate(dict(environment)) for text in texts):
            return ()
    except InvalidMarker:
        return ()  # the verdict on the lock's freshness says so
    return (
        Problem(
            code=Code.CP312,
            level="warning",
            what=f"`{where.path}` does not cover {target}",
            where=where,
            why=f"wanted a lock for it, this one is made for {name_list(texts)} only",
            fix="check for one of these with `--python` and `--platform`, or widen `tool.uv.environments`",
        ),
    )


def judge_installable(
    variant: Variant, bound: Iterable[Bound], setting: Setting, is_usable: Callable[[LockedFile], bool]
) -> tuple[Problem, ...]:
    """Warn where the target could install no file of a CUDA-bound package; one warning for all of a variant."""
    without = [item.package for item in bound if item.package.files and not any(map(is_usable, item.package.files))]
    if not without:
        return ()
    first, more = without[0], len(without) - _SHOWN
    names = name_list(package.name for package in without[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        Problem(
            code=Code.CP312,
            level="warning",
            what=f"variant `{variant.name}` selects {names} without a file that {setting.target} could install",
            where=Where(path=setting.lock_path, line=first.line, key=first.name),
            why=f"wanted one for it, the lock has files of `{first.name}` for others, such as `{first.files[0].name}`",
            fix=f"say where `{variant.name}` exists (`environments`, `requires-python`), or check for another target "
            "with `--python` and `--platform`",
            variant=variant.name,
            package=first.name,
        ),
    )
