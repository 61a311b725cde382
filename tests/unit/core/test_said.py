"""Problems read back from the output of a build are those that were written."""

from __future__ import annotations

from cudapin.core.said import read_said
from cudapin.core.verdict import render_problem, render_problems
from cudapin.errors import Code, Problem, Where


def _problem(where: Where | None = None, **changes: object) -> Problem:
    values = {"code": Code.CP406, "what": "a: b", "why": "wanted (x), found y", "fix": "do z", "where": where}
    return Problem(**{**values, **changes})  # type: ignore[arg-type]


WHERES = (
    None,
    Where(path="uv.lock"),
    Where(path="uv.lock", line=3),
    Where(path="../a b/uv.lock", line=3, key="package.torch"),
    Where(path="pyproject.toml", key="tool.cudapin"),
)


def test_each_form_comes_back() -> None:
    written = [_problem(where, level=level) for where in WHERES for level in ("error", "warning")]
    text = f"hatchling says hello\n{render_problems(written)}\nTraceback (most recent call last):\n"
    assert read_said(text).problems == tuple(written)


def test_lines_end_as_windows_has_them() -> None:
    assert read_said(render_problem(_problem()).replace("\n", "\r\n")).problems == (_problem(),)


def test_what_is_not_whole_or_not_known_is_no_problem() -> None:
    whole = render_problem(_problem())
    assert read_said(whole.rpartition("\n")[0]).problems == ()
    assert read_said(whole.replace("CP406", "CP999")).problems == ()
    assert read_said("error[CP406]: a").problems == ()


def test_notes() -> None:
    text = (
        "cudapin: variant cpu (no CUDA; the default)\n"
        "cudapin: CUDAPIN_ALLOW=CP305\n"
        "cudapin: waived CP305: the CUDA of `x` cannot be told (CUDAPIN_ALLOW)\n"
    )
    assert read_said(text).notes == (
        "CUDAPIN_ALLOW=CP305",
        "waived CP305: the CUDA of `x` cannot be told (CUDAPIN_ALLOW)",
    )
