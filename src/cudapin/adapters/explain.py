"""The texts of `cudapin explain`, which ship with cudapin."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from typing import TYPE_CHECKING

import tomli

from cudapin.core.explain import parse_explanations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.explain import Explanation
    from cudapin.errors import Code

__all__ = ["read_explanations"]


@lru_cache(maxsize=1)
def read_explanations() -> Mapping[Code, Explanation]:
    """Return the long form of every code."""
    content = pkgutil.get_data("cudapin", "data/explain.toml")
    if content is None:  # pragma: no cover - only a loader without `get_data` answers so
        missing = "cudapin/data/explain.toml"
        raise FileNotFoundError(missing)
    return parse_explanations(tomli.loads(content.decode()))
