"""The running interpreter as a target."""

from __future__ import annotations

from cudapin.core.target import Target

__all__ = ["running_target"]


def running_target() -> Target:
    """Return the PEP 508 environment and the wheel tags of the interpreter that runs this."""
    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    return Target({key: str(value) for key, value in default_environment().items()}, sys_tags)
