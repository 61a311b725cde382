"""The command `index`: a static package index of finished wheels and sdists, one tree for each variant."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.adapters.dists import Dist, find_dists, read_found
from cudapin.adapters.index_tree import METADATA, IndexTree, sha256_of, unwritable
from cudapin.cli.commands import Outcome
from cudapin.core.fields import name_list
from cudapin.core.wheel_name import VARIANTS_FILE
from cudapin.errors import LockError, Problem, Refusal, sort_problems
from cudapin.release.index_labels import join_descriptions, parse_description
from cudapin.release.index_page import (
    COMBINED,
    LABELLED,
    IndexedFile,
    is_labelled,
    name_and_version,
    render_pages,
)
from cudapin.release.index_place import Found, find_tree, judge_file, judge_names, two_of_one_name
from cudapin.release.pep825 import parse_described, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.release.pep825 import Described

__all__ = ["index"]

_WHEELS = "whl"
_SHOWN = 5


@dataclass(slots=True)
class _Plan:
    """What a run is about to do: files to copy with what they say, files of the index to read anew, problems."""

    tree: IndexTree
    copied: dict[str, tuple[Dist, Found, str]] = field(default_factory=dict)
    read: dict[str, Found] = field(default_factory=dict)
    described: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def index(names: Sequence[str], output: str) -> Outcome:
    """Add what is new among files and folders to the index in the folder `output`, or make it.

    Raises Refusal, LockError or ConfigError before anything is written, IndexFault where it cannot be written.
    """
    out = Path(output)
    tree = IndexTree(root=out / _WHEELS)
    tree.read()
    plan = _Plan(tree)
    try:
        _plan_files(plan, find_dists(names, leave_out=out))
    except OSError as error:
        raise unwritable(tree.root, error) from error
    if plan.problems:
        unread = [problem for problem in plan.problems if problem.code.name in ("CP416", "CP736")]
        raise (LockError if unread else Refusal)(*plan.problems)
    before = {name: stored.tree for name, stored in tree.stored.items()}
    try:
        files = _write(plan)
    except OSError as error:
        raise unwritable(tree.root, error) from error
    return _outcome(out, files, before, plan)


# What is to be done


def _plan_files(plan: _Plan, dists: Iterable[Dist]) -> None:
    tree = plan.tree
    for name, one, other in tree.twice:
        plan.problems.append(two_of_one_name(name, str(tree.root / one / name), str(tree.root / other / name)))
    by_name: dict[str, list[Dist]] = {}
    for dist in dists:
        by_name.setdefault(dist.name, []).append(dist)
    variants = {name: found for name, found in by_name.items() if name.endswith(VARIANTS_FILE)}
    for name, found in by_name.items():
        if name not in variants:
            _plan_file(plan, name, found)
    for name in tree.stored:
        if name not in plan.copied and not name.endswith(VARIANTS_FILE) and tree.known_of(name) is None:
            _read(plan, Dist(path=tree.path_of(name), shown=str(tree.path_of(name))), is_stored=True)
    _plan_variants(plan, variants)
    places = [(stored.tree, name) for name, stored in tree.stored.items()]
    plan.problems += judge_names([*places, *((place, name) for name, (_, _, place) in plan.copied.items())])


def _plan_file(plan: _Plan, name: str, found: Sequence[Dist]) -> None:
    """Decide about one name: the index has it, it is new, or there are two files of it."""
    first = found[0]
    tree = plan.tree
    for other in found[1:]:
        sizes = {dist.path.stat().st_size for dist in (first, other)}
        if len(sizes) > 1 or sha256_of(first.path) != sha256_of(other.path):
            plan.problems.append(two_of_one_name(name, first.shown, other.shown))
            return
    if name not in tree.stored:
        _read(plan, first)
        return
    if tree.known_of(name) is not None and tree.holds(name, first.path):
        return
    path = tree.path_of(name)
    known = tree.known.get(path.relative_to(tree.root).as_posix())
    digest = sha256_of(first.path)
    if known is not None and known.sha256 == digest:
        if digest != sha256_of(path):  # it was changed in the index, and what the pages say of it is right
            _read(plan, first, place=tree.stored[name].tree)
    elif known is not None or digest != sha256_of(path):
        plan.problems.append(two_of_one_name(name, str(path), first.shown))


def _read(plan: _Plan, dist: Dist, place: str | None = None, *, is_stored: bool = False) -> None:
    try:
        found = read_found(dist)
    except LockError as error:
        plan.problems += error.problems
        return
    problems = list(judge_file(found))
    plan.problems += problems
    if is_stored:
        plan.read[dist.name] = found
    elif not problems:
        plan.copied[dist.name] = (dist, found, find_tree(found) if place is None else place)


def _plan_variants(plan: _Plan, given: dict[str, list[Dist]]) -> None:
    """Join what describes the labelled wheels of each release: the file of the index, given ones, and the wheels."""
    wheels = [found for _, found, place in plan.copied.values() if place == LABELLED]
    wheels += [found for name, found in plan.read.items() if plan.tree.stored[name].tree == LABELLED]
    texts: dict[str, list[tuple[str, str, bytes | None]]] = {}
    for name in (name for name in plan.tree.stored if name.endswith(VARIANTS_FILE)):
        path = plan.tree.path_of(name)
        texts.setdefault(name, []).append((str(path), name, path.read_bytes()))
    for name, dists in given.items():
        texts.setdefault(name, []).extend((dist.shown, name, dist.path.read_bytes()) for dist in dists)
    for wheel in sorted(wheels, key=lambda found: found.filename):
        name = f"{'-'.join(wheel.filename.split('-')[:2])}{VARIANTS_FILE}"
        texts.setdefault(name, []).append((wheel.shown, wheel.filename, wheel.variant_json))
    for name, found in sorted(texts.items()):
        described: list[tuple[str, Described]] = []
        for shown, filename, content in found:
            one, problems = parse_description(shown, filename, content)
            plan.problems += problems
            described += [] if one is None else [(shown, one)]
        if len(described) == len(found):
            joined, problems = join_descriptions(described)
            plan.problems += problems
            as_is = (content for _, filename, content in found if filename == name and content is not None)
            same = next((content for content in as_is if parse_described(content.decode()) == joined), None)
            plan.described[name] = same if same is not None else render(joined).encode()


# Doing it


def _write(plan: _Plan) -> list[IndexedFile]:
    """Write what is new, the pages last; return all files of the index."""
    tree = plan.tree
    tree.remove_parts()
    try:
        added = _write_files(plan)
    except BaseException:
        tree.take_back()
        raise
    known = (tree.known_of(name) for name in tree.stored if name not in added)
    files = [*added.values(), *(file for file in known if file is not None)]
    try:
        for path, content in render_pages(files):
            tree.write(path, content)
    finally:
        tree.remove_parts()
    return files


def _write_files(plan: _Plan) -> dict[str, IndexedFile]:
    added: dict[str, IndexedFile] = {}
    for name, (dist, found, place) in sorted(plan.copied.items()):
        digest, size = plan.tree.copy(dist.path, place)
        added[name] = _indexed(plan, found, place, digest, size)
    for name, found in sorted(plan.read.items()):
        stored = plan.tree.stored[name]
        added[name] = _indexed(plan, found, stored.tree, sha256_of(plan.tree.path_of(name)), stored.size)
    for name, content in plan.described.items():
        plan.tree.write(f"{LABELLED}/{name}", content)
        added[name] = IndexedFile(filename=name, tree=LABELLED, sha256="", size=len(content))
    return added


def _indexed(plan: _Plan, found: Found, place: str, sha256: str, size: int) -> IndexedFile:
    import hashlib

    file = IndexedFile(
        filename=found.filename,
        tree=place,
        sha256=sha256,
        size=size,
        requires_python=found.requires_python,
        metadata_sha256=None if found.metadata is None else hashlib.sha256(found.metadata).hexdigest(),
    )
    if found.metadata is not None:
        plan.tree.write(f"{file.path}{METADATA}", found.metadata)
    return file


# What is said


def _outcome(out: Path, files: Sequence[IndexedFile], before: dict[str, str], plan: _Plan) -> Outcome:
    trees: dict[str, list[IndexedFile]] = {COMBINED: []}
    for file in files:
        trees.setdefault(file.tree, []).append(file)
        if file.tree not in (COMBINED, LABELLED):
            trees[COMBINED].append(file)
    rows: list[dict[str, Any]] = []
    for tree, found in sorted(trees.items()):
        rows.append(
            {
                "path": f"{_WHEELS}/{tree}".rstrip("/"),
                "variant": tree if tree not in (COMBINED, LABELLED) else None,
                "projects": sorted({name_and_version(file.filename)[0] for file in found}),
                "files": len(found),
                "new": sum(file.filename not in before for file in found),
            }
        )
    lines = [f"{out.as_posix()}/{row['path']}: {_count(row['files'], 'file')}, {row['new']} new" for row in rows]
    added = sorted(f"{_WHEELS}/{file.path}" for file in files if file.filename not in before)
    return Outcome(
        problems=sort_problems(()),
        text="\n".join(lines),
        data={"output": out.as_posix(), "trees": rows, "added": added},
        notes=_notes(plan),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _notes(plan: _Plan) -> tuple[str, ...]:
    """Say which new wheels are in no variant's tree: nothing says that they are for one, or for all."""
    names = [
        name
        for name, (_, _, place) in sorted(plan.copied.items())
        if place == COMBINED and name.endswith(".whl") and not is_labelled(name)
    ]
    if not names:
        return ()
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    them = "it" if len(names) == 1 else "them"
    why = "neither record nor local version says a variant"
    return (f"{name_list(names[:_SHOWN])}{more}: {why}, so only `{_WHEELS}/` has {them}",)
