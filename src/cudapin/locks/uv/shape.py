"""The shape of a `uv.lock`: which key holds what type. Keys that are not named here are let through.

A shape is a type, a list with the shape of its items, a `Table` of keys, a `Map` of any keys to one shape, or a
tuple of alternatives. Keys marked with `!` must be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.locks.uv.text import EdgeText, MarkerText, PackageText, WheelText, lock_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Source

__all__ = ["check_shape"]


class _Map:
    """A table of any keys, all with values of one shape."""

    def __init__(self, item: object) -> None:
        self.item = item


_SOURCE = dict.fromkeys(("registry", "git", "url", "path", "directory", "editable", "virtual", "subdirectory"), str)
_EDGES = [{"name!": str, "version": str, "source": _SOURCE, "marker": str, "extra": [str]}]
_REQUIREMENT: dict[str, object] = {
    "name!": str,
    "marker": str,
    "specifier": str,
    "extras": [str],
    "index": str,
    "conflict": {"package": str, "extra": str, "group": str},
} | {key: str for key in _SOURCE if key != "registry"}
_FILE = {"url": str, "path": str, "filename": str, "hash": str}
_PACKAGE = {
    "name!": str,
    "version": str,
    "source!": _SOURCE,
    "resolution-markers": (MarkerText, [str]),
    "dependencies": (EdgeText, _EDGES),
    "optional-dependencies": _Map(_EDGES),
    "dev-dependencies": _Map(_EDGES),
    "group-requires-python": _Map(str),
    "default-groups": (str, [str]),
    "sdist": _FILE,
    "wheels": (WheelText, [_FILE]),
    "metadata": {
        "requires-dist": [_REQUIREMENT],
        "provides-extras": [str],
        "requires-dev": _Map([_REQUIREMENT]),
    },
}
_STATIC = {
    "name!": str,
    "version": str,
    "requires-dist": [str],
    "requires-python": str,
    "provides-extras": [str],
}
_LOCK = {
    "revision": int,
    "requires-python!": str,
    "resolution-markers": [str],
    "supported-markers": [str],
    "required-markers": [str],
    "conflicts": [[{"package": str, "extra": str, "group": str}]],
    "options": {
        "resolution-mode": str,
        "prerelease-mode": str,
        "fork-strategy": str,
        "exclude-newer": str,
        "exclude-newer-span": str,
        "exclude-newer-package": _Map((str, bool, {"timestamp": str, "span": str})),
        "prerelease-package": _Map(str),
    },
    "manifest": {
        "members": [str],
        "requirements": [_REQUIREMENT],
        "constraints": [_REQUIREMENT],
        "overrides": [dict],
        "excludes": [(str, dict)],
        "build-constraints": [_REQUIREMENT],
        "dependency-groups": _Map([_REQUIREMENT]),
        "dependency-metadata": [_STATIC],
    },
    "package": [_PACKAGE],
}
_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    dict: "a table",
    WheelText: "an array",
    EdgeText: "an array",
    MarkerText: "an array",
}


class _Mismatch(Exception):
    """A value of the wrong type, with its key path as far as it is known."""

    def __init__(self, wanted: str, found: object) -> None:
        self.path: list[str] = []
        self.wanted = wanted
        self.found = found


def check_shape(source: Source, table: Mapping[str, Any], lines: tuple[int | None, ...]) -> None:
    """Raise LockError for the first value that is missing or has the wrong type."""
    packages = table.get("package", [])
    try:
        _check({key: value for key, value in table.items() if key != "package"}, _LOCK)
        _check(packages, list)
    except _Mismatch as error:
        raise _lock_error(source, error, None) from None
    for package, line in zip(packages, lines, strict=False):
        if type(package) is PackageText:
            continue
        try:
            _check(package, _PACKAGE)
        except _Mismatch as error:
            error.path.append("package")
            raise _lock_error(source, error, line) from None


def _lock_error(source: Source, error: _Mismatch, line: int | None) -> Exception:
    key = ".".join(reversed(error.path))
    if error.found is None:
        return lock_error(source, f"lacks `{key}`", f"uv writes {error.wanted} there", line=line, key=key)
    found = next((name for kind, name in _TYPE_NAMES.items() if type(error.found) is kind), "another type")
    found = "an array" if isinstance(error.found, list) else found
    why = f"wanted {error.wanted}, found {found}"
    return lock_error(source, f"has a value of the wrong type at `{key}`", why, line=line, key=key)


def _check(value: object, shape: Any) -> None:  # noqa: ANN401
    if isinstance(shape, type):
        if type(value) is not shape:
            raise _Mismatch(_TYPE_NAMES.get(shape, "an array"), value)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _Mismatch("an array", value)
        for index, item in enumerate(value):
            _check_at(f"{index}", item, shape[0])
    elif isinstance(shape, tuple):
        _check_any(value, shape)
    elif not isinstance(value, dict):
        raise _Mismatch("a table", value)
    elif isinstance(shape, _Map):
        for key, item in value.items():
            _check_at(key, item, shape.item)
    else:
        _check_keys(value, shape)


def _check_keys(value: Mapping[str, object], shape: Mapping[str, object]) -> None:
    for key, item_shape in shape.items():
        name = key.rstrip("!")
        item = value.get(name)
        if item is None:
            if name != key:
                _check_at(name, None, item_shape)
        elif type(item) is not item_shape:
            _check_at(name, item, item_shape)


def _check_any(value: object, shapes: tuple[Any, ...]) -> None:
    wanted: list[str] = []
    for shape in shapes:
        try:
            return _check(value, shape)
        except _Mismatch as error:
            if error.path:
                raise
            wanted.append(error.wanted)
    raise _Mismatch(" or ".join(dict.fromkeys(wanted)), value)


def _check_at(key: str, value: object, shape: Any) -> None:  # noqa: ANN401
    try:
        _check(value, shape)
    except _Mismatch as error:
        error.path.append(key)
        raise
