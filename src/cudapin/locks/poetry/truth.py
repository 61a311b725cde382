"""Whether markers and version constraints hold in one environment."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.markers import FALSE, TRUE, MarkerError, assign_extras, parse_marker, render_marker
from cudapin.locks.poetry.constraint import allows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.markers import Marker as PackagingMarker

__all__ = ["Truth"]


class Truth:
    """One environment; markers that were evaluated are remembered."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**environment, "extra": ""}
        self._known: dict[tuple[str, frozenset[str]], bool] = {}

    def holds(self, marker: str | None, extras: frozenset[str]) -> bool:
        """Evaluate a marker with these extras chosen; raise MarkerError where it cannot be read."""
        if marker is None or not marker.strip():
            return True
        if (marker, extras) not in self._known:
            self._known[marker, extras] = self._evaluate(marker, extras)
        return self._known[marker, extras]

    def _evaluate(self, marker: str, extras: frozenset[str]) -> bool:
        from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

        try:
            rest = assign_extras(parse_marker(marker), extras)
            if rest in (TRUE, FALSE):
                return rest == TRUE
            return _packaging_marker(render_marker(rest)).evaluate(self.environment)
        except MarkerError:
            raise
        except (UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError) as error:
            raise MarkerError(f"`{marker}` cannot be evaluated") from error

    def has_python(self, constraint: str | None) -> bool:
        """Tell whether the environment's Python satisfies a constraint; one that cannot be read excludes nothing."""
        return constraint is None or allows(constraint, self.environment["python_full_version"]) is not False


@lru_cache(maxsize=4096)
def _packaging_marker(text: str) -> PackagingMarker:
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(text)
    except InvalidMarker as error:
        raise MarkerError(f"not a marker: `{text}`") from error
