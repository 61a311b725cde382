"""The template of the runtime guard, which ships with cudapin. Standard library only, as `python -m cudapin.guard`."""

from __future__ import annotations

import pkgutil

__all__ = ["read_template"]


def read_template() -> str:
    """Return the text of the template."""
    content = pkgutil.get_data("cudapin", "data/guard_template.py")
    if content is None:  # pragma: no cover - only a loader without `get_data` answers so
        missing = "cudapin/data/guard_template.py"
        raise FileNotFoundError(missing)
    return content.decode().replace("\r\n", "\n")
