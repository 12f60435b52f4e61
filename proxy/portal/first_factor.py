"""The password: which person a typed name and password prove, at the price of at most one bind."""

from __future__ import annotations

from dataclasses import dataclass, replace

from config.settings import ActiveDirectorySettings, DirectorySettings
from directory.directory import Directory, PasswordRefused, RefusalReason
from directory.errors import DirectoryError, OutcomeUnknown
from directory.lockout import PasswordLimits
from directory.login_name import LoginName, parse_login_name
from directory.password_change import PasswordChanger
from directory.principal import Account, Principal
from proxy.portal.keys import Parts, Visit
from proxy.portal.password_guard import is_known_wrong, limits_at, remember_wrong, typed_digest
from proxy.secrets.keys import Purpose
from proxy.throttle.limits import Throttled, ToldPause
from proxy.throttle.typed_names import counted_as, hidden_name


@dataclass(frozen=True, slots=True)
class PersonProven:
    """By a password, or by the ticket that they got for one."""

    principal: Principal
    must_change: bool = False
    """The directory wants a new password before it lets this one in."""


@dataclass(frozen=True, slots=True)
class NotProven:
    """The one refusal that the browser sees, whatever the log says of its reason."""

    pause: ToldPause | None = None
    """Told for a name that nobody has as for one that somebody has, at the same try and with the same end."""


@dataclass(frozen=True, slots=True)
class AccountStopped:
    """The password was right, the account may not be used, and the operator chose to say so."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class AddressThrottled:
    """Too many tries from one address: says nothing about a person, and so may be told."""

    retry_after_seconds: int


FirstFactor = PersonProven | NotProven | AccountStopped | AddressThrottled
_CALLED_WRONG = frozenset({RefusalReason.WRONG_PASSWORD, RefusalReason.UNKNOWN})
_MENDED_BY_A_CHANGE = frozenset({RefusalReason.PASSWORD_EXPIRED, RefusalReason.MUST_CHANGE})


async def prove_password(parts: Parts, visit: Visit, username: str, password: str) -> FirstFactor:
    """Judge a first factor. Raises `DirectoryError` and `StoreUnavailable`.

    An attempt is counted before it is made, and given back where the directory cannot have counted it. Whatever the
    outcome, the directory does the same work: how long an answer takes must not tell who is there.
    """
    login_name = parse_login_name(username)
    if login_name is None or not password:
        _log_refusal(parts, visit, RefusalReason.UNUSABLE_PASSWORD.value if login_name else "unusable_name")
        return NotProven()
    throttled = await parts.throttle.reserve_address(visit.client_address, now=parts.clock())
    if throttled is not None:
        # Before anything is known of a person, so that this page says nothing about one.
        _log_refusal(parts, visit, throttled.limit.value)
        return AddressThrottled(throttled.retry_after_seconds)
    try:
        outcome = await _prove(parts, visit, login_name, password)
    except OutcomeUnknown:
        raise  # it may have been judged: it stays counted
    except DirectoryError:
        await parts.throttle.give_back_address(visit.client_address, now=parts.clock())
        raise
    if isinstance(outcome, PersonProven):
        await parts.throttle.give_back_address(visit.client_address, now=parts.clock())
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose password a try is about, as far as counting goes."""

    directory: Directory
    account: Account | None
    typed: str
    """By what the name that was typed is counted, whoever has it."""
    start: int
    """See `Throttle.fresh_starts`."""
    limits: PasswordLimits

    @property
    def person(self) -> str:
        return self.account.guid if self.account is not None else self.typed


@dataclass(frozen=True, slots=True)
class _NotAsked:
    """The directory was not asked. `throttled`: for that reason; else because it had called the password wrong."""

    throttled: Throttled | None


async def _prove(
    parts: Parts, visit: Visit, login_name: LoginName, password: str
) -> PersonProven | NotProven | AccountStopped:
    chosen = parts.realms.choose(login_name)
    # A name of no realm costs the time of a wrong one, at the default realm.
    directory = chosen or next(iter(parts.realms))
    account = await directory.find(login_name if chosen is not None else replace(login_name, domain=None, suffix=None))
    if chosen is None:
        account = None
    typed = counted_as(login_name, _settings_of(parts, chosen))
    start = await parts.throttle.fresh_starts(account.guid if account is not None else typed)
    limits = limits_at(parts, directory)
    asked = _Asked(directory=directory, account=account, typed=typed, start=start, limits=limits)
    async with parts.password_locks.of(asked.person):
        outcome = await _judge(parts, visit, asked, login_name, password)
    if isinstance(outcome, _NotAsked):
        # Not sent for that account, but as for a name that nobody has. Nobody else waits for it.
        await directory.authenticate(None, password)
    if isinstance(outcome, PersonProven):
        await parts.throttle.told_pauses.proven(
            typed=typed, start=start, browser=visit.browser, limits=limits, now=parts.clock()
        )
    if isinstance(outcome, _NotAsked | NotProven):
        throttled = outcome.throttled if isinstance(outcome, _NotAsked) else None
        return NotProven(await _pause_to_tell(parts, visit, asked, password, throttled))
    return outcome


async def _pause_to_tell(
    parts: Parts, visit: Visit, asked: _Asked, password: str, throttled: Throttled | None
) -> ToldPause | None:
    """What the page may say: what follows from the typed name alone, whatever held the person back.

    But in a browser where the right password was typed for this name, that somebody has it is no secret: there it is
    what holds for the person.
    """
    now, told = parts.clock(), parts.throttle.told_pauses
    digest = typed_digest(parts, asked.typed, password)
    pause = await told.refused(typed=asked.typed, start=asked.start, password=digest, limits=asked.limits, now=now)
    if pause is None or not await told.is_proven(typed=asked.typed, browser=visit.browser, now=now):
        return pause
    return None if throttled is None else ToldPause(ends_at=now + throttled.retry_after_seconds, is_new=False)


async def _judge(
    parts: Parts, visit: Visit, asked: _Asked, login_name: LoginName, password: str
) -> PersonProven | NotProven | AccountStopped | _NotAsked:
    directory, account, person, limits = asked.directory, asked.account, asked.person, asked.limits
    facts = {"realm": directory.realm}
    if account is not None:
        facts["guid"] = account.guid
    else:
        facts["name"] = hidden_name(parts.keys.derive(Purpose.THROTTLE), login_name)
    address = visit.client_address
    if await is_known_wrong(parts, person, account, password, start=asked.start):
        _log_refusal(parts, visit, "same_wrong_password_again", **facts)
        return _NotAsked(None)
    reserved_at = parts.clock()
    throttled = await parts.throttle.reserve_password(person=person, address=address, limits=limits, now=reserved_at)
    if throttled is not None:
        _log_refusal(parts, visit, throttled.limit.value, **facts)
        return _NotAsked(throttled)
    judged = await parts.throttle.judged_so_far(person=person, now=parts.clock())
    try:
        outcome = await directory.authenticate(account, password)
    except OutcomeUnknown:
        raise  # it may have been judged: it stays counted
    except DirectoryError:
        await parts.throttle.password_not_judged(person=person, address=address, now=parts.clock())
        raise
    if isinstance(outcome, PasswordRefused):
        if outcome.reason in _CALLED_WRONG:
            await remember_wrong(parts, person, account, password, start=asked.start, limits=limits)
        if outcome.reason.password_proven or outcome.reason is RefusalReason.UNUSABLE_PASSWORD:
            # Not counted by the directory, but nor does a password that opens nothing clear its count.
            await parts.throttle.password_not_judged(person=person, address=address, now=parts.clock())
        else:
            await parts.throttle.password_refused(
                person=person, limits=limits, reserved_at=reserved_at, server=outcome.told_by
            )
    principal = outcome.principal if isinstance(outcome, PasswordRefused) else outcome
    if isinstance(outcome, PasswordRefused) and (
        outcome.reason not in _MENDED_BY_A_CHANGE or not isinstance(directory, PasswordChanger)
    ):
        principal = None
    if principal is None:
        assert isinstance(outcome, PasswordRefused)  # noqa: S101  # for the type checker
        _log_refusal(parts, visit, outcome.reason.value, **facts)
        return _told_why(parts, directory, outcome.reason)
    if account is None or principal.guid != account.guid:
        _log_refusal(parts, visit, "not_the_account_that_was_found", **facts)
        return NotProven()
    if not isinstance(outcome, PasswordRefused):
        await parts.throttle.password_accepted(
            person=person, address=address, judged=judged, now=parts.clock(), server=outcome.told_by
        )
    return PersonProven(principal, must_change=isinstance(outcome, PasswordRefused))


def _told_why(parts: Parts, directory: Directory, reason: RefusalReason) -> NotProven | AccountStopped:
    """Only what AD says after the right password can be told, and only where the operator wants it told."""
    settings = _settings_of(parts, directory)
    explains = isinstance(settings, ActiveDirectorySettings) and settings.explain_refusals
    if explains and reason.password_proven and reason not in _MENDED_BY_A_CHANGE:
        return AccountStopped(reason)
    return NotProven()


def _settings_of(parts: Parts, directory: Directory | None) -> DirectorySettings | None:
    realm = directory.realm if directory is not None else None
    return next((each for each in parts.settings.directories if each.name == realm), None)


def _log_refusal(parts: Parts, visit: Visit, reason: str, **facts: str) -> None:
    parts.metrics.count_sign_in(reason, facts.get("realm", ""))
    parts.log.info(
        "sign_in.refused", reason=reason, incident=visit.incident, client_address=visit.client_address, **facts
    )
