"""`cudapin explain`: the long form of a problem's code, or the list of all codes."""

from __future__ import annotations

from cudapin.adapters.explain import read_explanations
from cudapin.cli.commands import Outcome
from cudapin.core.explain import find_code, list_codes, render_explanation
from cudapin.errors import Code

__all__ = ["explain"]


def explain(asked: str | None) -> Outcome:
    """Explain a code; None lists them all. Raises ConfigError (CP112) for a code that does not exist."""
    if asked is None:
        codes = [{"code": code.name, "meaning": code.value} for code in sorted(Code, key=lambda code: code.name)]
        return Outcome(problems=(), text=list_codes(), data={"codes": codes})
    code = find_code(asked)
    text = render_explanation(code, read_explanations()[code])
    return Outcome(problems=(), text=text, data={"code": code.name, "meaning": code.value, "text": text})
