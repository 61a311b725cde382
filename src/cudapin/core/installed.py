"""What a Python environment holds of CUDA, by its metadata: which package is of which CUDA, and how that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cudapin.core.cuda import Belonging, CudaVersion, belongs, parse_cuda
from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.config import CudaBound
    from cudapin.core.facts import Facts

__all__ = [
    "CudaPackage",
    "Environment",
    "InstalledPackage",
    "StampRecord",
    "cuda_packages",
    "parse_headers",
    "parse_stamp",
    "parse_version_file",
]

_CUDA_LINE = re.compile(
    r"^cuda[ \t]*(?::[^=\n]{0,60})?=[ \t]*(?:None|(['\"])(?P<cuda>\d{1,2}\.\d{1,2})(?:\.\d+)?\1)[ \t\r]*$", re.MULTILINE
)
_HIP_LINE = re.compile(r"^(?:hip|xpu)[ \t]*(?::[^=\n]{0,60})?=[ \t]*['\"][^'\"\n]{1,60}['\"][ \t\r]*$", re.MULTILINE)
_HEADER = re.compile(r"^(Name|Version|Requires-Dist):(.*)$", re.IGNORECASE | re.MULTILINE)
_REQUIRED_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_EXTRA = re.compile(r"\bextra\b")
_RUNTIMES = ("cuda-toolkit", "nvidia-cuda-runtime")
_FRAMEWORKS = ("torch", "torchvision", "torchaudio", "jax", "jaxlib", "tensorflow", "cupy")
"""Told even where they are of no CUDA: whoever reads the report asks for them first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StampRecord:
    """What the record in an installed wheel says that it is."""

    variant: str | None
    cuda: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackage:
    """One installed package. `requires` are the names of its unconditional requirements.

    `build_text` is what the package itself says of its build, such as the text of `torch/version.py`.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    stamp: StampRecord | None = None
    build_text: str | None = None
    build_file: str | None = None
    is_editable: bool = False
    others: tuple[str, ...] = ()
    """Further versions whose metadata lie in the same folder: remains of an update that was cut short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One Python environment: its interpreter, its markers (PEP 508), and its packages by normalised name.

    `is_default` says that nobody named it: it is the one that runs this.
    """

    executable: str
    prefix: str
    version: str
    markers: Mapping[str, str]
    packages: Mapping[str, InstalledPackage] = field(default_factory=dict)
    is_virtual: bool = False
    is_default: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaPackage:
    """An installed package that is tied to a CUDA, or could be. `label` is the CUDA of its version's own label.

    `is_inferred` marks what is only concluded from what the public index serves under that version.
    """

    name: str
    version: str
    belonging: Belonging
    label: CudaVersion | None = None
    is_inferred: bool = False
    stamp: StampRecord | None = None

    @property
    def text(self) -> str:
        """Return the CUDA in words."""
        cuda, kind = self.belonging.cuda, self.belonging.kind
        if cuda is not None:
            return f"CUDA {cuda}"
        return {"cpu": "no CUDA", "other-accelerator": "another accelerator"}.get(kind, "CUDA unknown")


def parse_headers(text: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return name, version and the names of unconditional requirements, from the head of a METADATA file."""
    head = re.split(r"\r?\n[ \t]*\r?\n", text, maxsplit=1)[0]
    values: dict[str, list[str]] = {}
    for key, value in _HEADER.findall(head):
        values.setdefault(key.lower(), []).append(value.strip())
    required = (value.partition(";") for value in values.get("requires-dist", []))
    names = (_REQUIRED_NAME.match(head) for head, _, marker in required if not _EXTRA.search(marker))
    return (
        next(iter(values.get("name", [])), None),
        next(iter(values.get("version", [])), None),
        tuple(normalise(match[0]) for match in names if match),
    )


def parse_stamp(document: object) -> StampRecord | None:
    """Read the parsed record of a wheel; None for what is no record."""
    if not isinstance(document, dict) or "variant" not in document:
        return None
    variant, cuda = document["variant"], document.get("cuda")
    told = cuda if isinstance(cuda, list) else [cuda]
    return StampRecord(
        variant=variant if isinstance(variant, str) else None,
        cuda=", ".join(item for item in told if isinstance(item, str)) or None,
    )


def parse_version_file(text: str) -> Belonging | None:
    """Return what `torch/version.py` says that torch was built for; None where it says nothing.

    >>> parse_version_file("cuda: Optional[str] = '12.8'").cuda
    CudaVersion(major=12, minor=8)
    """
    match = _CUDA_LINE.search(text)
    if match is None:
        return None
    if match["cuda"] is not None:
        return Belonging(cuda=parse_cuda(match["cuda"]), kind="cuda", evidence=f"`cuda = '{match['cuda']}'`")
    if _HIP_LINE.search(text):
        return Belonging(cuda=None, kind="other-accelerator", evidence="`cuda = None` beside another accelerator")
    return Belonging(cuda=None, kind="cpu", evidence="`cuda = None`")


def cuda_packages(
    environment: Environment, facts: Facts, platform: str, rules: Iterable[CudaBound] = ()
) -> tuple[CudaPackage, ...]:
    """Return the installed packages that are tied to a CUDA, and the frameworks that could be, sorted by name."""
    extra_rules = tuple((rule.name, rule.pattern) for rule in rules)
    runtimes = {
        name: belonging
        for name in environment.packages
        if name.startswith(_RUNTIMES)
        and (belonging := belongs(name, environment.packages[name].version, "", facts, platform=platform))
        and belonging.cuda is not None
    }
    found = []
    for name in sorted(environment.packages):
        package = environment.packages[name]
        item = _judged(package, facts, platform, extra_rules, runtimes)
        if item is not None:
            found.append(replace(item, stamp=package.stamp))
        elif name in _FRAMEWORKS or package.stamp is not None:
            found.append(_untold(package))
    return tuple(found)


def _judged(
    package: InstalledPackage,
    facts: Facts,
    platform: str,
    extra_rules: tuple[tuple[str, str], ...],
    runtimes: Mapping[str, Belonging],
) -> CudaPackage | None:
    name, version = package.name, package.version
    told = belongs(name, version, "", facts, platform=platform, extra_rules=extra_rules)
    own = parse_version_file(package.build_text) if package.build_text is not None else None
    if own is not None:
        evidence = f"{own.evidence} in `{package.build_file}`"
        label = told.cuda if told is not None else None
        return CudaPackage(name=name, version=version, belonging=replace(own, evidence=evidence), label=label)
    if told is None and facts.packages.get(name) != "closure":
        return None
    if told is not None and told.kind != "unknown":
        return CudaPackage(name=name, version=version, belonging=told)
    required = [runtimes[item] for item in package.requires if item in runtimes]
    majors = {runtime.cuda.major for runtime in required if runtime.cuda is not None}
    if len(majors) == 1:
        runtime = next(item for item in package.requires if item in runtimes)
        evidence = f"it requires `{runtime}`"
        belonging = Belonging(cuda=CudaVersion(major=majors.pop()), kind="cuda", evidence=evidence)
        return CudaPackage(name=name, version=version, belonging=belonging)
    public = belongs(name, version, None, facts, platform=platform)
    if public is not None and public.kind != "unknown":
        return CudaPackage(name=name, version=version, belonging=public, is_inferred=True)
    evidence = f"version `{version}` names no CUDA"
    return CudaPackage(name=name, version=version, belonging=Belonging(cuda=None, kind="unknown", evidence=evidence))


def _untold(package: InstalledPackage) -> CudaPackage:
    stamp = package.stamp
    if stamp is None:
        belonging = Belonging(cuda=None, kind="cpu", evidence="it brings no CUDA itself")
    elif stamp.cuda is None:
        belonging = Belonging(cuda=None, kind="cpu" if stamp.variant else "unknown", evidence="its record")
    else:
        cuda = _first_cuda(stamp.cuda)
        belonging = Belonging(cuda=cuda, kind="cuda" if cuda else "unknown", evidence="its record")
    return CudaPackage(name=package.name, version=package.version, belonging=belonging)


def _first_cuda(text: str) -> CudaVersion | None:
    try:
        return parse_cuda(text.partition(",")[0].strip())
    except ValueError:
        return None
