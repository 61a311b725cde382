"""The CycloneDX SBOM of a variant's wheel (PEP 770): its locked packages, and the libraries that lie in it.

It says what the lock says and no more. What requires what is left out where the lock does not record it, and so is a
hash where it cannot tell which file an installer takes. Equal input gives equal bytes: the serial number comes from the
content, and there is a time only where `SOURCE_DATE_EPOCH` gives one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.export import address_of, hashes_of, usable_files
from cudapin.core.index import strip_credentials
from cudapin.core.libraries import original_name
from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cyclonedx.model import ExternalReference, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    from cudapin.core.lock import LockedFile, LockedPackage, Selection
    from cudapin.core.target import Target

__all__ = ["SBOM_NAME", "Bundled", "Subject", "render_sbom"]

SBOM_NAME = "cudapin.cdx.json"
"""Its name in `*.dist-info/sboms`; PEP 770 wants the name of the tool in it, so that those of two tools can meet."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6.schema.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The wheel: name and version as stamped, and what of the build is worth knowing.

    `facts` are said in its properties, such as `variant` or `lock.sha256`. `knows_edges`: the lock records what each
    package requires. `epoch_s` is `SOURCE_DATE_EPOCH`, None where it is not set.
    """

    name: str
    version: str
    facts: Mapping[str, str]
    knows_edges: bool
    tools: Mapping[str, str]
    epoch_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A library in the wheel: its path there and its SHA-256. `cuda` are the CUDA majors that its name fits."""

    path: str
    sha256: str
    cuda: tuple[int, ...] = ()


def render_sbom(subject: Subject, selection: Selection, bundled: Sequence[Bundled], target: Target) -> str:
    """Return the SBOM, CycloneDX 1.6 as JSON. Raises ImportError where `cyclonedx-python-lib` is not installed."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = _bom(subject, selection, bundled, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that nothing direct is known, which `compositions` says
        document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    if subject.epoch_s is None:
        del document["metadata"]["timestamp"]
    if not subject.knows_edges:
        _leave_out_edges(document, {_reference(package.name, package.version) for package in selection.packages})
    del document["serialNumber"]
    document["serialNumber"] = uuid.uuid5(_NAMESPACE, json.dumps(document, sort_keys=True)).urn
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _leave_out_edges(document: dict[str, Any], unknown: set[str]) -> None:
    """An entry without `dependsOn` would say that nothing is required; say that it is not known."""
    own = document["metadata"]["component"]["bom-ref"]
    known = [entry for entry in document["dependencies"] if entry["ref"] not in unknown]
    document["dependencies"] = [entry for entry in known if entry["ref"] != own or entry.get("dependsOn")]
    document["compositions"] = [{"aggregate": "unknown", "dependencies": sorted({own, *unknown})}]


def _bom(subject: Subject, selection: Selection, bundled: Sequence[Bundled], target: Target) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
    from cyclonedx.model.tool import ToolRepository

    own = Component(
        type=ComponentType.LIBRARY,
        name=subject.name,
        version=subject.version,
        bom_ref=_reference(normalise(subject.name), subject.version),
        purl=_purl(normalise(subject.name), subject.version),
    )
    packages = {package.name: _package(package, target) for package in selection.packages}
    libraries = [_library(library) for library in bundled]
    tools = [
        Component(type=ComponentType.APPLICATION, name=name, version=version) for name, version in subject.tools.items()
    ]
    bom = Bom(
        metadata=BomMetaData(
            component=own,
            lifecycles=[PredefinedLifecycle(phase=LifecyclePhase.BUILD)],
            properties=_properties(subject.facts.items()),
            timestamp=dt.datetime.fromtimestamp(subject.epoch_s or 0, dt.timezone.utc),
            tools=ToolRepository(components=tools),
        ),
        components=[*packages.values(), *libraries],
    )
    direct = [packages[package.name] for package in selection.packages if package.direct]
    bom.register_dependency(own, [*direct, *libraries])
    for package in selection.packages:
        required = [packages[name] for name in package.dependencies if name in packages]
        bom.register_dependency(packages[package.name], required)
    return bom


def _reference(name: str, version: str | None) -> str:
    return name if version is None else f"{name}=={version}"


def _package(package: LockedPackage, target: Target) -> Component:
    """Return a locked package. What no index has (a directory, a path) has no package URL, which would name one."""
    from cyclonedx.model.component import Component, ComponentType

    taken, possible = _files(package, target)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=_reference(package.name, package.version),
        purl=_purl(package.name, package.version, _qualifiers(package)) if package.kind in _WITH_PURL else None,
        hashes=_hashes(taken),
        external_references=_sources(package, taken),
        properties=_properties(("possible-sha256", digest) for digest in possible),
    )


_WITH_PURL = ("registry", "git", "url")
_REMOTE_GIT = re.compile(r"(?:git\+)?(?:https?|ssh|git)://", re.IGNORECASE)


def _files(package: LockedPackage, target: Target) -> tuple[LockedFile | None, list[str]]:
    """Return the file that an installer takes on the target; where the lock names none, the hashes it accepts."""
    files = usable_files(package, target)
    if len(files) == 1 or (files and all(file.name for file in files)):
        return files[0], []
    return None, sorted({file.hashes["sha256"] for file in files if "sha256" in file.hashes})


def _qualifiers(package: LockedPackage) -> dict[str, str]:
    """Return where a package comes from as a package URL says it; nothing for one of the default index."""
    if package.kind == "registry":
        address = strip_credentials(package.index or "")
        return {"repository_url": address} if address.startswith(("http://", "https://")) else {}
    address = strip_credentials(package.origin or "")
    if package.kind == "git":
        return {"vcs_url": _git_address(address)} if _REMOTE_GIT.match(address) else {}
    return {"download_url": address.partition("#")[0]} if address.startswith(("http://", "https://")) else {}


def _git_address(origin: str) -> str:
    """Write `https://index.example/it?rev=main#<commit>` as SPDX and package URLs do: `git+https://…/it@<commit>`."""
    address, _, fragment = origin.partition("#")
    commit = fragment.partition("&")[0]
    address = address.partition("?")[0]
    address = address if address.startswith("git+") else f"git+{address}"
    return f"{address}@{commit}" if commit and "=" not in commit else address


def _purl(name: str, version: str | None, qualifiers: Mapping[str, str] | None = None) -> PackageURL:
    from packageurl import PackageURL

    return PackageURL(type="pypi", name=name, version=version, qualifiers=dict(qualifiers or {}))


def _hashes(file: LockedFile | None) -> list[HashType]:
    from cyclonedx.model import HashAlgorithm, HashType

    algorithms = {"sha256": HashAlgorithm.SHA_256, "sha384": HashAlgorithm.SHA_384, "sha512": HashAlgorithm.SHA_512}
    found = hashes_of(file) if file is not None else ()
    return [HashType(alg=algorithms[algorithm], content=digest) for algorithm, digest in found]


def _sources(package: LockedPackage, file: LockedFile | None) -> list[ExternalReference]:
    """Return the address of the file, or of the commit; none where the lock has no address that means anything."""
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    if package.kind == "git":
        address = _qualifiers(package).get("vcs_url")
        return [ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(address))] if address else []
    address = address_of(file) if file is not None else None
    if address is None:
        return []
    return [ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(address), hashes=_hashes(file))]


def _library(library: Bundled) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    said = [("path", library.path), *(("cuda", str(major)) for major in library.cuda)]
    return Component(
        type=ComponentType.LIBRARY,
        name=original_name(library.path.rpartition("/")[2]),
        bom_ref=f"file:{library.path}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=library.sha256)],
        properties=_properties(said),
    )


def _properties(pairs: Iterable[tuple[str, str]]) -> list[Property]:
    from cyclonedx.model import Property

    return [Property(name=f"cudapin:{name}", value=value) for name, value in pairs]
