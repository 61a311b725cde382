"""The export as a requirements file, for `pip install --require-hashes -r`, `uv pip sync` and auditors.

A requirements file cannot bind a package to an index: every `==` line is looked for in all indexes that the file and
the installer's settings name. What is done about it:

- packages of one index stay `name==version`; it is the default one where any package comes from there, and no option
  is written for it. Else it is the index of most packages, and `--index-url` puts it in the place of the default one;
- a package of any other index becomes `name @ address` of the one file that the target takes, so no index is asked;
- where the lock records no address for it (poetry), `--extra-index-url` names its index, with a comment;
- every line has hashes, of all files that the target could use and of no other. So also with several indexes nothing
  but a locked file can be installed: a namesake elsewhere makes the installer fail, not install it.

A hash stands as `--hash` also beside an address: `#sha256=` is understood by pip and uv too, but not by pip-audit.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cudapin.core.export import Export, address_of, best_file, hashes_of, header_lines, installed, usable_files
from cudapin.core.index import strip_all_credentials, strip_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.export import Recipe
    from cudapin.core.lock import LockedFile, LockedPackage, Selection
    from cudapin.core.target import Target

__all__ = ["render_requirements"]


def render_requirements(selection: Selection, recipe: Recipe, target: Target) -> Export:
    """Return the requirements file of a selection in which `judge_export` found no error."""
    packages = list(installed(selection))
    base = _base_index(packages)
    extra: dict[str, list[str]] = {}
    notes: list[str] = []
    lines: list[str] = []
    for package in packages:
        best = best_file(package, target)
        address = None if best is None else address_of(best)
        is_foreign = package.kind == "registry" and package.index not in (base, "")
        if best is not None and address is not None and (package.index != base or package.kind == "url"):
            lines += _entry(f"{package.name} @ {address}", [best])
            continue
        if is_foreign:
            extra.setdefault(strip_credentials(package.index or ""), []).append(package.name)
        elif package.index == "":
            notes.append(f"`{recipe.lock}` does not record the index of `{package.name}`")
        lines += _entry(f"{package.name}=={package.version}", usable_files(package, target))
    unrecorded = any(package.kind == "registry" and package.index == "" for package in packages)
    own = [strip_all_credentials(option) for option in recipe.index_options] if unrecorded else []
    head = [*header_lines(recipe), *own, *_options(base, extra)]
    return Export(text="\n".join([*head, *lines, ""]), notes=tuple(notes))


def _base_index(packages: Iterable[LockedPackage]) -> str | None:
    """Return the index that needs no address: None for the default one."""
    indexes = Counter(package.index for package in packages if package.kind == "registry")
    if not indexes or None in indexes or "" in indexes:
        return None
    return min(indexes, key=lambda index: (-indexes[index], index or ""))


def _options(base: str | None, extra: dict[str, list[str]]) -> list[str]:
    lines = [] if base is None else [f"--index-url {strip_credentials(base)}"]
    for index, names in sorted(extra.items()):
        lines += [
            f"# The lock has no address for {', '.join(names)}; only the hashes bind it to this index:",
            f"--extra-index-url {index}",
        ]
    return lines


def _entry(requirement: str, files: Iterable[LockedFile]) -> list[str]:
    hashes = sorted({f"--hash={algorithm}:{digest}" for file in files for algorithm, digest in hashes_of(file)})
    return [f"{requirement} \\", *(f"    {text} \\" for text in hashes[:-1]), f"    {hashes[-1]}"]
