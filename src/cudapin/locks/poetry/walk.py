"""The walk through a `poetry.lock` from before lock-version 2.1, which does not record what is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.markers import MarkerError
from cudapin.locks.poetry.constraint import allows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cudapin.locks.poetry.package import PoetryEdge, PoetryPackage
    from cudapin.locks.poetry.root import RootRequirement
    from cudapin.locks.poetry.truth import Truth

__all__ = ["AmbiguousError", "Walk", "accepts", "required_edges"]

_MAX_PASSES = 20
_Demand = tuple[tuple[str, ...], "str | None"]


class AmbiguousError(Exception):
    """A lock that does not say which of its packages are selected."""


def accepts(package: PoetryPackage, item: RootRequirement) -> bool:
    """Tell whether a package can be what a requirement of the project asks for."""
    return item.is_direct or package.kind != "registry" or _meets(package, (item.constraints, item.source))


class Walk:
    """One walk through a lock that does not record what is selected."""

    def __init__(
        self,
        packages: Sequence[PoetryPackage],
        wanted: list[RootRequirement],
        truth: Truth,
        extras: frozenset[str],
    ) -> None:
        self.by_name: dict[str, list[PoetryPackage]] = {}
        for package in packages:
            if truth.has_python(package.python_versions):
                self.by_name.setdefault(package.name, []).append(package)
        self.truth = truth
        try:
            self.start = [item for item in wanted if all(truth.holds(marker, extras) for marker in item.markers)]
        except MarkerError as error:
            raise AmbiguousError(f"what the project asks for cannot be read: {error}") from error
        self.demands: dict[str, set[_Demand]] = {}

    def run(self) -> list[PoetryPackage]:
        """Walk until no requirement is met on the way that was not known before."""
        for _ in range(_MAX_PASSES):
            demands, reached = self._pass()
            if demands == self.demands:
                return reached
            self.demands = demands
        raise AmbiguousError("its packages can be chosen in several ways")

    def _pass(self) -> tuple[dict[str, set[_Demand]], list[PoetryPackage]]:
        demands: dict[str, set[_Demand]] = {}
        reached: dict[str, PoetryPackage] = {}
        active: dict[str, set[str]] = {}
        todo: list[tuple[str, _Demand, frozenset[str]]] = [
            (item.name, (() if item.is_direct else item.constraints, item.source), item.extras) for item in self.start
        ]
        while todo:
            name, demand, extras = todo.pop()
            demands.setdefault(name, set()).add(demand)
            package = reached.get(name) or self._choose(name)
            if package is None:
                continue
            before = active.get(name)
            if before is not None and extras <= before:
                continue
            reached[name] = package
            active[name] = (before or set()) | extras
            todo += [
                (edge.name, (() if edge.constraint is None else (edge.constraint,), None), edge.extras)
                for edge in required_edges(package, self.truth, frozenset(active[name]))
            ]
        return demands, list(reached.values())

    def _choose(self, name: str) -> PoetryPackage | None:
        """Return the highest version of a name that all known requirements allow, else the highest of all."""
        candidates = self.by_name.get(name, [])
        fitting = [
            package for package in candidates if all(_meets(package, demand) for demand in self.demands.get(name, ()))
        ]
        versions = sorted(fitting or candidates, key=_version_key, reverse=True)
        if len(versions) > 1 and versions[0].version == versions[1].version and name in self.demands:
            raise AmbiguousError(f"it holds `{name}` {versions[0].version} twice")
        return versions[0] if versions else None


def _meets(package: PoetryPackage, demand: _Demand) -> bool:
    constraints, source = demand
    if source is not None and package.reference not in (None, source):
        return False
    return all(allows(constraint, package.version) is not False for constraint in constraints)


def _version_key(package: PoetryPackage) -> tuple[bool, object]:
    from packaging.version import Version

    try:
        return True, Version(package.version)
    except ValueError:
        return False, package.version


def required_edges(package: PoetryPackage, truth: Truth, extras: frozenset[str]) -> Iterator[PoetryEdge]:
    """Yield the dependencies of a package that count with these of its extras."""
    named = frozenset().union(*(package.extras.get(extra, frozenset()) for extra in extras))
    for edge in package.edges:
        if edge.is_optional and edge.name not in named:
            continue
        if truth.has_python(edge.python) and truth.holds(edge.marker, extras):
            yield edge
