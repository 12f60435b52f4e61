"""A sign-in at a terminal: a password, then whatever the sign-in flow asks for, one question after the other.

Every decision is the flow's. An empty answer to a passcode that was sent has it sent again, because that is what people
press who wait; a factor's name instead of an answer asks for that one, where the flow offers it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Unusable
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.sessions.session import Level, Session
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.flow import ByPassword, SignIn
from proxy.sign_in.outcomes import (
    Accepted,
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
from proxy.sign_in.time_grid import answer_at
from proxy.ssh import words

MOST_PASSWORDS = 3
"""Wrong ones in one connection. The limits that count are the throttle's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalQuestion:
    """One line that is asked for, unseen; before it, what there is to say."""

    told: str
    label: str


@dataclass(frozen=True, slots=True)
class SignInOver:
    """Nobody signs in by this connection any more."""

    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetIn:
    session: Session
    token: str = field(repr=False)


Next = TerminalQuestion | SignInOver | LetIn


class Dialogue:
    """Of one connection. One step at a time; each may raise `DirectoryError` and `StoreUnavailable`."""

    def __init__(
        self,
        flow: SignIn,
        client: Client,
        goal: Goal,
        *,
        change_url: str,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`change_url`: where a password is changed. `sleep`: what refusals wait with for their place on the grid."""
        self._flow = flow
        self._client = client
        self._goal = goal
        self._change_url = change_url
        self._clock = clock
        self._sleep = sleep
        self._username = ""
        self._awaits_password = True
        self._wrong_passwords = 0
        self._session: Session | None = None
        """What the password began; from then on, the one that answers."""
        self._challenge: Challenge | None = None

    async def begin(self, username: str) -> TerminalQuestion:
        """From the start, for this name. What was begun for another one ends; for the same one, its passcode counts."""
        if username != self._username:
            await self.give_up()
        self._username, self._awaits_password = username, True
        return TerminalQuestion(told="", label=words.PASSWORD_LABEL)

    async def answer(self, text: str) -> Next:
        """To the last question."""
        if self._awaits_password or self._session is None:
            return await self._take_password(text)
        return await self._take_proof(self._session, text)

    async def give_up(self) -> None:
        """End what was begun."""
        session, self._session, self._challenge = self._session, None, None
        if session is not None:
            await self._flow.sessions.end(session)

    async def _take_password(self, text: str) -> Next:
        started_at = self._clock()
        outcome: ByPassword = await self._flow.by_password(
            self._client, self._goal, self._username, text, current=self._session, now=started_at
        )
        match outcome:
            case NotProven():
                now = self._clock()
                await self._sleep(max(0.0, answer_at(started_at, now) - now))
                self._wrong_passwords += 1
                told = words.refused(outcome, now)
                if self._wrong_passwords >= MOST_PASSWORDS:
                    return SignInOver(told)
                return TerminalQuestion(told=told, label=words.PASSWORD_LABEL)
            case AccountStopped(reason):
                return SignInOver(words.stopped(reason))
            case AddressThrottled(seconds):
                return SignInOver(words.wait_for(words.problem("throttled"), seconds))
            case _:
                self._awaits_password = False
                return await self._after(outcome)

    async def _after(self, outcome: SignedIn | Asking | NoScheme) -> Next:
        match outcome:
            case SignedIn(session=session, token=token):
                return await self._enter(session, token)
            case ProofAsked(session=session, challenge=challenge, unsent=why):
                self._session, self._challenge = session, challenge
                if challenge is None:  # nobody else answers for this connection, so it is over
                    return await self._ask(_(phrases.GONE_TITLE))
                return await self._ask(words.sent_to(challenge) if why is None else words.not_sent(challenge, why))
            case NoScheme():
                told = _(phrases.NO_SCHEME_TEXT)
            case SessionGone():
                told = words.SESSION_ENDED
            case Throttled(retry_after_seconds=seconds):
                told = words.wait_for(_(phrases.SENDS_THROTTLED), seconds)
            case Unusable():
                told = words.lacking(outcome, self._clock())
        await self.give_up()
        return SignInOver(told)

    async def _enter(self, session: Session, token: str) -> Next:
        self._session = session
        if session.level is Level.SIGNED_IN:
            self._session = None  # it is the connection's from now on
            return LetIn(session=session, token=token)
        await self.give_up()
        return SignInOver(words.MUST_CHANGE.format(url=self._change_url))

    async def _ask(self, told: str) -> TerminalQuestion:
        """For the proof that is awaited, or for a new one where none is."""
        session, challenge = self._session, self._challenge
        if session is None or challenge is None:
            return TerminalQuestion(told=f"{told}.", label=f"{words.NEW_CODE} ")
        proving = self._flow.proving
        others = await proving.others(self._client, session, challenge, now=self._clock())
        lines = [told, words.AGAIN if challenge.kind is not None else "", words.other_ways(others)]
        asked = words.label(challenge, proving.prompt(challenge))
        return TerminalQuestion(told="\n".join(line for line in lines if line), label=asked)

    async def _take_proof(self, session: Session, text: str) -> Next:
        flow, client, goal, now = self._flow, self._client, self._goal, self._clock()
        challenge = None
        if self._challenge is not None:
            challenge = await flow.proving.find(session, self._challenge.challenge_id, now=now)
        if challenge is None:
            if self._challenge is None and not text.strip():
                return await self._after(await flow.ask_again(client, goal, session, now=now))
            self._challenge = None
            return await self._ask(_(phrases.GONE_TITLE))
        others = await flow.proving.others(client, session, challenge, now=now)
        chosen = words.named_of(text, others)
        if chosen is not None:
            return await self._after(await flow.ask_again(client, goal, session, challenge, only=chosen, now=now))
        if not text.strip():
            return await self._send_again(session, challenge, now=now)
        answered = await flow.proving.answer(client, goal, session, challenge, text, now=now)
        match answered:
            case Accepted(session=further, token=token, then=then):
                self._session, self._challenge = further, None
                return await self._enter(further, token) if then is None else await self._after(then)
            case NotAnswered():
                return await self._ask(words.misshapen(challenge, flow.proving.prompt(challenge)))
            case Wrong(left):
                return await self._ask(words.wrong(left))
            case ChallengeOver():
                self._challenge = None
                return await self._ask(_(phrases.GONE_TITLE))
            case Exhausted():
                told = _("Too many wrong codes") + ". " + _(phrases.EXHAUSTED_TEXT)
            case FactorLocked():
                told = _(phrases.LOCKED_TEXT)
            case SessionGone():
                told = words.SESSION_ENDED
            case Throttled(retry_after_seconds=seconds):
                told = words.wait_for(_(phrases.PASSCODES_THROTTLED), seconds)
        await self.give_up()
        return SignInOver(told)

    async def _send_again(self, session: Session, challenge: Challenge, *, now: float) -> Next:
        if challenge.kind is None:  # there is nothing that could be sent
            return await self._ask("")
        again = await self._flow.proving.send_again(
            self._client, self._goal, session, challenge, is_another_way=False, now=now
        )
        match again:
            case SentAgain(unsent=why, may_arrive=may_arrive):
                if why is None:
                    return await self._ask(_(phrases.PASSCODE_RESENT))
                return await self._ask(_(phrases.PASSCODE_NOT_RESENT) if may_arrive else words.not_sent(challenge, why))
            case TooEarly(seconds):
                return await self._ask(_(phrases.PASSCODE_TOO_SOON, seconds=seconds))
            case Throttled():
                return await self._ask(_(phrases.PASSCODE_SENDS_THROTTLED))
            case ChallengeOver():
                self._challenge = None
                return await self._ask(_(phrases.GONE_TITLE))
            case Unusable():
                await self.give_up()
                return SignInOver(words.lacking(again, now))
