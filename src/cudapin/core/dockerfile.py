"""What a Dockerfile states about a CUDA: the images of its stages, and the addresses in its commands.

Reference: Dockerfile reference of Docker (parser directives, `ARG` before `FROM`, here-documents). Only what stands
there literally counts: an `ARG` with a plain default is one, `${NAME:-…}` and a value of the command line are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Instruction", "find_images", "read_instructions"]

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*")
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_HEREDOC = re.compile(r"(?<!<)<<-?([\"']?)([A-Za-z_]\w*)\1(?!\S)")
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)=(?:\"([^\"\\]*)\"|'([^'\\]*)'|([^\s\"'\\]*))(?=\s|$)")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its name in upper case, its text with continuation lines joined, and its first line."""

    name: str
    text: str
    line: int


def read_instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile; comments and here-documents are left out."""
    lines = list(enumerate(text.split("\n"), 1))
    escape = _escape(line for _, line in lines)
    while lines:
        number, line = lines.pop(0)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [line.rstrip()]
        while parts[-1].endswith(escape) and lines:
            parts[-1] = parts[-1][:-1]
            _, following = lines.pop(0)
            parts.append(escape if following.lstrip().startswith("#") or not following.strip() else following.rstrip())
        found = _INSTRUCTION.fullmatch(" ".join(parts))
        if found is None:
            continue
        yield Instruction(name=found[1].upper(), text=found[2].strip(), line=number)
        for _, name in _HEREDOC.findall(found[2]) if found[1].upper() in ("RUN", "COPY", "ADD") else ():
            while lines and lines.pop(0)[1].strip() != name:
                pass


def _escape(lines: Iterable[str]) -> str:
    """Return the escape character: a backslash, unless a directive on top says otherwise."""
    for line in lines:
        found = _DIRECTIVE.fullmatch(line)
        if found is None:
            break
        if found[1].lower() == "escape" and found[2] in ("\\", "`"):
            return found[2]
    return "\\"


def find_images(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the image of each stage with the line of its `FROM`, where it is known without building.

    >>> list(find_images("ARG CUDA=12.6.3\nFROM --platform=linux/amd64 nvidia/cuda:${CUDA}-base AS build"))
    [(2, 'nvidia/cuda:12.6.3-base')]
    """
    known: dict[str, str] = {}
    is_global = True
    for instruction in read_instructions(text):
        if instruction.name == "ARG" and is_global:
            for found in _ARGUMENT.finditer(instruction.text):
                value = _filled(found[2] or found[3] or found[4] or "", known)
                if value is not None:
                    known[found[1]] = value
        elif instruction.name == "FROM":
            is_global = False
            words = [word for word in instruction.text.split() if not word.startswith("--")]
            image = _filled(words[0], known) if words else None
            if image is not None:
                yield instruction.line, image


def _filled(text: str, known: Mapping[str, str]) -> str | None:
    """Put in what plain variables stand for; None where one is not known or is used in another way."""
    names = [found[1] or found[2] for found in _VARIABLE.finditer(text)]
    if any(name not in known for name in names) or "$" in _VARIABLE.sub("", text):
        return None
    return _VARIABLE.sub(lambda found: known[found[1] or found[2]], text)
