"""Where other files of a project name a CUDA: images, conda and pixi pins, addresses of PyTorch's indexes.

Files are read line by line, and only what is literal and complete is taken: a range, a variable, a comment or an
unusual spelling says nothing. So what is found is there, and what is not found may still be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cudapin.core.cuda import cuda_of_digits, parse_cuda
from cudapin.core.dockerfile import find_images, read_instructions
from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion

__all__ = ["Mention", "MentionKind", "find_mentions", "find_pixi_pins", "judge_mentions"]

MentionKind = Literal["dockerfile", "conda", "conda-lock", "ci"]

_IMAGE = re.compile(
    r"(?:[\w.:-]+/)*(?:nvidia/cuda:(\d{1,2}\.\d{1,2})(?:\.\d+)?(?=-|@|$)"
    r"|pytorch/pytorch:[\w.]+-cuda(\d{1,2}\.\d{1,2})(?=-|@|$))"
)
_PACKAGES = ("cuda-version", "pytorch-cuda", "cudatoolkit")
"""Conda packages whose version is that of CUDA itself."""
_CONDA = re.compile(
    rf"\s*-\s+([\"']?)(?:[\w./-]+::)?({'|'.join(_PACKAGES)})(?:\s*==?\s*|\s+)"
    r"(\d{1,2}(?:\.\d{1,2})?)(?:\.\d+)*(?:\.\*)?(?:=[\w*]+)?\1\s*"
)
_LOCKED_NAME = re.compile(rf"(\s*)- name:\s*[\"']?({'|'.join(_PACKAGES)})[\"']?\s*")
_LOCKED_VERSION = re.compile(r"\s+version:\s*[\"']?(\d{1,2}(?:\.\d{1,2})?)(?:\.\d+)*[\"']?\s*")
_PIXI = re.compile(r"\s*(?:==?)?\s*(\d{1,2}(?:\.\d{1,2})?)(?:\.\d+)*(?:\.\*)?\s*")
_INDEX = re.compile(r"download\.pytorch\.org/whl/(?:nightly/|test/)?cu(\d{2,4})(?![\w.$-])(?!\s*\{\{)")
_BLOCK = re.compile(r"\s*(?:-\s+)*(?:[^#:]+:\s+)?[|>][+-]?\d?[+-]?\s*")
_JOB_IMAGE = re.compile(r"\s*(?:-\s+)?(?:image|container):\s+([\"']?)([^\s\"'$]+)\1\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A place that names a CUDA: what kind of problem it would be, the text that was found, and which CUDA it says."""

    code: Code
    line: int | None
    found: str
    cuda: CudaVersion


def find_mentions(kind: MentionKind, text: str) -> Iterator[Mention]:
    """Yield every CUDA that a file of this kind names literally."""
    if kind == "dockerfile":
        yield from _of_images(find_images(text))
        for instruction in read_instructions(text):
            if instruction.name in ("RUN", "ENV", "ARG"):
                yield from _of_indexes(instruction.line, instruction.text)
    elif kind == "conda":
        for number, line in _plain_lines(text):
            if found := _CONDA.fullmatch(line):
                yield _pin(number, f"{found[2]}={found[3]}", found[3])
    elif kind == "conda-lock":
        yield from _of_conda_lock(text)
    else:
        lines = list(_plain_lines(text))
        yield from _of_images((number, found[2]) for number, line in lines if (found := _JOB_IMAGE.fullmatch(line)))
        for number, line in enumerate(text.split("\n"), 1):  # commands stand in block scalars
            yield from _of_indexes(number, _uncommented(line))


def _of_images(images: Iterable[tuple[int, str]]) -> Iterator[Mention]:
    for number, image in images:
        if found := _IMAGE.match(image):
            yield Mention(code=Code.CP313, line=number, found=image, cuda=parse_cuda(found[1] or found[2]))


def _of_indexes(number: int, text: str) -> Iterator[Mention]:
    for found in _INDEX.finditer(text):
        cuda = cuda_of_digits(found[1])
        if cuda is not None:
            yield Mention(code=Code.CP315, line=number, found=found[0], cuda=cuda)


def _pin(number: int | None, text: str, version: str) -> Mention:
    return Mention(code=Code.CP314, line=number, found=text, cuda=parse_cuda(version))


def _of_conda_lock(text: str) -> Iterator[Mention]:
    """Read the two lines of a package's entry: its name, then somewhere below it and as deep its version."""
    current: tuple[str, str] | None = None
    seen: set[str] = set()  # an entry for each platform
    for number, line in _plain_lines(text):
        if line.lstrip().startswith("- "):
            found = _LOCKED_NAME.fullmatch(line)
            current = (found[1] + "  ", found[2]) if found else None
        elif current is not None and line.startswith(current[0]) and not line[len(current[0]) :].startswith(" "):
            version = _LOCKED_VERSION.fullmatch(line)
            if version is not None and f"{current[1]} {version[1]}" not in seen:
                seen.add(f"{current[1]} {version[1]}")
                yield _pin(number, f"{current[1]} {version[1]}", version[1])


def _uncommented(line: str) -> str:
    """Cut off what follows a `#` that stands alone; one inside quotes is cut off too, so less is found."""
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]


def _plain_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a YAML text without comments and without what lies in block scalars (`|`, `>`)."""
    block: int | None = None
    for number, whole in enumerate(text.split("\n"), 1):
        line = _uncommented(whole)
        depth = len(whole) - len(whole.lstrip(" "))
        if block is not None and (not whole.strip() or depth > block):
            continue
        block = depth if _BLOCK.fullmatch(line) else None
        if line.strip():
            yield number, line


def find_pixi_pins(table: Mapping[str, Any], text: str, path: tuple[str, ...] = ()) -> Iterator[Mention]:
    """Yield the pins of a pixi table: `pixi.toml` itself, or `[tool.pixi]` at `path` of the text."""
    for key, value in table.items():
        where = (*path, key)
        if key in _PACKAGES and path and path[-1].endswith("dependencies"):
            spec = value.get("version") if isinstance(value, dict) else value
            if isinstance(spec, str) and (found := _PIXI.fullmatch(spec)):
                yield _pin(find_line(text, *where), f'{key} = "{spec}"', found[1])
        elif isinstance(value, dict):
            yield from find_pixi_pins(value, text, where)


_SAID = {
    Code.CP313: ("starts from an image of CUDA {}", "take an image of CUDA {}"),
    Code.CP314: ("pins CUDA {}", "pin CUDA {}"),
    Code.CP315: ("names PyTorch's index for CUDA {}", "name the index of CUDA {}"),
}


def judge_mentions(path: str, mentions: Iterable[Mention], variants: Iterable[Variant]) -> Iterator[Problem]:
    """Warn of each CUDA that a file names and no variant is of; without a variant of a CUDA there is nothing to say."""
    declared = _declared(variants)
    if not declared:
        return
    wanted = " or ".join(map(str, sorted(declared, key=lambda cuda: cuda.sort_key)))
    for mention in mentions:
        if any(cuda.matches(mention.cuda) for cuda in declared):
            continue
        what, fix = _SAID[mention.code]
        yield Problem(
            code=mention.code,
            level="warning",
            what=f"`{path}` {what.format(mention.cuda)}, which no variant is of",
            where=Where(path=path, line=mention.line),
            why=f"the variants are of CUDA {wanted}, found `{mention.found}`",
            fix=f"{fix.format(wanted)}, or declare a variant of CUDA {mention.cuda}",
        )


def _declared(variants: Iterable[Variant]) -> frozenset[CudaVersion]:
    """Return every CUDA that some variant has anywhere."""
    return frozenset(
        cuda
        for variant in variants
        for found in (variant.cuda, *(changes.get("cuda", ()) for _, changes in variant.overrides))
        for cuda in found
    )
