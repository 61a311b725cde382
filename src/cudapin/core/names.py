"""Names of packages, extras and groups, as the packaging standards compare them."""

from __future__ import annotations

__all__ = ["normalise"]


def normalise(name: str) -> str:
    """Return the normalised form of a name (PEP 503, PEP 685, PEP 735)."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
