"""Environment markers as trees: build, render, and compare by meaning.

Two markers mean the same when they hold in the same environments. The environments are those an installer with a
universal lock tells apart, as uv does it (`uv-pep508`, marker algebra): one value of every variable from each
region that the clauses cut out, versions as release numbers only, each `extra` and each `in` clause a variable of
its own, and only Python versions within `requires-python`.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Union

from cudapin.core.python import ANY_PYTHON, Release, parse_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cudapin.core.python import PythonRange

__all__ = [
    "FALSE",
    "TRUE",
    "Clause",
    "Junction",
    "Marker",
    "MarkerError",
    "are_equivalent",
    "assign_extras",
    "conjunction",
    "disjunction",
    "is_possible",
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

_MAX_ENVIRONMENTS = 1 << 20
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
_VERSION_KEYS = frozenset({"python_version", "python_full_version", "implementation_version"})
_SETS = frozenset({"extra", "extras", "dependency_groups"})
_INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_MIRROR = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
# Values of `platform_system` that are one and the same system as a value of `sys_platform`.
_SYSTEMS = {name: name.lower() for name in ("Darwin", "Linux", "AIX", "Emscripten", "Android")} | {"Windows": "win32"}
_POSIX = frozenset({"linux", "darwin", "ios", "android"})


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
    if key in _SETS:
        value = re.sub(r"[-_.]+", "-", value).lower()
    if "in" in op.split():
        return Clause(key, op, value, is_reversed)
    if is_reversed:
        op = _MIRROR.get(op, op)
    if op == "~=":
        if key not in _VERSION_KEYS or "." not in value:
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


def are_equivalent(left: Marker, right: Marker, python: PythonRange = ANY_PYTHON) -> bool:
    """Tell whether both hold in the same environments; raise MarkerError when there are too many to try."""
    if left == right or _same_parts(left, right):
        return True
    if _asks_for_more(left, right) or _asks_for_more(right, left):
        return not is_possible(left, python) and not is_possible(right, python)
    truth, possible = _truth_table((left, right), python)
    return not (_where(left, truth, possible) ^ _where(right, truth, possible)) & possible


@lru_cache(maxsize=1024)
def is_possible(marker: Marker, python: PythonRange = ANY_PYTHON) -> bool:
    """Tell whether there is an environment in which the marker holds; raise MarkerError when too many to try."""
    if marker in (TRUE, FALSE):
        return marker == TRUE
    if _is_plainly_possible(marker):
        return True
    truth, possible = _truth_table((marker,), python)
    return bool(_where(marker, truth, possible) & possible)


def _same_parts(left: Marker, right: Marker) -> bool:
    if not isinstance(left, Junction) or not isinstance(right, Junction) or left.op != right.op:
        return False
    return set(left.parts) == set(right.parts)


def _asks_for_more(left: Marker, right: Marker) -> bool:
    """Tell whether one wants an extra of which the other says nothing: then only impossible ones are equivalent."""
    parts = left.parts if isinstance(left, Junction) and left.op == "and" else (left,)
    asked = {part.value for part in parts if isinstance(part, Clause) and (part.key, part.op) == ("extra", "==")}
    return bool(asked) and not asked <= {clause.value for clause in _clauses(right) if clause.key == "extra"}


def _is_plainly_possible(marker: Marker) -> bool:
    """Tell whether it asks one thing of each variable, and nothing of versions: nothing there can exclude another."""
    parts = marker.parts if isinstance(marker, Junction) else (marker,)
    clauses = [part for part in parts if isinstance(part, Clause) and part.key not in _VERSION_KEYS]
    if len(clauses) < len(parts) or (isinstance(marker, Junction) and marker.op == "or"):
        return False
    keys = {clause.key if clause.key not in _SETS else (clause.key, clause.value) for clause in clauses}
    return len(keys) == len(clauses) and "os_name" not in keys and all(clause.op in {"==", "!="} for clause in clauses)


def _where(marker: Marker, truth: Mapping[Clause, int], possible: int) -> int:
    """Return the environments, one bit each, in which the marker holds; where none is possible, any bit will do."""
    if isinstance(marker, Clause):
        return truth[marker]
    result = possible if marker.op == "and" else 0
    for part in marker.parts:
        found = _where(part, truth, possible)
        result = result & found if marker.op == "and" else result | found
    return result


def _clauses(marker: Marker) -> Iterator[Clause]:
    if isinstance(marker, Clause):
        yield marker
    else:
        for part in marker.parts:
            yield from _clauses(part)


def _variable(clause: Clause) -> tuple[str, ...]:
    """Return what the clause is about; clauses on different variables are independent of each other."""
    if clause.key in _SETS:
        return (clause.key, clause.value)
    if clause.op in {"in", "not in"} and clause.key not in _VERSION_KEYS:
        return (clause.key, clause.value, "contains" if clause.is_reversed else "in")
    return ("python",) if clause.key.startswith("python_") else (clause.key,)


_Region = tuple[str | Release | bool, "dict[Clause, bool]"]


def _truth_table(markers: Iterable[Marker], python: PythonRange) -> tuple[dict[Clause, int], int]:
    """Return for each clause the distinguishable environments in which it holds, and those that there can be.

    A set of environments is a number with one bit for each. They are counted like the digits of a number: each
    variable is a digit, its regions are the values.
    """
    by_variable: dict[tuple[str, ...], list[Clause]] = {}
    for clause in dict.fromkeys(clause for marker in markers for clause in _clauses(marker)):
        by_variable.setdefault(_variable(clause), []).append(clause)
    regions = {variable: _regions(variable, clauses, python) for variable, clauses in by_variable.items()}
    count = math.prod(map(len, regions.values()))
    if count > _MAX_ENVIRONMENTS:
        raise MarkerError(f"the markers tell {count} environments apart, too many to compare")
    truth: dict[Clause, int] = dict.fromkeys((clause for clauses in by_variable.values() for clause in clauses), 0)
    if not count:
        return truth, 0
    everywhere, stride = (1 << count) - 1, 1
    named: dict[tuple[str, ...], list[tuple[str | Release | bool, int]]] = {}
    for variable, found in regions.items():
        repeated = everywhere // ((1 << stride * len(found)) - 1)
        named[variable] = []
        for index, (sample, holds) in enumerate(found):
            here = (((1 << stride) - 1) << (index * stride)) * repeated
            named[variable].append((sample, here))
            for clause, is_true in holds.items():
                truth[clause] |= here if is_true else 0
        stride *= len(found)
    for os_name, os_bits in named.get(("os_name",), ()):
        for platform, platform_bits in named.get(("sys_platform",), ()):
            if not _is_coherent(os_name, platform):
                everywhere &= ~(os_bits & platform_bits)
    return truth, everywhere


def _is_coherent(os_name: str | Release | bool, platform: str | Release | bool) -> bool:  # noqa: FBT001
    """Tell whether a system can have both; only pairs that uv knows to exclude each other count."""
    return not (os_name == "nt" and platform in _POSIX) and not (os_name == "posix" and platform == "win32")


def _regions(variable: tuple[str, ...], clauses: list[Clause], python: PythonRange) -> list[_Region]:
    """Return one sample value, with the truth of the clauses, for each region that the clauses cut out."""
    if len(variable) > 1:
        return [
            (value, {clause: value == (clause.op in {"==", "in"}) for clause in clauses}) for value in (True, False)
        ]
    samples: Iterable[str | Release]
    if clauses[0].key in _VERSION_KEYS:
        samples = _version_samples(clauses, python if variable == ("python",) else ANY_PYTHON)
    else:
        values = {clause.value for clause in clauses}
        samples = sorted(values | {value + "\x00" for value in values} | {""})
    regions: dict[tuple[bool, ...] | tuple[object, ...], _Region] = {}
    for sample in samples:
        truth = {clause: _compare(clause, sample) for clause in clauses}
        # A platform is kept by name too: coherence with `os_name` is asked of the value.
        named = sample if variable[0] in {"os_name", "sys_platform"} else None
        regions.setdefault((*truth.values(), named), (sample, truth))
    return list(regions.values())


def _version_samples(clauses: list[Clause], python: PythonRange) -> list[Release]:
    """Return every boundary that a clause or the range names, and a value below, between and above them."""
    edges = {()} | {edge for clause in clauses for edge in _edges(clause)} | set(python.edges)
    samples = sorted(edges | {(*edge, *(0,) * (4 - len(edge)), 1) for edge in edges})
    return [sample for sample in samples if python.contains(sample)]


def _edges(clause: Clause) -> Iterator[Release]:
    for text in _operands(clause):
        release = _release(text.removesuffix(".*"))
        if clause.key == "python_version":
            release = release[:2]
        yield _trim(release)
        if text.endswith(".*") or clause.key == "python_version":
            release = (*release, *(0,) * (2 - len(release))) if clause.key == "python_version" else release
            yield (*release[:-1], release[-1] + 1)


def _operands(clause: Clause) -> list[str]:
    if clause.op in {"in", "not in"}:
        return clause.value.replace(",", " ").split()
    return [clause.value]


def _release(text: str) -> Release:
    release = parse_release(text)
    if release is None:
        raise MarkerError(f"`{text}` is no version")
    return release


def _trim(release: Release) -> Release:
    while release and not release[-1]:
        release = release[:-1]
    return release


_ORDER = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compare(clause: Clause, sample: str | Release) -> bool:
    """Evaluate the clause for one value of its variable."""
    if isinstance(sample, str):
        return bool(_ORDER[clause.op](sample, clause.value))
    if clause.key == "python_version":
        sample = _trim(sample[:2])
    if clause.op in {"in", "not in"}:
        return (sample in [_trim(_release(text)) for text in _operands(clause)]) == (clause.op == "in")
    if clause.value.endswith(".*"):
        prefix = _release(clause.value[:-2])
        padded = (*sample, *(0,) * (len(prefix) - len(sample)))
        return (padded[: len(prefix)] == prefix) == (clause.op == "==")
    return bool(_ORDER[clause.op](sample, _trim(_release(clause.value))))
