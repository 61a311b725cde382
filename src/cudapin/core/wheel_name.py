"""The file name of a wheel, with the variant label that PEP 825 adds to it and other tools do not know."""

from __future__ import annotations

import re

__all__ = ["DATA", "VARIANTS_FILE", "is_variant_label", "parse_label", "split_label"]

DATA = "*.data"
"""Stands for the folder of data files, whose name has the version that only the stamp decides."""

VARIANTS_FILE = "-variants.json"
"""What follows name and version of the file with the labels of a release (PEP 825, index-level metadata)."""

_LABEL = re.compile(r"[0-9a-z_.]+")
_PARTS = 5


def is_variant_label(text: str) -> bool:
    """Tell whether a text may be a label: lower-case ASCII letters, digits, `_` and `.` (PEP 825)."""
    return _LABEL.fullmatch(text) is not None


def split_label(file_name: str) -> tuple[str, str | None]:
    """Return a wheel's file name without its label, and the label; None for a name without one, or of another form.

    A build tag starts with a digit, and no Python tag of a labelled wheel does.

    >>> split_label("demo-1.0-py3-none-any-cu128.whl")
    ('demo-1.0-py3-none-any.whl', 'cu128')
    """
    stem = file_name.removesuffix(".whl")
    parts = stem.split("-")
    if stem == file_name or len(parts) <= _PARTS:
        return file_name, None
    unlabelled = _PARTS + (1 if parts[2][:1].isdecimal() else 0)
    if len(parts) != unlabelled + 1 or not is_variant_label(parts[-1]):
        return file_name, None
    return f"{'-'.join(parts[:-1])}.whl", parts[-1]


def parse_label(file_name: str) -> str | None:
    """Return the variant label in a wheel's file name; None for an ordinary wheel and for what is none.

    >>> parse_label("demo-1.0-py3-none-any-cu128.whl")
    'cu128'
    """
    return split_label(file_name)[1]
