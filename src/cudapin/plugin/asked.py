"""What the settings of one call of the build backend ask for, as long as hatchling runs: the hooks look here.

A hook gets no settings from hatchling, and an environment variable would go on to other projects and processes.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cudapin.plugin.variables import export_request, requested_variant, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cudapin.core.select import Choice
    from cudapin.gate import Gate

__all__ = ["Asked", "asked", "asking", "choose_asked", "open_asked", "requested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The variant by name; the label of the wheel, which then has the plain name and version (PEP 825).

    `stamps_metadata`: the backend stamps the metadata that it was asked for, so that the metadata hook must not.
    """

    variant: str | None = None
    label: str | None = None
    stamps_metadata: bool = False


_asked: ContextVar[Asked] = ContextVar("asked", default=Asked())  # noqa: B039  (frozen)


def asked() -> Asked:
    """Return what is asked for now; nothing where another backend or hatch itself builds."""
    return _asked.get()


@contextmanager
def asking(what: Asked) -> Iterator[None]:
    """Have hooks see a request, and other hooks its name in `CUDAPIN_VARIANT`, until the block ends."""
    token = _asked.set(what)
    if what.variant is not None:
        export_request(what.variant)
    try:
        yield
    finally:
        _asked.reset(token)
        if what.variant is not None:
            withdraw()


def requested() -> tuple[str | None, str]:
    """Return the variant that the user names (None: none), and what names it, for messages."""
    name = asked().variant
    return (requested_variant(), "CUDAPIN_VARIANT") if name is None else (name, "`-C variant`")


def open_asked(root: Path, environ: Mapping[str, str]) -> Gate:
    """Read the project at `root` for what is asked. Raises as `open_gate` does.

    Wheels with a label share name and version and differ in nothing that is spelled, so the default is one of them.
    """
    from cudapin.gate import open_gate

    gate = open_gate(root, environ)
    if asked().label is not None:
        gate.config = replace(gate.config, spelling="none", name=None, spell_default=True)
    return gate


def choose_asked(gate: Gate) -> Choice | None:
    """Return the variant that is asked for, else the default. Raises ConfigError for a name that is none."""
    return gate.choose(*requested())
