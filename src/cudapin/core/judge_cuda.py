"""Are the packages that a variant selects of the variant's CUDA? One selection -> problems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cudapin.core.cuda import belongs
from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cudapin.core.config import CudaBound, Variant
    from cudapin.core.cuda import Belonging, Platform
    from cudapin.core.facts import Facts
    from cudapin.core.lock import LockedFile, LockedPackage, Selection

__all__ = ["Bound", "bound_packages", "judge_cuda", "variant_cuda_text"]

_RUNTIMES = ("nvidia-cuda-runtime", "cuda-toolkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A selected package that is tied to a CUDA, and the evidence for which one."""

    package: LockedPackage
    belonging: Belonging

    @property
    def is_toolkit_part(self) -> bool:
        """Whether it is a library of the CUDA toolkit, not a framework that uses one."""
        return self.package.name.startswith(("nvidia-", "cuda-"))


def bound_packages(
    selection: Selection, facts: Facts, platform: Platform, rules: Iterable[CudaBound] = (), index: str | None = None
) -> tuple[Bound, ...]:
    """Return the selected packages that are tied to a CUDA.

    `index` stands in for the index of a package where the lock records none.
    """
    extra_rules = tuple((rule.name, rule.pattern) for rule in rules)
    result = []
    for package in selection.packages:
        origin = package.index if package.kind == "registry" else ""
        origin = index if origin == "" and index is not None else origin
        belonging = belongs(package.name, package.version, origin, facts, platform=platform, extra_rules=extra_rules)
        if belonging is not None:
            result.append(Bound(package=package, belonging=belonging))
    return tuple(_by_closure(item, result, selection) for item in result)


def _by_closure(item: Bound, bound: list[Bound], selection: Selection) -> Bound:
    """Let the CUDA runtime that a package requires tell its CUDA, where nothing else does."""
    if item.belonging.kind != "unknown":
        return item
    closure = selection.closure(frozenset((item.package.name,)))
    for other in bound:
        if other.package.name in closure and other.package.name.startswith(_RUNTIMES) and other.belonging.cuda:
            evidence = f"it requires `{other.package.name} {other.package.version}`"
            return replace(item, belonging=replace(other.belonging, evidence=evidence))
    return item


def judge_cuda(
    variant: Variant,
    selection: Selection,
    bound: tuple[Bound, ...],
    lock_path: str,
    is_usable: Callable[[LockedFile], bool],
) -> tuple[Problem, ...]:
    """Return every problem of the variant's CUDA-bound packages.

    `is_usable` tells which files of a package the target could use; only those need a hash.
    """
    judge = _Judge(variant, selection, bound, lock_path)
    problems = [problem for item in bound for problem in judge.package(item)]
    problems += judge.mixtures()
    problems += judge.emptiness()
    problems += [problem for item in bound for problem in judge.hashes(item.package, is_usable)]
    return tuple(problems)


def variant_cuda_text(variant: Variant) -> str:
    """Return the CUDA of a variant in words."""
    return "CUDA " + " or ".join(str(cuda) for cuda in variant.cuda) if variant.cuda else "no CUDA"


class _Judge:
    """One variant and its selection."""

    def __init__(self, variant: Variant, selection: Selection, bound: tuple[Bound, ...], lock_path: str) -> None:
        self.variant = variant
        self.selection = selection
        self.bound = bound
        self.lock_path = lock_path
        self.majors = {cuda.major for cuda in variant.cuda}
        own = frozenset(item.package.name for item in bound if self._is_anchor(item))
        self.anchored = selection.closure(own)
        self.required = {name for package in selection.packages for name in package.dependencies}

    def _is_anchor(self, item: Bound) -> bool:
        """Whether a package is the variant's own: it asks for it directly, or it is a framework of its CUDA."""
        cuda = item.belonging.cuda
        if item.package.direct:
            return True
        return cuda is not None and cuda.major in self.majors and not item.is_toolkit_part

    def package(self, item: Bound) -> Iterable[Problem]:
        """Judge one package by itself."""
        kind, cuda = item.belonging.kind, item.belonging.cuda
        if kind == "unknown":
            yield self._unknown(item)
        elif kind == "cpu":
            if self.variant.cuda:
                yield self._problem(Code.CP303, item, "is a build without CUDA")
        elif not self.variant.cuda:
            if kind == "cuda" and self._is_strict(item):
                yield self._problem(Code.CP304, item, f"is a build for CUDA {cuda}")
            elif kind == "cuda":
                found = f"is a library of CUDA {cuda}, which a package without CUDA requires"
                yield self._problem(Code.CP307, item, found, level="warning")
        elif cuda is None or cuda.major not in self.majors:
            of = f"CUDA {cuda}" if cuda is not None else "another accelerator"
            yield self._other_major(item, of)
        elif not any(cuda.matches(own) for own in self.variant.cuda) and self._is_strict(item):
            yield self._problem(Code.CP301, item, f"is a build for CUDA {cuda}")

    def _is_strict(self, item: Bound) -> bool:
        """Whether the minor counts: for what the variant names itself, and for frameworks labelled with a CUDA."""
        return item.package.direct or not item.is_toolkit_part

    def _other_major(self, item: Bound, of: str) -> Problem:
        name = item.package.name
        known = name in self.required or not self._has_edges()
        if self._is_strict(item) or (known and name in self.anchored) or not self._has_edges():
            return self._problem(Code.CP301, item, f"is a build for {of}")
        return self._problem(
            Code.CP307, item, f"is a build for {of}, outside the closure of the variant's own packages", level="warning"
        )

    def _has_edges(self) -> bool:
        return any(package.dependencies for package in self.selection.packages)

    def mixtures(self) -> Iterable[Problem]:
        """One CUDA-bound package must not require two CUDA majors."""
        majors = {item.package.name: item.belonging.cuda.major for item in self.bound if item.belonging.cuda}
        for item in self.bound:
            if item.is_toolkit_part or len(self.variant.cuda) > 1:
                continue
            closure = self.selection.closure(frozenset((item.package.name,)))
            found: dict[int, list[str]] = {}
            for name in sorted(closure):
                if name in majors:
                    found.setdefault(majors[name], []).append(name)
            if len(found) > 1:
                listed = "; ".join(f"CUDA {major}: {name_list(names)}" for major, names in sorted(found.items()))
                yield Problem(
                    code=Code.CP302,
                    what=f"`{item.package.name}` of variant `{self.variant.name}` requires several CUDA majors",
                    where=self._where(item.package),
                    why=f"wanted one CUDA major in its closure, found {listed}",
                    fix=f"constrain the packages of the other major, then lock again (`{self.lock_path}`)",
                    variant=self.variant.name,
                    package=item.package.name,
                )

    def emptiness(self) -> Iterable[Problem]:
        """Warn where nothing that a CUDA variant selects is of a CUDA: then nothing is compared."""
        if self.variant.cuda and not self.bound:
            chosen = [f"extra `{name}`" for name in self.variant.extra or ()]
            chosen += [f"group `{name}`" for name in self.variant.group or ()]
            yield Problem(
                code=Code.CP308,
                level="warning",
                what=f"variant `{self.variant.name}` selects no package of a CUDA from its lock",
                where=Where(path=self.lock_path),
                why=f"wanted packages of {variant_cuda_text(self.variant)}, found none among "
                f"{len(self.selection.packages)} that {' and '.join(chosen) or 'no extra or group'} selects",
                fix=f"name what selects it: `extra` or `group` in `[tool.cudapin.variants.{self.variant.name}]`",
                variant=self.variant.name,
            )

    def hashes(self, package: LockedPackage, is_usable: Callable[[LockedFile], bool]) -> Iterable[Problem]:
        """Judge whether every file that could be installed is pinned by a hash."""
        if package.kind not in ("registry", "url"):
            return
        bare = [file for file in package.files if not file.hashes and is_usable(file)]
        if package.files and not bare:
            return
        found = name_list(file.name for file in bare[:3]) if bare else "no hash at all"
        yield Problem(
            code=Code.CP306,
            what=f"`{package.name}` of variant `{self.variant.name}` is locked without a hash",
            where=self._where(package),
            why=f"wanted a hash for every file that could be installed, found {found}",
            fix="lock from an index that publishes hashes, or with `--generate-hashes`",
            variant=self.variant.name,
            package=package.name,
        )

    def _problem(self, code: Code, item: Bound, found: str, level: str = "error") -> Problem:
        package = item.package
        locked = f"{package.name} {package.version}" if package.version else package.name
        return Problem(
            code=code,
            level="warning" if level == "warning" else "error",
            what=f"`{package.name}` of variant `{self.variant.name}` {found}",
            where=self._where(package),
            why=f"wanted {variant_cuda_text(self.variant)}, the lock has `{locked}` ({item.belonging.evidence})",
            fix=f"correct the requirement or the index of `{package.name}` for `{self.variant.name}`, then lock again",
            variant=self.variant.name,
            package=package.name,
        )

    def _unknown(self, item: Bound) -> Problem:
        """Say that it cannot be told; only warn where another package speaks for the variant, as torch for others."""
        spoken_for = any(other.belonging.kind != "unknown" and not other.is_toolkit_part for other in self.bound)
        return Problem(
            code=Code.CP305,
            level="warning" if spoken_for and item.package.name != "torch" else "error",
            what=f"of which CUDA `{item.package.name}` in variant `{self.variant.name}` is cannot be told",
            where=self._where(item.package),
            why=item.belonging.evidence,
            fix="lock it from an index of one CUDA, or name its pattern in "
            f"`tool.cudapin.cuda-bound.{item.package.name}`",
            variant=self.variant.name,
            package=item.package.name,
        )

    def _where(self, package: LockedPackage) -> Where:
        return Where(path=self.lock_path, line=package.line, key=package.name)
