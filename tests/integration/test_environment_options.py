"""What hatch's environments can do besides goes on working in those of type `cudapin`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from integration.torch_app import PYTHON
from integration.workbench import write_files

if TYPE_CHECKING:
    from integration.torch_app import App
    from integration.torch_index import TorchIndex

pytestmark = pytest.mark.integration

PREFIX = f"hatch-test.py{PYTHON}-"
CELL = f"{PREFIX}cu126"
CU126 = ("test", "-i", "cuda=cu126")
RUN = ("run", f"{CELL}:python", "check.py")


def test_features_groups_variables_scripts_and_commands_around_the_installation(app: App) -> None:
    lines = (
        'dependency-groups = ["more"]',
        'env-vars.USERS_OWN = "{matrix:cuda}"',
        'pre-install-commands = ["python -c \\"print(\'before\')\\""]',
        'post-install-commands = ["python -c \\"import torch; print(\'after\', torch.ORIGIN)\\""]',
        'scripts.hello = "python -c \\"print(\'hello\', {args})\\""',
    )
    app.options = "\n".join(lines)
    groups = '[dependency-groups]\nmore = ["extra-tool"]\n\n[tool.uv]\n'
    app.write(**{"[tool.uv]\n": groups})
    app.lock()
    done = app.hatch(*CU126)
    assert done.code == 0, done.output
    assert "before" in done.output
    assert "after whl/cu126" in done.output
    assert [(cell["extra"], cell["user"]) for cell in app.found] == [("7.0", "cu126")]
    assert "hello 7" in app.hatch("run", f"{CELL}:hello", "7").output
    again = app.hatch(*CU126)
    assert "before" not in again.output
    app.options = ""
    app.write(**{"[tool.uv]\n": groups})
    assert [cell["extra"] for cell in app.passes(*CU126)] == [None]


def test_a_command_before_the_installation_that_fails_leaves_no_cell(app: App) -> None:
    app.options = 'pre-install-commands = ["python -c \\"raise SystemExit(4)\\""]'
    app.write()
    done = app.hatch("test", "--all")
    assert done.code == 4, done.output
    assert f"  {PREFIX}cpu    failed\n" in done.output
    app.options = ""
    app.write()
    assert [cell["variant"] for cell in app.passes(*CU126)] == ["cu126"]


def test_the_users_own_axes_are_kept(app: App) -> None:
    old = f'python = ["{PYTHON}"]'
    app.write(**{old: f'{old}\nmode = ["fast", "slow"]'})
    done = app.passes("test", "-i", "cuda=cu126", "-i", "mode=slow")
    assert [cell["cell"] for cell in done] == [f"hatch-test.py{PYTHON}-slow-cu126"]


def test_an_own_dependency_that_contradicts_the_lock_is_refused_and_hatchs_own_gives_way(app: App) -> None:
    app.write(**{'dependencies = ["tool"]': 'dependencies = ["tool", "helper>=2"]'})
    done = app.hatch(*CU126)
    assert done.code == 1, done.output
    assert done.says(
        """
        error[CP601]: the environment's own dependency `helper>=2` contradicts the lock file
          why: wanted `>=2`, the lock has `helper==1.1`
          fix: let the environment's dependencies allow 1.1, or lock another version
        """
    ), done.output
    assert app.cells == []


def test_a_tool_that_a_dependency_group_names_comes_from_the_lock(app: App, index: TorchIndex) -> None:
    app.write(**{"[tool.uv]\n": '[dependency-groups]\ndev = ["tool"]\n\n[tool.uv]\n'})
    app.lock()
    index.add("simple", "tool", "6.0", ("base",))
    assert [cell["tool"] for cell in app.passes(*CU126)] == ["5.0"]


def test_without_the_project(app: App) -> None:
    app.options = "skip-install = true"
    app.write(**{"python check.py": 'python -c \\"import torch; print(torch.ORIGIN)\\"'})
    done = app.hatch(*CU126)
    assert done.code == 0, done.output
    assert "whl/cu126" in done.output
    assert not (app.site("cu126") / "app").exists()


def test_dev_mode_only_where_the_build_makes_no_file(app: App) -> None:
    app.options = "dev-mode = true"
    app.write()
    done = app.hatch(*CU126)
    assert done.code == 0, done.output
    assert (
        "cudapin: `dev-mode` is not possible: the build makes `app/_built.py`; its wheel is installed instead"
    ) in done.output
    assert [cell["built"] for cell in app.found] == ["cu126"]
    app.write(
        **{
            "[tool.hatch.build.hooks.custom]\n": "",
            "python check.py": 'python -c \\"import app; print(app.__file__, app.TEXT)\\"',
        }
    )
    done = app.hatch(*CU126)
    assert f"{app.root}/src/app/__init__.py one" in done.output, done.output
    (app.root / "src" / "app" / "__init__.py").write_text("TEXT = 'two'\n", encoding="utf-8")
    done = app.hatch(*CU126)
    assert f"{app.root}/src/app/__init__.py two" in done.output, done.output
    assert "Sync" not in done.output


def test_find_shell_remove_and_prune(app: App) -> None:
    app.passes(*CU126)
    done = app.hatch("env", "find", CELL)
    assert done.output.strip() == str(app.cell("cu126"))
    done = app.hatch("env", "remove", CELL)
    assert done.code == 0, done.output
    assert app.cells == []
    app.passes(*CU126)
    assert app.hatch("env", "prune").code == 0
    assert app.cells == []
    assert list((app.place.folder / "hatch-data" / "env" / "cudapin" / "app").glob("*/*")) == []


def test_an_environment_of_the_users_own(app: App) -> None:
    app.more = f'[tool.hatch.envs.bench]\ntype = "cudapin"\nvariant = "cu128"\npython = "{PYTHON}"\ninstaller = "uv"\n'
    app.write()
    assert [cell["torch"] for cell in app.passes("run", "bench:python", "check.py")] == ["2.9.0+cu128"]
    old = "[tool.hatch.env.collectors.cudapin]\n"
    app.more = '[tool.hatch.envs.bench]\ninstaller = "uv"\n'
    app.write(**{old: f'{old}envs = ["bench"]\n'})
    found = app.passes("run", "bench:python", "check.py")
    assert [cell["cell"] for cell in found] == ["bench.cpu", "bench.cu126", "bench.cu128"]
    assert [cell["cell"] for cell in app.passes("run", "+cuda=cu126", "bench:python", "check.py")] == ["bench.cu126"]


def test_members_of_workspaces(app: App) -> None:
    """A member that the lock takes from a directory is built anew with its sources; hatch's members stay editable."""
    member = {
        "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "{name}"\nversion = "1.0"\n[tool.hatch.build.targets.wheel]\npackages = ["{name}"]\n',
        "{name}/__init__.py": "ORIGIN = 'first'\n",
    }
    for name in ("member", "beside"):
        files = {path.replace("{name}", name): text.replace("{name}", name) for path, text in member.items()}
        write_files(app.root / name, files)
    app.options = 'workspace.members = ["beside"]'
    script = "import member, beside; print('MEMBERS', member.ORIGIN, beside.ORIGIN, beside.__file__)"
    app.write(
        **{
            'dependencies = ["helper>=1"]': 'dependencies = ["helper>=1", "member"]',
            "[tool.uv.sources]\n": '[tool.uv.workspace]\nmembers = ["member"]\n[tool.uv.sources]\n'
            "member = { workspace = true }\n",
            "python check.py": f'python -c \\"{script}\\"',
        }
    )
    app.lock()
    done = app.hatch(*CU126)
    assert f"MEMBERS first first {app.root}/beside/beside/__init__.py" in done.output, done.output
    for name in ("member", "beside"):
        (app.root / name / name / "__init__.py").write_text("ORIGIN = 'second'\n", encoding="utf-8")
    done = app.hatch(*CU126)
    assert "MEMBERS second second" in done.output, done.output


@pytest.mark.skipif(sys.platform == "win32", reason="asks a shell of Unix")
def test_a_shell_is_entered_in_the_cell(app: App) -> None:
    shell = app.root.parent / "own-shell"
    shell.write_text('#!/bin/sh\necho "IN $VIRTUAL_ENV $CUDAPIN_VARIANT"\nexec python check.py\n', encoding="utf-8")
    shell.chmod(0o755)
    done = app.hatch("shell", CELL, "--name", "own", "--path", str(shell))
    assert done.code == 0, done.output
    assert f"IN {app.cell('cu126')} cu126" in done.output
    assert [cell["torch"] for cell in app.found] == ["2.9.0+cu126"]
