"""What cudapin makes, in the hands of the tools that come next: repair, check, install, upload, and a private index."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.release.label import default_label, label_wheel
from integration.process_watch import ProcessWatch
from integration.torch_index import TorchIndex, make_wheel, serve
from integration.upload_index import serve_uploads
from integration.workbench import ROOT, Place, Wheel, copy_example, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from integration.workbench import Outcome, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the wheels are for Linux"),
]

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CUDAPIN = (sys.executable, "-m", "cudapin")
WITHOUT_UV = (
    sys.executable,
    "-c",
    "import sys; sys.modules['uv'] = None; from cudapin.__main__ import run; sys.exit(run())",
)
OWN_BIN = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


# Repair


@pytest.fixture(scope="module")
def probes(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, and beside it in `dist` all its wheels and its sdist."""
    folder = tmp_path_factory.mktemp("probes")
    project = copy_example("cudart-probe", folder / "project")
    done = workbench.run(Place(folder / "place"), *CUDAPIN, "build", "--all", "--sdist", "-q", cwd=project)
    assert done.code == 0, done.output
    return project


@needs("auditwheel")
def test_a_repaired_release_is_a_release(workbench: Workbench, place: Place, probes: Path, tmp_path: Path) -> None:
    """One wheel with its runtime bundled and renamed, the others without: no file of them is taken for changed."""
    runtime, fixed = tmp_path / "runtime", tmp_path / "fixed"
    with zipfile.ZipFile(next(workbench.wheelhouse.glob("nvidia_cuda_runtime_cu12-12.9*.whl"))) as archive:
        archive.extractall(runtime)
    for wheel in sorted((probes / "dist").glob("*.whl")):
        variant = Wheel(wheel).record["variant"]
        export = (*CUDAPIN, "export", "--variant", variant, "--to", "auditwheel-excludes")
        excludes = [] if variant == "cu129" else workbench.run(place, *export, cwd=probes).output.split()
        repair = (sys.executable, "-m", "auditwheel", "repair", *excludes, "-w", fixed, wheel)
        libraries = str(runtime / "nvidia" / "cuda_runtime" / "lib")
        done = workbench.run(place, *repair, LD_LIBRARY_PATH=libraries, PATH=OWN_BIN)
        assert done.code == 0, done.output
    wheels = sorted(fixed.glob("*.whl"))
    assert [path.name.partition("-cp")[0].rpartition("-")[2] for path in wheels] == [
        *("1.0.0+cu118", "1.0.0+cu126", "1.0.0+cu129", "1.0.0+cu130", "1.0.0")
    ]
    assert all("manylinux" in path.name and "-linux_" not in path.name for path in wheels)
    assert [any(".libs/" in name for name in Wheel(path).members) for path in wheels] == [
        *(False, False, True, False, False)
    ]
    done = workbench.run(place, *CUDAPIN, "audit", "--format", "json", *wheels)
    rows = json.loads(done.output)["wheels"]
    assert (done.code, [(row["verdict"], row["problems"]) for row in rows]) == (0, [("ok", [])] * 5)
    done = workbench.run(
        place,
        *CUDAPIN,
        "publish-check",
        "--to",
        "private",
        "--format",
        "json",
        *wheels,
        *(probes / "dist").glob("*.gz"),
    )
    found = json.loads(done.output)
    assert (done.code, found["problems"]) == (0, [])


# cibuildwheel, as far as it goes without a container engine


def passage(kind: str) -> str:
    """Return the configuration that README shows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("### With cibuildwheel")[2]
    return text.partition(f"```{kind}\n")[2].partition("```")[0]


def job_variables(cell: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a job of README's workflow, for a cell of the matrix."""
    lines = passage("yaml").partition("    env:\n")[2].partition("    steps:")[0].splitlines()
    pairs = (line.strip().split(": ", 1) for line in lines)
    return {key: re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: cell[found[1]], value) for key, value in pairs}


@needs("cibuildwheel", "auditwheel")
@pytest.mark.skipif(sys.version_info < (3, 11), reason="cibuildwheel 4 needs Python 3.11")
def test_cibuildwheel_builds_the_cells_of_the_matrix(
    workbench: Workbench, place: Place, tmp_path: Path, probes: Path
) -> None:
    """Its own selection and options, and the commands that it would give in its container."""
    project = copy_example("cudart-probe", tmp_path / "project")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write(passage("toml"))
    names = ("--variant", "cpu", "--variant", "cu126")
    matrix = workbench.run(
        place,
        *CUDAPIN,
        "matrix",
        "-q",
        "--to",
        "github",
        *names,
        "--python",
        PYTHON,
        "--platform",
        "linux_x86_64",
        cwd=project,
    ).output.splitlines()[-1]
    cells = json.loads(matrix)["include"]
    assert [(cell["variant"], cell["python"]) for cell in cells] == [("cpu", PYTHON), ("cu126", PYTHON)]
    digits = PYTHON.replace(".", "")
    for cell in cells:
        job = job_variables(cell)
        asked = ("--print-build-identifiers", "--platform", "linux", "--archs", "x86_64", project)
        done = workbench.run(place, sys.executable, "-m", "cibuildwheel", *asked, **job)
        assert done.output.split() == [f"cp{digits}-manylinux_x86_64"], done.output
    out = tmp_path / "out"
    flags, environ, repair = cibuildwheel_options(project, f"cp{digits}-manylinux_x86_64", job_variables(cells[1]))
    assert (flags, environ["CUDAPIN_VARIANT"]) == ([], "cu126")
    build = (sys.executable, "-m", "build", project, "--wheel", f"--outdir={out}", *flags)
    assert workbench.run(place, *build, **environ).code == 0
    (wheel,) = out.glob("*.whl")
    (same,) = (probes / "dist").glob("*+cu126-*.whl")
    assert wheel.read_bytes() == same.read_bytes()
    script = tmp_path / "bin" / "cudapin"  # where `before-build` puts it
    write_files(tmp_path, {"bin/cudapin": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m cudapin "$@"\n'})
    script.chmod(0o755)
    command = repair.format(project=project, wheel=wheel, dest_dir=tmp_path / "fixed")
    path = f"{script.parent}{os.pathsep}{OWN_BIN}"
    done = workbench.run(place, "sh", "-c", command, **{**environ, "PATH": path})
    assert done.code == 0, done.output
    (fixed,) = (tmp_path / "fixed").glob("*.whl")
    assert ("manylinux" in fixed.name, Wheel(fixed).version) == (True, "1.0.0+cu126")
    assert not [name for name in Wheel(fixed).members if ".libs/" in name]
    settings = {"CIBW_CONFIG_SETTINGS": "variant=cu126"}
    assert cibuildwheel_options(project, f"cp{digits}-manylinux_x86_64", settings)[0] == ["-Cvariant=cu126"]


def cibuildwheel_options(
    project: Path, identifier: str, variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str], str]:
    """Return what cibuildwheel gives to `python -m build`, the variables of the container, and the repair command."""
    program = """
import json, os, sys
from pathlib import Path
from cibuildwheel.frontend import get_build_frontend_extra_flags
from cibuildwheel.options import CommandLineArguments, compute_options
arguments = CommandLineArguments.defaults()
arguments.package_dir = Path(sys.argv[1])
options = compute_options("linux", arguments, os.environ).build_options(sys.argv[2])
flags = get_build_frontend_extra_flags(options.build_frontend, options.build_verbosity, options.config_settings)
assert options.build_frontend.name == "build", options.build_frontend
assert "pip install cudapin" in options.before_build, options.before_build
print(json.dumps([flags, options.environment.as_dictionary({}), options.repair_command]))
"""
    command = [sys.executable, "-c", program, str(project), identifier]
    environ = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    flags, inside, repair = json.loads(done.stdout.splitlines()[-1])
    return flags, inside, repair


# Build requirements from a private index

SECRET = "s3cr3t"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
RUNTIME = "nvidia-cuda-runtime-cu12"
PYPROJECT = f"""\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">={PYTHON}"

[dependency-groups]
cu126 = ["{RUNTIME}"]

[tool.uv.sources]
{RUNTIME} = {{ index = "gpu", group = "cu126" }}
[[tool.uv.index]]
name = "gpu"
url = "URL/gpu"
explicit = true
[[tool.uv.index]]
name = "all"
url = "URL/simple"
default = true

[tool.cudapin]
build-requires = ["{RUNTIME}"]
pin = ["{RUNTIME}"]
[tool.cudapin.variants.cu126]

[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
"""


@pytest.fixture(scope="module")
def private(wheelhouse: Path) -> Iterator[tuple[TorchIndex, str]]:
    """Two indexes of one server that give nothing without a password: all tools, and the CUDA runtime."""
    index = TorchIndex(passwords={"simple": f"me:{SECRET}", "gpu": f"me:{SECRET}"})
    tools = index.files.setdefault("simple", {})
    for wheel in wheelhouse.glob("*.whl"):
        name = wheel.name.partition("-")[0].lower().replace("_", "-")
        if not name.startswith("nvidia-cuda"):
            tools.setdefault(name, {})[wheel.name] = wheel.read_bytes()
    file = f"{RUNTIME.replace('-', '_')}-12.6.77-py3-none-any.whl"
    index.files["gpu"] = {RUNTIME: {file: make_wheel(RUNTIME, "12.6.77", files={"nvidia/demo.h": "#define X\n"})}}
    with serve(index) as url:
        yield index, url


@pytest.fixture
def demo(private: tuple[TorchIndex, str], workbench: Workbench, place: Place, tmp_path: Path) -> Path:
    """A project that is locked from there."""
    index, url = private
    project = write_files(
        tmp_path / "demo", {"pyproject.toml": PYPROJECT.replace("URL", url), "src/demo/__init__.py": ""}
    )
    done = online(workbench, place, project, sys.executable, "-m", "uv", "lock", **in_uv())
    assert done.code == 0, done.output
    index.asked.clear()
    return project


def online(workbench: Workbench, place: Place, project: Path, *command: str | Path, **settings: str) -> Outcome:
    """Run a command that knows no wheelhouse."""
    private = {
        "PIP_NO_INDEX": "0",
        "PIP_FIND_LINKS": "",
        "PIP_NO_INPUT": "1",
        "UV_NO_INDEX": "0",
        "UV_OFFLINE": "0",
        "UV_FIND_LINKS": "",
        "UV_CACHE_DIR": str(place.folder / "uv-cache"),
        "UV_KEYRING_PROVIDER": "disabled",
    }
    return workbench.run(place, *command, cwd=project, **{**private, **settings})


def with_user(url: str, secret: str = SECRET) -> str:
    return url.replace("://", f"://me:{secret}@")


def in_pip(url: str, secret: str = SECRET) -> dict[str, str]:
    return {"PIP_INDEX_URL": f"{with_user(url, secret)}/simple/"}


def in_uv(secret: str = SECRET) -> dict[str, str]:
    names = {"UV_INDEX_GPU": secret, "UV_INDEX_ALL": secret}
    return {f"{name}_{key}": value for name in names for key, value in (("USERNAME", "me"), ("PASSWORD", secret))}


def in_netrc(place: Place, url: str) -> dict[str, str]:
    file = Path(place.environment()["HOME"]) / ".netrc"
    file.write_text(f"machine 127.0.0.1 login me password {SECRET}\n", encoding="utf-8")
    file.chmod(0o600)
    return {"PIP_INDEX_URL": f"{url}/simple/"}


def in_keyring(place: Place, url: str) -> dict[str, str]:
    secret = f"$(printf {SECRET[::-1]} | rev)"
    asked = {
        "*json*": f'{{\\"username\\": \\"me\\", \\"password\\": \\"{secret}\\"}}',
        "*creds*": f"me\\n{secret}",
        "*": secret,
    }
    cases = "".join(f'{words}) printf "{answer}\\n";;\n' for words, answer in asked.items())  # of pip, uv, and old pip
    text = f'#!/bin/sh\ncase "$*" in\n{cases}esac\n'
    write_files(place.folder, {"bin/keyring": text})
    (place.folder / "bin" / "keyring").chmod(0o755)
    return {
        "PATH": f"{place.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_KEYRING_PROVIDER": "subprocess",
        "PIP_KEYRING_PROVIDER": "subprocess",
        "PIP_INDEX_URL": f"{url.replace('://', '://me@')}/simple/",
        "UV_INDEX_GPU_USERNAME": "me",
        "UV_INDEX_ALL_USERNAME": "me",
    }


def by_address(_: Place, url: str) -> dict[str, str]:
    return in_pip(url)


def by_name(_: Place, __: str) -> dict[str, str]:
    return in_uv()


COMMANDS: dict[str, tuple[str, ...]] = {
    "build": (sys.executable, "-m", "build", "--wheel", "-v", "--outdir", "OUT", "."),
    "pip": (sys.executable, "-m", "pip", "-v", "wheel", "--no-deps", "--wheel-dir", "OUT", "."),
    "uv": (sys.executable, "-m", "uv", "-v", "build", "--wheel", "--python", sys.executable, "--out-dir", "OUT", "."),
    "cudapin": (*CUDAPIN, "-v", "build", "--sdist", "-o", "OUT"),
    "cudapin without uv": (*WITHOUT_UV, "-v", "build", "-o", "OUT"),
}


@pytest.mark.parametrize(
    ("tool", "give"),
    [
        ("build", by_address),
        ("pip", in_keyring),
        ("uv", by_name),
        ("uv", in_keyring),
        ("cudapin", by_name),
        ("cudapin without uv", in_netrc),
    ],
)
def test_credentials_of_a_private_index_get_nowhere(
    workbench: Workbench,
    place: Place,
    tmp_path: Path,
    private: tuple[TorchIndex, str],
    demo: Path,
    tool: str,
    give: Callable[[Place, str], dict[str, str]],
) -> None:
    index, url = private
    out = tmp_path / "out"
    command = [str(out) if part == "OUT" else part for part in COMMANDS[tool]]
    settings = {**give(place, url), **({"UV": "no-such-program"} if "without" in tool else {})}
    with ProcessWatch() as watch:
        done = online(workbench, place, demo, *command, **settings)
    assert done.code == 0, done.output
    (wheel,) = out.glob("*.whl")
    assert Wheel(wheel).record["build"]["requires"] == {RUNTIME: {"version": "12.6.77", "hashed": True}}
    assert f"gpu/{RUNTIME.replace('-', '_')}-12.6.77-py3-none-any.whl" in index.asked
    texts = {"the output": done.output.encode(), **contents(out), **contents(demo)}
    texts |= {f"temporary {name}": text for name, text in contents(place.folder / "tmp").items()}
    secrets = (SECRET.encode(), BASIC.encode())
    assert [name for name, text in texts.items() if any(secret in text for secret in secrets)] == []
    assert watch.count > 10
    # pip hands its own settings to the pip that fills its build environment.
    assert [line for line in watch.lines if SECRET in line and "__pip-runner__" not in line] == []
    assert "Traceback" not in done.output


def contents(folder: Path) -> dict[str, bytes]:
    """Return each file below a folder, and each in its archives."""
    found = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        found[path.name] = path.read_bytes()
        if path.suffix == ".whl":
            found |= {f"{path.name}: {name}": text for name, text in Wheel(path).members.items()}
        elif path.suffix == ".gz":
            with tarfile.open(path) as archive:
                members = ((one.name, archive.extractfile(one)) for one in archive)
                found |= {f"{path.name}: {name}": stream.read() for name, stream in members if stream}
    return found


def test_uv_drops_the_address_for_a_source_of_its_own(
    workbench: Workbench, place: Place, tmp_path: Path, demo: Path
) -> None:
    """Then nothing has compared the hash; what is installed may be anything that the index has."""
    text = (demo / "pyproject.toml").read_text(encoding="utf-8").replace(', group = "cu126"', "")
    write_files(demo, {"pyproject.toml": text})
    command = [str(tmp_path / "out") if part == "OUT" else part for part in COMMANDS["uv"] if part != "-v"]
    done = online(workbench, place, demo, sys.executable, "-m", "uv", "lock", **in_uv())
    assert done.code == 0, done.output
    done = online(workbench, place, demo, *command, **in_uv())
    assert done.code == 2, done.output
    assert done.says(f"""
        error[CP402]: the installed `{RUNTIME} 12.6.77` is not the locked one
          --> uv.lock:20 ({RUNTIME})
          why: it was installed from an index that the installer chose; …
          fix: uv build --no-sources, or give the source of `{RUNTIME}` the `extra` or `group` that it is for
    """), done.output
    assert online(workbench, place, demo, *command, "--no-sources", **in_uv()).code == 0


@pytest.mark.parametrize("tool", ["cudapin", "cudapin without uv"])
def test_a_wrong_password_ends_with_a_readable_line(
    workbench: Workbench, place: Place, tmp_path: Path, private: tuple[TorchIndex, str], demo: Path, tool: str
) -> None:
    out = tmp_path / "out"
    command = [str(out) if part == "OUT" else part for part in COMMANDS[tool]]
    settings = {**in_pip(private[1], "wr0ng"), **in_uv("wr0ng"), "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    done = online(workbench, place, demo, *command, **settings, UV="no-such-program")
    assert done.code == 1, done.output
    what = "the sdist" if tool == "cudapin" else "the wheel of `cu126`"
    assert f"error[CP603]: {what} cannot be built\n" in done.output
    assert "wr0ng" not in done.output
    assert "  fix: make sure that your indexes answer and have what" in done.output
    assert (out.exists(), place.left_over) == (False, [])


@pytest.mark.parametrize("tool", ["uv", "cudapin"])
def test_a_file_of_another_hash_is_not_built_with(
    workbench: Workbench, place: Place, tmp_path: Path, private: tuple[TorchIndex, str], demo: Path, tool: str
) -> None:
    """uv writes down no hash of what it installed from an address, so it has to have compared it."""
    index, url = private
    (file,) = index.files["gpu"][RUNTIME]
    other = make_wheel(RUNTIME, "12.6.77", files={"nvidia/demo.h": "#define Y\n"})
    command = [str(tmp_path / "out") if part == "OUT" else part for part in COMMANDS[tool]]
    index.served[file] = other
    try:
        done = online(workbench, place, demo, *command, **in_netrc(place, url))
    finally:
        index.served.clear()
    assert done.code != 0, done.output
    assert "Hash mismatch for" in done.output, done.output
    assert list(tmp_path.rglob("demo-1.0+*.whl")) == []


# Checked, installed, uploaded


@needs("twine", "check_wheel_contents")
def test_tools_that_check_find_nothing(
    workbench: Workbench, place: Place, release: Path, probes: Path, tmp_path: Path
) -> None:
    """What check-wheel-contents cannot read is the label in the name of a PEP 825 wheel, and nothing else."""
    files = sorted((probes / "dist").iterdir())
    wheels = [*release.glob("*.whl"), *(path for path in files if path.suffix == ".whl")]
    (cpu,) = (probes / "dist").glob("cudart_probe-1.0.0-*.whl")
    labelled = label_wheel(Path(shutil.copy2(cpu, tmp_path)), default_label("cpu", has_cuda=False))
    done = workbench.run(place, sys.executable, "-m", "twine", "check", "--strict", *files, labelled)
    assert (done.code, done.output.count("PASSED")) == (0, len(files) + 1), done.output
    done = workbench.run(place, sys.executable, "-m", "check_wheel_contents", *wheels)
    assert (done.code, done.output.count(": OK\n")) == (0, len(wheels)), done.output
    done = workbench.run(place, sys.executable, "-m", "check_wheel_contents", labelled)
    assert done.output == f"{labelled}: wheel has invalid filename\n"


@needs("installer")
def test_tools_that_install_take_everything(workbench: Workbench, place: Place, release: Path, tmp_path: Path) -> None:
    wheels = [next(release.glob(name)) for name in ("demo-1.2-*", "demo-1.2+cu128-*")]
    (sdist,) = release.glob("*.tar.gz")
    for number, file in enumerate((*wheels, sdist)):
        found = []
        for tool in ("pip", "uv", "installer"):
            target = tmp_path / f"{tool}-{number}"
            commands: dict[str, tuple[str | Path, ...]] = {
                "pip": ("pip", "install", "-q", "--no-deps", "--target", target, file),
                "uv": ("uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target", target, file),
                "installer": ("installer", "--destdir", target, file),
            }
            if tool == "installer" and file == sdist:
                continue
            done = workbench.run(place, sys.executable, "-m", *commands[tool])
            assert done.code == 0, (tool, done.output)
            (info,) = target.rglob("demo-*.dist-info")
            found.append((info.name, (info / "extra_metadata" / "cudapin.json").read_bytes()))
        assert len(set(found)) == 1, found
        wanted = Wheel(file).version if file != sdist else "1.2"
        assert found[0][0] == f"demo-{wanted}.dist-info"


def test_a_local_version_is_downloaded_and_hashed(
    workbench: Workbench, place: Place, release: Path, tmp_path: Path
) -> None:
    wheel = next(release.glob("*+cu128-*.whl"))
    options = ("--no-deps", "-q", "--find-links", release, "--dest", tmp_path / "got")
    done = workbench.run(place, sys.executable, "-m", "pip", "download", *options, "demo==1.2+cu128")
    assert done.code == 0, done.output
    assert [path.name for path in (tmp_path / "got").iterdir()] == [wheel.name]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    write_files(tmp_path, {"wanted.txt": f"demo==1.2+cu128 --hash=sha256:{digest}\n"})
    install = ("pip", "install", "-q", "--no-deps", "--require-hashes", "--find-links", release)
    done = workbench.run(
        place, sys.executable, "-m", *install, "--target", tmp_path / "there", "-r", tmp_path / "wanted.txt"
    )
    assert (done.code, (tmp_path / "there" / "demo-1.2+cu128.dist-info").is_dir()) == (0, True), done.output
    assert f"--hash=sha256:{digest}" in workbench.run(place, sys.executable, "-m", "pip", "hash", wheel).output


@needs("twine")
@pytest.mark.parametrize("tool", ["twine", "uv"])
def test_tools_that_upload_bring_everything_to_a_private_index(
    workbench: Workbench, place: Place, release: Path, tool: str
) -> None:
    files = sorted(path for path in release.iterdir() if path.suffix in {".whl", ".gz"})
    with serve_uploads() as uploads:
        commands: dict[str, tuple[str, ...]] = {
            "twine": ("twine", "upload", "--non-interactive", "--disable-progress-bar", "--repository-url"),
            "uv": ("uv", "publish", "--trusted-publishing", "never", "--publish-url"),
        }
        settings = {"TWINE_USERNAME": "me", "TWINE_PASSWORD": SECRET}
        settings |= {"UV_PUBLISH_USERNAME": "me", "UV_PUBLISH_PASSWORD": SECRET, "UV_OFFLINE": "0"}
        done = workbench.run(place, sys.executable, "-m", *commands[tool], uploads.url, *files, **settings)
        assert done.code == 0, done.output
    assert uploads.users == {f"me:{SECRET}"}
    assert uploads.files == {path.name: path.read_bytes() for path in files}
    for file in files:
        form: dict[str, Any] = uploads.form(file.name)
        is_wheel = file.suffix == ".whl"
        assert form["name"] == ["demo"]
        assert form["version"] == [Wheel(file).version if is_wheel else "1.2"]
        assert form["filetype"] == ["bdist_wheel" if is_wheel else "sdist"]
        assert form["sha256_digest"] == [hashlib.sha256(file.read_bytes()).hexdigest()]
        if is_wheel:
            assert form["requires_dist"] == Wheel(file).requires
            assert form.get("classifiers", []) == Wheel(file).classifiers
