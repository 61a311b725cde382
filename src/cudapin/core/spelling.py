"""How a variant's wheel is named: the template of `[tool.cudapin] name`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant

__all__ = ["fill", "spell_name"]


def spell_name(template: str, variant: Variant) -> str | None:
    """Return the project name of a variant's wheel, or None where a placeholder has no value."""
    cuda = variant.cuda[0] if len(variant.cuda) == 1 else None
    values = {"variant": variant.name}
    if cuda is not None:
        values["major"] = str(cuda.major)
        if cuda.minor is not None:
            values["minor"] = str(cuda.minor)
    return fill(template, values)


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Fill in the placeholders `{…}`; None where one has no value."""
    parts = re.split(r"\{([^{}]*)\}", template)
    if not all(name in values for name in parts[1::2]):
        return None
    return "".join(values[part] if position % 2 else part for position, part in enumerate(parts))
