"""Environment markers as trees: parse, build, and render. `marker_truth` compares them by meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


__all__ = [
    "FALSE",
    "SETS",
    "TRUE",
    "VERSION_KEYS",
    "Clause",
    "Junction",
    "Marker",
    "MarkerError",
    "assign_extras",
    "conjunction",
    "disjunction",
    "negation",
    "parse_marker",
    "render_marker",
]


class MarkerError(ValueError):
    """A marker that cannot be read, or is too complex to be judged."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison, `key op 'value'`; with `is_reversed` it was written `'value' op key`."""

    key: str
    op: str
    value: str
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class Junction:
    """Several markers joined by `and` or `or`; none at all joined by `and` is always true, by `or` never."""

    op: Literal["and", "or"]
    parts: tuple[Marker, ...]


Marker = Union[Clause, Junction]  # noqa: UP007  # Python 3.10 evaluates it

TRUE = Junction("and", ())
FALSE = Junction("or", ())

_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<text>'[^']*'|"[^"]*")|(?P<op>===|[<>=!~]=|[<>]|not\s+in\b|in\b)"""
    r"""|(?P<join>and\b|or\b)|(?P<key>[A-Za-z_][A-Za-z0-9_.]*))"""
)
# Old spellings (PEP 345, early setuptools) that installers still read.
_ALIASES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_KEYS = frozenset(
    [
        "os_name",
        "sys_platform",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "python_version",
        "python_full_version",
        "implementation_name",
        "implementation_version",
        "extra",
        "extras",
        "dependency_groups",
    ]
)
VERSION_KEYS = frozenset({"python_version", "python_full_version", "implementation_version"})
SETS = frozenset({"extra", "extras", "dependency_groups"})
_INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_MIRROR = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
# Values of `platform_system` that are one and the same system as a value of `sys_platform`.
_SYSTEMS = {name: name.lower() for name in ("Darwin", "Linux", "AIX", "Emscripten", "Android")} | {"Windows": "win32"}


@lru_cache(maxsize=4096)
def parse_marker(text: str) -> Marker:
    r"""Read a PEP 508 marker; raise MarkerError when it is none.

    >>> render_marker(parse_marker("python_version>='3.9' and (os.name == \\"nt\\" or extra=='GPU_x')"))
    "python_version >= '3.9' and (os_name == 'nt' or extra == 'gpu-x')"
    """
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise MarkerError(f"not a marker: `{text}`")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    tokens.append(("end", ""))
    try:
        tree, rest = _read_or(tokens, 0)
    except RecursionError:
        raise MarkerError("the marker is nested too deeply") from None
    if tokens[rest][0] != "end":
        raise MarkerError(f"not a marker: `{text}`")
    return tree


def _read_or(tokens: list[tuple[str, str]], at: int) -> tuple[Marker, int]:
    return _read_joined(tokens, at, "or", lambda tokens, at: _read_joined(tokens, at, "and", _read_atom))


def _read_joined(
    tokens: list[tuple[str, str]],
    at: int,
    op: Literal["and", "or"],
    read: Callable[[list[tuple[str, str]], int], tuple[Marker, int]],
) -> tuple[Marker, int]:
    first, at = read(tokens, at)
    parts = [first]
    while tokens[at] == ("join", op):
        part, at = read(tokens, at + 1)
        parts.append(part)
    return _joined(op, parts), at


def _read_atom(tokens: list[tuple[str, str]], at: int) -> tuple[Marker, int]:
    if tokens[at] == ("paren", "("):
        tree, at = _read_or(tokens, at + 1)
        if tokens[at] != ("paren", ")"):
            raise MarkerError("a `(` is not closed")
        return tree, at + 1
    if len(tokens) < at + 4 or tokens[at + 1][0] != "op":
        raise MarkerError(f"a comparison is missing at `{tokens[at][1]}`")
    (left_kind, left), (_, op), (right_kind, right) = tokens[at : at + 3]
    if (left_kind, right_kind) == ("key", "text"):
        return _clause(left, op, right[1:-1], is_reversed=False), at + 3
    if (left_kind, right_kind) == ("text", "key"):
        return _clause(right, op, left[1:-1], is_reversed=True), at + 3
    raise MarkerError(f"`{left} {op} {right}` does not compare a variable with a text")


def _clause(key: str, op: str, value: str, *, is_reversed: bool) -> Marker:
    """Make the clause in the one form that the rest of this module knows."""
    key, op = _ALIASES.get(key, key), " ".join(op.split()).replace("===", "==")
    if key not in _KEYS:
        raise MarkerError(f"there is no marker variable `{key}`")
    if key in SETS:
        value = re.sub(r"[-_.]+", "-", value).lower()
    if "in" in op.split():
        return Clause(key, op, value, is_reversed)
    if is_reversed:
        op = _MIRROR.get(op, op)
    if op == "~=":
        if key not in VERSION_KEYS or "." not in value:
            raise MarkerError(f"`{key} ~= '{value}'` has no meaning")
        prefix = value.rpartition(".")[0]
        return Junction("and", (Clause(key, ">=", value), Clause(key, "==", f"{prefix}.*")))
    if key == "platform_system" and value in _SYSTEMS:
        key, value = "sys_platform", _SYSTEMS[value]
    return Clause(key, op, value)


def _joined(op: Literal["and", "or"], parts: Iterable[Marker]) -> Marker:
    """Join, flattening equal operators and folding constants and repetitions."""
    neutral, absorbing = (TRUE, FALSE) if op == "and" else (FALSE, TRUE)
    flat: dict[Marker, None] = {}
    for part in parts:
        if part == absorbing:
            return absorbing
        if part != neutral:
            flat.update(dict.fromkeys(part.parts if isinstance(part, Junction) and part.op == op else (part,)))
    return next(iter(flat)) if len(flat) == 1 else Junction(op, tuple(flat))


def conjunction(*parts: Marker) -> Marker:
    """Return the marker that holds where all of them hold."""
    return _joined("and", parts)


def disjunction(*parts: Marker) -> Marker:
    """Return the marker that holds where any of them holds."""
    return _joined("or", parts)


def negation(marker: Marker) -> Marker:
    """Return the marker that holds where this one does not."""
    if isinstance(marker, Clause):
        return Clause(marker.key, _INVERSE[marker.op], marker.value, marker.is_reversed)
    return _joined("or" if marker.op == "and" else "and", map(negation, marker.parts))


def assign_extras(marker: Marker, active: frozenset[str]) -> Marker:
    """Return the marker with each `extra` clause replaced by whether `active` holds that extra."""
    if isinstance(marker, Junction):
        return _joined(marker.op, (assign_extras(part, active) for part in marker.parts))
    if marker.key != "extra":
        return marker
    return TRUE if (marker.value in active) == (marker.op in {"==", "in"}) else FALSE


def render_marker(marker: Marker) -> str:
    """Return the PEP 508 text; of `TRUE` and `FALSE`, which have none, a comparison that says so."""
    if isinstance(marker, Clause):
        left, right = marker.key, f"'{marker.value}'"
        return f"{right} {marker.op} {left}" if marker.is_reversed else f"{left} {marker.op} {right}"
    if not marker.parts:
        return "python_version >= '0'" if marker.op == "and" else "python_version < '0'"
    texts = (
        f"({render_marker(part)})" if isinstance(part, Junction) and part.op == "or" else render_marker(part)
        for part in marker.parts
    )
    return f" {marker.op} ".join(texts)
