"""Which variant a build is of: asked for, `auto`, or the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.config import for_environment
from cudapin.core.fields import name_list, nearest
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.config import Config, Variant
    from cudapin.core.cuda import Platform
    from cudapin.core.facts import Facts
    from cudapin.core.machine import Machine

__all__ = [
    "Choice",
    "default_name",
    "is_declared_for",
    "reasons_against",
    "select_for_machine",
    "select_variant",
    "undeclared",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The variant that was selected, with the overrides of the target applied, and why it was."""

    variant: Variant
    why: str


def is_declared_for(variant: Variant, environment: Mapping[str, str]) -> bool:
    """Tell whether the variant exists for a Python and platform (`requires-python`, `environments`)."""
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    if variant.requires_python is not None:
        version = environment["python_full_version"]
        if not SpecifierSet(variant.requires_python).contains(version, prereleases=True):
            return False
    if not variant.environments:
        return True
    return any(Marker(marker).evaluate(dict(environment)) for marker in variant.environments)


def default_name(config: Config, environment: Mapping[str, str]) -> str:
    """Return the first default that exists for the environment, else the first of all; "" where there is none."""
    for name in config.default:
        if is_declared_for(for_environment(config.variants[name], environment), environment):
            return name
    return config.default[0] if config.default else ""


def select_variant(
    config: Config,
    requested: str | None,
    environment: Mapping[str, str],
    auto: Callable[[tuple[Variant, ...]], tuple[Variant, str]],
    origin: str = "CUDAPIN_VARIANT",
) -> Choice | None:
    """Return the variant asked for, else the first default that the target has; None if no variant is declared.

    (A request then speaks of another project of the same run.)

    `auto` is asked for the best variant of this machine, and why. Raises ConfigError for an unknown name.
    """
    if not config.variants:
        return None
    variants = {name: for_environment(variant, environment) for name, variant in config.variants.items()}
    if requested == "auto":
        here = tuple(variant for variant in variants.values() if is_declared_for(variant, environment))
        variant, why = auto(here)
        return Choice(variant=variant, why=why)
    if requested is not None:
        if requested not in variants:
            raise ConfigError(undeclared(requested, config, origin))
        if not is_declared_for(variants[requested], environment):
            raise ConfigError(_elsewhere(variants[requested], environment))
        return Choice(variant=variants[requested], why=f"named by {origin}")
    default = variants[default_name(config, environment)]
    if is_declared_for(default, environment):
        return Choice(variant=default, why="the default")
    raise ConfigError(*(_elsewhere(variants[name], environment) for name in config.default))


def select_for_machine(
    variants: tuple[Variant, ...], machine: Machine, facts: Facts, platform: Platform
) -> tuple[Variant, str]:
    """Return the variant of the highest CUDA that a machine runs, else the one without CUDA, and why.

    Raises ConfigError where there is none of either.
    """
    ranked = sorted((variant for variant in variants if variant.cuda), key=_highest_cuda, reverse=True)
    reasons = []
    for variant in ranked:
        found = reasons_against(variant, machine, facts, platform)
        if not found:
            return variant, f"auto: the highest CUDA that this machine runs (driver {machine.driver})"
        reasons += [f"{variant.name}: {reason}" for reason in found]
    plain = next((variant for variant in variants if not variant.cuda), None)
    if plain is not None:
        return plain, f"auto: {reasons[0] if reasons else 'no variant has a CUDA'}"
    raise ConfigError(
        Problem(
            code=Code.CP104,
            what="`auto` finds no variant for this machine",
            why="; ".join(reasons) or "no variant is declared for this platform",
            fix=f"name one of {name_list(variant.name for variant in variants)} instead",
        )
    )


def reasons_against(variant: Variant, machine: Machine, facts: Facts, platform: Platform) -> tuple[str, ...]:
    """Return why a machine does not run a variant; nothing where it runs one of its CUDAs, or it has none."""
    from cudapin.core.machine import fits

    results = [fits(cuda, variant.arch, variant.driver, machine, facts, platform) for cuda in variant.cuda]
    if not results or any(result.fits for result in results):
        return ()
    return results[0].reasons


def _highest_cuda(variant: Variant) -> tuple[int, int]:
    return max(cuda.sort_key for cuda in variant.cuda)


def _elsewhere(variant: Variant, environment: Mapping[str, str]) -> Problem:
    wanted = [f"`requires-python = {variant.requires_python}`"] if variant.requires_python else []
    wanted += [f"`{marker}`" for marker in variant.environments]
    return Problem(
        code=Code.CP104,
        what=f"variant `{variant.name}` does not exist for this Python and platform",
        why=f"wanted {' or '.join(wanted)}, found Python {environment['python_full_version']} on "
        f"{environment['sys_platform']} {environment['platform_machine']}",
        fix=f"build another variant here, or change where `{variant.name}` exists",
        variant=variant.name,
    )


def undeclared(name: str, config: Config, origin: str, also: tuple[str, ...] = ("auto",)) -> Problem:
    """Say that no variant of a name is declared; `also` are further names that would do."""
    return Problem(
        code=Code.CP104,
        what=f"no variant `{name}` is declared",
        why=f"{origin} asks for `{name}`; `[tool.cudapin.variants]` declares {name_list(config.variants)}",
        fix=nearest(name, [*config.variants, *also]),
    )
