"""What a difference between two locks looks like: lines for people, objects for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.lock_diff import Difference, version_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cudapin.core.lock_diff import Change, FileChange, Item

__all__ = ["Row", "difference_object", "render_rows"]

Row = tuple[str, Difference]
"""The name of what was compared, and what changed there."""

_CUDA = {None: "no CUDA", "cpu": "no CUDA", "unknown": "unknown CUDA", "other-accelerator": "another accelerator"}


def render_rows(rows: Sequence[Row], shared_by: str | None) -> list[str]:
    """Return one line for each change, those of CUDA first.

    What every row holds is said once: as that of `shared_by`, or of the first row where that is None.
    """
    shared = _shared([difference for _, difference in rows]) if len(rows) > 1 and shared_by else Difference()
    scopes = [(shared_by or "", shared), *((name, _without(found, shared)) for name, found in rows)]
    if not shared_by and rows:
        first = rows[0][1]
        scopes = [rows[0], *((name, _without(found, first)) for name, found in rows[1:])]
    cuda = [f"{name}: {_cuda_line(change)}" for name, found in scopes for change in found.cuda]
    return [*cuda, *(f"{name}: {line}" for name, found in scopes for line in _other_lines(found))]


def difference_object(difference: Difference) -> dict[str, Any]:
    """Return the JSON form of a difference."""
    return {
        "cuda": [_change_object(change) for change in difference.cuda],
        "changed": [_change_object(change) for change in difference.changed],
        "added": [_item_object(item) for item in difference.added],
        "removed": [_item_object(item) for item in difference.removed],
    }


def _shared(found: Sequence[Difference]) -> Difference:
    first, *others = found

    def common(key: str) -> tuple[Any, ...]:
        sets = [set(getattr(other, key)) for other in others]
        return tuple(entry for entry in getattr(first, key) if all(entry in known for known in sets))

    return Difference(cuda=common("cuda"), changed=common("changed"), added=common("added"), removed=common("removed"))


def _without(found: Difference, said: Difference) -> Difference:
    def rest(key: str) -> tuple[Any, ...]:
        known = set(getattr(said, key))
        return tuple(entry for entry in getattr(found, key) if entry not in known)

    return Difference(cuda=rest("cuda"), changed=rest("changed"), added=rest("added"), removed=rest("removed"))


def _cuda_line(change: Change) -> str:
    before, after = (_CUDA.get(item.cuda, f"CUDA {item.cuda}") for item in (change.old, change.new))
    if before.startswith("CUDA ") and after.startswith("CUDA "):
        after = after.removeprefix("CUDA ")
    return f"{before} -> {after}: {_change_text(change)}"


def _other_lines(found: Difference) -> Iterator[str]:
    words = {1: "upgraded", -1: "downgraded", 0: "changed"}
    ordered = sorted(found.changed, key=lambda change: -abs(version_order(change)))
    for change in ordered:
        yield f"{words[version_order(change)]}: {_change_text(change)}"
    yield from (f"added: {_item_text(item)}" for item in found.added)
    yield from (f"removed: {_item_text(item)}" for item in found.removed)


def _change_text(change: Change) -> str:
    old, new = change.old, change.new
    text = _named(old)
    if "name" in change.aspects:
        text += f" -> {_named(new)}"
    elif "version" in change.aspects:
        text += f" -> {new.version or 'no version'}"
    details = []
    if "index" in change.aspects:
        details.append(f"index {_index(old)} -> {_index(new)}")
    if "source" in change.aspects:
        details.append(f"source {_source(old)} -> {_source(new)}")
    if change.files is not None:
        details.append(f"re-uploaded or other files: {', '.join(_counts(change))}")
    return f"{text} ({'; '.join(details)})" if details else text


def _counts(change: Change) -> Iterable[str]:
    files: FileChange | None = change.files
    if files is None:
        return
    is_named = any(file.name for item in (change.old, change.new) for file in item.files)
    kind = "file" if is_named else "hash"
    for count, done in ((files.added, "added"), (files.removed, "removed")):
        if count:
            plural = "" if count == 1 else "s" if is_named else "es"
            yield f"{count} {kind}{plural} {done}"
    for count, what in (
        (files.replaced, "with another hash"),
        (files.unhashed, "without its hash"),
        (files.hashed, "with a hash now"),
    ):
        if count:
            yield f"{count} {what}"


def _item_text(item: Item) -> str:
    cuda = f" ({_CUDA.get(item.cuda, f'CUDA {item.cuda}')})" if item.cuda is not None else ""
    return _named(item) + cuda


def _named(item: Item) -> str:
    return f"{item.name} {item.version or 'no version'}"


def _index(item: Item) -> str:
    return "the default one" if item.index is None else item.index


def _source(item: Item) -> str:
    return "an index" if item.kind == "registry" else item.origin or item.kind


def _change_object(change: Change) -> dict[str, Any]:
    files = change.files
    return {
        "name": change.new.name,
        "aspects": list(change.aspects),
        "old": _item_object(change.old),
        "new": _item_object(change.new),
        "files": files
        and {
            "added": files.added,
            "removed": files.removed,
            "replaced": files.replaced,
            "hashed": files.hashed,
            "unhashed": files.unhashed,
        },
    }


def _item_object(item: Item) -> Mapping[str, Any]:
    return {
        "name": item.name,
        "version": item.version,
        "kind": item.kind,
        "index": item.index or None,
        "origin": item.origin or None,
        "cuda": item.cuda,
    }
