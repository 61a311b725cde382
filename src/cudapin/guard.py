"""`python -m cudapin.guard` prints the stub of the runtime guard, the file that `guard` of `[tool.cudapin]` names.

>>> stub_text().splitlines()[0]
'# Made by cudapin: the stub of the runtime guard, which each wheel replaces. Do not edit.'
"""

from __future__ import annotations

__all__ = ["stub_text"]


def stub_text() -> str:
    """Return the stub: in a source tree it stands where a wheel has the module that knows its variant."""
    from cudapin.adapters.guard import read_template
    from cudapin.core.guard import render_stub

    return render_stub(read_template())


def run() -> int:
    """Print the stub, in UTF-8 with the line ends of every platform's wheels; return the exit code."""
    import sys

    sys.stdout.buffer.write(stub_text().encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(run())
