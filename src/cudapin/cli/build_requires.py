"""Build requirements that an isolated build cannot get, said before a build is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.index import strip_credentials
from cudapin.core.locate import find_line
from cudapin.errors import Code, CudapinError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cudapin.gate import Gate

__all__ = ["judge_build_requires"]


def judge_build_requires(gate: Gate) -> Iterator[Problem]:
    """Warn for each variant whose locked build requirements come from another index, without their addresses.

    A requirements file says from which index, not at which address, and a front end asks its own index only.
    """
    from cudapin.builds.judgement import locked_build_requirements

    source = gate.project.pyproject.source
    for variant in gate.variants():
        try:
            wanted = locked_build_requirements(gate, variant) if gate.lock_path(variant) else ()
        except CudapinError:  # the lock is missing or broken, and that is said elsewhere
            continue
        lost = [item.package for item in wanted if not item.is_installable]
        if lost:
            key = ("tool", "cudapin", "variants", variant.name)
            names = name_list(package.name for package in lost)
            origins = sorted({origin for package in lost if (origin := package.index or package.origin)})
            yield Problem(
                code=Code.CP401,
                level="warning",
                what=f"an isolated build of variant `{variant.name}` cannot get {names}",
                where=Where(path=source.path, line=find_line(source.text, *key), key=".".join(key)),
                why=f"wanted the address of a file in `{gate.lock_path(variant)}`, "
                f"found {name_list(map(strip_credentials, origins))}",
                fix=f"lock `{variant.name}` in a `uv.lock` or `pylock.toml`, or install what is locked and build with "
                "`--no-isolation`",
                variant=variant.name,
            )
