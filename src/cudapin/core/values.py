"""The forms that a single value of `[tool.cudapin]` may have: each gives the value, or None for anything else."""

from __future__ import annotations

import datetime as dt
import keyword
import re
from typing import TYPE_CHECKING, cast

from cudapin.core.cuda import parse_cuda

if TYPE_CHECKING:
    from cudapin.core.cuda import CudaVersion

__all__ = [
    "GUARD_FORM",
    "as_archs",
    "as_cudas",
    "as_date",
    "as_driver",
    "as_guard",
    "as_marker",
    "as_markers",
    "as_platforms",
    "as_requirements",
    "as_specifier",
    "is_label",
    "is_name",
]


def as_cudas(value: object) -> tuple[CudaVersion, ...] | None:
    """Return the CUDA versions of a string or a list of strings."""
    items = value if isinstance(value, list) else [value]
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):  # the number 12.10 would read as 12.1
        return None
    try:
        return tuple(parse_cuda(text) for text in texts)
    except ValueError:
        return None


def as_archs(value: object) -> tuple[str, ...] | None:
    """Return compute capabilities such as `9.0`, `9.0a` or `12.0+ptx`."""
    if isinstance(value, list) and all(re.fullmatch(r"\d{1,2}\.\d[af]?(\+ptx)?", str(item)) for item in value):
        return tuple(str(item) for item in value)
    return None


def as_driver(value: object) -> str | None:
    """Return a driver version such as `570.86.10`."""
    return value if isinstance(value, str) and re.fullmatch(r"\d{3,}(\.\d+)*", value) else None


def as_date(value: object) -> dt.date | None:
    """Return a date, written as TOML or ISO 8601 writes it."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, dt.date) and not isinstance(value, dt.datetime) else None


def as_marker(value: object) -> str | None:
    """Return an environment marker (PEP 508) that can be evaluated."""
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison

    if not isinstance(value, str):
        return None
    try:
        marker = Marker(value)
        marker.evaluate()  # `sys_platform ~= 'linux'` can be written, but not compared
    except (InvalidMarker, UndefinedComparison, RecursionError):
        return None
    return str(marker)


def as_markers(value: object) -> tuple[str, ...] | None:
    """Return a list of environment markers."""
    markers = [as_marker(item) for item in value] if isinstance(value, list) else [None]
    return None if None in markers else tuple(cast("list[str]", markers))


def as_specifier(value: object) -> str | None:
    """Return a version specifier (PEP 440)."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(value)) if isinstance(value, str) else None
    except InvalidSpecifier:
        return None


def as_requirements(value: object) -> tuple[str, ...] | None:
    """Return a list of requirements (PEP 508)."""
    from packaging.requirements import InvalidRequirement, Requirement

    if not isinstance(value, list):
        return None
    try:
        return tuple(str(Requirement(item)) for item in value)
    except (InvalidRequirement, TypeError):
        return None


_PLATFORM = re.compile(r"(linux|(many|musl)linux(1|2010|2014|_\d+_\d+)|win|macosx_\d+_\d+)_[a-z0-9_]+|win32")


def as_platforms(value: object) -> tuple[str, ...] | None:
    """Return platform tags, one or a list: `manylinux_2_28_x86_64` and the like, or `any` alone."""
    items = [value] if isinstance(value, str) else value
    if items == ["any"]:
        return ("any",)
    if isinstance(items, list) and items and all(_PLATFORM.fullmatch(str(item)) for item in items):
        return tuple(str(item) for item in items)
    return None


GUARD_FORM = "a relative path of a module inside the project, such as `src/pkg/_cudapin.py`"


def as_guard(value: object) -> str | None:
    """Return a relative path that ends in `.py` and leads to a module that can be imported, not to a whole package."""
    if not isinstance(value, str):
        return None
    *folders, name = value.split("/")
    stem = name.removesuffix(".py")
    is_module = stem != name and stem.isidentifier() and not keyword.iskeyword(stem) and not stem.startswith("__")
    is_inside = all(
        folder.strip(". ") and folder.isprintable() and not set(folder) & set('\\:*?"<>|') for folder in folders
    )
    return value if is_module and is_inside else None


def is_label(name: str) -> bool:
    """Tell whether a name can be a variant: it becomes part of a version."""
    return re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", name) is not None


def is_name(name: str) -> bool:
    """Tell whether a text is a project name (PEP 508)."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) is not None
