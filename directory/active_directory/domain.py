"""What a domain says about itself: where its persons are, its NetBIOS name, its UPN suffixes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import first_text, texts
from directory.active_directory.filters import escape
from directory.active_directory.reader import Reader
from directory.errors import DirectoryMisconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    base_dn: str
    """As the server spells it: persons outside of it do not belong to the realm."""
    root_dn: str
    """The domain's own DN: groups may be anywhere in it."""
    dns_name: str
    netbios_name: str
    upn_suffixes: frozenset[str]
    """The domain's own and the alternate ones, in lower case."""

    def holds(self, dn: str) -> bool:
        """Whether `dn`, as the server spells it, is the base or below it."""
        return f",{dn}".casefold().endswith(f",{self.base_dn}".casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDSE:
    """MS-ADTS section 3.1.1.3.2."""

    default_naming_context: str
    configuration_naming_context: str
    current_time: float | None


def read_root_dse(reader: Reader, realm: str) -> RootDSE:
    entry = reader.at("", ["defaultNamingContext", "configurationNamingContext", "currentTime"])
    naming, configuration = first_text(entry, "defaultNamingContext"), first_text(entry, "configurationNamingContext")
    if not naming or not configuration:
        raise DirectoryMisconfigured(realm, f"{reader.server} is not a domain controller of Active Directory")
    return RootDSE(
        default_naming_context=naming,
        configuration_naming_context=configuration,
        current_time=_generalized_time(first_text(entry, "currentTime")),
    )


def read_domain(reader: Reader, settings: ActiveDirectorySettings) -> Domain:
    """Fill in what the configuration leaves out. Raises `DirectoryMisconfigured` for a base DN that is not there."""
    realm, netbios_name, upn_suffixes = settings.name, settings.netbios_name, settings.upn_suffixes
    root = read_root_dse(reader, realm)
    base = reader.at(settings.base_dn or root.default_naming_context, ["objectClass"])
    if base is None:
        raise DirectoryMisconfigured(realm, f"there is no {settings.base_dn}, or the service account may not see it")
    partitions = f"CN=Partitions,{root.configuration_naming_context}"
    if netbios_name is None:
        wanted = f"(&(objectClass=crossRef)(nETBIOSName=*)(nCName={escape(root.default_naming_context)}))"
        cross_references = reader.search(partitions, wanted, ["nETBIOSName"], scope="one")
        netbios_name = first_text(cross_references[0], "nETBIOSName") if len(cross_references) == 1 else ""
        if not netbios_name:
            raise DirectoryMisconfigured(realm, "the domain's NetBIOS name cannot be read: set netbios_name")
    if upn_suffixes is None:
        # Of the whole forest: AD does not say which domain's people have which.
        alternate = reader.at(partitions, ["uPNSuffixes"])
        upn_suffixes = tuple(texts(alternate, "uPNSuffixes")) if alternate else ()
    return Domain(
        base_dn=base.dn,
        root_dn=root.default_naming_context,
        dns_name=settings.domain,
        netbios_name=netbios_name,
        upn_suffixes=frozenset(suffix.lower() for suffix in (settings.domain, *upn_suffixes)),
    )


def dns_name_of(naming_context: str) -> str:
    """``corp.example`` from ``DC=corp,DC=example``."""
    return ".".join(part.partition("=")[2] for part in naming_context.split(",")).lower()


def _generalized_time(text: str) -> float | None:
    """``20261122192055.0Z`` to epoch seconds."""
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
