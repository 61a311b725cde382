"""The CUDA discipline of a project's variants: each by itself, and all together. The rules are in `core`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.cuda_fix import Setting, find_indexes, find_named
from cudapin.core.judge_compiler import judge_compiler
from cudapin.core.judge_cuda import judge_cuda
from cudapin.core.judge_names import judge_index, judge_names
from cudapin.core.locate import find_line
from cudapin.errors import Code, CudapinError, Problem, Where, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection, Source
    from cudapin.gate import Gate

__all__ = ["judge_coverage", "judge_variant", "judge_variants"]


def judge_variant(gate: Gate, variant: Variant) -> tuple[Problem, ...]:
    """Return every problem of a variant's CUDA discipline, and of the names in its `pin` and `build-requires`."""
    selection = gate.select(variant)
    path = gate.lock_path(variant)
    if selection is None or path is None:
        return ()
    bound = gate.bound(variant, selection)
    problems = judge_cuda(variant, selection, bound, _setting(gate, variant, path), gate.target.is_usable)
    source = gate.project.pyproject.source
    names = [name for name in (*variant.pin, *variant.build_requires) if not _is_selected(gate, variant, name)]
    return sort_problems(
        (
            *(_declared(problem, variant, source) for problem in problems),
            *judge_compiler(variant, selection, bound, path),
            *judge_index(variant, bound, source),
            *judge_names(variant, names, _selected_names(gate) if names else frozenset(), source),
        )
    )


def _declared(problem: Problem, variant: Variant, source: Source) -> Problem:
    """Show where a variant is declared that selects nothing of a CUDA: no line of its lock is to blame."""
    if problem.code is not Code.CP308:
        return problem
    key = ("tool", "cudapin", "variants", variant.name)
    return replace(problem, where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)))


def _setting(gate: Gate, variant: Variant, path: str) -> Setting:
    """Return what the messages about a variant's packages say of the project and the target."""
    lock = gate.lock(path)
    header = getattr(lock, "header", None) if lock.format == "requirements" else None
    return Setting(
        lock_path=path,
        format=lock.format,
        command=header.command if header else None,  # only a requirements file says what made it
        platform=gate.platform,
        target=_target_text(gate),
        indexes=find_indexes(gate.project.pyproject.table),
        named=find_named(gate.project.pyproject.table, variant),
    )


def _target_text(gate: Gate) -> str:
    """The target in words."""
    found = gate.environment
    return f"Python {found['python_version']} on {found['sys_platform']} {found['platform_machine']}"


def judge_coverage(gate: Gate, path: str) -> tuple[Problem, ...]:
    """Return the problem of a lock that is made for other targets only; a broken or missing one has others."""
    from cudapin.core.judge_target import judge_coverage as judge_markers

    try:
        lock = gate.lock(path)
    except CudapinError:
        return ()
    key = "supported-markers"
    markers = getattr(lock, "header", {}).get(key, ()) if lock.format == "uv" else ()
    where = Where(path=path, line=find_line(lock.source.text, key) if markers else None, key=key)
    return judge_markers(markers, gate.environment, where, _target_text(gate))


def judge_variants(gate: Gate, names: Iterable[str]) -> tuple[Problem, ...]:
    """Return the problems across variants: one that adds nothing, several that are the same."""
    from cudapin.core.judge_variants import Chosen, judge_addition, judge_twins

    problems: list[Problem] = []
    everyone = []
    for variant in gate.variants():
        selection = _selected(gate, variant) if variant.name in names else None
        path = gate.lock_path(variant)
        if selection is None or path is None:
            continue
        chosen = Chosen(variant=variant, selection=selection, bound=gate.bound(variant, selection))
        everyone.append(chosen)
        if gate.lock(path).format == "requirements" or len(gate.lock_users()[path]) == 1:
            continue  # the whole file is the variant's
        plain = _selected(gate, replace(variant, name="-", extra=(), group=()), path)
        if plain is not None:
            problems += judge_addition(chosen, plain, gate.project.pyproject)
    return (*problems, *judge_twins(everyone, gate.project.pyproject.source))


def _selected(gate: Gate, variant: Variant, path: str | None = None) -> Selection | None:
    """Return what a variant selects, the files left out where `path` is given; None where that cannot be told."""
    try:
        return gate.select(variant) if path is None else gate.selector(path, variant)(lambda _: False)
    except CudapinError:
        return None


def _is_selected(gate: Gate, variant: Variant, name: str) -> bool:
    """Whether some variant, its own first, selects a name from its lock."""
    return any(_selects(gate, other, name) for other in (variant, *gate.variants()))


def _selected_names(gate: Gate) -> frozenset[str]:
    selections = [gate.select(variant) for variant in gate.variants()]
    return frozenset(package.name for selection in selections if selection for package in selection.packages)


def _selects(gate: Gate, variant: Variant, name: str) -> bool:
    try:
        selection = gate.select(variant)
    except CudapinError:
        return True
    return selection is not None and selection.find(name) is not None
