"""`gatepost check`: try every dependency that the configuration names, and say what works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO

from config.addresses import UpstreamURL
from config.factors import Factor
from config.settings import ActiveDirectorySettings, AppSettings, Settings, ThrottleSettings
from config.system_errors import connection_reason
from config.tables.schemes import factors_of
from directory.create_directories import create_directories
from directory.directory import CheckResult, Directory, PreparedDirectory
from directory.errors import DirectoryError
from directory.kerberos.open_acceptor import check_kerberos
from directory.lockout import LockingDirectory, LockoutPolicy, password_limits
from directory.users_writing import why_unchangeable
from proxy.canary.create_canaries import check_canaries
from proxy.commands.check_audit import check_audit
from proxy.commands.degrade import check_rungs
from proxy.commands.offered_factors import check_clients, check_offered_factors, check_session_limits
from proxy.commands.public_side import (
    check_addresses,
    check_certificates,
    check_hosts,
    check_scheme,
    check_secret_files,
    secret_files,
)
from proxy.delivery.bounces.imap_inbox import check_mailbox
from proxy.delivery.channel import EMAIL_ONLY
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.forwarding.public_tls import load_certificates
from proxy.help_desk.people import local_realms
from proxy.operations.descriptors import MOST_CONNECTIONS, capacity, reserve_for
from proxy.operations.open_files import hard_limit
from proxy.operations.store_errors import StoreError
from proxy.pages.local_time import brief_text
from proxy.secrets.key_file import KeyFileError, existing_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.dry_run import DryRun
from proxy.sign_in.foreseen import LimitFound
from proxy.ssh.start_checks import check_host_key_of
from proxy.store.contract import Store
from proxy.store.open import open_store
from proxy.throttle.login_tries import LoginTries, OperatorsLoginTries
from proxy.throttle.service_tries import StoredTries
from proxy.upstreams.check import open_streams
from proxy.upstreams.upstream import upstream_tls

FEW_CONNECTIONS = 500
"""With a limit below this, a few dozen browsers are enough to be turned away."""


async def run(settings: Settings, stdout: TextIO, *, secrets_from: Iterable[Path] = ()) -> int:
    """Print one line per dependency; 0 if all work, else 1. The configuration itself was checked before."""
    results = [CheckResult(subject="configuration", ok=True, detail="valid")]
    results += check_scheme(settings.server)
    results += _check_certificates(settings)
    results += check_secret_files(secret_files(settings, secrets_from))
    results += [*check_offered_factors(settings), *check_clients(settings), *check_session_limits(settings)]
    results += check_rungs(settings)
    results += await asyncio.to_thread(check_addresses, settings)
    results += check_host_key_of(settings)
    results.append(open_files_result(settings, hard=hard_limit()))
    results += await _check_store(settings)
    async with AsyncExitStack() as stack:
        logins = tries = None
        if (opened := _opened(settings, stack)) is not None:
            store, keys = opened
            results += await _check_day(settings, store, keys, now=time.time())
            # What tells a running Gatepost that a login of its own works again.
            logins = OperatorsLoginTries(store.counters, key=keys.derive(Purpose.THROTTLE), clock=time.time)
            tries = StoredTries(logins)
        realms = create_directories(settings, tries)
        stack.push_async_callback(realms.close)
        results += await realms.check()
        results += check_local_people(settings)
        for directory in realms:
            results += await _check_lockout(directory, settings)
        results += await _check_delivery(settings, logins)
    results += check_kerberos(settings)
    results += await _check_bounces(settings)
    results += await check_canaries(settings)
    results += await check_audit(settings.audit)
    for app in settings.apps:
        results += [await _check_upstream(app, url) for url in app.upstream_urls]
        results += rule_case(app)
    for result in results:
        print(f"{'ok  ' if result.ok else 'FAIL'}  {result.subject}: {result.detail}", file=stdout)
    return 0 if all(result.ok for result in results) else 1


def _opened(settings: Settings, stack: AsyncExitStack) -> tuple[Store, Keys] | None:
    """None before the first start; what else may be wrong other lines tell."""
    try:
        keys, store = Keys(existing_keys(settings.server)), open_store(settings.store)
    except (KeyFileError, StoreError):
        return None
    stack.push_async_callback(store.close)
    return store, keys


def _check_certificates(settings: Settings) -> list[CheckResult]:
    pairs = settings.server.certificate_pairs
    if not pairs:
        return []
    loaded = load_certificates(pairs)
    return [*check_certificates(loaded, now=time.time()), *check_hosts(settings, loaded.names)]


def open_files_result(settings: Settings, *, hard: int) -> CheckResult:
    """How many clients the limit on open files allows. Pure. A service's limit may differ from this shell's."""
    takes = capacity(settings, reserve=reserve_for(settings), open_files=hard)
    workers, asked = settings.server.workers, settings.server.max_connections
    each = f" in each of {workers} workers" if workers > 1 else ""
    detail = (
        f"the hard limit of {takes.open_files} carries {takes.connections} connections of clients{each}, "
        f"{takes.per_address} of one address"
    )
    if takes.per_address >= takes.connections:
        detail += ": one address can take them all, and shut everybody else out"
    is_enough = takes.is_enough if asked is not None else takes.connections >= min(takes.asked, FEW_CONNECTIONS)
    if not takes.is_enough:
        default = f"{MOST_CONNECTIONS} connections (the default)"
        wanted = default if asked is None else f"server.max_connections = {asked}"
        detail += (
            f". For {wanted} raise it to {takes.open_files_for_asked} (LimitNOFILE= in the systemd unit, "
            "ulimit -Hn in a shell)"
        )
        detail += f", or set server.max_connections to {takes.connections * workers}" if asked is not None else ""
    return CheckResult(subject="open files", ok=is_enough, detail=detail)


def check_local_people(settings: Settings) -> list[CheckResult]:
    """Whether the admin pages can change them, where somebody may. As the user that this runs as."""
    if settings.admin.people_groups is None:
        return []
    found = [(each.file, why_unchangeable(each.file)) for each in local_realms(settings)]
    return [
        CheckResult(subject=str(file), ok=not why, detail=why or "can be changed on the admin pages")
        for file, why in found
    ]


async def _check_store(settings: Settings) -> list[CheckResult]:
    subject = f"store {settings.store.url.kind}"
    try:
        store = open_store(settings.store)
        try:
            await store.ping()
            remarks = await store.remarks()
        finally:
            await store.close()
    except StoreError as error:
        return [CheckResult(subject=subject, ok=False, detail=str(error))]
    return [
        CheckResult(subject=subject, ok=True, detail=detail)
        for detail in ("can be read and written", *(f"but {remark}" for remark in remarks))
    ]


async def _check_day(settings: Settings, store: Store, keys: Keys, *, now: float) -> list[CheckResult]:
    """One line where so many passcodes were sent today that they may not last, by the dry run of a sign-in."""
    try:
        found = await DryRun(settings, store=store, keys=keys).for_anybody(now=now)
    except StoreError:
        return []
    return [] if found is None else day_result(found, now)


def day_result(found: LimitFound, now: float) -> list[CheckResult]:
    """Nothing as long as there are plenty. Pure."""
    standing = found.standing
    if not standing.is_near:
        return []
    detail = f"{standing.count} of the day's {standing.most} passcodes were sent"
    if found.is_too_little:
        detail += f", so nobody is sent one until {brief_text(standing.window_ends_at, now)}"
    return [CheckResult(subject="passcodes of the day", ok=not found.is_too_little, detail=detail)]


async def _check_lockout(directory: Directory, settings: Settings) -> list[CheckResult]:
    """One line for a directory that locks accounts; none if it is down, which other lines say."""
    if not isinstance(directory, LockingDirectory):
        return []
    if isinstance(directory, PreparedDirectory):
        try:
            await directory.prepare()
        except DirectoryError:
            return []
    own = next((each for each in settings.directories if each.name == directory.realm), None)
    is_configured = isinstance(own, ActiveDirectorySettings) and own.lockout_threshold is not None
    policy = directory.lockout_policy()
    return [lockout_result(directory.realm, policy, settings.throttle, is_configured=is_configured)]


def lockout_result(
    realm: str, policy: LockoutPolicy | None, throttle: ThrottleSettings, *, is_configured: bool
) -> CheckResult:
    """How many wrong passwords of one person are let through, and whether that certainly locks nobody. Pure.

    `is_configured`: the threshold is the operator's number, not the domain's.
    """
    limits = password_limits(policy, configured=throttle.passwords_per_person, window_seconds=throttle.window)
    sent = (
        f"Gatepost sends at most {limits.in_all} wrong ones of one person within {limits.window_seconds / 60:.0f} "
        f"minutes, {limits.from_unfamiliar} of them from addresses where they never signed in"
    )
    subject = f"{realm} lockout"
    if policy is None:
        detail = f"the domain's threshold cannot be read: set lockout_threshold. {sent}, which may lock the account"
        return CheckResult(subject=subject, ok=False, detail=detail)
    origin = "as configured" if is_configured else "as read from the domain"
    if policy.threshold == 0:
        return CheckResult(subject=subject, ok=True, detail=f"no wrong password locks an account, {origin}; {sent}")
    fact = (
        f"wrong password number {policy.threshold} locks, the count restarts after {policy.window_seconds / 60:.0f} "
        f"minutes without one, {origin}; margin {policy.margin}"
    )
    if policy.threshold <= policy.margin:
        detail = f"{fact}, which leaves none. {sent}: raise the domain's threshold, or lower lockout_margin"
        return CheckResult(subject=subject, ok=False, detail=detail)
    return CheckResult(subject=subject, ok=True, detail=f"{fact}; {sent}")


async def _check_delivery(settings: Settings, logins: LoginTries | None) -> list[CheckResult]:
    channels = create_channels(settings, logins=logins)
    try:
        return [*channel_order(settings, channels), *await channels.check_each()]
    finally:
        await channels.close()


def channel_order(settings: Settings, channels: Channels) -> list[CheckResult]:
    """Which channels serve each factor that a scheme asks for: operators easily get wrong which one stands in for
    which."""
    asked = factors_of(settings.schemes) if settings.schemes else {Factor.SMS}
    found = []
    for factor, names in ((Factor.SMS, channels.names()), (Factor.EMAIL, channels.names(EMAIL_ONLY))):
        if factor not in asked:
            continue
        detail = "by " + ", then ".join(names)
        passed_over = [name for name in settings.channels if factor is Factor.SMS and name not in names]
        if passed_over:
            detail += f"; never by {', '.join(passed_over)} (second_factor.email_for_sms is not set)"
        found.append(CheckResult(subject=f"passcodes for {factor.value}", ok=True, detail=detail))
    return found


async def _check_bounces(settings: Settings) -> list[CheckResult]:
    """One line for a mailbox. A mail server of our own may be running already."""
    if settings.bounces.inbox != "imap":
        return []
    return [await check_mailbox(settings.bounces, "mailbox for bounces")]


def rule_case(app: AppSettings) -> list[CheckResult]:
    """How the rules of an app treat case, which only the operator can compare with the app. Pure."""
    if not app.rules:
        return []
    detail = (
        "match /Admin/ and /admin/ alike (ignore_case = true)"
        if app.ignore_case
        else "tell /Admin/ from /admin/: if the app answers both alike, as Express, ASP.NET and all that runs on IIS or"
        " Windows do, set ignore_case = true"
    )
    return [CheckResult(subject=f"app {app.name}, rules", ok=True, detail=detail)]


async def _check_upstream(app: AppSettings, upstream: UpstreamURL) -> CheckResult:
    subject = f"app {app.name}"
    try:
        async with asyncio.timeout(app.connect_timeout):
            _, writer = await open_streams(upstream, app, upstream_tls(app))
    except TimeoutError:
        detail = f"{upstream.authority} did not answer within {app.connect_timeout:g} seconds"
        return CheckResult(subject=subject, ok=False, detail=detail)
    except OSError as error:  # ssl.SSLError is one too
        detail = f"{upstream.authority} cannot be reached: {connection_reason(error)}"
        return CheckResult(subject=subject, ok=False, detail=detail)
    writer.close()
    return CheckResult(subject=subject, ok=True, detail=f"{upstream.authority} accepts connections")
