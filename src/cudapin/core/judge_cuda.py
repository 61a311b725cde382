"""Are the packages that a variant selects of the variant's CUDA? One selection -> problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.bound import Bound, bound_packages
from cudapin.core.cuda_fix import Setting, fix_beside, fix_build, fix_platform, fix_selection, fix_undeclared, left_out
from cudapin.core.fields import name_list
from cudapin.core.judge_family import judge_closures, judge_families
from cudapin.core.judge_files import judge_files
from cudapin.core.judge_target import judge_installable
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cudapin.core.config import Variant
    from cudapin.core.lock import LockedFile, LockedPackage, Selection

__all__ = ["Bound", "bound_packages", "judge_cuda", "variant_cuda_text"]


def judge_cuda(
    variant: Variant,
    selection: Selection,
    bound: tuple[Bound, ...],
    setting: Setting | str,
    is_usable: Callable[[LockedFile], bool],
) -> tuple[Problem, ...]:
    """Return every problem of the variant's CUDA-bound packages.

    `setting` is what the messages need of the project, or the path of its lock alone. `is_usable` tells which files
    of a package the target could use; only those need a hash.
    """
    setting = Setting(lock_path=setting) if isinstance(setting, str) else setting
    judge = _Judge(variant, selection, bound, setting)
    problems = [problem for item in bound for problem in judge.package(item)]
    reported = frozenset(problem.package for problem in problems if problem.code in _OWN_CUDA)
    problems += judge_families(variant, bound, reported, setting)
    problems += judge_closures(variant, selection, bound, reported, setting)
    problems += judge.emptiness()
    problems += [problem for item in bound for problem in judge_files(variant, item.package, setting, is_usable)]
    problems += judge_installable(variant, bound, setting, is_usable)
    return tuple(problems)


_OWN_CUDA = (Code.CP301, Code.CP303, Code.CP304)


def variant_cuda_text(variant: Variant) -> str:
    """Return the CUDA of a variant in words."""
    return "CUDA " + " or ".join(str(cuda) for cuda in variant.cuda) if variant.cuda else "no CUDA"


class _Judge:
    """One variant and its selection."""

    def __init__(self, variant: Variant, selection: Selection, bound: tuple[Bound, ...], setting: Setting) -> None:
        self.variant = variant
        self.selection = selection
        self.bound = bound
        self.setting = setting
        self.majors = {cuda.major for cuda in variant.cuda}
        own = frozenset(item.package.name for item in bound if self._is_anchor(item))
        self.anchored = selection.closure(own)
        self.has_edges = any(package.dependencies for package in selection.packages)
        self.explained = self._explained()

    def _is_anchor(self, item: Bound) -> bool:
        """Whether a package is the variant's own: it asks for it directly, or it is a framework of its CUDA."""
        cuda = item.belonging.cuda
        if item.package.direct:
            return True
        return cuda is not None and cuda.major in self.majors and not item.is_toolkit_part

    def _explained(self) -> frozenset[tuple[str, int]]:
        """Return the libraries that a framework of a wrong major, or of any in a variant of none, brings along.

        The framework is reported; its libraries are right for it, and would say the same once more.
        """
        found: set[tuple[str, int]] = set()
        for item in self.bound:
            cuda = item.belonging.cuda
            if cuda is not None and cuda.major not in self.majors and not item.is_toolkit_part:
                closure = self.selection.closure(frozenset((item.package.name,)))
                found.update((name, cuda.major) for name in closure)
        return frozenset(found)

    def package(self, item: Bound) -> Iterable[Problem]:
        """Judge one package by itself."""
        kind, cuda = item.belonging.kind, item.belonging.cuda
        if kind == "unknown":
            yield self._unknown(item)
        elif kind == "cpu":
            if self.variant.cuda and not self._follows(item):
                yield self._without_cuda(item)
        elif not self.variant.cuda:
            if kind == "cuda" and self._is_strict(item):
                yield self._problem(Code.CP304, item, f"is a build for CUDA {cuda}")
            elif cuda is not None and (item.package.name, cuda.major) not in self.explained:
                found = f"is a library of CUDA {cuda}, which a package without CUDA requires"
                yield self._problem(Code.CP307, item, found, level="warning")
        elif cuda is None or cuda.major not in self.majors:
            yield from self._other_major(item)
        elif not any(cuda.matches(own) for own in self.variant.cuda) and self._is_strict(item):
            yield self._problem(Code.CP301, item, f"is a build for CUDA {cuda}")

    def _is_strict(self, item: Bound) -> bool:
        """Whether the minor counts: for what the variant names itself, and for frameworks labelled with a CUDA."""
        return item.package.direct or not item.is_toolkit_part

    def _follows(self, item: Bound) -> bool:
        """Whether it lacks CUDA as torch beside it does, since the platform has none: once is enough to say so."""
        heads = [other for other in self.bound if other.package.name == item.family != item.package.name]
        on_platform = self.setting.platform == "macos" and "+" not in (item.package.version or "")
        return on_platform and any(head.belonging.kind == "cpu" for head in heads)

    def _without_cuda(self, item: Bound) -> Problem:
        """Name the platform, where that is what decides: a label would hold on every one."""
        is_labelled = "+" in (item.package.version or "")
        where = "" if is_labelled or self.setting.platform == "linux" else f" on {self.setting.platform}"
        return self._problem(Code.CP303, item, f"is a build without CUDA{where}")

    def _other_major(self, item: Bound) -> Iterable[Problem]:
        name, cuda = item.package.name, item.belonging.cuda
        of = f"CUDA {cuda}" if cuda is not None else "another accelerator"
        if self._is_strict(item):
            yield self._problem(Code.CP301, item, f"is a build for {of}")
        elif cuda is not None and (name, cuda.major) in self.explained:
            return
        elif name in self.anchored or not self.has_edges:
            yield self._problem(Code.CP301, item, f"is a build for {of}")
        else:
            found = f"is a build for {of}, outside the closure of the variant's own packages"
            yield self._problem(Code.CP307, item, found, level="warning")

    def emptiness(self) -> Iterable[Problem]:
        """Warn where nothing that a CUDA variant selects is of a CUDA: then nothing is compared."""
        if self.variant.cuda and not self.bound:
            path = self.setting.lock_path
            chosen = [f"extra `{name}`" for name in self.variant.extra or ()]
            chosen += [f"group `{name}`" for name in self.variant.group or ()]
            yield Problem(
                code=Code.CP308,
                level="warning",
                what=f"variant `{self.variant.name}` selects no package of a CUDA from `{path}`",
                where=Where(path=path),
                why=f"wanted packages of {variant_cuda_text(self.variant)}, found none; it selects "
                f"{len(self.selection.packages)} in all, by {' and '.join(chosen) or 'no extra and no group'}"
                f"{left_out(self.setting.named, self.selection)}",
                fix=fix_platform(self.variant, self.setting.platform) or fix_selection(self.variant, self.setting),
                variant=self.variant.name,
            )

    def _problem(self, code: Code, item: Bound, found: str, level: str = "error") -> Problem:
        package = item.package
        locked = f"{package.name} {package.version}" if package.version else package.name
        return Problem(
            code=code,
            level="warning" if level == "warning" else "error",
            what=f"`{package.name}` of variant `{self.variant.name}` {found}",
            where=self._where(package),
            why=f"wanted {variant_cuda_text(self.variant)}, the lock has `{locked}` "
            f"({item.belonging.evidence}){self._required_by(item)}",
            fix=self._fix(code, item),
            variant=self.variant.name,
            package=package.name,
        )

    def _required_by(self, item: Bound) -> str:
        """Name who asks for a package that the variant does not name itself: that is what to change."""
        name = item.package.name
        asking = [package.name for package in self.selection.packages if name in package.dependencies]
        return "" if item.package.direct or not asking else f", required by {name_list(asking[:3])}"

    def _fix(self, code: Code, item: Bound) -> str:
        fix = None
        if code is Code.CP303:
            fix = fix_platform(self.variant, self.setting.platform)
        elif code is Code.CP304:
            fix = fix_undeclared(self.variant, item)
        elif code is Code.CP307:
            fix = fix_beside(item)
        return fix or fix_build(self.variant, item, self.setting)

    def _unknown(self, item: Bound) -> Problem:
        """Say that it cannot be told; only warn where another package speaks for the variant, as torch for others."""
        spoken_for = any(other.belonging.kind != "unknown" and not other.is_toolkit_part for other in self.bound)
        files = item.package.files
        is_built_there = files and not any(file.name.endswith(".whl") for file in files)
        built = "; the lock has no wheel of it, so it is compiled where it is installed" if is_built_there else ""
        return Problem(
            code=Code.CP305,
            level="warning" if spoken_for and item.package.name != "torch" else "error",
            what=f"of which CUDA `{item.package.name}` in variant `{self.variant.name}` is cannot be told",
            where=self._where(item.package),
            why=f"{item.belonging.evidence}{built}",
            fix="lock it from an index of one CUDA, or name its pattern in "
            f"`tool.cudapin.cuda-bound.{item.package.name}`",
            variant=self.variant.name,
            package=item.package.name,
        )

    def _where(self, package: LockedPackage) -> Where:
        return Where(path=self.setting.lock_path, line=package.line, key=package.name)
