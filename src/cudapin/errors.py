"""Problems that are reported and errors that are raised: the one language of every front end."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Code",
    "ConfigError",
    "CudapinError",
    "Level",
    "LockError",
    "MachineError",
    "Problem",
    "Refusal",
    "Where",
    "sort_problems",
]

Level = Literal["error", "warning"]


class Code(enum.Enum):
    """Every kind of problem. The name is the code, the value its meaning in one line; a code is never reused."""

    CP101 = "`pyproject.toml` cannot be read"
    CP102 = "unknown key in `[tool.cudapin]`"
    CP103 = "a value in `[tool.cudapin]` has the wrong type or form"
    CP104 = "no variant of that name is declared"
    CP105 = "no `default` variant can be told"
    CP106 = "settings contradict each other"
    CP107 = "a name that no variant's lock selects"
    CP108 = "an environment variable has a value that means nothing"
    CP109 = "a waiver has expired"
    CP110 = "a build requirement is named in two places"
    CP111 = "another build hook changes the wheel tag after `cudapin`"
    CP112 = "the command line is wrong, or there is no project"
    CP113 = "the extra or group that selects a variant does not exist"
    CP114 = "several lock files, and none is named"
    CP115 = "the stub of the runtime guard is missing, or not what it should be"
    CP116 = "the command needs an extra of cudapin that is not installed"
    CP117 = "what `sbom = true` needs is not there"
    CP201 = "the lock file is stale"
    CP202 = "the lock file is missing"
    CP203 = "the lock file is stale by the project's own version only"
    CP204 = "a locked direct dependency does not satisfy its specifier"
    CP205 = "the lock file cannot be read"
    CP206 = "whether the lock file is fresh cannot be told"
    CP207 = "the lock file was made under settings outside the project"
    CP208 = "there is no lock gate"
    CP209 = "uv may reuse a build of another variant"
    CP210 = "the lock file in an sdist names a private host or holds credentials"
    CP211 = "a locked package cannot be exported with its hash"
    CP301 = "a locked package is of another CUDA than its variant"
    CP302 = "CUDA majors are mixed within one package's closure"
    CP303 = "a CUDA variant locks a build without CUDA"
    CP304 = "a variant without CUDA locks a CUDA build"
    CP305 = "the CUDA of a locked package cannot be told"
    CP306 = "a locked CUDA package carries no hash"
    CP307 = "packages of another CUDA major beside the variant's own"
    CP308 = "a CUDA variant selects no package of a CUDA"
    CP309 = "packages that must be of one CUDA are of different ones"
    CP310 = "the extra or group of a CUDA variant selects nothing"
    CP311 = "two variants select the same CUDA packages"
    CP312 = "what is locked is not for the target in question"
    CP313 = "a Dockerfile or CI job starts from an image of a CUDA that no variant is of"
    CP314 = "a conda or pixi file pins a CUDA that no variant is of"
    CP315 = "a CI or container file names an index of a CUDA that no variant is of"
    CP401 = "the build environment does not hold a locked build requirement"
    CP402 = "an installed build requirement is not the locked one, or was changed"
    CP403 = "the build environment holds a CUDA package that the variant does not select"
    CP404 = "the toolkit of the build is of another CUDA"
    CP405 = "the toolkit of the build is of another CUDA minor"
    CP406 = "a compiled file is of another CUDA than its wheel"
    CP407 = "compiled files of several CUDA majors in one wheel"
    CP408 = "the compiled files lack a declared architecture"
    CP409 = "the compiled files carry an architecture that is not declared"
    CP410 = "a wheel bundles a library of the driver"
    CP411 = "a CUDA library that neither the wheel nor its requirements bring"
    CP412 = "a wheel for any platform has compiled files"
    CP413 = "the record of a wheel does not match it"
    CP414 = "the RECORD of a wheel does not match its files"
    CP415 = "a wheel is compiled against torch and does not require it"
    CP416 = "a wheel cannot be read"
    CP417 = "which CUDA a wheel or compiled file is of cannot be told"
    CP418 = "the host compiler is newer than the toolkit takes"
    CP419 = "a compiled file has PTX of a newer CUDA minor than its wheel"
    CP501 = "the machine's driver or GPU cannot be read"
    CP502 = "installed packages that do not go together are of different CUDA"
    CP503 = "the environment is not the variant that it should be"
    CP601 = "a test environment cannot be made as the lock says"
    CP602 = "a test cell cannot exist here, or no cell was tested"
    CP603 = "a wheel or an sdist cannot be built"
    CP701 = "a variant label is none, or is not for that variant"
    CP702 = "a wheel cannot carry a variant label"
    CP703 = "what a wheel runs on cannot be said in variant properties"
    CP704 = "the variant metadata of a wheel does not match it"
    CP705 = "one label means different things in the wheels of a release"
    CP706 = "two labels of a release have the same properties"
    CP707 = "labelled wheels of a release name different providers, or another order"
    CP708 = "a local version lies beside labelled wheels of its release"
    CP711 = "two different files have one name"
    CP712 = "a file cannot be put into a package index"
    CP713 = "labelled wheels and their `-variants.json` do not agree"
    CP714 = "a package index cannot be read or written"
    CP721 = "a version, label or platform tag that no public index takes"
    CP722 = "another wheel stands where that of the default variant belongs"
    CP723 = "a wheel of a release has another name than its variant gives it"
    CP724 = "variants of one release hold different files"
    CP725 = "a wheel requires something else than its variant explains"
    CP726 = "a wheel has no record of how it was built"
    CP727 = "name, version, tags and record of a wheel do not agree"
    CP728 = "a declared variant has no wheel"
    CP729 = "an sdist carries the stamp of a variant"
    CP730 = "an sdist lacks its lock file or its seal"
    CP731 = "a requirement names an address"
    CP732 = "a waiver, or a switch of cudapin, that was not accepted"
    CP733 = "the default variant is another than in the release before"
    CP734 = "a file is larger than an index takes"
    CP735 = "what belongs to a release cannot be told"
    CP736 = "an sdist cannot be read"
    CP900 = "an error of cudapin itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place in a file: path relative to the project root, line counted from 1, dotted key."""

    path: str
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return place if self.key is None else f"{place} ({self.key})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding: what is wrong, where, why (wanted and found), and the command or step that mends it."""

    code: Code
    what: str
    why: str
    fix: str
    where: Where | None = None
    level: Level = "error"
    variant: str | None = None
    package: str | None = None


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Order by path, line and code, without repetitions."""

    def key(problem: Problem) -> tuple[str, int, str, str]:
        where = problem.where
        return (where.path if where else "", (where.line or 0) if where else 0, problem.code.name, problem.what)

    return tuple(sorted(dict.fromkeys(problems), key=key))


class CudapinError(Exception):
    """An error with problems to show; `exit_code` is what the command line and the hooks exit with."""

    exit_code: ClassVar[int] = 70

    def __init__(self, *problems: Problem) -> None:
        self.problems = sort_problems(problems)
        super().__init__("\n".join(f"{p.code.name}: {p.what}" for p in self.problems))


class Refusal(CudapinError):
    """Judged, and found wanting."""

    exit_code = 1


class ConfigError(CudapinError):
    """`[tool.cudapin]`, a request or the command line is wrong."""

    exit_code = 2


class LockError(CudapinError):
    """A lock file, wheel or stamp cannot be read, or no verdict is possible."""

    exit_code = 3


class MachineError(CudapinError):
    """The driver or NVML gives no answer."""

    exit_code = 3
