"""What the command line of hatch asks of the matrix: names that nobody declared, cells that cannot exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.plugin.filling import AXIS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.gate import Gate

__all__ = ["check_axes", "check_request"]


def check_request(options: Mapping[str, Any], found: Mapping[str, Any], gate: Callable[[], Gate]) -> None:
    """Refuse what hatch would only call no environment: a `cuda=` of no variant, a Python that a variant has not.

    Raises ConfigError for the name of a variant, Refusal for a cell that cannot exist.
    """
    specs = (*options.get("included_variable_specs", ()), *options.get("excluded_variable_specs", ()))
    for axis, _, values in (spec.partition("=") for spec in specs):
        for name in values.split(",") if axis == AXIS else ():
            if name and name not in found["variants"]:
                from cudapin.core.select import undeclared
                from cudapin.errors import ConfigError

                raise ConfigError(undeclared(name, gate().config, f"`{AXIS}={values}`", also=()))
    if options.get("python") and "test_all" in options:
        _check_pythons(options, found, gate)


def check_axes(options: Mapping[str, Any], matrices: object) -> None:
    """Refuse a misspelt axis of `hatch test -i`, of which hatch says nothing. Raises Refusal."""
    tables = [table for table in matrices if isinstance(table, dict)] if isinstance(matrices, list) else []
    known = list(dict.fromkeys(["py", "python", *(axis for table in tables for axis in table)]))
    for spec in options.get("included_variable_specs", ()) if "test_all" in options else ():
        axis = spec.partition("=")[0]
        if axis not in known:
            from cudapin.core.fields import name_list, nearest
            from cudapin.errors import Code, Problem, Refusal

            raise Refusal(
                Problem(
                    code=Code.CP602,
                    what=f"no cell has an axis `{axis}`",
                    why=f"`{spec}` asks for it; the axes are {name_list(known)}",
                    fix=nearest(axis, known),
                )
            )


def _check_pythons(options: Mapping[str, Any], found: Mapping[str, Any], gate: Callable[[], Gate]) -> None:
    included = dict(spec.partition("=")[::2] for spec in options.get("included_variable_specs", ()))
    variants = included[AXIS].split(",") if included.get(AXIS) else found["variants"]
    for python in str(options["python"]).split(","):
        has = [name for table in found["matrix"] if python in table.get("python", ()) for name in table[AXIS]]
        if python[:2] != "3." or not set(variants).isdisjoint(has) or not found["matrix"]:
            continue
        from cudapin.environments.cells import why_not
        from cudapin.errors import Code, Problem, Refusal

        reasons = {name: why_not(gate(), name, python) for name in variants}
        known = sorted({item for table in found["matrix"] for item in table.get("python", ())}, key=_numbers)
        if all(reasons.values()):
            raise Refusal(
                Problem(
                    code=Code.CP602,
                    what=f"no cell of {_listed(variants)} can exist on Python {python}",
                    why="; ".join(dict.fromkeys(str(reason) for reason in reasons.values())),
                    fix=f"name one of the Pythons of the matrix: {', '.join(known)}",
                )
            )


def _listed(names: list[str]) -> str:
    return "variant " + ", ".join(f"`{name}`" for name in names) if len(names) < 4 else "any variant"  # noqa: PLR2004


def _numbers(python: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split(".") if part.isdigit())
