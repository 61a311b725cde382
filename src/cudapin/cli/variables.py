"""The environment variables that a build would stop at: every command that judges a project says so, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.select import undeclared
from cudapin.errors import ConfigError
from cudapin.run_variables import is_off

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.gate import Gate

__all__ = ["check_variables"]


def check_variables(gates: Sequence[Gate], environ: Mapping[str, str], *, is_named: bool = False) -> None:
    """Raise ConfigError for a `CUDAPIN` or `CUDAPIN_VARIANT` that would stop a build of every project here.

    A variant counts as declared where any of the projects declares it, as in a build of a workspace. Where the
    command line itself names what it asks for (`is_named`), the variable does not count.
    """
    is_off(environ)
    name = "" if is_named else environ.get("CUDAPIN_VARIANT", "")
    declaring = [gate for gate in gates if gate.config.variants]
    if name not in ("", "auto") and declaring and not any(name in gate.config.variants for gate in declaring):
        raise ConfigError(undeclared(name, declaring[0].config, "CUDAPIN_VARIANT"))
