"""The environment collector: gives `hatch-test` (or the environments named in `envs`) one cell per CUDA variant."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click
from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

from cudapin.environments.memo import circumstances, read_memo, recall, remember, write_memo
from cudapin.plugin.collector_options import check_options
from cudapin.plugin.filling import AXIS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.errors import CudapinError
    from cudapin.gate import Gate

__all__ = ["CudapinCollector", "own_test_dependencies"]

_SELECTORS = ("included_variable_specs", "excluded_variable_specs", "python")


class CudapinCollector(EnvironmentCollectorInterface):  # type: ignore[misc]
    """`[tool.hatch.env.collectors.cudapin]`; its option `envs` names the environments (default `["hatch-test"]`)."""

    PLUGIN_NAME = "cudapin"

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Add the axis `cuda` to the environments, before hatch turns matrices into cells."""
        try:
            self._finalize(config)
        except Exception as error:
            from cudapin.errors import CudapinError  # where nothing fails, nobody waits for it

            if not isinstance(error, CudapinError):
                raise
            _abort(error)

    def _finalize(self, config: dict[str, dict[str, Any]]) -> None:
        names = check_options(self.config, config, lambda: self._gate.project.pyproject.source)
        found = self._matrix()
        if not found["variants"]:
            return
        context = click.get_current_context(silent=True)
        if context is not None:
            context.find_root().meta["cudapin.default"] = self._plain_variant(context.params) or found["default"]
            if any(context.params.get(name) for name in _SELECTORS):
                from cudapin.plugin.request import check_request

                check_request(context.params, found, lambda: self._gate)
        _retype(config.setdefault("hatch-build", {}), "cudapin-build")
        for name in names:
            data = config.setdefault(name, {})
            _retype(data, "cudapin")
            matrices = data.get("matrix")
            if name == "hatch-test" and matrices in (None, _own_matrix()):
                data["matrix"] = found["matrix"]
            elif isinstance(matrices, list):
                data["matrix"] = [_with_axis(matrix, found["variants"]) for matrix in matrices]
            elif matrices is None:
                data["matrix"] = [{AXIS: list(found["variants"])}]
            if name == "hatch-test" and context is not None and context.params.get("included_variable_specs"):
                from cudapin.plugin.request import check_axes

                check_axes(context.params, data["matrix"])

    def _plain_variant(self, options: Mapping[str, Any]) -> str | None:
        """Return the variant that `CUDAPIN_VARIANT` names for a plain `hatch test`; its cells are chosen otherwise."""
        named = os.environ.get("CUDAPIN_VARIANT")
        if not named or options.get("test_all", True) or any(options.get(name) for name in _SELECTORS):
            return None
        choice = self._gate.choose(named)
        if choice is None:
            return None
        print(f"cudapin: variant {choice.variant.name} ({choice.why})", file=sys.stderr)  # noqa: T201
        return choice.variant.name

    @property
    def _gate(self) -> Gate:
        from cudapin.plugin.gates import gate_of_this_command

        return gate_of_this_command(self.root, dict(os.environ))

    def _matrix(self) -> Mapping[str, Any]:
        """Return the variants, the default one first, and the matrix of `hatch-test`; what was found is kept."""
        path = _memo_path(str(self.root))
        key = circumstances(os.environ, str(self.root))
        known = recall(read_memo(path), key) if path else None
        if known is not None:
            return known
        found = _find_matrix(self._gate)
        if path:
            write_memo(path, remember(key, **found))
        return found


def own_test_dependencies() -> tuple[str, ...]:
    """Return what hatch installs for tests where the user names nothing."""
    from hatch.env.internal.test import get_default_config

    return tuple(get_default_config()["dependencies"])


def _find_matrix(gate: Gate) -> dict[str, Any]:
    from cudapin.environments.cells import pythons_by_variant

    variants = sorted(gate.config.variants, key=lambda name: name != gate.default)
    if not variants:
        return {"variants": [], "default": "", "matrix": []}
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, pythons in pythons_by_variant(gate, _own_pythons()).items():
        groups.setdefault(pythons, []).append(name)
    # Without any, a cell that says why it cannot exist is better than no cell.
    matrix = [{"python": list(pythons), AXIS: names} for pythons, names in groups.items()] or [{AXIS: variants}]
    return {"variants": variants, "default": gate.default, "matrix": matrix}


def _memo_path(root: str) -> str:
    """Return the file that keeps what was found: in hatch's data directory, one for each project."""
    context = click.get_current_context(silent=True)
    directory = getattr(context.find_root().obj, "data_dir", None) if context else None
    if directory is None:
        return ""
    import hashlib

    name = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return str(directory / "env" / "cudapin" / ".matrices" / f"{name}.json")


def _with_axis(matrix: object, variants: list[str]) -> object:
    """Add the axis to one matrix of the user's, unless it has one; what is no table is left to hatch to refuse."""
    return {**matrix, AXIS: list(variants)} if isinstance(matrix, dict) and AXIS not in matrix else matrix


def _retype(data: dict[str, Any], name: str) -> None:
    """Make an environment one of ours, unless the user chose another type than hatch's own."""
    if data.get("type", "virtual") == "virtual":
        data["type"] = name


def _own_matrix() -> list[dict[str, list[str]]]:
    """Return the matrix that hatch gives `hatch-test` where the user gives none."""
    from hatch.env.internal.test import get_default_config

    matrix: list[dict[str, list[str]]] = get_default_config()["matrix"]
    return matrix


def _own_pythons() -> list[str]:
    """Return the Pythons of hatch's own matrix, but for the free-threaded ones, which have to be asked for."""
    return [python for matrix in _own_matrix() for python in matrix["python"] if not python.endswith("t")]


def _abort(error: CudapinError) -> NoReturn:
    """End the command with our text only: a collector has no application to do it."""
    from cudapin.core.verdict import render_problems

    print(render_problems(error.problems), file=sys.stderr)  # noqa: T201
    raise SystemExit(error.exit_code)
