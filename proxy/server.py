"""The composition root: builds every part from the settings, wires them, and runs them until told to stop.

Only a wrong configuration stops Gatepost from starting. If a directory, relay, store or app is down, the pages and
`/readyz` say so.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from directory.create_directories import create_directories
from directory.directory import Directory
from directory.kerberos.open_acceptor import open_acceptor
from directory.kerberos.service_key import service_keys
from directory.mobile import countries_of
from directory.realms import Realms
from proxy.access.networks import network_of
from proxy.api.create_api import create_api
from proxy.audit.audit_upkeep import AuditUpkeep
from proxy.audit.audited_log import audited
from proxy.audit.lifetime import LEFT, READY, configuration_loaded
from proxy.audit.open_audit import serving_audit
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recorder import Recorder
from proxy.audit.repeated import RepeatedRefusals
from proxy.canary.create_canaries import create_canaries
from proxy.degrade.keep_degrade import keep_degrade
from proxy.delivery.bounces.create_bounces import create_bounces
from proxy.delivery.channel import Outcome
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.factors.confinement import still_counts
from proxy.forwarding.plane import ForwardingPlane, create_forwarding_plane
from proxy.http.reserved import API
from proxy.languages.configured import languages_of
from proxy.operations.background import in_background
from proxy.operations.descriptors import capacity, reserve_for
from proxy.operations.health import READINESS, Check, Need, Readiness, create_health_app
from proxy.operations.listening import WorkerPlace, name_of
from proxy.operations.log import ErrorLines
from proxy.operations.loop_lag import watch_loop
from proxy.operations.metrics import Metrics
from proxy.operations.notice_board import NoticeBoard
from proxy.operations.open_files import open_file_limit
from proxy.operations.open_listening import open_listening
from proxy.operations.serving import serve
from proxy.operations.steady_clock import SteadyClock
from proxy.operations.store_errors import StoreError
from proxy.operations.workers_health import create_workers_app, metrics_of_workers, readiness_of_workers
from proxy.portal.app import create_portal
from proxy.portal.factor_notice import used_code_notices
from proxy.portal.number_notice import new_browser_notice, notice_of, stolen
from proxy.rehearsal.noting import create_notes
from proxy.secrets.key_file import load_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.identity import Assertions
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.lease import while_leased
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.upkeep import keep_up
from proxy.sessions.watch import SessionWatch
from proxy.sign_in.create import create_sign_in
from proxy.sign_in.enrolment_upkeep import EnrolmentUpkeep
from proxy.ssh.create_jump_host import ServedSSH, serving_ssh
from proxy.store.contract import Store
from proxy.store.open import open_store
from proxy.throttle.login_tries import LoginTries
from proxy.throttle.service_tries import StoredTries
from proxy.throttle.throttle import Throttle
from proxy.tracing.open_traces import serving_traces

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatepost:
    """A running Gatepost: where it listens."""

    addresses: tuple[tuple[str, int], ...]
    admin_address: tuple[str, int] | None
    plane: ForwardingPlane
    radius_addresses: Callable[[], Collection[tuple[str, int]]]
    """Where this worker answers RADIUS now; nowhere while another one does."""
    recorder: Recorder
    failed: asyncio.Event
    """Set when an unforeseen error has stopped the upkeep of sessions: sessions that end would stay open."""
    jump_host: ServedSSH | None = None
    ssh_addresses: tuple[tuple[str, int], ...] = ()

    async def drain(self, grace: float, *, idle_grace: float) -> None:
        """Accept nothing more, and let what is in flight end for `grace` seconds, then end it."""
        ends = [self.plane.drain(grace, idle_grace=idle_grace)]
        if self.jump_host is not None:
            ends.append(self.jump_host.drain(grace))
        await asyncio.gather(*ends)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    log: FilteringBoundLogger,
    clock: Clock | SteadyClock | None = None,
    place: WorkerPlace | None = None,
    errors: ErrorLines | None = None,
) -> AsyncIterator[Gatepost]:
    """Starts everything, in order; closes everything in the reverse order when the block is left.

    Without a `place` among workers it is alone and opens its sockets itself. By default it has a `SteadyClock`.
    `errors` is what `log` counts its lines of level error with.
    """
    steady = None
    if clock is None or isinstance(clock, SteadyClock):
        steady = clock or SteadyClock()
        clock = steady.now
    async with AsyncExitStack() as stack:
        keys = Keys(load_keys(settings.server, now=clock()), clock=clock)
        store = open_store(settings.store, log, clock=clock)
        stack.push_async_callback(store.close)
        logins = LoginTries(store.counters, key=keys.derive(Purpose.THROTTLE), clock=clock)
        metrics = Metrics(
            realms=[directory.name for directory in settings.directories],
            countries=countries_of(settings.mobile),
        )
        person_keys = PersonKeys(store.person_keys, keys)
        recorder = await stack.enter_async_context(
            serving_audit(settings.audit, person_keys, keys, log=log, clock=clock, metrics=metrics)
        )
        audit_upkeep = AuditUpkeep(settings.audit, person_keys, recorder, log=log, clock=clock)
        log = audited(log, recorder, RepeatedRefusals(network_of))
        recorder.record(configuration_loaded(settings))
        stack.callback(recorder.record, LEFT)
        realms = create_directories(settings, StoredTries(logins), metrics.dependencies.note_directory)
        stack.push_async_callback(realms.close)
        await in_background(stack, realms.prepare, log)
        acceptor = open_acceptor(service_keys(settings))
        if acceptor is not None:
            stack.push_async_callback(acceptor.close)
        languages = languages_of(settings.pages)
        traces = await stack.enter_async_context(serving_traces(settings.tracing))
        degrade = await keep_degrade(stack, settings, store.rungs, metrics=metrics, log=log, clock=clock)
        channel = create_channels(
            settings,
            clock=clock,
            log=log,
            metrics=metrics,
            languages=languages,
            logins=logins,
            order=degrade.order,
        )
        stack.push_async_callback(channel.close)

        sessions = LiveSessions(
            store.sessions,
            settings.sessions,
            may_stand=lambda session: still_counts(session.confined, settings.help_desk),
        )
        failed = asyncio.Event()
        if steady is not None:
            steady.on_step(sessions.go_on_from)
            # Of several workers none tells what the supervisor tells.
            await in_background(stack, partial(steady.keep, log if place is None else None), log, failed)
        may_clean_up = None if steady is None else lambda: steady.is_settled
        cleaning = partial(keep_up, sessions, clock=clock, may_clean_up=may_clean_up)
        await in_background(stack, cleaning, log, failed)
        assertions = Assertions(keys, issuer=settings.server.public_url.origin)
        metrics.watch_live_sessions(lambda: len(sessions))
        await in_background(stack, partial(watch_loop, metrics.dependencies.note_lag), log)
        metrics.dependencies.watch(
            store,
            realms,
            worker=None if place is None else place.number,
            error_lines=None if errors is None else lambda: errors.count,
        )

        notes = create_notes(
            store.decisions, store.person_keys, keys, keep_seconds=settings.audit.decisions, clock=clock
        )
        await in_background(stack, notes.run, log)
        throttle = Throttle(store.counters, settings.throttle, key=keys.derive(Purpose.THROTTLE))
        bounces = create_bounces(settings, store.deliveries, clock=clock, log=log, metrics=metrics, logins=logins)
        checks = dict(readiness_checks(store, realms, channel, throttle=throttle, clock=clock))
        checks |= dict(recorder.checks())
        checks["degrade"] = degrade.check
        if bounces is not None:
            checks["bounces"] = Check(need=Need.HELPFUL, ask=bounces.trouble)
        canaries = create_canaries(
            settings, store.canaries, channel, clock=clock, log=log, metrics=metrics, logins=logins
        )
        if canaries is not None:
            checks |= canaries.checks
            await in_background(stack, canaries.board.keep_up, log)
        if steady is not None:
            checks["clock"] = Check(need=Need.HELPFUL, ask=steady.check)
        sign_in = create_sign_in(
            settings=settings,
            realms=realms,
            channels=channel,
            store=store,
            keys=keys,
            throttle=throttle,
            metrics=metrics,
            log=log,
            clock=clock,
            wording=notice_of,
            stolen=stolen,
            new_browser=new_browser_notice(settings),
            used_code=used_code_notices(settings),
            notifier=channel,
            acceptor=acceptor,
            languages=languages,
            recorder=recorder,
            note=notes.note,
            degrade=degrade.board,
        )
        radius = None
        if settings.radius.is_on:
            # Not above: pyrad, which it stands on, is an extra.
            from proxy.radius.create_radius import create_disconnects, create_radius

            radius = create_radius(
                settings=settings,
                store=store,
                flow=sign_in.flow,
                keys=keys,
                metrics=metrics,
                log=log,
                clock=clock,
                lock_file=None if place is None else place.folder / "radius.lock",
            )
            checks["radius"] = Check(need=Need.HELPFUL, ask=radius.check)
            disconnects = create_disconnects(
                settings=settings, store=store, live=sessions, metrics=metrics, log=log, clock=clock
            )
        health = create_health_app(checks, metrics, clock, log=log, is_draining=lambda: plane.is_closing)

        async def readiness() -> Readiness:
            """As `/readyz` reports it: for all workers, if there are several."""
            return health[READINESS]() if place is None else await readiness_of_workers(place.folder, now=clock())

        notice_board = NoticeBoard(store.operator_notices)
        await in_background(stack, notice_board.keep_up, log)
        portal = create_portal(
            settings=settings,
            realms=realms,
            store=store,
            sessions=sessions,
            keys=keys,
            sign_in=sign_in,
            assertions=assertions,
            notice_board=notice_board,
            degrade=degrade.board,
            metrics=metrics,
            log=log,
            clock=clock,
            readiness=readiness,
            measured=None if place is None else partial(metrics_of_workers, place.folder),
            languages=languages,
            delays=None if canaries is None else canaries.board,
            traces=traces,
        )
        if settings.api.enabled:
            api = create_api(
                settings=settings,
                sign_in=sign_in,
                sessions=sessions,
                store=store.sessions,
                log=log,
                clock=clock,
                languages=languages,
            )
            portal.add_subapp(API, api)
        portal_socket = place.portal_socket if place is not None else _private_socket(stack)
        serves = partial(serve, stack, log=log, server=settings.server)
        await serves(portal, path=portal_socket)
        takes = capacity(settings, reserve=reserve_for(settings), open_files=open_file_limit())
        (log.info if takes.is_enough else log.warning)(
            "connections.capacity",
            open_files=takes.open_files,
            connections=takes.connections,
            per_address=takes.per_address,
            asked_for=takes.asked,
            open_files_for_that=takes.open_files_for_asked,
        )
        plane = create_forwarding_plane(
            settings=settings,
            sessions=sessions,
            credential_uses=sign_in.credentials,
            assertions=assertions,
            portal_socket=portal_socket,
            metrics=metrics,
            log=log,
            clock=clock,
            kept_requests=KeptRequests(store, keys),
            languages=languages,
            recorder=recorder,
            traces=traces,
            note=notes.note,
            takes=takes,
        )
        metrics.watch_client_connections(lambda: plane.open_connections)
        stack.callback(sessions.on_end(plane.end_session))
        stack.callback(sessions.on_change(plane.judge_again))
        watch = partial(
            SessionWatch, store=store.sessions, browsers=store.browsers, sessions=sessions, realms=realms, log=log
        )
        leased = partial(while_leased, store=store.leases, clock=clock)
        await in_background(stack, partial(leased, lambda: watch().run(), name="watch"), log)
        upkeep = EnrolmentUpkeep(
            store=store.enrolments,
            browsers=store.browsers,
            credentials=store.credentials,
            clock=clock,
            realms=realms,
            keys=keys,
            log=log,
        )
        await in_background(stack, partial(leased, upkeep.run, name="enrolments"), log)
        await in_background(stack, partial(leased, audit_upkeep.keep_keys, name="audit"), log)
        await in_background(stack, audit_upkeep.keep_files, log)
        if bounces is not None:
            await in_background(stack, partial(leased, bounces.run, name="bounces"), log)
        if canaries is not None:
            await in_background(stack, partial(leased, canaries.run, name="canaries"), log)
        if radius is not None:
            await in_background(stack, partial(radius.run, lambda: plane.is_closing), log, failed)
            await in_background(stack, partial(leased, disconnects.run, name="radius"), log)
        listening = place.listening if place is not None else open_listening(settings)
        if place is not None:
            await serves(health, path=place.health_socket)
        plane.start(listening.listen, listening.redirect)
        stack.push_async_callback(plane.close)
        admin = create_workers_app(place.folder) if place is not None else health
        if listening.admin or (place is None and settings.admin.is_on):  # its checks run while it is served
            await serves(admin, listeners=listening.admin)
        jump_host = None
        if settings.ssh.is_on:
            jump_host = await stack.enter_async_context(
                serving_ssh(
                    settings,
                    listening.ssh,
                    own_ports=listening.ports,
                    flow=sign_in.flow,
                    sessions=sessions,
                    log=log,
                    clock=clock,
                )
            )
            metrics.watch_jump_host(jump_host)
        recorder.record(READY)
        yield Gatepost(
            addresses=tuple(name_of(each) for each in (*listening.listen, *listening.redirect)),
            admin_address=next((name_of(each) for each in listening.admin), None),
            plane=plane,
            radius_addresses=lambda: radius.addresses if radius is not None else (),
            recorder=recorder,
            failed=failed,
            jump_host=jump_host,
            ssh_addresses=tuple(name_of(each) for each in listening.ssh),
        )


def readiness_checks(
    store: Store, realms: Realms, channel: Channels, *, throttle: Throttle, clock: Clock
) -> Mapping[str, Check]:
    """What `/readyz` asks at intervals."""

    async def relay() -> str | None:
        delivery = await channel.check()
        return None if delivery.outcome is Outcome.ACCEPTED else delivery.reason

    def directory(each: Directory) -> Check:
        async def ask() -> str | None:
            # A configured group may be in another realm: `gatepost check` says so, readiness does not depend on it.
            wrong = [result for result in await each.check() if not result.ok and result.group is None]
            return "; ".join(f"{result.subject}: {result.detail}" for result in wrong) or None

        return Check(need=Need.ONE_OF_THEM, ask=ask)

    async def ping() -> str | None:
        try:
            await store.ping()
        except StoreError as error:
            return str(error)
        return None

    async def sends_of_day() -> str | None:
        try:
            standing = await throttle.sends_of_day(now=clock())
        except StoreError as error:
            return str(error)
        told = f"{standing.count} of the day's {standing.most} passcodes were sent"
        return told if standing.is_near else None

    return {
        "store": Check(need=Need.ALWAYS, ask=ping),
        "passcodes of the day": Check(need=Need.HELPFUL, ask=sends_of_day),
        "relay": Check(need=Need.HELPFUL, ask=relay),
        "https gateways": Check(need=Need.HELPFUL, ask=lambda: channel.gateway_trouble()),
        **{f"directory {each.realm}": directory(each) for each in realms},
    }


def _private_socket(stack: AsyncExitStack) -> Path:
    """The portal's socket lies in a folder that only this user may enter."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-"))
    return Path(folder) / "portal.sock"
