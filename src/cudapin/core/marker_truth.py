"""Whether markers mean the same, and whether one can hold at all.

Two markers mean the same when they hold in the same environments. The environments are those an installer with a
universal lock tells apart, as uv does it (`uv-pep508`, marker algebra): one value of every variable from each
region that the clauses cut out, versions as release numbers only, each `extra` and each `in` clause a variable of
its own, and only Python versions within `requires-python`.
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.markers import FALSE, SETS, TRUE, VERSION_KEYS, Clause, Junction, Marker, MarkerError
from cudapin.core.python import ANY_PYTHON, Release, parse_release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.python import PythonRange

__all__ = ["are_equivalent", "is_possible"]

_MAX_ENVIRONMENTS = 1 << 20
_POSIX = frozenset({"linux", "darwin", "ios", "android"})
_Region = tuple[str | Release | bool, "dict[Clause, bool]"]
_ORDER = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


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
    clauses = [part for part in parts if isinstance(part, Clause) and part.key not in VERSION_KEYS]
    if len(clauses) < len(parts) or (isinstance(marker, Junction) and marker.op == "or"):
        return False
    keys = {clause.key if clause.key not in SETS else (clause.key, clause.value) for clause in clauses}
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
    if clause.key in SETS:
        return (clause.key, clause.value)
    if clause.op in {"in", "not in"} and clause.key not in VERSION_KEYS:
        return (clause.key, clause.value, "contains" if clause.is_reversed else "in")
    return ("python",) if clause.key.startswith("python_") else (clause.key,)


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
    if clauses[0].key in VERSION_KEYS:
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
