"""The table of CUDA facts: what it must look like, and the questions that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from cudapin.core.cuda import CudaVersion, parse_cuda, parse_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Facts", "ToolkitRange", "parse_facts"]

_T = TypeVar("_T")
_SCHEMA = 1
_CLASSIFIER = "Environment :: GPU :: NVIDIA CUDA"
_WINDOWS_OFFSET = 5
"""Windows drivers of branch 570 are numbered 570 to 573; no two branches are closer than 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitRange:
    """First and last toolkit that compiles for a compute capability; no last one: the newest still does."""

    first: CudaVersion
    last: CudaVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about CUDA at `compiled`. Made by `parse_facts`; every question answers None for "not known".

    `platform` is what `cudapin.core.cuda.parse_platform` returns or takes.
    """

    compiled: date
    toolkits: tuple[CudaVersion, ...]
    """Every released toolkit minor, oldest first."""
    architectures: Mapping[str, ToolkitRange]
    packages: Mapping[str, str | Mapping[str, int]]
    """The rule by which a package tells its CUDA, by normalised name; see `cudapin.core.cuda.belongs`."""
    minimum_drivers: Mapping[str, Mapping[str, str]]
    toolkit_drivers: Mapping[str, Mapping[str, str]]
    driver_branches: Mapping[str, CudaVersion]
    torch_defaults: Mapping[str, Mapping[str, str]]
    torch_pythons: Mapping[str, tuple[int, int]]
    """Minor of the oldest and of the newest CPython 3 that the public index serves a release of torch for."""
    default_builds: Mapping[str, Mapping[str, str]]
    """As `torch_defaults`, for other names: `torchvision 0.24`; CUDA by platform."""
    families: Mapping[str, str]
    """Names of packages that must be of one CUDA with the package that heads their family."""
    classifier_tails: Mapping[str, str]
    libraries: Mapping[str, Mapping[str, tuple[int, ...]]]
    """The CUDA majors of a library, by its name and the version in that; see `cudapin.core.libraries`."""
    package_libraries: Mapping[str, tuple[str, ...]]
    """What NVIDIA's package of a library brings, by its name without `-cuNN`."""
    ptx_majors: Mapping[str, int]
    """The CUDA major that writes an ISA of PTX, by the first number of that ISA."""
    ptx_toolkits: Mapping[str, CudaVersion]
    """The first toolkit that writes an ISA of PTX, by that ISA."""
    host_compilers: Mapping[str, Mapping[str, int]]
    """The newest major of `gcc` and `clang` that a toolkit takes, by its version."""

    def minimum_driver(self, cuda: CudaVersion, platform: str) -> str | None:
        """Return the lowest driver that runs any program of this CUDA major (minor-version compatibility)."""
        return self.minimum_drivers.get(str(cuda.major), {}).get(_system(platform))

    def ptx_driver(self, cuda: CudaVersion, platform: str) -> str | None:
        """Return the lowest driver that reads PTX of this toolkit, of the newest of its major if no minor is given."""
        minor = cuda if cuda.minor is not None else max(self._minors(cuda), key=_order, default=cuda)
        listed = self.toolkit_drivers.get(str(minor), {}).get(_system(platform))
        return listed or next((branch for branch, known in self.driver_branches.items() if known == minor), None)

    def driver_cuda(self, driver_version: str) -> CudaVersion | None:
        """Return the CUDA version that a driver reports, None for a branch that is not in the table."""
        head = driver_version.partition(".")[0]
        if not head.isdecimal():
            return None
        branch = max((int(known) for known in self.driver_branches if int(known) <= int(head)), default=None)
        if branch is None or int(head) - branch >= _WINDOWS_OFFSET:
            return None
        return self.driver_branches[str(branch)]

    def torch_default_cuda(self, version: str, platform: str) -> CudaVersion | Literal["cpu"] | None:
        """Return the CUDA of the torch wheel that the public index serves, `cpu` for one without, None if unknown."""
        release = ".".join(version.partition("+")[0].split(".")[:2])
        return _cuda_or_cpu(self.torch_defaults.get(release, {}).get(parse_platform(platform)))

    def default_cuda(self, name: str, version: str, platform: str) -> CudaVersion | Literal["cpu"] | None:
        """Return the CUDA of the wheel of any name that the public index serves, the longest known release first."""
        if name == "torch":
            return self.torch_default_cuda(version, platform)
        numbers = version.partition("+")[0].split(".")
        for length in range(len(numbers), 0, -1):
            row = self.default_builds.get(f"{name} {'.'.join(numbers[:length])}")
            if row is not None:
                return _cuda_or_cpu(row.get(parse_platform(platform)))
        return None

    def classifiers(self, cuda: CudaVersion) -> tuple[str, ...]:
        """Return the most specific trove classifier that exists for this CUDA."""
        for key in (str(cuda), str(cuda.major)):
            if key in self.classifier_tails:
                return (f"{_CLASSIFIER} :: {self.classifier_tails[key]}",)
        return (_CLASSIFIER,)

    def may_exist(self, cuda: CudaVersion) -> bool:
        """Return whether this is a CUDA that was released, or one that is newer than the table."""
        newest = self.toolkits[-1]
        known = [*self.toolkits, *map(parse_cuda, self.classifier_tails)]
        return any(cuda.matches(one) for one in known) or newest.sort_key < cuda.sort_key < (newest.major + 2, 0)

    def supports(self, toolkit: CudaVersion, arch: str) -> bool | None:
        """Return whether a toolkit compiles for a compute capability such as `9.0`; None where it cannot be told.

        Of a major without a minor: True if all its releases do, False if none does. A toolkit newer than the table
        is taken to keep what the older ones of its major had; architectures have been dropped with a major only.
        """
        if toolkit.minor is not None:
            return self._compiles(toolkit, arch)
        answers = {self._compiles(minor, arch) for minor in self._minors(toolkit)}
        return answers.pop() if len(answers) == 1 else None

    def _compiles(self, toolkit: CudaVersion, arch: str) -> bool | None:
        known = self.architectures.get(arch)
        newest = self.toolkits[-1]
        if known is None or toolkit.sort_key < known.first.sort_key:
            return False if toolkit.sort_key <= newest.sort_key else None
        if known.last is not None:
            return toolkit.sort_key <= known.last.sort_key
        return True if toolkit.major <= newest.major else None

    def _minors(self, cuda: CudaVersion) -> tuple[CudaVersion, ...]:
        return tuple(toolkit for toolkit in self.toolkits if toolkit.major == cuda.major)


def parse_facts(table: Mapping[str, Any], newer: Mapping[str, Any] | None = None) -> Facts:
    """Turn the parsed text of `cuda.toml` into Facts; raise ValueError, naming the table, if its form is wrong.

    `newer` is a second table of the same form, complete or not. Row by row the later date wins, `newer` in a tie.
    """
    tables = (table,) if newer is None else (table, newer)

    def rows(name: str) -> dict[str, Any]:
        return _merged_rows(name, tables)

    drivers = rows("toolkit-driver")
    return Facts(
        compiled=max(_compiled(each) for each in tables),
        toolkits=tuple(sorted(_each("toolkit-driver", drivers, lambda key, _: parse_cuda(key)).values(), key=_order)),
        architectures=_each("compute-capability", rows("compute-capability"), lambda _, row: _range(row)),
        packages=_each("package", rows("package"), lambda _, row: _package(row)),
        minimum_drivers=_each("minimum-driver", rows("minimum-driver"), lambda _, row: _drivers(row)),
        toolkit_drivers=_each("toolkit-driver", drivers, lambda _, row: _drivers(row)),
        driver_branches=_each("driver-branch", rows("driver-branch"), _branch),
        torch_defaults=_each("torch-default", rows("torch-default"), lambda _, row: _builds(row)),
        torch_pythons=_each("torch-python", rows("torch-python"), lambda _, row: _minors(row)),
        default_builds=_each("default-build", rows("default-build"), lambda _, row: _builds(row)),
        families=_each("family", rows("family"), lambda _, row: _text(row)),
        classifier_tails=_each("classifier", rows("classifier"), lambda _, row: _text(row)),
        libraries=_each("library", rows("library"), lambda _, row: _versions(row)),
        package_libraries=_each("package-library", rows("package-library"), lambda _, row: _names(row)),
        ptx_majors=_each("ptx-isa", rows("ptx-isa"), lambda _, row: _number(row)),
        ptx_toolkits=_each("ptx-toolkit", rows("ptx-toolkit"), lambda _, row: parse_cuda(_text(row))),
        host_compilers=_each("host-compiler", rows("host-compiler"), lambda _, row: _numbers(row)),
    )


def _merged_rows(name: str, tables: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    dated: dict[str, tuple[date, Any]] = {}
    for table in tables:
        for when, rows in _groups(name, table.get(name, [])):
            for key, row in rows.items():
                if key not in dated or dated[key][0] <= when:
                    dated[key] = (when, row)
    return {key: row for key, (_, row) in dated.items()}


def _groups(name: str, groups: object) -> Iterator[tuple[date, dict[str, Any]]]:
    for group in groups if isinstance(groups, list) else [groups]:
        when, rows = (group.get("date"), group.get("rows")) if isinstance(group, dict) else (None, None)
        if type(when) is not date or not isinstance(rows, dict):
            message = f"`{name}` is not a list of groups, each with `date` and `rows`"
            raise ValueError(message)
        yield when, rows


def _each(name: str, rows: dict[str, Any], parse: Callable[[str, Any], _T]) -> dict[str, _T]:
    result: dict[str, _T] = {}
    for key, row in rows.items():
        try:
            result[key] = parse(key, row)
        except (KeyError, TypeError, ValueError) as error:
            message = f"row `{key}` of `{name}` does not have the form of that table"
            raise ValueError(message) from error
    return result


def _compiled(table: Mapping[str, Any]) -> date:
    meta = table.get("meta", {})
    if not isinstance(meta, dict) or meta.get("schema", _SCHEMA) != _SCHEMA:
        message = f"`meta.schema` is not {_SCHEMA}, the only one that this cudapin reads"
        raise ValueError(message)
    compiled = meta.get("compiled", date.min)
    if type(compiled) is not date:
        message = "`meta.compiled` is not a date"
        raise ValueError(message)
    return compiled


def _order(cuda: CudaVersion) -> tuple[int, int]:
    return cuda.sort_key


def _system(platform: str) -> str:
    return parse_platform(platform).removesuffix("-aarch64")


def _text(row: object) -> str:
    if not isinstance(row, str):
        raise TypeError
    return row


def _texts(row: object) -> dict[str, str]:
    if not isinstance(row, dict):
        raise TypeError
    return {key: _text(value) for key, value in row.items()}


def _drivers(row: object) -> dict[str, str]:
    texts = _texts(row)
    for text in texts.values():
        [int(number) for number in text.split(".")]
    return texts


def _number(row: object) -> int:
    if type(row) is not int:
        raise TypeError
    return row


def _numbers(row: object) -> dict[str, int]:
    if not isinstance(row, dict):
        raise TypeError
    return {str(key): _number(value) for key, value in row.items()}


def _names(row: object) -> tuple[str, ...]:
    if not isinstance(row, list):
        raise TypeError
    return tuple(_text(name) for name in row)


def _versions(row: object) -> dict[str, tuple[int, ...]]:
    if not isinstance(row, dict) or not all(isinstance(majors, list) for majors in row.values()):
        raise TypeError
    return {str(version): tuple(_number(major) for major in majors) for version, majors in row.items()}


def _builds(row: object) -> dict[str, str]:
    texts = _texts(row)
    for text in texts.values():
        _cuda_or_cpu(text)
    return texts


def _cuda_or_cpu(text: str | None) -> CudaVersion | Literal["cpu"] | None:
    return parse_cuda(text) if text not in (None, "cpu") else cast("Literal['cpu'] | None", text)


def _range(row: object) -> ToolkitRange:
    texts = _texts(row)
    last = texts.get("last")
    return ToolkitRange(first=parse_cuda(texts["first"]), last=None if last is None else parse_cuda(last))


def _minors(row: object) -> tuple[int, int]:
    first, last = (_texts(row)[key].removeprefix("3.") for key in ("first", "last"))
    return int(first), int(last)


def _branch(key: str, row: object) -> CudaVersion:
    int(key)
    return parse_cuda(_text(row))


def _package(row: object) -> str | dict[str, int]:
    if isinstance(row, str):
        if row not in {"labelled", "closure", "toolkit", "major", "floor", "unbound"}:
            raise ValueError
        return row
    if not isinstance(row, dict) or not all(type(value) is int for value in row.values()):
        raise TypeError
    return {str(key): int(value) for key, value in row.items()}
