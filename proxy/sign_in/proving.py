"""Second factors: asked for, answered, sent again. The same for a sign-in and for a step-up.

A challenge belongs to the session as it is. So a signed-in person keeps what they have until the proof is there. Then
they continue with a new session id that has one more factor.

Whether somebody can use a factor is asked by `choose`, which changes nothing.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from config.factors import Choice, Factor
from directory.principal import Principal
from proxy.degrade.board import DegradeBoard
from proxy.factors.challenge import Attempt, Challenge, ChallengeStore
from proxy.factors.confinement import Confinement
from proxy.factors.passes.passes import Passes
from proxy.factors.second_factor import (
    Chosen,
    NumberChange,
    Prompt,
    SecondFactor,
    Unusable,
    beside,
    first_usable_way,
    not_by_this_way,
)
from proxy.operations.at_once import at_once
from proxy.sessions.session import Level, Session
from proxy.sign_in.changed_numbers import Notices, NumberEvent
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.message_fate import Look, kinds_under_way, latest_of, may_arrive, unsent
from proxy.sign_in.messages import Messages
from proxy.sign_in.not_me import NewBrowsers
from proxy.sign_in.outcomes import (
    Accepted,
    Again,
    Answered,
    Asking,
    ChallengeOver,
    Exhausted,
    FactorLocked,
    NotAnswered,
    ProofAsked,
    SentAgain,
    SessionGone,
    Throttled,
    TooEarly,
    Wrong,
)
from proxy.sign_in.remembering import Remembering
from proxy.sign_in.session_steps import SessionSteps
from proxy.sign_in.sign_in_log import SignInLog
from proxy.sign_in.used_codes import UsedCodes
from proxy.throttle.counter_store import Counter, CounterStore
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle

NEVER_SENT = 0.0
"""`last_sent_at` of a challenge whose passcode no relay took: it may be sent again at once."""
_TELL_AGAIN_SECONDS = 30 * 86_400.0
"""A person is told once of a number, however often it is tried."""

Begin = Callable[[], Awaitable[tuple[Session, str]]]
OfPass = Callable[[], Awaitable[Confinement | None]]
"""Asks whether a pass still counts, and what it confines its session to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneOn:
    """A session with one more factor, in the place of the one before."""

    session: Session
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """The steps. All methods raise `StoreUnavailable`."""

    factors: Mapping[Factor, SecondFactor]
    degrade: DegradeBoard
    remembering: Remembering
    passes: Passes
    new_browsers: NewBrowsers
    used_codes: UsedCodes
    challenges: ChallengeStore
    counters: CounterStore
    sessions: SessionSteps
    messages: Messages
    throttle: Throttle
    log: SignInLog
    notices: Notices
    resend_seconds: float
    """The shortest time before a passcode may be sent again."""

    async def choose(
        self, session: Session, choice: Choice, *, entry: Choice | None = None, now: float
    ) -> Chosen | Unusable:
        """The first factor of a choice that this person can use, or why they cannot use the first one. It changes
        nothing. `entry`: of which the choice is a part."""
        principal = session.principal
        degraded = await self.degrade.at(now)
        ways = [
            degraded.judged(
                factor, entry or choice, (await self.factors[factor].usable_by(principal, factor, now=now)).way
            )
            for factor in choice
        ]
        return first_usable_way([beside(session.proven_factors, way) for way in ways])

    async def held(self, session: Session, choice: Choice, *, now: float) -> Chosen | Unusable:
        """As `choose`, but without the rules on this person's things: what a page may show before anything is asked
        for."""
        degraded = await self.degrade.at(now)
        ways = [
            degraded.judged(factor, choice, await self.factors[factor].held_by(session.principal, factor))
            for factor in choice
        ]
        return first_usable_way([beside(session.proven_factors, way) for way in ways])

    async def others(self, client: Client, session: Session, challenge: Challenge, *, now: float) -> list[Chosen]:
        """Other factors of the same entry that this person could use in this one's place. It changes nothing."""
        entry = session.next_choice or challenge.choice
        rest = [factor for factor in entry if factor in client.can_prove and factor is not challenge.factor]
        ways = [await self.choose(session, (factor,), entry=entry, now=now) for factor in rest]
        return [way for way in ways if isinstance(way, Chosen)]

    async def offered(self, client: Client, session: Session, challenge: Challenge, *, now: float) -> list[Factor]:
        """What a client without pages is told of: this factor, the others, and a pass. That one is told to everybody:
        it may be given in the meantime, and only an answer is told from another."""
        rest = [way.factor for way in await self.others(client, session, challenge, now=now)]
        names = [challenge.factor, *(factor for factor in rest if factor is not Factor.PASS)]
        has_pass = Factor.PASS in (session.next_choice or challenge.choice) and Factor.PASS in client.can_prove
        return names if not has_pass or Factor.PASS in names else [*names, Factor.PASS]

    def prompt(self, challenge: Challenge) -> Prompt:
        return self.factors[challenge.factor].prompt(challenge)

    async def look(self, session: Session, challenge: Challenge, *, now: float) -> Look:
        """What is known of the message that the person waits for."""
        return await self.messages.look(session.principal, challenge, at_least=self.resend_seconds, now=now)

    async def find(self, session: Session, challenge_id: str, *, now: float) -> Challenge | None:
        """The live challenge of this id, if this session can go on by it."""
        found = await self.challenges.challenge(challenge_id, session_id=session.session_id, now=now)
        return found if found is not None and _is_awaited(session, found) else None

    async def newest(self, session: Session, *, now: float) -> Challenge | None:
        """The newest one that this session can go on by."""
        found = await self.challenges.challenge_of_session(session.session_id, now=now)
        return found if found is not None and _is_awaited(session, found) else None

    async def ask(
        self,
        client: Client,
        goal: Goal,
        principal: Principal,
        choice: Choice,
        *,
        proven: Collection[Factor],
        standing: Session | None,
        begin: Begin | None = None,
        only: Factor | None = None,
        for_scheme: str = "",
        now: float,
    ) -> Asking:
        """Have the first usable factor of `choice` proven: the one way to ask for a passcode. `proven`: beside these;
        the first factor alone where there is no `standing` session. `only`: that one, if it is among them.
        `for_scheme`: what a signed-in person steps up to.

        If the `standing` session has a live challenge for the same thing, that one is shown, with the attempts that it
        has left. Otherwise there is a new challenge, in the session that `begin` makes, if it is given. For a person
        who can use none of the factors, nothing is begun or kept. Of parallel tries on all workers and nodes one makes
        the challenge; the others are shown the same one.
        """
        await self.log.can_be_proved()
        first = standing.begun_with if standing is not None else next(iter(proven))
        if standing is None or standing.level is Level.FIRST_FACTOR:
            stopped = (await self.degrade.at(now)).stops_sign_in(choice[0])
            if stopped is not None:
                self.log.stopped(client, principal, stopped.reason, first=first)
                return stopped
        wanted = (only,) if only in choice else choice
        chosen = await self._try(client, principal, wanted, entry=choice, proven=proven, now=now)
        if standing is not None and for_scheme:
            self.log.step_up_begun(client, standing, asked=for_scheme, factor=chosen.factor)
        if isinstance(chosen, Unusable):
            self.log.stopped(client, principal, chosen.reason, first=first)
            return chosen
        live = None
        if standing is not None:
            live = await self.challenges.challenge_of_session(standing.session_id, now=now)
            if live is not None and chosen.is_of(live):
                return ProofAsked(session=standing, challenge=live)
        is_sent = chosen.kind is not None
        if is_sent:
            throttled = await self._reserve_send(client, principal, chosen, first=first, now=now)
            if throttled is not None:
                return throttled
        token, newest = "", live.challenge_id if live is not None else ""
        session = standing
        if begin is not None:
            (session, token), newest = await begin(), ""
        if session is None:
            raise ValueError("a challenge hangs on a session")
        factor = self.factors[chosen.factor]
        challenge = replace(
            factor.begin(chosen, principal, session_id=session.session_id, now=now),
            choice=choice,
            return_to=goal.return_to,
            start_digest=goal.start,
        )
        # It is stored before the message leaves, so that a passcode that arrives can be answered.
        if not await self.challenges.put_challenge(challenge, newest=newest):
            if is_sent:
                await self.throttle.send_not_begun(
                    person=principal.guid, number=chosen.address, address=client.address, now=now
                )
            if begin is not None:  # the session that was just begun has been ended
                return SessionGone()
            theirs = await self.challenges.challenge_of_session(session.session_id, now=now)
            return ProofAsked(session=session, challenge=theirs)
        if not is_sent:
            return ProofAsked(session=session, challenge=challenge, token=token)
        sending = await self.messages.send(
            client, goal, principal, challenge, chosen, passcode=factor.passcode(challenge), now=now
        )
        if not sending.is_under_way:
            await self.challenges.mark_sent(challenge.challenge_id, now=NEVER_SENT, not_before=now)
            challenge = replace(challenge, last_sent_at=NEVER_SENT)
        return ProofAsked(session=session, challenge=challenge, unsent=unsent(sending), token=token)

    async def answer(
        self,
        client: Client,
        goal: Goal,
        session: Session,
        challenge: Challenge,
        text: str,
        *,
        to_remember: bool = False,
        now: float,
    ) -> Answered:
        """Judge one answer; a right one moves the session on, and has the next factor asked for. `to_remember`: the
        person wants this client to be remembered, where it may be."""
        if not _is_awaited(session, challenge):
            return ChallengeOver(session)
        principal = session.principal
        if not await self._goes_on(session, challenge.factor, now=now):
            self.log.passcode_refused(client, principal, "degraded")
            return ChallengeOver(session)
        # Before it is judged: where nobody is answered, nothing is used up.
        await self.log.can_be_proved()
        throttled = await self.throttle.reserve_passcode(person=principal.guid, now=now)
        if throttled is not None:
            self.log.passcode_refused(client, principal, throttled.limit.value)
            await self.throttle.note_throttled(principal, throttled, now=now)
            return FactorLocked() if throttled.limit is Limit.PASSCODE_FAILURES_IN_A_ROW else throttled
        factor = self.factors[challenge.factor]
        digest = await factor.answer(
            principal, challenge, text, is_alone=session.begun_with is challenge.factor, now=now
        )
        if digest is None:
            await self.throttle.passcode_not_judged(person=principal.guid, now=now)
            return NotAnswered()
        if challenge.factor is Factor.RECOVERY_CODE and hmac.compare_digest(digest, challenge.digest):
            # It is used up, whatever becomes of the challenge and of the session.
            await self.used_codes.tell(client, principal)
        result = await self.challenges.answer_challenge(
            challenge.challenge_id, session_id=session.session_id, digest=digest, now=now
        )
        if result.attempt is Attempt.ACCEPTED:
            to_remember = to_remember and self.remembering.offers(client, session, challenge) is not None
            return await self._accept(client, goal, session, challenge, to_remember=to_remember, now=now)
        self.log.passcode_refused(client, principal, result.attempt.value)
        match result.attempt:
            case Attempt.WRONG:
                return Wrong(replace(challenge, attempts_left=result.attempts_left))
            case Attempt.EXHAUSTED:
                if session.level is not Level.SIGNED_IN:
                    await self.sessions.end(session)
                return Exhausted(session)
            case _:
                return ChallengeOver(session)

    async def by_vouch(
        self, client: Client, goal: Goal, session: Session, *, now: float
    ) -> Accepted | ChallengeOver | SessionGone:
        """Go on with the pass that this sign-in got because its person's manager vouched: there is nothing to type."""
        if session.level is not Level.SIGNED_IN and Factor.PASS not in (session.next_choice or ()):
            return ChallengeOver(session)
        vouched = partial(self.passes.vouched, session.principal, session.session_id, now=now)
        gone_on = await self._go_on(client, session, Factor.PASS, of_pass=vouched, now=now)
        if not isinstance(gone_on, GoneOn):
            return gone_on
        return await self._went_on(client, goal, session, gone_on, Factor.PASS, now=now)

    async def _accept(
        self, client: Client, goal: Goal, session: Session, challenge: Challenge, *, to_remember: bool, now: float
    ) -> Accepted | ChallengeOver | SessionGone:
        principal, of_pass = session.principal, None
        if challenge.factor is Factor.PASS:
            of_pass = partial(self.passes.confinement, principal, challenge, now=now)
        gone_on = await self._go_on(client, session, challenge.factor, of_pass=of_pass, now=now)
        if not isinstance(gone_on, GoneOn):
            return gone_on
        sendings, factor = await self.messages.of(challenge, now=now), challenge.factor
        notes = (
            self.throttle.passcode_accepted(person=principal.guid, now=now),
            self.messages.note_entry(sendings, now=now),
            self.factors[factor].accepted(principal, challenge, kinds_under_way(sendings), now=now),
        )
        remembered = challenge if to_remember else None
        return await self._went_on(client, goal, session, gone_on, factor, *notes, remembered_by=remembered, now=now)

    async def _go_on(
        self, client: Client, session: Session, factor: Factor, *, of_pass: OfPass | None, now: float
    ) -> GoneOn | ChallengeOver | SessionGone:
        """The session with one more factor. `of_pass`: what confines it, where that is a pass."""
        principal = session.principal
        if not await self._goes_on(session, factor, now=now):
            self.log.passcode_refused(client, principal, "degraded")
            return ChallengeOver(session)
        confined = await of_pass() if of_pass is not None else None
        if of_pass is not None and confined is None:
            self.log.passcode_refused(client, principal, "pass_over")
            return ChallengeOver(session)
        gone_on = await self.sessions.go_on(client, session, factor, confined=confined, now=now)
        if gone_on is None:
            self.log.passcode_refused(client, principal, "session_gone")
            return SessionGone()
        further, token = gone_on
        if of_pass is not None and await of_pass() is None:
            # It was ended in the meantime: who did that may not have seen this session, which began just now.
            await self.sessions.end(further)
            self.log.passcode_refused(client, principal, "pass_over")
            return SessionGone()
        return GoneOn(session=further, token=token)

    async def _goes_on(self, session: Session, factor: Factor, *, now: float) -> bool:
        """Whether a proof of it still moves this session, with what the operator has put in force since it was asked
        for. Who is signed in stays so."""
        degraded = await self.degrade.at(now)
        is_stopped = session.level is Level.FIRST_FACTOR and degraded.stops_sign_in(factor) is not None
        return not is_stopped and degraded.takes_answer(factor)

    async def _went_on(
        self,
        client: Client,
        goal: Goal,
        before: Session,
        gone_on: GoneOn,
        factor: Factor,
        *notes: Awaitable[None],
        remembered_by: Challenge | None = None,
        now: float,
    ) -> Accepted:
        """What follows from it, and the next factor asked for. `notes`: what else is to be written down of it.
        `remembered_by`: what lets this client be remembered."""
        principal, further = before.principal, gone_on.session
        if further.level is not Level.FIRST_FACTOR:
            notes = (*notes, self.throttle.remember_address(person=principal.guid, address=client.address, now=now))
        await at_once(*notes)
        if before.level is Level.SIGNED_IN:
            await self.log.stepped_up(client, further, factor)
        elif further.level is Level.SIGNED_IN:
            await self.log.succeeded(client, further)
        if before.level is not Level.SIGNED_IN and further.next_choice is None:
            await self.new_browsers.note(client, goal, principal, now=now)
        then = remembered = None
        if remembered_by is not None:
            remembered = await self.remembering.remember(client, further, remembered_by, now=now)
            if remembered is not None and not await self.sessions.is_standing(further):
                # Ended in the meantime: who did that has perhaps forgotten all browsers before there was this one.
                await self.remembering.take_back(client, principal, remembered)
                remembered = None
        if further.next_choice is not None:
            proven, choice = further.proven_factors, further.next_choice
            then = await self.ask(client, goal, principal, choice, proven=proven, standing=further, now=now)
        return Accepted(session=further, token=gone_on.token, then=then, remembered=remembered)

    async def send_again(
        self, client: Client, goal: Goal, session: Session, challenge: Challenge, *, is_another_way: bool, now: float
    ) -> Again:
        """The same passcode to the same destination, by the same channel or the next. It gives no attempt back.

        The right to send is claimed first, so that parallel clicks send one message. `is_another_way`: the person says
        that the last channel did not work. They cannot choose which one is next.
        """
        principal = session.principal
        await self.log.can_be_proved()
        if not await self._goes_on(session, challenge.factor, now=now):
            return ChallengeOver(session)
        chosen = await self._try(
            client,
            principal,
            (challenge.factor,),
            entry=challenge.choice or (challenge.factor,),
            proven=session.proven_factors,
            now=now,
        )
        if isinstance(chosen, Unusable):
            self.log.stopped(client, principal, chosen.reason, first=session.begun_with)
            return chosen
        if not chosen.is_of(challenge) or chosen.kind is None:
            return ChallengeOver(session)
        not_before = now - self.resend_seconds
        if not await self.challenges.mark_sent(challenge.challenge_id, now=now, not_before=not_before):
            return TooEarly(max(1, math.ceil(challenge.last_sent_at - not_before)))
        throttled = await self._reserve_send(client, principal, chosen, first=session.begun_with, now=now)
        if throttled is not None:
            return throttled
        last = latest_of(await self.messages.of(challenge, now=now))
        sending = await self.messages.send(
            client,
            goal,
            principal,
            challenge,
            chosen,
            passcode=self.factors[challenge.factor].passcode(challenge),
            after=last.channel if is_another_way and last is not None else "",
            now=now,
        )
        if not sending.is_under_way:  # so it was not sent again, and may be at once
            await self.challenges.mark_sent(challenge.challenge_id, now=challenge.last_sent_at, not_before=now)
        sendings = await self.messages.of(challenge, now=now)
        return SentAgain(unsent=unsent(sending), may_arrive=any(may_arrive(each) for each in sendings))

    async def _try(
        self,
        client: Client,
        principal: Principal,
        choice: Choice,
        *,
        entry: Choice,
        proven: Collection[Factor],
        now: float,
    ) -> Chosen | Unusable:
        """As `choose`, in a sign-in: numbers seen for the first time are remembered, and changes are told."""
        ways: list[Chosen | Unusable] = []
        degraded = await self.degrade.at(now)
        for factor in choice:
            if factor not in client.can_prove:
                ways.append(not_by_this_way(factor))
                continue
            found = await self.factors[factor].usable_by(principal, factor, now=now, is_try=True)
            if found.change is not None:
                await self._tell(client, principal, found.change, now=now)
            ways.append(beside(proven, degraded.judged(factor, entry, found.way)))
            if isinstance(ways[-1], Chosen):
                break  # what is not tried is not told
        return first_usable_way(ways)

    async def _reserve_send(
        self, client: Client, principal: Principal, chosen: Chosen, *, first: Factor, now: float
    ) -> Throttled | None:
        throttled = await self.throttle.reserve_send(
            person=principal.guid, number=chosen.address, address=client.address, now=now
        )
        if throttled is not None:
            self.log.stopped(client, principal, throttled.limit.value, first=first)
            await self.throttle.note_throttled(principal, throttled, now=now)
        return throttled

    async def _tell(self, client: Client, principal: Principal, change: NumberChange, *, now: float) -> None:
        told = Counter(key=change.key, limit=1, window_seconds=_TELL_AGAIN_SECONDS)
        if await self.counters.reserve([told], now=now) is None:
            event = NumberEvent.HELD if change.is_held else NumberEvent.USED
            self.notices.tell(principal, change.old_number, event, change.number, incident=client.incident)


def _is_awaited(session: Session, challenge: Challenge) -> bool:
    """Whether the session goes on with this proof: only with its next one, or, if signed in, with any that was asked
    for.

    A challenge never outlives the session that it was made in, and each proof makes a new one: this one is open.
    """
    if session.level is Level.SIGNED_IN:
        return True
    return session.level is Level.FIRST_FACTOR and challenge.factor in (session.next_choice or ())
