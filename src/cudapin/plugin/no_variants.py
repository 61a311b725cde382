"""What is said of an environment of type `cudapin` in a project that declares no variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.errors import Code, ConfigError, Problem, Where

if TYPE_CHECKING:
    from cudapin.adapters.project import Project

__all__ = ["no_variants"]


def no_variants(name: str, project: Project) -> ConfigError:
    """Return the error for the environment of that name."""
    return ConfigError(
        Problem(
            code=Code.CP104,
            what=f"environment `{name}` is of type `cudapin`, and the project declares no variant",
            where=Where(path=project.pyproject.source.path, key=f"tool.hatch.envs.{name}.type"),
            why="each such environment is made for one of `[tool.cudapin.variants]`, found none",
            fix='declare a variant, or give the environment `type = "virtual"`',
        )
    )
