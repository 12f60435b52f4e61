"""One connection to the jump host: who it is, and what they open.

The order is that of RFC 4252 and RFC 4254: a sign-in by keyboard-interactive, then `direct-tcpip` channels to permitted
targets. Every other request of a client is refused (`JumpOnly`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import asyncssh
from structlog.typing import FilteringBoundLogger

from config.settings import SSHSettings
from directory.errors import DirectoryBusy, DirectoryError
from proxy.operations.incidents import new_incident_id
from proxy.operations.log import AUDIT_ALONE
from proxy.operations.store_errors import StoreError
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST, Way, provable_by
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.flow import SignIn
from proxy.ssh import words
from proxy.ssh.channel import WINDOW_BYTES, Channel
from proxy.ssh.connecting import Connector, Unreachable
from proxy.ssh.dialogue import Dialogue, LetIn, Next, SignInOver, TerminalQuestion
from proxy.ssh.jump_only import JumpOnly
from proxy.ssh.targets import Destination, SSHTarget, TargetRefusal, parse_destination, permitting
from proxy.ssh.transport import SSHTransport

_T = TypeVar("_T")
_MOST_NAMES = 5
"""In one connection: a client has one, and perhaps one more."""
_LONGEST_LOGGED = 100
"""Of what a client asked for."""
Challenge = tuple[str, str, str, Sequence[tuple[str, bool]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpParts:
    """What all connections of a worker share."""

    settings: SSHSettings
    targets: Sequence[SSHTarget]
    flow: SignIn
    sessions: LiveSessions
    connector: Connector
    host: str
    """The sign-in's own, which a message says its passcode is for."""
    change_url: str
    log: FilteringBoundLogger
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class House(Protocol):
    """What a visitor tells the jump host, and asks it."""

    @property
    def has_room(self) -> bool:
        """Whether this worker may open one more channel."""

    def arrived(self, visitor: Visitor) -> None: ...

    def signed_in(self, visitor: Visitor) -> None: ...

    def left(self, visitor: Visitor) -> None: ...

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run it to its end, whoever waits for it."""


class Visitor(JumpOnly):
    """What asyncssh asks about one connection. `house` counts it, and finds it by its session."""

    def __init__(self, parts: JumpParts, house: House) -> None:
        self.parts = parts
        self.incident = new_incident_id()
        self.began_at = parts.clock()
        self.session: Session | None = None
        """As it began; None: nobody has signed in."""
        self.address = ""
        self.channels: set[Channel] = set()
        self._house = house
        self._conn: SSHTransport | None = None
        self._dialogue: Dialogue | None = None
        self._token = ""
        self._person: dict[str, str] = {}
        self._is_answering = False
        """Whether an answer is being judged: no second one is, meanwhile."""
        self._was_asked = False
        self._told = ""
        """Why it was ended, if it was."""
        self._names = 0
        self._is_held = False
        self._is_over = False

    @property
    def is_signed_in(self) -> bool:
        return self.session is not None

    # What the house asks.

    def end(self, told: str) -> None:
        """The connection and all of its channels, at once."""
        if self._conn is not None and not self._is_over:
            self._told = self._told or told
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, told)
        for channel in list(self.channels):
            channel.end()

    def judge_again(self, session: Session) -> None:
        """The directory describes this person differently: end what they could not open now."""
        for channel in list(self.channels):
            if isinstance(permitting(self.parts.targets, session, channel.destination), TargetRefusal):
                self.log("ssh.channel_ended", **_told_of(channel.destination), reason="not permitted any more")
                channel.end()

    def hold(self, is_held: bool) -> None:
        """Too much waits for the client: no target is read from, meanwhile."""
        self._is_held = is_held
        for channel in list(self.channels):
            channel.hold(is_held)

    def take_moved(self) -> bool:
        """Whether the client sent something through a channel since this was last asked."""
        moved = [channel for channel in self.channels if channel.has_moved]
        for channel in moved:
            channel.has_moved = False
        return bool(moved)

    # A connection's beginning and end.

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        assert isinstance(conn, SSHTransport)  # noqa: S101  # for the type checker
        self._conn, self.address = conn, conn.address
        conn.on_full = self.hold
        self._house.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        for channel in list(self.channels):
            channel.end()
        reason = self._told or _reason_of(exc)
        if self.is_signed_in:
            self.log("ssh.closed", reason=reason)
        elif self._was_asked or self._told:
            self.log("ssh.not_signed_in", reason=reason)
        else:
            self.log("ssh.not_signed_in", reason="never asked to sign in by keyboard-interactive")
        self._house.left(self)
        if not self._is_answering:
            self._house.spawn(self._leave())

    async def _leave(self) -> None:
        """What was begun here ends: nobody can come back to it."""
        try:
            if self._dialogue is not None:
                await self._dialogue.give_up()
            if self.session is not None:
                await self.parts.flow.sessions.end(self.session)
        except StoreError:
            self.log("ssh.session_left", reason="the store is away")  # it ends by its idle limit

    # The sign-in.

    def begin_auth(self, username: str) -> bool:
        """Called for each other name (RFC 4252 section 5): asyncssh makes its options again for it."""
        self._names += 1
        if self._names > _MOST_NAMES:
            self._refuse_sign_in(words.OUT_OF_TURN)
        return True

    async def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Challenge | bool:
        self._was_asked = True
        if self._dialogue is None:
            self._dialogue = self._begun()
        return await self._step(self._dialogue.begin(username))

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Challenge | bool:
        dialogue = self._dialogue
        if dialogue is None or len(responses) != 1:
            self._refuse_sign_in(words.OUT_OF_TURN)
            return False
        return await self._step(dialogue.answer(responses[0]))

    async def _step(self, step: Coroutine[Any, Any, Next]) -> Challenge | bool:
        """One at a time, to its end: asyncssh stops waiting for it where a client asks for something else meanwhile."""
        if self._is_answering or self._is_over or self.is_signed_in:
            step.close()
            self._refuse_sign_in(words.OUT_OF_TURN)
            return False
        self._is_answering = True
        return await asyncio.shield(self._house.spawn(self._judged(step)))

    async def _judged(self, step: Coroutine[Any, Any, Next]) -> Challenge | bool:
        try:
            found: Next = await self._next(step)
            if isinstance(found, LetIn):
                self.session, self._token = found.session, found.token
                if not self._is_over:
                    found = await self._let_in(found)
        finally:
            self._is_answering = False
        if self._is_over:
            await self._leave()
            return False
        match found:
            case TerminalQuestion(told=told, label=label):
                return "", told, "", [(label, False)]
            case SignInOver(told):
                self._refuse_sign_in(told)
                return False
            case LetIn():
                return True

    async def _next(self, step: Coroutine[Any, Any, Next]) -> Next:
        """The border of one step: what goes wrong ends the sign-in."""
        try:
            return await step
        except StoreError as error:
            self.log("store.unavailable", reason=str(error))
            return SignInOver(words.problem("store_unavailable"))
        except DirectoryBusy:
            self.log("directory.busy")
            return SignInOver(words.problem("overloaded"))
        except DirectoryError as error:
            self.log("directory.unavailable", reason=str(error))
            return SignInOver(words.problem("directory_unavailable"))
        except Exception:
            self.parts.log.exception("ssh.failed", incident=self.incident)
            return SignInOver(words.problem("internal_error"))

    async def _let_in(self, found: LetIn) -> Next:
        """From here on the end of the session is heard; one that came before is seen."""
        principal = found.session.principal
        self._person = {"realm": principal.realm, "guid": principal.guid, AUDIT_ALONE: principal.username}
        self._house.signed_in(self)
        try:
            live = await self._session()
        except StoreError:
            live = None
        return found if live is not None else SignInOver(words.SESSION_ENDED)

    async def _session(self) -> Session | None:
        return await self.parts.sessions.find(self._token.encode(), TOKEN_HOST, self.parts.clock())

    def _begun(self) -> Dialogue:
        parts, conn = self.parts, self._conn
        program = "" if conn is None else str(conn.get_extra_info("client_version", ""))
        client = Client(
            address=self.address,
            host=TOKEN_HOST,
            browser="",  # an SSH client keeps nothing that tells it apart
            incident=self.incident,
            user_agent=program[:256],
            can_prove=provable_by(Way.SSH),
            way=Way.SSH,
        )
        goal = Goal(host=parts.host, scheme=parts.settings.scheme or "")
        return Dialogue(parts.flow, client, goal, change_url=parts.change_url, clock=parts.clock, sleep=parts.sleep)

    def _refuse_sign_in(self, told: str) -> None:
        if self._conn is not None and not self._is_over:
            self._told = told
            code = asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE
            self._conn.disconnect(code, f"{told} ({self.incident})")

    # Channels.

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], Coroutine[Any, Any, Channel]]:
        conn = self._conn
        if conn is None or not self.is_signed_in:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, words.NOT_PERMITTED)
        asked: dict[str, str | int] = {"host": _shown(dest_host), "port": dest_port}
        destination = parse_destination(dest_host, dest_port)
        if isinstance(destination, TargetRefusal):
            raise self.refused(words.NOT_PERMITTED, destination.value, asked)
        if len(self.channels) >= self.parts.settings.max_channels or not self._house.has_room:
            raise self.refused(
                words.TOO_MANY_CHANNELS, "too many channels", asked, code=asyncssh.OPEN_RESOURCE_SHORTAGE
            )
        channel = Channel(destination, on_over=self.channels.discard, is_held=self._is_held)
        self.channels.add(channel)
        return conn.create_tcp_channel(window=WINDOW_BYTES), self._opened(channel)

    async def _opened(self, channel: Channel) -> Channel:
        destination = channel.destination
        try:
            session = await self._session()
            if session is None:
                self.end(words.SESSION_ENDED)
                raise self.refused(words.SESSION_ENDED, TargetRefusal.SESSION.value, _told_of(destination))
            permitted = permitting(self.parts.targets, session, destination)
            if isinstance(permitted, TargetRefusal):
                raise self.refused(words.NOT_PERMITTED, permitted.value, _told_of(destination))
            address = await self.parts.connector.connect(
                permitted, destination, lambda: channel.target, is_wanted=lambda: not channel.is_over
            )
        except Unreachable as error:
            channel.end()
            code = asyncssh.OPEN_CONNECT_FAILED
            raise self.refused(error.told, error.reason, _told_of(destination), code=code) from None
        except asyncssh.ChannelOpenError:
            channel.end()
            raise
        except StoreError as error:
            channel.end()
            raise self.refused(words.problem("store_unavailable"), str(error), _told_of(destination)) from None
        except BaseException:
            channel.end()
            raise
        if channel.is_over:  # its session or its connection ended meanwhile
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, words.SESSION_ENDED)
        self.log("ssh.channel_opened", **_told_of(destination), address=address)
        return channel

    def log(self, event: str, **facts: str | int) -> None:
        self.parts.log.info(event, incident=self.incident, client_address=self.address, **self._person, **facts)


def _told_of(destination: Destination) -> dict[str, str | int]:
    return {"host": destination.host, "port": destination.port}


def _shown(text: str) -> str:
    """What a client sent, as the log shows it: a client cannot make lines of its own."""
    return text[:_LONGEST_LOGGED].encode("unicode_escape").decode("ascii")


def _reason_of(exc: Exception | None) -> str:
    return "done" if exc is None else str(exc)[:_LONGEST_LOGGED]
