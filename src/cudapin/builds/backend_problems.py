"""What can be wrong with a request to the build backend `cudapin.build`, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.builds.config_settings import Settings
    from cudapin.core.lock import Pyproject
    from cudapin.core.select import Choice

__all__ = ["hook_is_missing", "hook_is_off", "judge_label", "off_has_no_label"]

_ADD = "add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks"
_HOOK = ("tool", "hatch", "build", "hooks", "cudapin")


def hook_is_missing(pyproject: Pyproject) -> Problem:
    """Return the warning for a project that has the backend, and builds as if it had hatchling's."""
    source = pyproject.source
    key = ("build-system", "build-backend")
    return Problem(
        code=Code.CP106,
        level="warning",
        what="the build backend is `cudapin.build`, and the build hook `cudapin` is not configured",
        where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)),
        why="without `[tool.hatch.build.hooks.cudapin]` nothing is checked, and every build is a plain one",
        fix=_ADD,
    )


def hook_is_off(what: Settings, pyproject: Pyproject, environ: Mapping[str, str], *, is_configured: bool) -> Problem:
    """Return the problem of a setting that names a variant or a label, where the hook that obeys it does not run."""
    source = pyproject.source
    option = f"-C variant={what.variant}" if what.label is None else f"-C variant-label={what.label}"
    line = None
    if not is_configured:
        state, fix = "is not configured", _ADD
    else:
        line = find_line(source.text, *_HOOK)
        if environ.get("HATCH_BUILD_NO_HOOKS"):
            state, fix = "is switched off by `HATCH_BUILD_NO_HOOKS`", "unset HATCH_BUILD_NO_HOOKS"
        else:
            state, fix = "is not enabled", "remove `enable-by-default`, or set HATCH_BUILD_HOOK_ENABLE_CUDAPIN=1"
    return Problem(
        code=Code.CP106,
        what=f"`{option}` asks for a variant, and the build hook `cudapin` {state}",
        where=Where(path=source.path, line=line, key=".".join(_HOOK)),
        why="without the hook the wheel would be a plain one",
        fix=fix,
    )


def off_has_no_label(label: str) -> Problem:
    """Return the problem of a label for a wheel that is of no variant."""
    return Problem(
        code=Code.CP106,
        what=f"`-C variant-label={label}` asks for a wheel of a variant, and `CUDAPIN=off` for a plain one",
        why="a label says which variant a wheel is of",
        fix="unset CUDAPIN, or leave `variant-label` out",
    )


def judge_label(label: str, choice: Choice | None) -> Problem | None:
    """Return what is wrong with a label for the variant that is built (PEP 825); None where it fits.

    So that nothing is compiled for it: the finished wheel is judged by the same rule. The label `null` is that of the
    variant without CUDA, and only that.
    """
    from cudapin.release.judge_labels import judge_label as judge
    from cudapin.release.judge_labels import no_label
    from cudapin.release.pep825 import is_variant_label

    if not is_variant_label(label):
        return no_label(label)
    if choice is None:
        return Problem(
            code=Code.CP701,
            what=f"`-C variant-label={label}` asks for a wheel of a variant, and the project declares none",
            why="wanted `[tool.cudapin.variants]`, found none",
            fix="declare a variant, or leave `variant-label` out",
        )
    variant = choice.variant
    record = {"variant": variant.name, "cuda": [str(cuda) for cuda in variant.cuda]}
    for problem in judge("", label, record):
        why = f"{problem.why}; `{variant.name}` is {choice.why}"
        return replace(problem, where=None, why=why, fix=f"{problem.fix}, or name another variant: `-C variant=NAME`")
    return None
