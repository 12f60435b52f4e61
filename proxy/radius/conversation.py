"""One Access-Request to one answer: what the sign-in flow says, in RADIUS' terms.

A request without State brings a name and a password; one with State the answer to the challenge that the State names.
Between two requests only the session and its challenge are kept, as for every way in. What is not certain is rejected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from structlog.typing import FilteringBoundLogger

from config.factors import Factor
from config.settings import RADIUSClientSettings, SessionSettings
from directory.errors import DirectoryError
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Unusable
from proxy.operations.store_errors import StoreError
from proxy.radius import words
from proxy.radius.attributes import AttributesByGroup, digest_of
from proxy.radius.clients import address_of_person, folded_name
from proxy.radius.disconnect_packets import NASConnection, to_record
from proxy.radius.packets import (
    STATE,
    USER_NAME,
    Proves,
    RADIUSRequest,
)
from proxy.radius.radius_answer import RADIUSAnswer, accepted, challenged, eap_failure, rejected
from proxy.radius.state import USED_SECONDS, HalfWay, name_of_use, opened_state, sealed_state
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.network_access import NetworkAccess, NetworkAccessStore
from proxy.sessions.session import Level, Session
from proxy.sessions.session_store import SessionStore
from proxy.sessions.way import TOKEN_HOST, Way, provable_by
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.flow import SignIn
from proxy.sign_in.outcomes import (
    Accepted,
    Again,
    Answered,
    Asking,
    ChallengeOver,
    Exhausted,
    FactorLocked,
    NoScheme,
    NotAnswered,
    ProofAsked,
    SentAgain,
    SessionGone,
    SignedIn,
    Throttled,
    TooEarly,
    Wrong,
)
from proxy.sign_in.password import AccountStopped, AddressThrottled, NotProven
from proxy.sign_in.single_use import is_first_use
from proxy.sign_in.time_grid import answer_at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    """Who asks, in one request."""

    settings: RADIUSClientSettings
    request: RADIUSRequest
    connection: NASConnection
    name: str = field(repr=False)
    folded: str = field(repr=False)
    client: Client
    goal: Goal
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    flow: SignIn
    scheme: str
    """By which people sign in; empty: any that is meant for them."""
    sessions: SessionStore
    limits: SessionSettings
    attributes: AttributesByGroup
    origin: str
    """Of the sign-in pages."""
    host: str
    accesses: NetworkAccessStore
    keys: Keys
    log: FilteringBoundLogger
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _told: set[tuple[str, Proves]] = field(default_factory=set)
    """Clients whose operator was told in the log that nothing but PAP can be checked."""

    async def answer(
        self, settings: RADIUSClientSettings, request: RADIUSRequest, connection: NASConnection, *, incident: str
    ) -> RADIUSAnswer:
        """Raises nothing that a directory or a store does."""
        asker = self._asker(settings, request, connection, incident)
        try:
            return await self._answer(asker)
        except (DirectoryError, StoreError) as error:
            self.log.warning("radius.unavailable", client=settings.name, incident=incident, reason=str(error))
            return rejected(words.UNAVAILABLE)

    def _asker(
        self, settings: RADIUSClientSettings, request: RADIUSRequest, connection: NASConnection, incident: str
    ) -> _Asker:
        name = request.text(USER_NAME)
        folded = folded_name(name)
        key = self.keys.derive(Purpose.THROTTLE)
        client = Client(
            address=address_of_person(settings, request, folded_name=folded, key=key),
            host=TOKEN_HOST,
            browser=f"RADIUS {settings.name}",
            incident=incident,
            user_agent=settings.name,
            way=Way.RADIUS,
            can_prove=provable_by(Way.RADIUS),
        )
        goal = Goal(app=settings.name, host=self.host, scheme=self.scheme)
        return _Asker(
            settings=settings,
            request=request,
            connection=connection,
            name=name,
            folded=folded,
            client=client,
            goal=goal,
            now=self.clock(),
        )

    async def _answer(self, asker: _Asker) -> RADIUSAnswer:
        if asker.request.proves is not Proves.PASSWORD:
            return self._not_checked(asker)
        state = asker.request.first(STATE)
        if state is None:
            return await self._by_password(asker)
        return await self._by_state(asker, state)

    def _not_checked(self, asker: _Asker) -> RADIUSAnswer:
        request, settings = asker.request, asker.settings
        if request.proves is Proves.UNREADABLE_PASSWORD:
            self._refused(asker, "unreadable_password")
            return rejected(words.REFUSED)
        if (settings.name, request.proves) not in self._told:
            self._told.add((settings.name, request.proves))
            why = "Active Directory checks a password by a bind, which needs the password itself: set the client to PAP"
            self.log.warning("radius.cannot_check", client=settings.name, protocol=request.proves.value, reason=why)
        self._refused(asker, "not_pap")
        return rejected(words.not_checked(request.proves), *eap_failure(request))

    async def _by_password(self, asker: _Asker) -> RADIUSAnswer:
        outcome = await self.flow.by_password(
            asker.client, asker.goal, asker.name, asker.request.password, current=None, now=asker.now
        )
        match outcome:
            case NotProven():
                now = self.clock()
                await self.sleep(max(0.0, answer_at(asker.now, now) - now))
                return rejected(words.REFUSED)
            case AddressThrottled(retry_after_seconds=wait):
                return rejected(words.throttled(wait))
            case AccountStopped():
                return rejected(words.STOPPED)
            case NoScheme():
                return rejected(words.NO_SCHEME)
            case SignedIn(session=session):
                return await self._let_in(asker, session)
            case _:
                return await self._after_asking(asker, outcome)

    async def _after_asking(self, asker: _Asker, outcome: Asking, *, told: str = "") -> RADIUSAnswer:
        match outcome:
            case ProofAsked(session=session, challenge=challenge, unsent=why):
                if challenge is None:  # another request was faster
                    challenge = await self.flow.proving.newest(session, now=asker.now)
                if challenge is None:
                    return rejected(words.OVER)
                if why is not None:
                    told = words.not_sent(why)
                return await self._challenged(asker, session, challenge, told=told)
            case Unusable(lack=lack):
                return rejected(words.lacking(lack))
            case Throttled(retry_after_seconds=wait):
                return rejected(words.throttled(wait))
            case SessionGone():
                return rejected(words.OVER)

    async def _challenged(
        self, asker: _Asker, session: Session, challenge: Challenge, *, told: str = ""
    ) -> RADIUSAnswer:
        others = await self._others(asker, session, challenge)
        text = words.question(challenge, self.flow.proving.prompt(challenge), others, told=told)
        half_way = HalfWay(session_id=session.session_id, challenge_id=challenge.challenge_id)
        state = sealed_state(half_way, self.keys, client=asker.settings.name, folded_name=asker.folded)
        return challenged(state, text)

    async def _others(self, asker: _Asker, session: Session, challenge: Challenge) -> Sequence[Factor]:
        """What this person may be asked for in the place of the challenge."""
        ways = await self.flow.proving.others(asker.client, session, challenge, now=asker.now)
        return [way.factor for way in ways]

    async def _by_state(self, asker: _Asker, state: bytes) -> RADIUSAnswer:
        half_way = opened_state(state, self.keys, client=asker.settings.name, folded_name=asker.folded)
        if half_way is None:
            self._refused(asker, "state_not_theirs")
            return rejected(words.OVER)
        name = name_of_use(state, self.keys)
        counters = self.flow.proving.counters
        if not await is_first_use(counters, name, seconds=USED_SECONDS, now=asker.now):
            self._refused(asker, "state_used_before")
            return rejected(words.OVER)
        session = (await self.sessions.sessions_by_id([half_way.session_id])).get(half_way.session_id)
        if session is None or session.is_over(self.limits, asker.now) or session.way is not Way.RADIUS:
            self._refused(asker, "session_gone")
            return rejected(words.OVER)
        challenge = await self.flow.proving.find(session, half_way.challenge_id, now=asker.now)
        if challenge is None:
            self._refused(asker, "challenge_over")
            return rejected(words.OVER)
        return await self._take(asker, session, challenge, asker.request.password.strip())

    async def _take(self, asker: _Asker, session: Session, challenge: Challenge, typed: str) -> RADIUSAnswer:
        """What was typed: nothing, for the same code once more; the name of another factor; or a code."""
        client, goal, now = asker.client, asker.goal, asker.now
        named = words.factor_called(typed)
        if typed.casefold() in words.AGAIN or named is challenge.factor:
            if challenge.kind is None:
                return await self._challenged(asker, session, challenge)
            again = await self.flow.proving.send_again(client, goal, session, challenge, is_another_way=False, now=now)
            return await self._after_again(asker, session, challenge, again)
        if named is not None and named in await self._others(asker, session, challenge):
            asked = await self.flow.ask_again(client, goal, session, challenge, only=named, now=now)
            return await self._after_asking(asker, asked)
        answered = await self.flow.proving.answer(client, goal, session, challenge, typed, now=now)
        return await self._after_answer(asker, session, challenge, answered)

    async def _after_again(self, asker: _Asker, session: Session, challenge: Challenge, again: Again) -> RADIUSAnswer:
        match again:
            case SentAgain(unsent=why):
                told = "" if why is None else words.not_sent(why)
                return await self._challenged(asker, session, challenge, told=told)
            case TooEarly(wait_seconds=wait):
                return await self._challenged(asker, session, challenge, told=words.too_early(wait))
            case Throttled(retry_after_seconds=wait):
                # The code that they have still counts.
                return await self._challenged(asker, session, challenge, told=words.throttled(wait))
            case Unusable(lack=lack):
                return rejected(words.lacking(lack))
            case ChallengeOver():
                return rejected(words.OVER)

    async def _after_answer(
        self, asker: _Asker, session: Session, challenge: Challenge, answered: Answered
    ) -> RADIUSAnswer:
        match answered:
            case Accepted(session=further, then=None):
                return await self._let_in(asker, further)
            case Accepted(then=then) if then is not None:
                return await self._after_asking(asker, then)
            case NotAnswered():
                told = words.no_answer(self.flow.proving.prompt(challenge))
                return await self._challenged(asker, session, challenge, told=told)
            case Wrong(challenge=left):
                return await self._challenged(asker, session, left, told=words.not_right(left.attempts_left))
            case Exhausted():
                return rejected(words.EXHAUSTED)
            case FactorLocked():
                return rejected(words.LOCKED)
            case Throttled(retry_after_seconds=wait):
                return rejected(words.throttled(wait))
            case _:
                return rejected(words.OVER)

    async def _let_in(self, asker: _Asker, session: Session) -> RADIUSAnswer:
        if session.level is not Level.SIGNED_IN:
            await self.flow.sessions.end(session)
            self.flow.log.stopped(asker.client, session.principal, "password_must_change", first=session.begun_with)
            return rejected(words.MUST_CHANGE.format(origin=self.origin))
        seconds = max(1, int(session.latest_end(self.limits) - asker.now))
        attributes = self.attributes.of(session.principal)
        connection = replace(asker.connection, told=digest_of(attributes))
        access = NetworkAccess(
            session_id=session.session_id, record=to_record(connection), expires_at=asker.now + seconds
        )
        await self.accesses.put_access(access)
        if not await self.flow.sessions.is_standing(session):
            # It ended in the meantime: whoever hears of ends has perhaps heard of this one before it was noted.
            return rejected(words.OVER)
        return accepted(seconds, attributes)

    def _refused(self, asker: _Asker, reason: str) -> None:
        self.flow.log.refused(asker.client, reason)
