"""CUDA versions, the names that carry one, and the CUDA that a package is bound to. Reads no file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.facts import Facts

__all__ = [
    "Belonging",
    "CudaVersion",
    "Kind",
    "Platform",
    "belongs",
    "cuda_of_digits",
    "cuda_of_variant_name",
    "parse_cuda",
    "parse_platform",
    "path_parts",
]

Kind = Literal["cuda", "cpu", "other-accelerator", "unknown"]
Platform = Literal["linux", "linux-aarch64", "windows", "macos"]
"""Where a wheel runs; `linux` is x86_64 wherever that makes a difference."""

_VERSION = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?")
_VARIANT_NAME = re.compile(r"cu(?:da)?(?:(?P<major>\d{2})(?:\.(?P<minor>\d{1,2})|x)|(?P<digits>\d{2,4}))")
_NAME_TOKEN = re.compile(r"cu(?:da)?(\d{2,4})x?")
_LABEL_CUDA = re.compile(r"(?<![a-z])cu(?:da)?(?:\.(?P<major>\d{2})\.(?P<minor>\d{1,2})|(?P<digits>\d{2,4}))(?!\d)")
_LABEL_OTHER = re.compile(r"(?<![a-z])(?P<word>cpu|rocm|xpu|hpu|npu)(?![a-z])")
_INDEX_PART = re.compile(r"(?:cu(?P<digits>\d{2,4})|(?P<word>cpu|rocm|xpu)[\d.]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaVersion:
    """A CUDA release; without a minor, any release of that major.

    There is no `<`: "12" is neither before nor after "12.8". Sort by `sort_key` where an order is needed.
    """

    major: int
    minor: int | None = None

    def __str__(self) -> str:
        """Return `12.8`, or `12` without a minor."""
        return f"{self.major}" if self.minor is None else f"{self.major}.{self.minor}"

    @property
    def sort_key(self) -> tuple[int, int]:
        """Order by major and minor; a version without a minor comes before those that have one."""
        return (self.major, -1 if self.minor is None else self.minor)

    def matches(self, other: CudaVersion) -> bool:
        """Return whether both may be the same release: "12" matches "12.8", "12.6" does not."""
        if self.major != other.major:
            return False
        return self.minor is None or other.minor is None or self.minor == other.minor


def parse_cuda(text: str) -> CudaVersion:
    """Parse `12.8` or `12`; raise ValueError for anything else, a patch release included."""
    match = _VERSION.fullmatch(text)
    if match is None:
        message = f"`{text}` is not a CUDA version such as `12.8` or `12`"
        raise ValueError(message)
    major, minor = match.groups()
    return CudaVersion(major=int(major), minor=None if minor is None else int(minor))


def cuda_of_digits(digits: str) -> CudaVersion | None:
    """Read the digits of `cuNNN`: `128` is 12.8, `1210` is 12.10, `12` is 12, `92` is 9.2; None if they mean nothing.

    Majors run from 10 to 29 and, as two digits with their minor, from 6 to 9; the rest is no CUDA (`cuda37`).
    """
    if not re.fullmatch(r"\d{2,4}", digits):
        return None
    head, tail = digits[:2], digits[2:]
    if head[0] in "6789" and not tail:
        return CudaVersion(major=int(head[0]), minor=int(head[1]))
    if head[0] not in "12":
        return None
    return CudaVersion(major=int(head), minor=int(tail) if tail else None)


def cuda_of_variant_name(name: str) -> CudaVersion | None:
    """Return the CUDA that a variant's name states, None where it states none (`cpu`, `rocm6.4`, `gpu`).

    `cu128` and `cuda12.8` are 12.8; `cu12`, `cuda12` and `cuda12x` are any 12.
    """
    match = _VARIANT_NAME.fullmatch(name.lower())
    if match is None:
        return None
    if match["digits"] is not None:
        return cuda_of_digits(match["digits"])
    minor = match["minor"]
    return CudaVersion(major=int(match["major"]), minor=None if minor is None else int(minor))


def parse_platform(system: str, machine: str = "") -> Platform:
    """Return the platform of `sys.platform` (or of one of our own names) and `platform.machine()`.

    Whatever is neither Windows nor macOS counts as Linux.
    """
    if system in ("windows", "win32"):
        return "windows"
    if system in ("macos", "darwin"):
        return "macos"
    return "linux-aarch64" if "aarch64" in (machine, system.removeprefix("linux-")) else "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """What a package that is bound to an accelerator, or could be, is built for.

    `cuda` is set for kind "cuda" only, its minor only where the evidence gives one. `evidence` is a clause for a
    message: lower case, no full stop. `is_toolkit_part` marks NVIDIA's own libraries, which others merely require.
    """

    cuda: CudaVersion | None
    kind: Kind
    evidence: str
    is_toolkit_part: bool = False


def belongs(
    name: str,
    version: str | None,
    index: str | None,
    facts: Facts,
    *,
    platform: str,
    extra_rules: Iterable[tuple[str, str]] = (),
) -> Belonging | None:
    """Return which CUDA a locked package belongs to, None for a package that is bound to no CUDA at all.

    `name` is normalised; `index` is None for the public default index and "" where the lock records none; `platform`
    is what `parse_platform` returns or takes. `extra_rules` are the project's own: a normalised name and a pattern
    with the group `major` and optionally `minor`, searched in the version, then in the name; they come first and
    are final. Raises re.error for a pattern that does not compile.

    >>> belongs("torch", "2.9.0+cu128", None, facts, platform="linux")  # doctest: +SKIP
    Belonging(cuda=CudaVersion(major=12, minor=8), kind='cuda', evidence='the local version label `+cu128`')
    """
    patterns = [pattern for subject, pattern in extra_rules if subject == name]
    if patterns:
        return _by_own_rule(name, version, patterns)
    rule = facts.packages.get(name)
    if rule == "unbound":
        return None
    return (
        _by_label(version, known=rule == "labelled")
        or _by_suffix(name, version, facts)
        or (_by_origin(name, version, index, facts, platform) if rule == "labelled" else _by_rule(name, version, rule))
    )


def _by_own_rule(name: str, version: str | None, patterns: list[str]) -> Belonging:
    for pattern in patterns:
        for text in (version or "", name):
            match = re.search(pattern, text)
            groups = match.groupdict() if match else {}
            major, minor = groups.get("major"), groups.get("minor")
            if major is not None and major.isdecimal() and (minor is None or minor.isdecimal()):
                return _cuda(
                    CudaVersion(major=int(major), minor=None if minor is None else int(minor)),
                    f"the `cuda-bound` pattern `{pattern}` in `{text}`",
                )
    return _unknown(f"no `cuda-bound` pattern of `{name}` matches `{version or name}`")


def _by_label(version: str | None, *, known: bool) -> Belonging | None:
    label = (version or "").partition("+")[2].lower().replace("-", ".").replace("_", ".")
    match = _LABEL_CUDA.search(label)
    if match is not None:
        if match["digits"] is None:
            cuda: CudaVersion | None = CudaVersion(major=int(match["major"]), minor=int(match["minor"]))
        else:
            cuda = cuda_of_digits(match["digits"])
        if cuda is not None:
            return _cuda(cuda, f"the local version label `+{label}`")
    other = _LABEL_OTHER.search(label) if known else None
    return None if other is None else _other(other["word"], f"the local version label `+{label}`")


def _by_suffix(name: str, version: str | None, facts: Facts) -> Belonging | None:
    tokens = name.split("-")
    for position, token in enumerate(tokens[1:], start=1):
        match = _NAME_TOKEN.fullmatch(token)
        cuda = cuda_of_digits(match[1]) if match else None
        if cuda is not None:
            rule = facts.packages.get("-".join(tokens[:position]))
            numbers = _numbers(version)
            evidence = f"`{token}` in the name"
            if rule == "floor":
                return _cuda(CudaVersion(major=cuda.major), evidence)
            if rule == "toolkit" and cuda.minor is None and len(numbers) > 1 and numbers[0] == cuda.major:
                cuda = CudaVersion(major=cuda.major, minor=numbers[1])
                evidence += f" and version `{version}`, which is the toolkit's"
            return _cuda(cuda, evidence, is_toolkit_part=tokens[0] == "nvidia")
    return None


def _by_rule(name: str, version: str | None, rule: str | Mapping[str, int] | None) -> Belonging | None:
    if rule is None or rule in ("floor", "closure"):
        return None
    numbers = _numbers(version)
    if isinstance(rule, str):
        if not numbers:
            return _unknown(f"`{name}` is locked without a version, which would tell its CUDA", is_toolkit_part=True)
        if rule == "major" or len(numbers) == 1:
            evidence = f"version `{version}`, whose first number is the CUDA major"
            return _cuda(CudaVersion(major=numbers[0]), evidence, is_toolkit_part=True)
        cuda = CudaVersion(major=numbers[0], minor=numbers[1])
        return _cuda(cuda, f"version `{version}`, which is the toolkit's", is_toolkit_part=True)
    major = rule.get(str(numbers[0])) if numbers else None
    if major is None:
        evidence = f"the facts do not say of which CUDA version `{version}` of `{name}` is part"
        return _unknown(evidence, is_toolkit_part=True)
    return _cuda(CudaVersion(major=major), f"`{name}` {numbers[0]}.* is part of CUDA {major}", is_toolkit_part=True)


def _by_origin(name: str, version: str | None, index: str | None, facts: Facts, platform: str) -> Belonging:
    """Ask the index, or the facts about the default one; no framework has a CUDA on macOS, whoever serves it."""
    system = parse_platform(platform)
    if index is None and version is not None:
        default = facts.default_cuda(name, version, platform)
        if default is not None:
            evidence = f"`{name}` {version} of the default index is built for"
            if isinstance(default, CudaVersion):
                return _cuda(default, f"{evidence} CUDA {default} on {system}")
            return _other(default, f"{evidence} the CPU on {system}")
    if system == "macos":
        return _other("cpu", f"version `{version}` names no CUDA, and there is none on macos")
    if index is None:
        return _unknown(f"version `{version}` names no CUDA, and it comes from the default index")
    found = "the lock records no index" if index == "" else "the address of its index names none"
    return _by_index(index) or _unknown(f"version `{version}` names no CUDA, and {found}")


def _by_index(index: str) -> Belonging | None:
    """Read the last part of the path that is a tag: `…/whl/cu128`, `…/whl/nightly/cpu`, `…/torch-2.8.0+cu128.html`."""
    for segment in reversed(path_parts(index)):
        match = _INDEX_PART.fullmatch(unquote(segment).lower().rpartition("+")[2].removesuffix(".html"))
        if match is None:
            continue
        evidence = f"`{match[0]}` in the address of its index"
        if match["word"] is not None:
            return _other(match["word"], evidence)
        cuda = cuda_of_digits(match["digits"])
        if cuda is not None:
            return _cuda(cuda, evidence)
    return None


def path_parts(url: str) -> list[str]:
    """Return the parts of the path of an address, or of a path; any text will do.

    >>> path_parts("https://index.example/whl/cu128?a=b")
    ['whl', 'cu128']
    """
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    _, separator, rest = path.partition("://")
    return rest.split("/")[1:] if separator else path.split("/")


def _numbers(version: str | None) -> tuple[int, ...]:
    match = re.match(r"v?(\d+(?:\.\d+)*)", version or "")
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _cuda(cuda: CudaVersion, evidence: str, *, is_toolkit_part: bool = False) -> Belonging:
    return Belonging(cuda=cuda, kind="cuda", evidence=evidence, is_toolkit_part=is_toolkit_part)


def _other(word: str, evidence: str) -> Belonging:
    return Belonging(cuda=None, kind="cpu" if word == "cpu" else "other-accelerator", evidence=evidence)


def _unknown(evidence: str, *, is_toolkit_part: bool = False) -> Belonging:
    return Belonging(cuda=None, kind="unknown", evidence=evidence, is_toolkit_part=is_toolkit_part)
