"""The only place where a CudapinError becomes the end of a build: our text, an exit code, no traceback."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cudapin.core.verdict import own_failure, render_problem, render_problems
from cudapin.errors import CudapinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchling.bridge.app import Application

__all__ = ["refusing"]


@contextmanager
def refusing(app: Application, undo: Callable[[], None]) -> Iterator[None]:
    """Turn a CudapinError into `app.abort`, after `undo` has removed what the build left.

    Any other exception is our own bug: it ends the build too, with its traceback and where to report it.
    """
    try:
        yield
    except CudapinError as error:
        undo()
        app.abort(render_problems(error.problems), code=error.exit_code)
    except Exception:  # noqa: BLE001
        undo()
        app.abort(f"{traceback.format_exc()}{render_problem(own_failure())}", code=70)
    except BaseException:
        undo()
        raise
