"""Names of packages, extras and groups, as the packaging standards compare them."""

from __future__ import annotations

import re

__all__ = ["normalise"]

_SEPARATORS = re.compile(r"[-_.]+")


def normalise(name: str) -> str:
    """Return the normalised form of a name (PEP 503, PEP 685, PEP 735)."""
    # As `packaging.utils.canonicalize_name`, without the time that loading it takes.
    return _SEPARATORS.sub("-", name).lower()
