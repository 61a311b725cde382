"""Which tree of a package index a file belongs to: by cudapin's record, else by its local version. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.cuda import cuda_of_variant_name
from cudapin.core.names import normalise
from cudapin.core.values import is_label, is_name
from cudapin.core.wheel_name import split_label
from cudapin.errors import Code, Problem, Where
from cudapin.release.index_page import COMBINED, LABELLED, is_labelled, name_and_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Found", "find_tree", "is_spelled", "judge_file", "judge_names", "two_of_one_name", "variant_of_version"]

_OTHERS = ("cpu", "xpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A wheel or sdist as it was found: the path that messages show, its file name, and what it says of itself."""

    shown: str
    filename: str
    name: str
    version: str
    requires_python: str | None = None
    metadata: bytes | None = None
    record: Mapping[str, Any] | None = None
    record_fault: str | None = None
    variant_json: bytes | None = None


def variant_of_version(version: str) -> str | None:
    """Return the variant that a local version names, as PyTorch's do; None for one that says something else.

    >>> variant_of_version("2.9.0+cu128")
    'cu128'
    >>> variant_of_version("1.2.dev3+gabc") is None
    True
    """
    label = version.partition("+")[2].lower()
    first = label.replace("-", ".").replace("_", ".").partition(".")[0]
    if label.startswith("rocm"):
        return label if is_label(label) else None
    return first if first in _OTHERS or cuda_of_variant_name(first) is not None else None


def find_tree(found: Found) -> str:
    """Return the tree of a file that `judge_file` finds nothing against; COMBINED for one that says no variant."""
    if is_labelled(found.filename):
        return LABELLED
    if not found.filename.endswith(".whl"):
        return COMBINED
    return _recorded(found) or variant_of_version(found.version) or COMBINED


def _recorded(found: Found) -> str | None:
    variant = (found.record or {}).get("variant")
    return variant if isinstance(variant, str) else None


def judge_file(found: Found) -> Iterable[Problem]:
    """Return what keeps a file out of any index: a name that it does not have, a record of no sense."""
    name, version = name_and_version(found.filename)
    wanted = _comparable(version)
    if (
        wanted is None
        or not is_name(found.name)
        or (name, wanted) != (normalise(found.name), _comparable(found.version))
    ):
        yield _unfit(
            found,
            f"`{found.filename}` is not what its name says",
            f"wanted {name} {version}, its metadata says {found.name} {found.version}",
            "build it anew, and do not rename it: installers refuse such a file",
        )
    elif found.filename.endswith(".whl") and not _is_wheel_name(found.filename):
        why = "wanted `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`"
        yield _unfit(found, f"`{found.filename}` is no name of a wheel", why, "build it anew, and do not rename it")
    if found.record_fault is not None:
        yield _unfit(
            found, f"the record of `{found.filename}` cannot be read", found.record_fault, "build the wheel anew"
        )
    yield from _judge_variant(found)


def _judge_variant(found: Found) -> Iterable[Problem]:
    recorded, said = _recorded(found), variant_of_version(found.version)
    if recorded is None:
        return
    if not is_label(recorded) or recorded == LABELLED:
        why = f"`{recorded}` cannot be the name of a folder beside those of other variants"
        yield _unfit(found, f"`{found.filename}` is of a variant that no index can have", why, "rename the variant")
    elif said is not None and not is_spelled(recorded, found.version):
        yield _unfit(
            found,
            f"`{found.filename}` says that it is of two variants",
            f"its version says `{said}`, its record `{recorded}`",
            "build it anew, and do not rename it",
        )


def is_spelled(variant: str, version: str) -> bool:
    """Tell whether a variant's name stands first in a local version, as PEP 440 writes it."""
    from packaging.version import InvalidVersion, Version

    try:
        local, label = Version(version).local or "", Version(f"0+{variant}").local
    except InvalidVersion:
        return False
    return local == label or local.startswith(f"{label}.")


def judge_names(placed: Iterable[tuple[str, str]]) -> Iterable[Problem]:
    """Return a problem for each name that would be both a project and a variant; given as pairs of tree and file."""
    pairs = list(placed)
    trees = {tree for tree, _ in pairs if tree} | {LABELLED}
    for name in sorted({name_and_version(filename)[0] for _, filename in pairs} & trees):
        yield Problem(
            code=Code.CP712,
            what=f"`{name}` is a project and a variant",
            why=f"the page of the project and the index of the variant would both be `whl/{name}/`",
            fix="index that project in a folder of its own",
        )


def two_of_one_name(filename: str, one: str, other: str) -> Problem:
    """Say that two files of one name are different; `one` and `other` are where they lie."""
    return Problem(
        code=Code.CP711,
        what=f"there are two different files `{filename}`",
        where=Where(path=other),
        why=f"`{one}` and `{other}` differ; installers keep one hash for a name, and caches one file",
        fix="give each its own version or name (`spelling`, `name`), or keep them in an index each",
    )


def _is_wheel_name(filename: str) -> bool:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        parse_wheel_filename(split_label(filename)[0])
    except InvalidWheelFilename:
        return False
    return True


def _comparable(version: str) -> object:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return None


def _unfit(found: Found, what: str, why: str, fix: str) -> Problem:
    return Problem(code=Code.CP712, what=what, where=Where(path=found.shown), why=why, fix=fix)
