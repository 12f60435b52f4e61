"""The sign-in flow: from a first factor by a scheme to the second ones, and to more of them for those signed in.

Every way in drives it: it takes plain values and returns the values in `outcomes`. Between two steps it keeps only the
session and its challenge. An adapter passes in the session that its client has a token for.

Its decisions can be asked without changing anything: which scheme (`access.schemes.choose_scheme`), whether a factor
can be used (`Proving.choose`), what is missing (`SignIn.missing`), how limits stand (`Throttle.standings`). The clock
is read once per step, by the adapter, and comes in as `now`, but where a step waits for others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from config.factors import FIRST_FACTORS, Choice, Factor
from config.settings import SchemeSettings
from proxy.access.schemes import choose_scheme, counting_factors, freshness_of, is_offered
from proxy.degrade.board import DegradeBoard
from proxy.factors.challenge import Challenge
from proxy.factors.proof import missing_choices
from proxy.factors.second_factor import Unusable
from proxy.sessions.session import Level, Session
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.enrolling import proof_for_adding
from proxy.sign_in.kerberos import TicketRefusedHere, TicketStep
from proxy.sign_in.not_me import NewBrowsers
from proxy.sign_in.outcomes import (
    Asking,
    Missing,
    NoScheme,
    NoSuchScheme,
    NothingMissing,
    ProofAsked,
    SessionGone,
    SignedIn,
)
from proxy.sign_in.passkey_alone import PasskeyGiven, PasskeyRefusedHere, PasskeyStep
from proxy.sign_in.password import AccountStopped, AddressThrottled, NotProven, PasswordStep, PersonProven
from proxy.sign_in.proving import Proving
from proxy.sign_in.remembering import Remembering
from proxy.sign_in.session_steps import SessionSteps
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.throttle import Throttle

AfterFirst = SignedIn | Asking | NoScheme
ByPassword = AfterFirst | NotProven | AccountStopped | AddressThrottled
ByPasskey = AfterFirst | PasskeyRefusedHere | AddressThrottled


@dataclass(frozen=True, slots=True)
class ByTicket:
    """What came of a ticket that proves somebody."""

    then: AfterFirst
    reply: bytes = field(repr=False)
    """What proves to the client that the service is the one that it asked for; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Methods raise `DirectoryError` and `StoreUnavailable`."""

    schemes: Sequence[SchemeSettings]
    degrade: DegradeBoard
    """What the operator has put in force for a while. Nothing of it asks for less than the schemes."""
    password: PasswordStep
    tickets: TicketStep | None
    """None: nobody begins with a Kerberos ticket."""
    passkey: PasskeyStep
    proving: Proving
    remembering: Remembering
    new_browsers: NewBrowsers
    sessions: SessionSteps
    throttle: Throttle
    log: SignInLog
    clock: Callable[[], float]

    async def by_password(
        self, client: Client, goal: Goal, username: str, password: str, *, current: Session | None, now: float
    ) -> ByPassword:
        """Judge name and password, and go on. `current`: the session that this client has.

        For the person of `current`, who signed in without a password, it is one more proof, not a new sign-in.
        """
        await self.log.can_be_proved()
        is_step_up = current is not None and lacks_password(current)
        if not is_step_up and (closed := await self._closed(client, Factor.PASSWORD, now)) is not None:
            return closed
        proven = await self.password.prove(client, username, password, now=now)
        if not isinstance(proven, PersonProven):
            return proven
        # Read again: the directory may have been slow, and what begins now gets its full lifetime.
        now = self.clock()
        if (
            current is not None
            and lacks_password(current)
            and not proven.must_change
            and current.principal.guid == proven.principal.guid
        ):
            return await self._add_password(client, current, now=now)
        scheme = choose_scheme(self._schemes_for(goal), proven.principal, client.address, app=goal.app)
        if scheme is None:
            self.log.stopped(client, proven.principal, "no_scheme", first=proven.factor)
            return NoScheme()
        return await self._go_on(client, goal, proven, scheme, current=current, now=now)

    def takes_tickets(self, client: Client, goal: Goal, current: Session | None) -> bool:
        """Whether somebody there may begin with a Kerberos ticket: not in the place of a session begun by typing."""
        is_free = current is None or current.begun_with is Factor.KERBEROS
        # Where nobody gets in, the form says so.
        is_free = is_free and self.degrade.known(self.clock()).closed is None
        return is_free and is_offered(self._schemes_for(goal), Factor.KERBEROS, client.address, app=goal.app)

    async def by_ticket(
        self, client: Client, goal: Goal, token: bytes, *, current: Session | None, now: float
    ) -> ByTicket | TicketRefusedHere:
        """Judge the first token of a negotiation, and go on. Only where `tickets` is there."""
        if self.tickets is None:
            return TicketRefusedHere()
        await self.log.can_be_proved()
        if (closed := await self._closed(client, Factor.KERBEROS, now)) is not None:
            return ByTicket(closed, b"")
        found = await self.tickets.prove(client, token, now=now)
        if isinstance(found, TicketRefusedHere):
            return found
        now = self.clock()  # as after a password
        principal = found.person.principal
        scheme = choose_scheme(
            self._schemes_for(goal), principal, client.address, first_factor=Factor.KERBEROS, app=goal.app
        )
        if scheme is None:
            # One that begins with a password may be meant for them.
            self.log.stopped(client, principal, "no_kerberos_scheme", first=Factor.KERBEROS)
            return ByTicket(NoScheme(), b"")
        then = await self._go_on(client, goal, found.person, scheme, current=current, now=now)
        return ByTicket(then, found.reply)

    def takes_passkeys(self, client: Client, goal: Goal) -> bool:
        """Whether somebody there may begin with a passkey."""
        return is_offered(self._schemes_for(goal), Factor.PASSKEY, client.address, app=goal.app)

    async def by_passkey(
        self, client: Client, goal: Goal, given: PasskeyGiven, *, current: Session | None, now: float
    ) -> ByPasskey:
        """Judge a passkey that stands in the place of name and password, and go on."""
        if (closed := await self._closed(client, Factor.PASSKEY, now)) is not None:
            return closed
        if not self.takes_passkeys(client, goal):
            self.log.refused(client, "no_scheme", factor=Factor.PASSKEY.value)
            return PasskeyRefusedHere()
        await self.log.can_be_proved()
        proven = await self.passkey.prove(client, given, now=now)
        if not isinstance(proven, PersonProven):
            return proven
        now = self.clock()  # as after a password
        scheme = choose_scheme(
            self._schemes_for(goal), proven.principal, client.address, first_factor=Factor.PASSKEY, app=goal.app
        )
        if scheme is None:
            self.log.stopped(client, proven.principal, "no_scheme", first=Factor.PASSKEY)
            return NoScheme()
        return await self._go_on(client, goal, proven, scheme, current=current, now=now)

    async def _closed(self, client: Client, factor: Factor, now: float) -> Unusable | None:
        """Why nobody new signs in now, if that is so: said before anybody is asked who this is. Raises
        `StoreUnavailable`."""
        stopped = (await self.degrade.at(now)).stops_sign_in(factor)
        if stopped is not None:
            self.log.refused(client, stopped.reason, factor=factor.value)
        return stopped

    def _schemes_for(self, goal: Goal) -> Sequence[SchemeSettings]:
        """Those by which somebody may sign in for it."""
        return [each for each in self.schemes if goal.scheme in ("", each.name)]

    async def _go_on(
        self,
        client: Client,
        goal: Goal,
        proven: PersonProven,
        scheme: SchemeSettings,
        *,
        current: Session | None,
        now: float,
    ) -> SignedIn | Asking:
        """From the first factor to the second, or in. A second tab of the same sign-in waits for the same passcode."""
        # Again: the directory may have been slow, and whoever was a step-up may be another person.
        stopped = (await self.degrade.at(now)).stops_sign_in(proven.factor)
        if stopped is not None:
            self.log.stopped(client, proven.principal, stopped.reason, first=proven.factor)
            return stopped
        begin = partial(self.sessions.begin, client, proven, scheme, older=current, now=now)

        _, *later = scheme.factors

        def ask(standing: Session | None) -> Awaitable[Asking]:
            return self.proving.ask(
                *(client, goal, proven.principal, later[0]),
                proven=(proven.factor,),
                standing=standing,
                begin=begin,
                now=now,
            )

        remembered = None
        if later:
            remembered = await self.remembering.stands_in(client, proven, scheme, now=now)
            if remembered is None:
                return await ask(current if current is not None and _is_same_sign_in(current, proven, scheme) else None)
        session, token = await begin(is_remembered=remembered is not None)
        if remembered is not None and not await self.remembering.is_kept(remembered):
            # Forgotten in the meantime: who ended all sessions may not have seen this one, which began just now.
            await self.sessions.end(session)
            return await ask(None)
        if session.level is Level.SIGNED_IN:
            await self.log.succeeded(client, session)
            await self.throttle.remember_address(person=proven.principal.guid, address=client.address, now=now)
        await self.new_browsers.note(client, goal, proven.principal, now=now)
        return SignedIn(session=session, token=token, remembered=remembered)

    async def _add_password(self, client: Client, session: Session, *, now: float) -> SignedIn | SessionGone:
        gone_on = await self.sessions.go_on(client, session, Factor.PASSWORD, now=now)
        if gone_on is None:
            return SessionGone()
        further, token = gone_on
        await self.log.stepped_up(client, further, Factor.PASSWORD)
        return SignedIn(session=further, token=token)

    async def ask_again(
        self,
        client: Client,
        goal: Goal,
        session: Session,
        challenge: Challenge | None = None,
        *,
        only: Factor | None = None,
        now: float,
    ) -> Asking:
        """A new challenge for a session that is half-way, or that steps up by `challenge`; `only`: by this factor of
        those that would do."""
        choice = session.next_choice or (challenge.choice if challenge is not None else ())
        if not choice:
            return ProofAsked(session=session, challenge=None)
        return await self.proving.ask(
            *(client, goal, session.principal, choice),
            proven=session.proven_factors,
            standing=session,
            only=only,
            now=now,
        )

    def missing(self, session: Session, scheme_name: str, *, now: float) -> Missing | NothingMissing | NoSuchScheme:
        """What a signed-in session has yet to prove for a scheme that an app, a rule or `[admin]` asks for, or for
        changing its factors. Pure."""
        named = (*self.schemes, proof_for_adding(self.schemes))
        scheme = next((each for each in named if each is not None and each.name == scheme_name), None)
        if scheme is None:
            return NoSuchScheme()
        counting = counting_factors(session.proven, freshness_of(scheme), now=now)
        # A remembered browser counts for nothing here: who asks for this scheme may not take it (`missing_of`).
        missing = missing_choices(scheme.factors, counting)
        if not missing:
            return NothingMissing()
        choice: Choice = missing[0]
        return Missing(
            scheme=scheme,
            choice=choice,
            is_again=not session.proven_factors.isdisjoint(choice),
            # Only a password can be added to an existing session; a ticket begins a new one.
            first_factor=None if FIRST_FACTORS.isdisjoint(choice) else _easiest(choice),
        )

    async def step_up(self, client: Client, goal: Goal, session: Session, missing: Missing, *, now: float) -> Asking:
        """Have the second factor proven that is `missing`; a first factor is proven by signing in."""
        if session.level is not Level.SIGNED_IN:
            raise ValueError("whoever is half-way proves what comes next, and nothing else")
        return await self.proving.ask(
            *(client, goal, session.principal, missing.choice),
            proven=session.proven_factors,
            standing=session,
            for_scheme=missing.scheme.name,
            now=now,
        )


def _easiest(choice: Choice) -> Factor:
    return Factor.PASSWORD if Factor.PASSWORD in choice else choice[0]


def lacks_password(session: Session) -> bool:
    """Whether a password that is proven now is one more proof, not a new sign-in."""
    return session.level is Level.SIGNED_IN and Factor.PASSWORD not in session.proven_factors


def _is_same_sign_in(session: Session, proven: PersonProven, scheme: SchemeSettings) -> bool:
    """Whether this client is at the second factor already, for the same person by the same scheme."""
    return (
        session.level is Level.FIRST_FACTOR
        and (session.principal, session.password_must_change) == (proven.principal, proven.must_change)
        and (session.scheme, session.factors) == (scheme.name, scheme.factors)
    )
