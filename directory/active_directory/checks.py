"""What `gatepost check` says about a domain: each server, the service account and its rights, the groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from config.settings import ActiveDirectorySettings
from config.system_errors import SET_THE_CLOCK
from directory.active_directory.account import STATE_ATTRIBUTES, UnreadableAccount, guid_of
from directory.active_directory.change_time import METADATA, METADATA_XML, metadata_to_read
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.discovery import Located
from directory.active_directory.domain import Domain, dns_name_of, read_domain, read_root_dse
from directory.active_directory.domain_controller import DomainController
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.filters import IS_PERSON, guid_base
from directory.active_directory.groups import resolve_groups
from directory.active_directory.messages import PageRequest
from directory.active_directory.reader import Reader
from directory.directory import CheckResult
from directory.errors import DirectoryError

MAX_CLOCK_DIFFERENCE_SECONDS = 60.0
_SAMPLE = 5
"""Persons whose attributes are looked at: the service account may read more about itself than about others."""


def check_domain(
    servers: DomainControllers,
    settings: ActiveDirectorySettings,
    groups: Collection[str],
    *,
    needs_change_times: bool,
    clock: Callable[[], float],
) -> list[CheckResult]:
    """`needs_change_times`: whether something depends on when a number was written.

    Never raises. Blocks, for up to twice the settings' time-out for each server.
    """
    try:
        located = servers.located(deadline=time.monotonic() + settings.timeout)
        found = servers.all(deadline=time.monotonic() + settings.timeout)
    except DirectoryError as exc:
        return [CheckResult(subject=f"{settings.name} domain controllers", ok=False, detail=str(exc))]
    results = [_discovery_result(settings.name, located)]
    for server in found:
        results += _check_server(servers, server, settings, groups, needs_change_times, clock)
    return results


def _discovery_result(realm: str, located: Located) -> CheckResult:
    detail = f"{len(located.candidates)} from {located.origin}"
    if located.left_out:
        detail += f"; not below the domain, so never asked: {', '.join(located.left_out)} (controller_suffixes)"
    return CheckResult(subject=f"{realm} domain controllers", ok=not located.left_out, detail=detail)


def _check_server(
    servers: DomainControllers,
    server: DomainController,
    settings: ActiveDirectorySettings,
    groups: Collection[str],
    needs_change_times: bool,
    clock: Callable[[], float],
) -> list[CheckResult]:
    name = f"{settings.name} {server.address}"
    try:
        server.open(time.monotonic() + settings.timeout).close()
    except ConnectionFailed as exc:
        return [CheckResult(subject=f"{name} connection", ok=False, detail=exc.reason)]
    results = [CheckResult(subject=f"{name} connection", ok=True, detail="reached; its certificate is for this name")]
    step = "service account"
    try:
        with servers.service_connection(server, deadline=time.monotonic() + settings.timeout) as reader:
            results.append(CheckResult(subject=f"{name} {step}", ok=True, detail="signed in"))
            step = "base DN"
            domain = read_domain(reader, settings)
            results.append(_base_result(name, domain, settings))
            step = "clock"
            results.append(_clock_result(name, read_root_dse(reader, settings.name).current_time, clock()))
            step = "rights"
            needed = [*STATE_ATTRIBUTES, "objectSid", *(["tokenGroups"] if groups else [])]
            if needs_change_times:
                needed.append(metadata_to_read(settings.mobile_attributes)[-1])
            results.append(_rights_result(name, reader, domain, needed))
            step = "groups"
            if groups:
                results += _group_results(name, reader, domain, groups)
    except ConnectionFailed as exc:
        results.append(CheckResult(subject=f"{name} {step}", ok=False, detail=exc.reason))
    except DirectoryError as exc:
        results.append(CheckResult(subject=f"{name} {step}", ok=False, detail=str(exc)))
    return results


def _base_result(name: str, domain: Domain, settings: ActiveDirectorySettings) -> CheckResult:
    actual = dns_name_of(domain.root_dn)
    ok = actual == settings.domain.lower()
    detail = f"{domain.base_dn}, NetBIOS name {domain.netbios_name}"
    return CheckResult(
        subject=f"{name} base DN", ok=ok, detail=detail if ok else f"the domain is {actual}, not {settings.domain}"
    )


def _clock_result(name: str, server_time: float | None, now: float) -> CheckResult:
    if server_time is None:
        return CheckResult(subject=f"{name} clock", ok=False, detail="does not tell its time")
    difference = server_time - now
    ok = abs(difference) <= MAX_CLOCK_DIFFERENCE_SECONDS
    detail = f"{abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} this machine"
    return CheckResult(subject=f"{name} clock", ok=ok, detail=detail if ok else f"{detail}: {SET_THE_CLOCK}")


def _rights_result(name: str, reader: Reader, domain: Domain, needed: Sequence[str]) -> CheckResult:
    subject = f"{name} rights"
    sample = reader.search(domain.base_dn, IS_PERSON, ["objectGUID"], page=PageRequest(size=_SAMPLE))
    if not sample:
        return CheckResult(subject=subject, ok=False, detail=f"no persons are found below {domain.base_dn}")
    missing: set[str] = set()
    for each in sample[:_SAMPLE]:
        try:
            entry = reader.at(guid_base(guid_of(each)), needed, IS_PERSON)
        except UnreadableAccount as exc:
            missing.add(exc.attribute)
            continue
        if entry is not None:
            missing |= {attribute for attribute in needed if attribute.lower() not in entry.attributes}
    if missing:
        hint = ""
        if "tokenGroups" in missing:
            hint = "; tokenGroups needs membership of Windows Authorization Access Group"
        if missing & {METADATA, METADATA_XML}:
            hint += "; so a number counts as changed when it was first seen (mobile.changed_within)"
        detail = f"the service account cannot read {', '.join(sorted(missing))} of every person{hint}"
        return CheckResult(subject=subject, ok=False, detail=detail)
    return CheckResult(subject=subject, ok=True, detail="what decides about an account can be read")


def _group_results(name: str, reader: Reader, domain: Domain, groups: Collection[str]) -> list[CheckResult]:
    problems = resolve_groups(reader, domain, groups).problems
    return [
        CheckResult(
            subject=f"{name} group {group}",
            ok=group not in problems,
            detail=problems.get(group, "found"),
            group=group,
        )
        for group in sorted(groups)
    ]
