"""What changed between two selections: packages and, before all else, the CUDA that they are built for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cudapin.core.index import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.cuda import Belonging
    from cudapin.core.judge_cuda import Bound
    from cudapin.core.lock import LockedFile, LockedPackage, Selection

__all__ = ["Aspect", "Change", "Difference", "FileChange", "Item", "diff_selections", "version_order"]

Aspect = Literal["name", "version", "cuda", "index", "source", "files"]

_CUDA_IN_NAME = re.compile(r"-cu(?:da)?\d{2,4}x?(?=-|$)")
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One locked package as a difference shows it: addresses without credentials, its CUDA where it is bound to one.

    `cuda` is `12.8`, `cpu`, `other-accelerator` or `unknown`; None for a package that is bound to no CUDA. `index` is
    None for the default one, empty where the lock does not record it.
    """

    name: str
    version: str | None
    kind: str
    index: str | None
    origin: str | None
    cuda: str | None
    is_toolkit_part: bool
    files: tuple[LockedFile, ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """How the files of one and the same version changed: numbers of files.

    `replaced` ones kept their name and have another hash; `unhashed` ones have lost their hash, `hashed` ones got one.
    """

    added: int = 0
    removed: int = 0
    replaced: int = 0
    hashed: int = 0
    unhashed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A package before and after, and in what it differs. Only a change of CUDA may come with another name."""

    old: Item
    new: Item
    aspects: tuple[Aspect, ...]
    files: FileChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that changed; each package is in one of the four only."""

    cuda: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    added: tuple[Item, ...] = ()
    removed: tuple[Item, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.cuda or self.changed or self.added or self.removed)


def diff_selections(
    old: Selection,
    new: Selection,
    old_bound: Iterable[Bound] = (),
    new_bound: Iterable[Bound] = (),
    *,
    is_same_format: bool = True,
) -> Difference:
    """Compare two selections; `old_bound` and `new_bound` are their packages that are tied to a CUDA.

    Between two formats only what both record is compared: of files, whether any is the same.
    """
    befores, afters = _items(old, old_bound), _items(new, new_bound)
    pairs, removed, added = _pairs(befores, afters)
    changes = [_compare(before, after, is_same_format=is_same_format) for before, after in pairs]
    changes = [change for change in changes if change.aspects]
    return Difference(
        cuda=tuple(sorted((change for change in changes if "cuda" in change.aspects), key=_cuda_order)),
        changed=tuple(change for change in changes if "cuda" not in change.aspects),
        added=tuple(added),
        removed=tuple(removed),
    )


def version_order(change: Change) -> int:
    """Return 1 for an upgrade, -1 for a downgrade, 0 for the same version or for what has no order."""
    from packaging.version import InvalidVersion, Version

    try:
        before, after = Version(change.old.version or ""), Version(change.new.version or "")
    except InvalidVersion:
        return 0
    return (after > before) - (after < before)


def _cuda_order(change: Change) -> tuple[bool, str]:
    """Frameworks first: the libraries that they require follow from them."""
    return (change.old.is_toolkit_part or change.new.is_toolkit_part, change.new.name)


def _items(selection: Selection, bound: Iterable[Bound]) -> dict[str, list[Item]]:
    belongings = {id(item.package): item for item in bound}
    result: dict[str, list[Item]] = {}
    for package in selection.packages:
        item = belongings.get(id(package))
        result.setdefault(package.name, []).append(_item(package, item))
    return result


def _item(package: LockedPackage, bound: Bound | None) -> Item:
    return Item(
        name=package.name,
        version=package.version,
        kind=package.kind,
        index=package.index and strip_credentials(package.index),
        origin=package.origin and strip_credentials(package.origin),
        cuda=_cuda(bound.belonging) if bound else None,
        is_toolkit_part=bool(bound and bound.is_toolkit_part),
        files=package.files,
    )


def _cuda(belonging: Belonging) -> str:
    return str(belonging.cuda) if belonging.cuda is not None else belonging.kind


def _pairs(
    befores: Mapping[str, list[Item]], afters: Mapping[str, list[Item]]
) -> tuple[list[tuple[Item, Item]], list[Item], list[Item]]:
    """Pair what is the same package before and after; return the pairs, what is gone, and what is new."""
    pairs: list[tuple[Item, Item]] = []
    removed: list[Item] = []
    added: list[Item] = []
    for name in sorted({*befores, *afters}):
        left, right = befores.get(name, []), afters.get(name, [])
        if len(left) > 1 or len(right) > 1:
            same, left, right = _matched(left, right)
            pairs += same
        if len(left) == len(right) == 1:
            pairs.append((left[0], right[0]))
        else:
            removed += left
            added += right
    return _renamed(pairs, removed, added)


def _matched(left: list[Item], right: list[Item]) -> tuple[list[tuple[Item, Item]], list[Item], list[Item]]:
    """Pair the equal ones of several packages of one name; return the pairs and the rest of either side."""
    waiting: dict[Item, list[Item]] = {}
    for item in right:
        waiting.setdefault(item, []).append(item)
    pairs = [(item, waiting[item].pop()) for item in left if waiting.get(item)]
    used = {id(item) for pair in pairs for item in pair}
    rest = [[item for item in items if id(item) not in used] for items in (left, right)]
    return pairs, rest[0], rest[1]


def _renamed(
    pairs: list[tuple[Item, Item]], removed: list[Item], added: list[Item]
) -> tuple[list[tuple[Item, Item]], list[Item], list[Item]]:
    """Pair packages whose name carries their CUDA, such as `cupy-cuda12x` and `cupy-cuda13x`, where CUDA changed."""
    stems: dict[str, tuple[list[Item], list[Item]]] = {}
    for side, items in enumerate((removed, added)):
        for item in items:
            if item.cuda is not None:
                stems.setdefault(_CUDA_IN_NAME.sub("", item.name), ([], []))[side].append(item)
    one_each = [(gone[0], come[0]) for gone, come in stems.values() if len(gone) == len(come) == 1]
    renamed = [(gone, come) for gone, come in one_each if gone.cuda != come.cuda]
    used = {id(item) for pair in renamed for item in pair}
    rest = [[item for item in items if id(item) not in used] for items in (removed, added)]
    return [*pairs, *renamed], rest[0], rest[1]


def _compare(old: Item, new: Item, *, is_same_format: bool) -> Change:
    aspects: list[Aspect] = ["name"] if old.name != new.name else []
    is_same_version = _is_same_version(old, new, is_same_format=is_same_format)
    shared = _digests(old) & _digests(new)
    if not is_same_version:
        aspects.append("version")
    is_same_artefact = is_same_version and shared and "unknown" in (old.cuda, new.cuda)
    if old.cuda != new.cuda and not is_same_artefact:
        aspects.append("cuda")
    if old.kind == new.kind == "registry" and "" not in (old.index, new.index) and old.index != new.index:
        aspects.append("index")
    if not _is_same_source(old, new, is_same_format=is_same_format):
        aspects.append("source")
    files = None
    if is_same_version and old.name == new.name:
        files = _compare_files(old, new) if is_same_format else _compare_hashes(old, new)
    if files is not None:
        aspects.append("files")
    return Change(old=old, new=new, aspects=tuple(aspects), files=files)


def _is_same_version(old: Item, new: Item, *, is_same_format: bool) -> bool:
    if old.version is None or new.version is None:
        return old.version == new.version or not is_same_format
    from packaging.version import InvalidVersion, Version

    try:
        return Version(old.version) == Version(new.version)
    except InvalidVersion:
        return old.version == new.version


def _is_same_source(old: Item, new: Item, *, is_same_format: bool) -> bool:
    if is_same_format and old.kind != new.kind:
        return False
    if "registry" in (old.kind, new.kind):
        return old.kind == new.kind
    commits = [_COMMIT.search(item.origin or "") for item in (old, new)]
    if commits[0] and commits[1] and not is_same_format:
        return commits[0][0] == commits[1][0]
    return not is_same_format or old.origin == new.origin


def _digests(item: Item) -> set[str]:
    return {f"{algorithm}:{digest}" for file in item.files for algorithm, digest in file.hashes.items()}


def _compare_hashes(old: Item, new: Item) -> FileChange | None:
    """Compare the files of two formats, one of which may record fewer: they differ if they share none."""
    before, after = _digests(old), _digests(new)
    algorithms = [{digest.partition(":")[0] for digest in digests} for digests in (before, after)]
    if before & after or not algorithms[0] & algorithms[1]:
        return None
    return FileChange(added=len(new.files), removed=len(old.files))


def _compare_files(old: Item, new: Item) -> FileChange | None:
    """Compare the files of one format: by their hashes, else by their names."""
    before, after = _digests(old), _digests(new)
    gone = [file for file in old.files if not _is_among(file, after)]
    come = [file for file in new.files if not _is_among(file, before)]
    named = {_label(file): file for file in come if _label(file)}
    matched = [(file, named[_label(file)]) for file in gone if _label(file) in named]
    change = FileChange(
        added=len(come) - len(matched),
        removed=len(gone) - len(matched),
        replaced=sum(1 for left, right in matched if left.hashes and right.hashes),
        hashed=sum(1 for left, right in matched if not left.hashes and right.hashes),
        unhashed=sum(1 for left, right in matched if left.hashes and not right.hashes),
    )
    return change if change != FileChange() else None


def _is_among(file: LockedFile, digests: set[str]) -> bool:
    return any(f"{algorithm}:{digest}" in digests for algorithm, digest in file.hashes.items())


def _label(file: LockedFile) -> str:
    return file.name or strip_credentials(file.url or "")
