"""`python -m cudapin`."""

import gc

# One run is short and keeps what it reads: looking for garbage, also at the end, would take a tenth of it.
gc.disable()

from cudapin.cli.main import main  # noqa: E402


def run() -> int:
    """Run the command line; return its exit code."""
    try:
        return main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    raise SystemExit(run())
