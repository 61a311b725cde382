"""What `cudapin export` writes, whatever the format: from which files each package may come, and who says so.

An export is for one Python and platform, so it has no markers. It holds exactly the files that the target could
install, each with a hash, and binds each package to the index of the lock as far as its format can. What cannot be
installed with `--require-hashes` is not written.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cudapin.core.index import strip_credentials
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.lock import LockedFile, LockedPackage, Selection
    from cudapin.core.target import Target

__all__ = [
    "Export",
    "ExportFormat",
    "Recipe",
    "address_of",
    "best_file",
    "header_lines",
    "judge_export",
    "usable_files",
]

ExportFormat = Literal["requirements", "pylock", "auditwheel-excludes"]

SOURCE_NOTE = "# The lock file that it was made from: "
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_HEX = re.compile(r"[0-9a-fA-F]+")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_GIT_COMMIT = re.compile(r"#[0-9a-f]{40}(?:[0-9a-f]{24})?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an export is made of: the lock file (its path in the project and SHA-256), what was asked of it, and where.

    `python` and `platform` are always named in the command that is recorded, so that it gives the same file anywhere.
    """

    format: ExportFormat
    lock: str
    sha256: str
    variant: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    python: str | None = None
    platform: str | None = None
    requires_python: str | None = None
    index_options: tuple[str, ...] = ()
    """What the lock file itself says of indexes, as options of pip; for packages whose index it does not record."""

    @property
    def command(self) -> str:
        """The command that makes the export, without where it was written."""
        words = ["cudapin", "export"]
        words += ["--variant", self.variant] if self.variant is not None else []
        words += [word for extra in sorted(self.extras) for word in ("--extra", extra)]
        words += [word for group in sorted(self.groups) for word in ("--group", group)]
        words += ["--python", self.python] if self.python is not None else []
        words += ["--platform", self.platform] if self.platform is not None else []
        return shlex.join([*words, "--to", self.format])


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The text of an export, and what is worth saying about it beside its problems."""

    text: str
    notes: tuple[str, ...] = ()


def header_lines(recipe: Recipe) -> list[str]:
    """Return the comment that says what made the file; the verdict on the file is read off it."""
    lines = [
        "# This file was made by cudapin with the following command:",
        f"#    {recipe.command}",
        f"{SOURCE_NOTE}{recipe.lock}",
    ]
    return [_CONTROL.sub("?", line) for line in lines]


def hashes_of(file: LockedFile) -> tuple[tuple[str, str], ...]:
    """Return the hashes that installers accept with `--require-hashes`: SHA-256, 384 or 512, and whole."""
    return tuple(
        sorted(
            (algorithm, digest.lower())
            for algorithm, digest in file.hashes.items()
            if len(digest) == _LENGTHS.get(algorithm) and _HEX.fullmatch(digest)
        )
    )


def address_of(file: LockedFile) -> str | None:
    """Return the address of a file without credentials and fragment; None for one that has none, such as a path."""
    if file.url is None or _ADDRESS.fullmatch(file.url) is None:
        return None
    return strip_credentials(file.url).partition("#")[0]


def usable_files(package: LockedPackage, target: Target) -> tuple[LockedFile, ...]:
    """Return the files that the target could install, best first, as an installer would order them.

    The order is that of the target's tags, then the higher build number; what is no wheel comes last.
    """
    ranks = {tag: rank for rank, tag in enumerate(target.tags)} if any(_is_wheel(f) for f in package.files) else {}

    def order(file: LockedFile) -> tuple[int, tuple[int, str], str]:
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        if not _is_wheel(file):
            return len(ranks) + 1, (0, ""), file.name
        try:
            _, _, build, tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            return len(ranks), (0, ""), file.name
        best = min((ranks[tag] for tag in tags if tag in ranks), default=len(ranks))
        number, suffix = build or (0, "")
        return best, (-number, suffix), file.name

    return tuple(sorted((file for file in package.files if target.is_usable(file)), key=order))


def best_file(package: LockedPackage, target: Target) -> LockedFile | None:
    """Return the file that an installer would take on the target; None where there is none."""
    return next(iter(usable_files(package, target)), None)


def _is_wheel(file: LockedFile) -> bool:
    return file.name.endswith(".whl")


def judge_export(selection: Selection, recipe: Recipe, target: Target) -> tuple[Problem, ...]:
    """Return what stands in the way of an export (errors), and what it has to leave out (warnings)."""
    return tuple(
        problem for package in selection.packages if (problem := _judge_package(package, recipe, target)) is not None
    )


def _judge_package(package: LockedPackage, recipe: Recipe, target: Target) -> Problem | None:
    if package.kind == "directory":
        why = "a directory has no hash, and an export holds only what installs with one"
        fix = f"install `{package.name}` itself with `--no-deps`, after the export"
        return _problem(package, recipe, f"leaves out `{package.name}`, which is a directory", why, fix, warning=True)
    if package.kind == "git":
        return _judge_git(package, recipe)
    if package.kind == "path":
        return _problem(package, recipe, *_local(package, package.origin))
    found = _wrong_files(package, recipe, target)
    return None if found is None else _problem(package, recipe, *found)


def _wrong_files(package: LockedPackage, recipe: Recipe, target: Target) -> tuple[str, str, str] | None:
    """Return what, why and fix where the file that an installer would take cannot be written down."""
    usable = usable_files(package, target)
    if not usable:
        return _no_file(package, recipe)
    best = usable[0]
    if not hashes_of(best):
        why = f"wanted a SHA-256 or stronger for `{best.name or package.name}`, the lock has none"
        fix = f"lock `{package.name}` from an index that gives hashes"
        return f"cannot hold `{package.name}`, which has no hash", why, fix
    if address_of(best) is not None:
        return None
    if best.url:
        return _local(package, best.url)
    if recipe.format == "pylock" or package.kind == "url":
        why = f"wanted an address for each file, `{recipe.lock}` records none for `{package.name}`"
        return f"cannot say where `{package.name}` comes from", why, "use `--to requirements`"
    return None


def _local(package: LockedPackage, path: str | None) -> tuple[str, str, str]:
    why = f"wanted an address, found the path `{path or package.name}`, which is none elsewhere"
    fix = f"put `{package.name}` on an index, then lock again"
    return f"cannot hold `{package.name}`, which is a local file", why, fix


def _judge_git(package: LockedPackage, recipe: Recipe) -> Problem | None:
    if recipe.format == "requirements":
        why = "it comes from git, and no installer accepts that from a requirements file with `--require-hashes`"
        fix = "use `--to pylock`, where the commit stands in for the hash"
    elif package.origin is None or _GIT_COMMIT.search(package.origin) is None:
        why = f"wanted an address with a full commit, found `{strip_credentials(package.origin or 'none')}`"
        fix = "lock it with its full commit"
    else:
        return None
    return _problem(package, recipe, f"cannot hold `{package.name}`", why, fix)


def _no_file(package: LockedPackage, recipe: Recipe) -> tuple[str, str, str]:
    what = f"cannot hold `{package.name}`, of which no file can be installed there"
    place = f"Python {recipe.python} on {recipe.platform}"
    if not package.files:
        return what, f"wanted a file with a hash, `{recipe.lock}` records none", "lock it with its hashes"
    names = ", ".join(f"`{file.name}`" for file in package.files[:2]) + (", …" if len(package.files) > 2 else "")  # noqa: PLR2004
    return what, f"wanted a file for {place}, found {names}", "name another `--python` or `--platform`"


def _problem(
    package: LockedPackage, recipe: Recipe, what: str, why: str, fix: str, *, warning: bool = False
) -> Problem:
    return Problem(
        code=Code.CP211,
        level="warning" if warning else "error",
        what=f"the export {what}",
        where=Where(path=recipe.lock, line=package.line),
        why=why,
        fix=fix,
        variant=recipe.variant,
        package=package.name,
    )


def installed(selection: Selection) -> Iterable[LockedPackage]:
    """Return the packages that an export holds, in its order."""
    held = (package for package in selection.packages if package.kind != "directory")
    return sorted(held, key=lambda package: (package.name, package.version or ""))
