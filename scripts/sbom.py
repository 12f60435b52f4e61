"""Writes deploy/sbom.cdx.json, the CycloneDX bill of materials of what deploy/requirements.txt installs.

It is made from the lock file alone, so it is the same on every machine and at every time: its serial number is derived
from the lock file and Gatepost's version, and it holds no time. Run `python -m scripts.sbom` after `scripts/lock`, and
after a new version number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from proxy import __version__

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "deploy" / "requirements.txt"
SBOM = ROOT / "deploy" / "sbom.cdx.json"
OURSELVES = "gatepost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One package of the lock file."""

    name: str
    version: str
    marker: str | None
    """Where it is installed, in the words of PEP 508. None: everywhere."""
    sha256s: tuple[str, ...]
    """Of each file that may be installed: one for each platform and Python."""
    wanted_by: tuple[str, ...]
    """The packages that need it; Gatepost itself among them."""


def locked_packages(text: str) -> Iterator[LockedPackage]:
    """What a lock file that `scripts/lock` has written names."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if block.startswith("#"):
            continue
        requirement = Requirement(block.partition("\\")[0].strip())
        comments = block.partition("# via")[2]
        yield LockedPackage(
            name=canonicalize_name(requirement.name),
            version=str(requirement.specifier).removeprefix("=="),
            marker=None if requirement.marker is None else str(requirement.marker),
            sha256s=tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)),
            wanted_by=tuple(re.findall(r"[A-Za-z0-9][\w.-]*(?=$| \(pyproject)", comments, re.MULTILINE)),
        )


def bill_of_materials(lock: str, version: str) -> str:
    """The document as JSON of CycloneDX 1.6."""
    packages = list(locked_packages(lock))
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"{OURSELVES}=={version} {sha256(lock.encode()).hexdigest()}"))
    whole = Component(type=ComponentType.APPLICATION, name=OURSELVES, version=version, bom_ref=OURSELVES)
    bom.metadata.component = whole
    components = {package.name: _component(package) for package in packages}
    bom.components.update(components.values())
    for user in (whole, *components.values()):
        needed = [components[package.name] for package in packages if user.name in package.wanted_by]
        bom.register_dependency(user, needed)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    # When it was made says nothing: what it describes is told by the version and by the serial number.
    del written["metadata"]["timestamp"]
    return json.dumps(written, indent=2, sort_keys=True) + "\n"


def _component(package: LockedPackage) -> Component:
    url = PackageURL("pypi", name=package.name, version=package.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{package.name}/{package.version}/#files"),
        comment="any one of these files, by its hash",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.sha256s],
    )
    marker = [] if package.marker is None else [Property(name="gatepost:marker", value=package.marker)]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=url,
        bom_ref=str(url),
        external_references=[files],
        properties=marker,
    )


if __name__ == "__main__":
    SBOM.write_text(bill_of_materials(LOCK.read_text(), __version__))
