"""What the environment variables of one run ask for, besides the variant: `CUDAPIN`, `CUDAPIN_ALLOW` and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.config import Waiver
from cudapin.core.fields import nearest
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_off", "run_waivers", "settings"]


def is_off(environ: Mapping[str, str]) -> bool:
    """Tell whether `CUDAPIN=off` switches everything off. Raises ConfigError for any other value."""
    value = environ.get("CUDAPIN", "")
    if value not in ("", "off", "on"):
        raise ConfigError(_variable("CUDAPIN", value, "`off` or nothing", "unset CUDAPIN, or set it to `off`"))
    return value == "off"


def run_waivers(environ: Mapping[str, str]) -> tuple[Waiver, ...]:
    """Return the waivers of `CUDAPIN_ALLOW`. Raises ConfigError for what is no code."""
    codes = [code.strip() for code in environ.get("CUDAPIN_ALLOW", "").split(",") if code.strip()]
    unknown = [code for code in codes if code not in Code.__members__]
    if unknown:
        fix = nearest(unknown[0], Code.__members__)
        raise ConfigError(_variable("CUDAPIN_ALLOW", unknown[0], "codes such as `CP201,CP305`", fix))
    return tuple(Waiver(code=Code[code], reason="CUDAPIN_ALLOW") for code in codes)


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of the environment changed this build, for the record: no paths, no variant."""
    found = {name: environ[name] for name in ("CUDAPIN_ALLOW", "CUDAPIN_GUARD") if environ.get(name)}
    if environ.get("CUDAPIN_FACTS"):
        from cudapin.adapters.facts import facts_digest

        found["CUDAPIN_FACTS"] = facts_digest(environ) or ""
    return found


def _variable(name: str, value: str, wanted: str, fix: str) -> Problem:
    return Problem(
        code=Code.CP108,
        what=f"`{name}` has a value that means nothing",
        why=f"wanted {wanted}, found `{value}`",
        fix=fix,
    )
