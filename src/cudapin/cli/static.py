"""What `cudapin check` finds beside lock and variants: what a front end or uv would trip over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.adapters.project import has_build_hook, is_built_by_hatchling
from cudapin.builds.backend_problems import hook_is_missing
from cudapin.builds.guard import judge_stub
from cudapin.core.locate import find_line
from cudapin.core.requirement_fault import unreadable_requirements
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.gate import Gate

__all__ = ["judge_static"]


def judge_static(gate: Gate) -> Iterable[Problem]:
    """Return what is wrong with a project whatever is built: what a front end or uv would trip over."""
    source = gate.project.pyproject.source
    build_system = gate.project.pyproject.table.get("build-system", {})
    requires = build_system.get("requires")
    literal = (
        {_project_name(text) for text in requires if isinstance(text, str)} if isinstance(requires, list) else set()
    )
    named = {name for variant in gate.variants() for name in variant.build_requires}
    for name in sorted(named & literal):
        yield Problem(
            code=Code.CP110,
            what=f"`{name}` stands in `build-requires` and in `[build-system].requires`",
            where=Where(
                path=source.path, line=find_line(source.text, "build-system", "requires"), key="build-system.requires"
            ),
            why="pip refuses a build requirement that it has installed in another version already",
            fix=f"remove `{name}` from `[build-system].requires`",
        )
    yield from unreadable_requirements(gate.project.pyproject)
    yield from _cache_key_problems(gate)
    yield from _hook_problems(gate)
    yield from judge_stub(gate)
    yield from _mention_problems(gate)
    if gate.config.sbom:
        from cudapin.builds.sbom import judge_sbom

        yield from judge_sbom(gate)


def _mention_problems(gate: Gate) -> Iterable[Problem]:
    """Other files of the project may name a CUDA that no variant is of."""
    if gate.config.variants:
        from cudapin.adapters.mentions import read_mentions
        from cudapin.core.mentions import judge_mentions

        for path, mentions in read_mentions(gate.project):
            yield from judge_mentions(path, mentions, gate.config.variants.values())


def _hook_problems(gate: Gate) -> Iterable[Problem]:
    """Without the build hook nothing is checked or stamped when a wheel is built."""
    source = gate.project.pyproject.source
    is_own = gate.project.has_own_backend
    if not is_built_by_hatchling(gate.project) or has_build_hook(gate.project, gate.environ):
        return
    if gate.config.variants:
        yield Problem(
            code=Code.CP106,
            what="variants are declared, and the build hook `cudapin` is not",
            where=Where(path=source.path, line=find_line(source.text, "tool", "cudapin"), key="tool.cudapin"),
            why="without `[tool.hatch.build.hooks.cudapin]` every build is a plain one",
            fix="add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks",
        )
    elif is_own:
        yield hook_is_missing(gate.project.pyproject)


def _cache_key_problems(gate: Gate) -> Iterable[Problem]:
    """Uv keeps built wheels until a cache key changes; without one for the variable it reuses another variant's."""
    tool = gate.project.pyproject.table.get("tool", {})
    keys = tool.get("uv", {}).get("cache-keys")
    is_used = "uv" in tool or any(path.rpartition("/")[2] == "uv.lock" for path in gate.lock_users())
    listed = keys if isinstance(keys, list) else []
    if not is_used or not gate.config.variants or {"env": "CUDAPIN_VARIANT"} in listed:
        return
    if not is_built_by_hatchling(gate.project):
        return  # no variable changes what another backend builds
    source = gate.project.pyproject.source
    files = ["pyproject.toml", *gate.lock_users()]
    wanted = ", ".join([*(f'{{ file = "{file}" }}' for file in files), '{ env = "CUDAPIN_VARIANT" }'])
    yield Problem(
        code=Code.CP209,
        level="warning",
        what="uv may install a wheel that it built for another variant",
        where=Where(
            path=source.path, line=find_line(source.text, "tool", "uv", "cache-keys"), key="tool.uv.cache-keys"
        ),
        why="`[tool.uv] cache-keys` does not name `CUDAPIN_VARIANT`, so uv does not see it change",
        fix=f"add `cache-keys = [{wanted}]` to `[tool.uv]`",
    )


def _project_name(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return text
