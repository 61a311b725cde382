"""Is what the target would install pinned by a hash? One CUDA-bound package -> problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cudapin.core.config import Variant
    from cudapin.core.cuda_fix import Setting
    from cudapin.core.lock import LockedFile, LockedPackage

__all__ = ["judge_files"]


def judge_files(
    variant: Variant, package: LockedPackage, setting: Setting, is_usable: Callable[[LockedFile], bool]
) -> Iterable[Problem]:
    """Judge whether every file that could be installed is pinned by a hash."""
    if package.kind not in ("registry", "url"):
        return
    usable = [file for file in package.files if is_usable(file)]
    if package.files and not usable:
        return  # another question: `judge_target`
    bare = [file for file in usable if not file.hashes]
    if usable and not bare:
        return
    found = name_list(file.name for file in bare[:3]) if bare else "no hash at all"
    yield Problem(
        code=Code.CP306,
        what=f"`{package.name}` of variant `{variant.name}` is locked without a hash",
        where=_where(package, setting),
        why=f"wanted a hash for every file that could be installed, found {found}",
        fix="lock from an index that publishes hashes, or with `--generate-hashes`",
        variant=variant.name,
        package=package.name,
    )


def _where(package: LockedPackage, setting: Setting) -> Where:
    return Where(path=setting.lock_path, line=package.line, key=package.name)
