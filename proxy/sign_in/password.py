"""The first factor by password: which person a typed name and password prove, at the price of at most one bind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from config.factors import Factor
from config.settings import ActiveDirectorySettings, DirectorySettings
from directory.change_outcomes import PasswordChanger
from directory.directory import Directory, PasswordRefused, RefusalReason
from directory.lockout import PasswordLimits
from directory.login_name import LoginName, parse_login_name
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.factors.remembered.stopped_accounts import FORGETTING, forget_all
from proxy.operations.log import AUDIT_ALONE
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.attempt import Attempts, begin_attempt
from proxy.sign_in.client import Client
from proxy.throttle.limits import Throttled, ToldPause
from proxy.throttle.typed_names import counted_as, hidden_name
from proxy.tracing.spans import span


@dataclass(frozen=True, slots=True)
class PersonProven:
    """By a password, or by the ticket that they got for one."""

    principal: Principal
    factor: Factor = Factor.PASSWORD
    must_change: bool = False
    """The directory wants a new password before it lets this one in."""


@dataclass(frozen=True, slots=True)
class NotProven:
    """The one refusal that the client sees, whatever reason the log has."""

    pause: ToldPause | None = None
    """Shown for an unknown name as for a known one, at the same try and with the same end."""


@dataclass(frozen=True, slots=True)
class AccountStopped:
    """The password was right, but the account may not be used, and the operator chose to say so."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class AddressThrottled:
    """Too many tries from one address. This says nothing about a person, so the client may know."""

    retry_after_seconds: int


FirstFactor = PersonProven | NotProven | AccountStopped | AddressThrottled
_CALLED_WRONG = frozenset({RefusalReason.WRONG_PASSWORD, RefusalReason.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose password a try is about, as far as counting goes."""

    directory: Directory
    account: Account | None
    typed: str = field(repr=False)
    """The key under which the typed name is counted, for any person."""
    start: int
    """See `Throttle.fresh_starts`."""
    limits: PasswordLimits
    facts: dict[str, str]
    """What the log says of whom it is about."""

    @property
    def person(self) -> str:
        return self.account.guid if self.account is not None else self.typed


@dataclass(frozen=True, slots=True)
class _NotAsked:
    """The directory was not asked. `throttled`: for that reason; else because it had called the password wrong."""

    throttled: Throttled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordStep:
    """The step that takes name and password."""

    realms: Realms
    directories: Sequence[DirectorySettings]
    attempts: Attempts
    browsers: RememberedBrowserStore
    keys: Keys = field(repr=False)

    async def prove(self, client: Client, username: str, password: str, *, now: float) -> FirstFactor:
        """Judge a first factor. Raises `DirectoryError` and `StoreUnavailable`.

        An attempt is counted before it is made, and given back if the directory cannot have counted it. The directory
        does the same work for every outcome, because the time of an answer must not reveal who exists.
        """
        login_name = parse_login_name(username)
        if login_name is None or not password:
            reason = RefusalReason.UNUSABLE_PASSWORD.value if login_name else "unusable_name"
            self.attempts.log.refused(client, reason)
            return NotProven()
        outcome = await self.attempts.from_address(
            client.address,
            lambda: self._prove(client, login_name, password),
            is_guess=lambda outcome: not isinstance(outcome, PersonProven),
            now=now,
        )
        if isinstance(outcome, Throttled):
            # Before anything is known of a person, so that this answer says nothing about one.
            self.attempts.log.refused(client, outcome.limit.value)
            return AddressThrottled(outcome.retry_after_seconds)
        return outcome

    async def _prove(
        self, client: Client, login_name: LoginName, password: str
    ) -> PersonProven | NotProven | AccountStopped:
        asked = await self._whom(login_name)
        async with self.attempts.locks.of(asked.person):
            # Not `now` of the step: the wait for this person's turn may have been long (see `begin_attempt`).
            now = self.attempts.clock()
            outcome = await self._judge(client, asked, password, now=now)
        if isinstance(outcome, _NotAsked):
            # Not sent for that account, but as if nobody had the name. Nobody else waits for it.
            await asked.directory.authenticate(None, password)
        if isinstance(outcome, PersonProven) and client.browser:
            await self.attempts.throttle.told_pauses.proven(
                typed=asked.typed, start=asked.start, browser=client.browser, limits=asked.limits, now=now
            )
        if isinstance(outcome, _NotAsked | NotProven):
            throttled = outcome.throttled if isinstance(outcome, _NotAsked) else None
            return NotProven(await self._pause_to_tell(client, asked, password, throttled, now=now))
        return outcome

    async def _whom(self, login_name: LoginName) -> _Asked:
        chosen = self.realms.choose(login_name)
        # A name of no realm costs the time of a wrong one, at the default realm.
        directory = chosen or next(iter(self.realms))
        bare = replace(login_name, domain=None, suffix=None)
        with span("directory search", is_outward=True, realm=directory.realm):
            account = await directory.find(login_name if chosen is not None else bare)
        facts = {"realm": directory.realm}
        if chosen is None:
            account = None
        if account is not None:
            facts |= {"guid": account.guid, AUDIT_ALONE: account.username}
        else:
            facts["name"] = hidden_name(self.keys.derive(Purpose.THROTTLE), login_name)
        typed = counted_as(login_name, self._settings_of(chosen))
        return _Asked(
            directory=directory,
            account=account,
            typed=typed,
            start=await self.attempts.throttle.fresh_starts(account.guid if account is not None else typed),
            limits=self.attempts.throttle.password_limits(directory),
            facts=facts,
        )

    async def _judge(
        self, client: Client, asked: _Asked, password: str, *, now: float
    ) -> PersonProven | NotProven | AccountStopped | _NotAsked:
        """In the person's turn: what is known already, what is counted, what the directory says."""
        attempts, account, person, limits = self.attempts, asked.account, asked.person, asked.limits
        if await attempts.guard.is_known_wrong(person, account, password, start=asked.start, now=now):
            attempts.log.refused(client, "same_wrong_password_again", **asked.facts)
            return _NotAsked(None)
        attempt = await begin_attempt(attempts.throttle, person=person, address=client.address, limits=limits, now=now)
        if isinstance(attempt, Throttled):
            attempts.log.refused(client, attempt.limit.value, **asked.facts)
            if account is not None:
                await attempts.throttle.note_throttled(account, attempt, now=now)
            return _NotAsked(attempt)
        with span("directory bind", is_outward=True, realm=asked.directory.realm):
            answer = await attempt.answer(asked.directory.authenticate(account, password))
        if not isinstance(answer, PasswordRefused):
            if not _is_of(answer, account):
                attempts.log.refused(client, "not_the_account_that_was_found", **asked.facts)
                return NotProven()
            await attempt.accepted(server=answer.told_by)
            return PersonProven(answer)
        if answer.reason in _CALLED_WRONG:
            await attempts.guard.remember_wrong(person, account, password, start=asked.start, limits=limits, now=now)
        if answer.reason.password_proven or answer.reason is RefusalReason.UNUSABLE_PASSWORD:
            # The directory does not count it. But a password that opens nothing does not clear its count either.
            await attempt.not_judged()
        else:
            await attempt.refused(server=answer.told_by)
        if account is not None and answer.reason in FORGETTING:
            forgotten = await forget_all(self.browsers, account.realm, account.guid)
            if forgotten:
                attempts.log.browsers_forgotten(client, account, answer.reason.value, count=forgotten)
        return self._opens_nothing_yet(client, asked, answer)

    def _opens_nothing_yet(
        self, client: Client, asked: _Asked, refused: PasswordRefused
    ) -> PersonProven | NotProven | AccountStopped:
        """The password was right but refused. If a change of password fixes the reason, and can be made here, the
        person goes on to that change."""
        principal, reason = refused.principal, refused.reason
        is_fixable = reason.is_fixed_by_a_change and isinstance(asked.directory, PasswordChanger)
        if principal is None or not is_fixable:
            self.attempts.log.refused(client, reason.value, **asked.facts)
            return self._told_why(asked.directory, reason)
        if not _is_of(principal, asked.account):
            self.attempts.log.refused(client, "not_the_account_that_was_found", **asked.facts)
            return NotProven()
        return PersonProven(principal, must_change=True)

    async def _pause_to_tell(
        self, client: Client, asked: _Asked, password: str, throttled: Throttled | None, *, now: float
    ) -> ToldPause | None:
        """What the answer may say: only what follows from the typed name, whatever stopped the person.

        The exception is a browser in which the right password was typed for this name. There the name's existence is no
        secret, so the answer says what holds for the person.
        """
        told, typed = self.attempts.throttle.told_pauses, asked.typed
        digest = self.attempts.guard.typed_digest(typed, password)
        pause = await told.refused(typed=typed, start=asked.start, password=digest, limits=asked.limits, now=now)
        if (
            pause is None
            or not client.browser
            or not await told.is_proven(typed=typed, browser=client.browser, now=now)
        ):
            return pause
        return None if throttled is None else ToldPause(ends_at=now + throttled.retry_after_seconds, is_new=False)

    def _told_why(self, directory: Directory, reason: RefusalReason) -> NotProven | AccountStopped:
        """Only reasons that AD gives after the right password may be shown, and only if the operator wants that."""
        settings = self._settings_of(directory)
        explains = isinstance(settings, ActiveDirectorySettings) and settings.explain_refusals
        if explains and reason.password_proven and not reason.is_fixed_by_a_change:
            return AccountStopped(reason)
        return NotProven()

    def _settings_of(self, directory: Directory | None) -> DirectorySettings | None:
        realm = directory.realm if directory is not None else None
        return next((each for each in self.directories if each.name == realm), None)


def _is_of(principal: Principal, account: Account | None) -> bool:
    """Whether the directory vouches for the very person whose attempt was counted."""
    return account is not None and principal.guid == account.guid
