"""What is installed for a selection, with which commands and variables."""

from __future__ import annotations

from pathlib import Path

from support import LINUX, A, B, faults

from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.target import Target
from cudapin.environments.install import Step, index_names, plan_steps
from cudapin.environments.installer import Installer
from cudapin.errors import Refusal

ROOT = Path("/project")
TORCH = "https://index.example/whl/cu128"
TARGET = Target(LINUX, tuple)


def package(name: str, url: str | None = None, index: str | None = None, **fields: object) -> LockedPackage:
    file = LockedFile(name=f"{name}-1.0.tar.gz", url=url, hashes={"sha256": A})
    return LockedPackage(**{"name": name, "version": "1.0", "index": index, "files": (file,), **fields})  # type: ignore[arg-type]


def steps(*packages: LockedPackage) -> tuple[Step, ...]:
    return plan_steps(Selection(packages=packages), "uv.lock", ROOT, TARGET)


def test_packages_without_addresses_are_asked_of_their_own_index_each() -> None:
    assert steps(package("numpy"), package("torch", index=TORCH)) == (
        Step(index=None, lines={"numpy": f"numpy==1.0 --hash=sha256:{A}"}),
        Step(index=TORCH, lines={"torch": f"torch==1.0 --hash=sha256:{A}"}),
    )


def test_packages_with_addresses_are_fetched_from_there_in_one_step() -> None:
    url = "https://me:secret@index.example/whl/torch-1.0.tar.gz"
    plain = "https://index.example/whl/torch-1.0.tar.gz"
    (step,) = steps(package("torch", url, TORCH))
    assert step.lines == {"torch": f"torch @ {plain} --hash=sha256:{A}"}
    assert step.tables["torch"].splitlines() == [
        "[[packages]]",
        'name = "torch"',
        'version = "1.0"',
        f'sdist = {{ name = "torch-1.0.tar.gz", url = "{plain}", hashes = {{ sha256 = "{A}" }} }}',
    ]
    assert step.indexes == (TORCH,)


def test_commits_and_directories_have_no_hash() -> None:
    commit = package("it", kind="git", origin="https://index.example/it#0123", files=())
    member = package("member", kind="directory", origin="../member", files=())
    (step,) = steps(commit, member)
    assert step == Step(
        index="",
        lines={"it": "it @ git+https://index.example/it#0123", "member": "member @ file:///member"},
        is_hashed=False,
    )


def test_a_package_without_hash_is_refused() -> None:
    assert faults(lambda: steps(package("torch", files=(), line=7)), Refusal) == (
        "error[CP306]: `torch` is locked without a hash\n"
        "  --> uv.lock:7 (torch)\n"
        "  why: an environment holds only what the lock pins by hash, found no hash at all\n"
        "  fix: lock from an index that publishes hashes, or with `--generate-hashes`"
    )


def test_index_and_hash_count_for_the_digest_of_a_package() -> None:
    (one,) = steps(package("torch", index=TORCH))
    (other,) = steps(package("torch", index="https://index.example/other"))
    assert one.digests() != other.digests()
    (another,) = steps(package("torch", index=TORCH, files=(LockedFile(name="t.whl", url=None, hashes={"sha256": B}),)))
    assert one.digests() != another.digests()


def installer(tmp_path: Path, uv: str | None = "uv", **fields: object) -> Installer:
    return Installer(**{"python": "python", "scratch": tmp_path, "uv": uv, "environ": {}, **fields})  # type: ignore[arg-type]


def test_a_step_has_its_own_index_and_no_other(tmp_path: Path) -> None:
    environ = {"UV_INDEX": "https://other.example", "PIP_EXTRA_INDEX_URL": "https://other.example", "UV_OFFLINE": "1"}
    step = Step(index=TORCH, lines={"torch": "torch==1.0"})
    (call,) = installer(tmp_path, environ=environ, names={TORCH: "torch"}).apply([step], ())
    assert call.environ == {
        "UV_OFFLINE": "1",
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "UV_DEFAULT_INDEX": f"torch={TORCH}",
        "PIP_INDEX_URL": TORCH,
    }
    assert call.command == [
        *("uv", "pip", "install", "--python", "python", "--no-deps", "--require-hashes"),
        *("-r", str(tmp_path / "step-0.txt")),
    ]
    assert (tmp_path / "step-0.txt").read_text() == "torch==1.0\n"


def test_the_users_own_credentials_for_an_index_are_taken_over(tmp_path: Path) -> None:
    given = "https://me:secret@index.example/whl/cu128/"
    step = Step(index=TORCH, lines={"torch": "torch==1.0"})
    for variable, value in (("UV_INDEX", f"any=https://other.example torch={given}"), ("PIP_EXTRA_INDEX_URL", given)):
        (call,) = installer(tmp_path, environ={variable: value}).apply([step], ())
        assert call.environ["UV_DEFAULT_INDEX"] == given
        assert not any("secret" in word for word in call.command)


def test_only_hashed_packages_may_be_looked_for_in_all_indexes(tmp_path: Path) -> None:
    lines = {"torch": "torch==1.0"}
    make = installer(tmp_path, more_index=TORCH)
    (call,) = make.apply([Step(index="", lines=lines)], ())
    assert (call.environ["UV_INDEX"], call.environ["UV_INDEX_STRATEGY"]) == (TORCH, "unsafe-best-match")
    (call,) = make.apply([Step(index="", lines=lines, is_hashed=False)], ())
    assert call.environ == {}


def test_pip_fetches_with_hashes_and_installs_what_it_fetched(tmp_path: Path) -> None:
    make = installer(tmp_path, uv=None, names={TORCH: "torch-index"})
    make.environ.update(UV_INDEX_TORCH_INDEX_USERNAME="me", UV_INDEX_TORCH_INDEX_PASSWORD="sec ret")  # type: ignore[attr-defined]
    step = Step(index=TORCH, lines={"torch": "torch==1.0"})
    (fetch,) = make.stage([step], is_careful=False)
    assert fetch.command[3:] == [
        *("wheel", "--disable-pip-version-check", "--no-deps", "-w", str(tmp_path / "fetched")),
        *("--require-hashes", "-r", str(tmp_path / "step-0.txt")),
    ]
    assert fetch.environ["PIP_INDEX_URL"] == "https://me:sec%20ret@index.example/whl/cu128"
    (call,) = make.apply([step], ())
    assert call.command[-4:] == ["--no-index", "--find-links", str(tmp_path / "fetched"), "torch"]


def test_what_is_fetched_by_address_asks_the_users_own_indexes_only_for_builds(tmp_path: Path) -> None:
    (step,) = steps(package("torch", "https://index.example/whl/torch-1.0.tar.gz", TORCH))
    environ = {"UV_INDEX": "https://other.example"}
    (call,) = installer(tmp_path, environ=environ).apply([step], {"torch"})
    assert call.environ == {**environ, "UV_PREVIEW_FEATURES": "pylock"}
    assert call.command[-3:] == ["--reinstall-package=torch", "-r", str(tmp_path / "pylock.step-0.toml")]


def test_names_of_indexes() -> None:
    tables = [{"name": "torch", "url": f"{TORCH}/"}, {"url": "https://nameless.example"}, "wrong"]
    assert index_names({"index": tables}) == {TORCH: "torch"}
    assert index_names({"index": {}}) == {}
