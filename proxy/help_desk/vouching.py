"""A manager vouches for somebody without their phone: who may, what is asked of them, and the pass that a yes makes.

Who may is read from the directory when it is asked and again when it is answered. Instants are epoch seconds. Methods
raise `StoreUnavailable` and `DirectoryError`.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from config.factors import Factor
from config.settings import SchemeSettings
from directory.principal import Principal
from directory.realms import Realms
from proxy.factors.challenge import Challenge
from proxy.factors.passes.given_pass import GivenPass, new_pass_id
from proxy.factors.passes.vouch import ASKED_SECONDS, NoVouch, VouchAnswer, VouchRequest, new_vouch_id
from proxy.factors.passes.words import draw
from proxy.help_desk.passes import PassAsked, PassDesk, approver_of
from proxy.secrets.keys import Purpose
from proxy.sessions.session import Level, Session
from proxy.sign_in.client import Client
from proxy.sign_in.enrolling import may_change_factors
from proxy.sign_in.outcomes import FactorLocked, Throttled
from proxy.sign_in.sign_in_log import SignInLog
from proxy.sign_in.voucher import voucher_of
from proxy.throttle.counter_store import Counter, CounterStore
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle

_ASKED_PER_HOUR = 5
"""By one person: each is a try to get a yes out of somebody who does not look."""
_HOUR = 3600.0


class WrongVouch(Enum):
    """Why an answer of a manager is none. Values are the log's words."""

    GONE = "gone"
    """Nobody asks them that (any more): it was answered, is over, or its sign-in has ended."""
    NOT_THEIR_MANAGER = "not_their_manager"
    """The directory does not name them, or not them alone, at this moment."""
    WORDS = "wrong_words"
    """Those that they chose are not on the page of the one who asks. It was the only try."""
    HAS_PASS = "has_a_pass"  # noqa: S105  # a reason
    """The help desk was faster."""


@dataclass(frozen=True, slots=True)
class AskedTooOften:
    retry_after_seconds: int


def may_ask(session: Session, challenge: Challenge | None) -> bool:
    """Whether a manager may help this sign-in, or this step-up by `challenge`: wherever a pass may be typed. Pure."""
    if session.level is not Level.SIGNED_IN:
        return Factor.PASS in (session.next_choice or ())
    return session.confined is None and challenge is not None and Factor.PASS in challenge.choice


def may_vouch(schemes: Sequence[SchemeSettings], session: Session, *, now: float) -> bool:
    """Whether this session has proven enough, and recently enough, to say yes or no: as much as a new factor asks for,
    and never one that was begun with a pass. Pure."""
    return may_change_factors(schemes, session, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    desk: PassDesk
    realms: Realms
    counters: CounterStore
    throttle: Throttle
    log: SignInLog

    async def who_may(self, person: Principal, *, now: float) -> Principal | NoVouch:
        """As it is at this moment."""
        return await voucher_of(person, self.realms.of(person.realm), self.desk.store, now=now)

    async def ask(
        self, client: Client, session: Session, asked: PassAsked, *, now: float
    ) -> VouchRequest | NoVouch | Throttled | FactorLocked | AskedTooOften:
        """Ask the manager of the person of this sign-in, which has proven their password. Somebody who has no
        passcode left to try (`Throttled`, `FactorLocked`) does not get around that."""
        person = session.principal
        manager = await self.who_may(person, now=now)
        if isinstance(manager, NoVouch):
            self.log.vouch(client, person, "not_possible", reason=manager.value)
            return manager
        refused = await self._reserve(person, now=now)
        if refused is not None:
            reason = {AskedTooOften: "asked_too_often", FactorLocked: Limit.PASSCODE_FAILURES_IN_A_ROW.value}
            why = refused.limit.value if isinstance(refused, Throttled) else reason[type(refused)]
            self.log.vouch(client, person, "not_possible", reason=why)
            return refused
        words, offered = draw()
        request = VouchRequest(
            vouch_id=new_vouch_id(),
            session_id=session.session_id,
            guid=person.guid,
            realm=person.realm,
            username=person.username,
            name=person.display_name,
            asked_of=approver_of(manager),
            apps=asked.apps,
            reason=asked.reason,
            hours=asked.hours,
            words=words,
            offered=offered,
            asked_at=now,
            expires_at=now + ASKED_SECONDS,
        )
        await self.desk.store.put_vouch(request)
        self.log.vouch(client, person, "asked", **_facts(request), asked_of=request.asked_of.guid)
        return request

    async def _reserve(self, person: Principal, *, now: float) -> Throttled | FactorLocked | AskedTooOften | None:
        throttled = await self.throttle.reserve_passcode(person=person.guid, now=now)
        if throttled is not None:
            return FactorLocked() if throttled.limit is Limit.PASSCODE_FAILURES_IN_A_ROW else throttled
        await self.throttle.passcode_not_judged(person=person.guid, now=now)
        key = hmac.digest(self.desk.keys.derive(Purpose.THROTTLE), f"vouch asked\0{person.guid}".encode(), "sha256")
        counter = Counter(key=key, limit=_ASKED_PER_HOUR, window_seconds=_HOUR)
        reached = await self.counters.reserve([counter], now=now)
        return None if reached is None else AskedTooOften(max(1, math.ceil(reached.window_ends_at - now)))

    async def asked_by(self, session: Session, *, now: float) -> VouchRequest | None:
        """What this very sign-in asked for, answered or not."""
        found = await self.desk.store.vouches(session.principal.guid, now=now)
        return next((each for each in found if each.session_id == session.session_id), None)

    async def asked_of(self, manager: Principal, *, now: float) -> list[VouchRequest]:
        """What waits for this manager's answer."""
        found = await self.desk.store.vouches(now=now)
        return [
            each
            for each in found
            if each.answer is None and (each.asked_of.guid, each.realm) == (manager.guid, manager.realm)
        ]

    async def refuse(self, client: Client, manager: Principal, vouch_id: str, *, now: float) -> WrongVouch | None:
        """No. None: it is said."""
        request = await self._waiting(manager, vouch_id, now=now)
        if request is None or not await self._answer(request, VouchAnswer.NO, now=now):
            return WrongVouch.GONE
        self.log.vouch(client, manager, "answered", **_facts(request), answer=VouchAnswer.NO.value)
        return None

    async def vouch(
        self, client: Client, manager: Principal, vouch_id: str, words: str, *, now: float
    ) -> GivenPass | WrongVouch | Throttled:
        """Yes, with the words that the person told them. Of parallel answers one counts.

        The caller has asked `may_vouch`. Wrong words end the request, and count for the manager like a wrong passcode.
        """
        outcome = await self._vouch(client, manager, vouch_id, words, now=now)
        if not isinstance(outcome, GivenPass):
            reason = outcome.value if isinstance(outcome, WrongVouch) else outcome.limit.value
            self.log.vouch(client, manager, "refused", vouch_id=vouch_id[:64], reason=reason)
        return outcome

    async def _vouch(
        self, client: Client, manager: Principal, vouch_id: str, words: str, *, now: float
    ) -> GivenPass | WrongVouch | Throttled:
        request = await self._waiting(manager, vouch_id, now=now)
        directory = None if request is None else self.realms.of(request.realm)
        person = None if request is None or directory is None else await directory.read(request.guid)
        if request is None or person is None or not await self._still_asks(request, now=now):
            return WrongVouch.GONE
        named = await self.who_may(person, now=now)
        if named is NoVouch.HAS_PASS:
            return WrongVouch.HAS_PASS
        if isinstance(named, NoVouch) or named.guid != manager.guid:
            return WrongVouch.NOT_THEIR_MANAGER
        throttled = await self.throttle.reserve_passcode(person=manager.guid, now=now)
        if throttled is not None:
            return throttled
        is_right = hmac.compare_digest(words.encode(errors="replace"), request.words.encode())
        if not await self._answer(request, VouchAnswer.YES if is_right else VouchAnswer.WRONG_WORDS, now=now):
            await self.throttle.passcode_not_judged(person=manager.guid, now=now)
            return WrongVouch.GONE
        if not is_right:
            return WrongVouch.WORDS
        await self.throttle.passcode_not_judged(person=manager.guid, now=now)
        return await self._give(client, manager, person, request, now=now)

    async def _give(
        self, client: Client, manager: Principal, person: Principal, request: VouchRequest, *, now: float
    ) -> GivenPass | WrongVouch:
        for older in await self.desk.store.passes(person.guid, now=now):
            if older.is_vouched:  # of a sign-in that has ended, perhaps: they would not ask again otherwise
                ended = await self.desk.end(older.pass_id, now=now)
                if ended is not None:
                    facts = {"person_realm": older.realm, "person_guid": older.guid, "pass_id": older.pass_id}
                    self.log.vouch(client, manager, "replaced", **facts, sessions=ended.sessions)
        given = GivenPass(
            pass_id=new_pass_id(),
            guid=person.guid,
            realm=person.realm,
            username=person.username,
            digest=b"",
            apps=request.apps,
            reason=request.reason,
            given_by=approver_of(manager),
            given_at=now,
            ends_at=now + request.hours * _HOUR,
            needs_second=False,
            session_id=request.session_id,
        )
        if not await self.desk.store.put_pass(given):
            return WrongVouch.HAS_PASS
        # Recorded first: telling the person may fail, and the pass is there.
        self.log.vouch(
            client,
            manager,
            "answered",
            **_facts(request),
            answer=VouchAnswer.YES.value,
            pass_id=given.pass_id,
            given_by=manager.guid,
            ends_at=int(given.ends_at),
        )
        await self.desk.tell_given(person, given, incident=client.incident, now=now)
        return given

    async def _waiting(self, manager: Principal, vouch_id: str, *, now: float) -> VouchRequest | None:
        return next((each for each in await self.asked_of(manager, now=now) if each.vouch_id == vouch_id), None)

    async def _still_asks(self, request: VouchRequest, *, now: float) -> bool:
        """Whether its sign-in stands. When it was used last may be known to another worker alone, so that counts for
        nothing here."""
        session = (await self.desk.sessions.sessions_by_id([request.session_id])).get(request.session_id)
        return session is not None and now < session.latest_end(self.desk.settings.sessions)

    async def _answer(self, request: VouchRequest, answer: VouchAnswer, *, now: float) -> bool:
        return await self.desk.store.answer_vouch(request.guid, request.vouch_id, answer, now=now)


def _facts(request: VouchRequest) -> dict[str, str]:
    """Reason, approver and end are what PCI DSS 8.5.1 asks of each exception. The words are in no line."""
    return {
        "vouch_id": request.vouch_id,
        "person_realm": request.realm,
        "person_guid": request.guid,
        "reason": request.reason,
        "apps": ", ".join(request.apps),
    }
