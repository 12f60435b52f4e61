"""Where the parts of the sign-in meet: what it has kept, and what every way in is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.factors import Factor
from config.settings import Settings
from directory.kerberos.ticket import TicketAcceptor
from directory.realms import Realms
from proxy.audit.recorder import Recorder
from proxy.degrade.board import DegradeBoard
from proxy.degrade.rung import DegradeStore
from proxy.delivery.channel import Notifier, PasscodeChannels
from proxy.delivery.delivery_store import DeliveryStore
from proxy.factors.challenge import ChallengeStore
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passcode.arrival_times import Arrivals, ArrivalStore
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passcode.passcodes import Passcodes
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.passes.passes import Passes
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.recovery_code.recovery_codes import RecoveryCodes
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.factors.second_factor import SecondFactor
from proxy.factors.totp.authenticator_apps import AuthenticatorApps
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.operations.metrics import Metrics
from proxy.secrets.keys import Keys
from proxy.sessions.decided import NoteDecision, not_noted
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.attempt import Attempts, PasswordGuard, PersonLocks
from proxy.sign_in.changed_numbers import Notice, Notices, Wording
from proxy.sign_in.credential_step import CredentialStep
from proxy.sign_in.credentials import CredentialStore
from proxy.sign_in.flow import SignIn
from proxy.sign_in.kerberos import TicketStep
from proxy.sign_in.messages import Messages
from proxy.sign_in.not_me import NewBrowser, NewBrowsers, NotMe, ReportedSignInStore
from proxy.sign_in.passkey_alone import PasskeyStep
from proxy.sign_in.password import PasswordStep
from proxy.sign_in.password_change import PasswordChangeStep
from proxy.sign_in.proving import Proving
from proxy.sign_in.remembering import Remembering
from proxy.sign_in.reported_numbers import NotMyNumber, ReportedNumberStore
from proxy.sign_in.session_steps import SessionSteps
from proxy.sign_in.sign_in_log import SignInLog
from proxy.sign_in.used_codes import UsedCodes
from proxy.throttle.counter_store import ThrottleStore
from proxy.throttle.throttle import Throttle


class SignInStore(Protocol):
    """What the sign-in has kept, over all its steps. Each part raises `StoreUnavailable`."""

    @property
    def sessions(self) -> SessionStore: ...

    @property
    def challenges(self) -> ChallengeStore: ...

    @property
    def enrolments(self) -> EnrolmentStore: ...

    @property
    def passes(self) -> PassStore: ...

    @property
    def credentials(self) -> CredentialStore: ...

    @property
    def deliveries(self) -> DeliveryStore: ...

    @property
    def numbers(self) -> NumberStore: ...

    @property
    def arrivals(self) -> ArrivalStore: ...

    @property
    def reported(self) -> ReportedSignInStore: ...

    @property
    def reported_numbers(self) -> ReportedNumberStore: ...

    @property
    def browsers(self) -> RememberedBrowserStore: ...

    @property
    def counters(self) -> ThrottleStore: ...

    @property
    def rungs(self) -> DegradeStore: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInParts:
    flow: SignIn
    password_change: PasswordChangeStep
    passkeys: Passkeys
    not_me: NotMe
    not_my_number: NotMyNumber
    credentials: CredentialStep
    log: SignInLog


def second_factors(
    settings: Settings,
    numbers: NumberStore,
    enrolments: EnrolmentStore,
    keys: Keys,
    passkeys: Passkeys,
    passes: Passes,
) -> dict[Factor, SecondFactor]:
    """Who is asked about which factor. A new one is registered here."""
    passcodes = Passcodes(settings, numbers, keys)
    return {
        Factor.SMS: passcodes,
        Factor.EMAIL: passcodes,
        Factor.EMAIL_FOR_SMS: passcodes,
        Factor.TOTP: AuthenticatorApps(settings.passcode, enrolments, keys),
        Factor.RECOVERY_CODE: RecoveryCodes(settings.passcode, enrolments, keys),
        Factor.PASSKEY: passkeys,
        Factor.PASS: passes,
    }


def create_passes(settings: Settings, store: PassStore, keys: Keys) -> Passes:
    return Passes(settings.passcode, settings.help_desk, store, keys)


def create_sign_in(
    *,
    settings: Settings,
    realms: Realms,
    channels: PasscodeChannels,
    store: SignInStore,
    keys: Keys,
    throttle: Throttle,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], float],
    wording: Wording,
    recorder: Recorder | None = None,
    stolen: Callable[[], Notice] | None = None,
    new_browser: Callable[[NewBrowser], Notice] | None = None,
    used_code: Callable[[int], Notice] | None = None,
    notifier: Notifier | None = None,
    acceptor: TicketAcceptor | None = None,
    languages: Languages = ENGLISH_ALONE,
    note: NoteDecision = not_noted,
    degrade: DegradeBoard | None = None,
) -> SignInParts:
    """`clock` gives epoch seconds. `recorder`: what `log` hands events to. `notifier` tells persons of numbers that
    changed, in the words of `wording`, and of remembered browsers that somebody copied (`stolen`), of sign-ins with a
    browser that they have not used before (`new_browser`), and of recovery codes (`used_code`, with how many are left);
    None: nobody is told. `acceptor` judges Kerberos tickets; None: nobody begins with one. `languages`: those that
    persons are told in. `note`: see `SignInLog`. `degrade`: what is in force of `[[degrade]]`, as this worker knows it;
    None: nobody keeps that up."""
    degrade = degrade or DegradeBoard(store.rungs, settings.degrade)
    sign_in_log = SignInLog(log, count=metrics.count_sign_in, recorder=recorder, note=note)
    sessions = SessionSteps(store.sessions, settings.networks, settings.sessions.most_per_person)
    attempts = Attempts(throttle=throttle, guard=PasswordGuard(throttle, keys), log=sign_in_log, clock=clock)
    passkeys = Passkeys(settings, store.enrolments, keys, log)
    passes = create_passes(settings, store.passes, keys)
    factors = second_factors(settings, store.numbers, store.enrolments, keys, passkeys, passes)
    notices = Notices(notifier=notifier, log=log, wording=wording, languages=languages)
    remembering = Remembering(
        schemes=settings.schemes,
        networks=settings.networks,
        mobile=settings.mobile,
        factors=factors,
        store=store.browsers,
        numbers=store.numbers,
        keys=keys,
        log=sign_in_log,
        notices=notices,
        stolen=stolen,
    )
    new_browsers = NewBrowsers(
        counters=store.counters,
        keys=keys,
        notices=notices,
        wording=new_browser if settings.sessions.tell_new_browsers else None,
    )
    proving = Proving(
        factors=factors,
        degrade=degrade,
        remembering=remembering,
        passes=passes,
        new_browsers=new_browsers,
        used_codes=UsedCodes(
            codes=RecoveryCodes(settings.passcode, store.enrolments, keys),
            mobile=settings.mobile,
            numbers=store.numbers,
            keys=keys,
            notices=notices,
            wording=used_code,
        ),
        challenges=store.challenges,
        counters=store.counters,
        sessions=sessions,
        messages=Messages(
            deliveries=store.deliveries,
            arrivals=Arrivals(store.arrivals),
            channels=channels,
            throttle=throttle,
            metrics=metrics,
            log=log,
            clock=clock,
            budget_seconds=settings.second_factor.budget,
        ),
        throttle=throttle,
        log=sign_in_log,
        notices=notices,
        resend_seconds=settings.passcode.resend_after,
    )
    tickets = None
    if acceptor is not None:
        tickets = TicketStep(acceptor=acceptor, realms=realms, counters=store.counters, keys=keys, log=sign_in_log)
    return SignInParts(
        flow=SignIn(
            schemes=settings.schemes,
            degrade=degrade,
            password=PasswordStep(
                realms=realms,
                directories=settings.directories,
                attempts=attempts,
                browsers=store.browsers,
                keys=keys,
            ),
            tickets=tickets,
            passkey=PasskeyStep(
                passkeys=passkeys,
                realms=realms,
                throttle=throttle,
                counters=store.counters,
                keys=keys,
                log=sign_in_log,
            ),
            proving=proving,
            remembering=remembering,
            new_browsers=new_browsers,
            sessions=sessions,
            throttle=throttle,
            log=sign_in_log,
            clock=clock,
        ),
        password_change=PasswordChangeStep(
            realms=realms,
            degrade=degrade,
            sessions=sessions,
            attempts=attempts,
            refused_lists=settings.password.refused_lists,
        ),
        passkeys=passkeys,
        not_me=NotMe(
            sessions=store.sessions,
            browsers=store.browsers,
            passes=store.passes,
            credentials=store.credentials,
            reported=store.reported,
            counters=store.counters,
            keys=keys,
            log=sign_in_log,
        ),
        not_my_number=NotMyNumber(
            settings=settings,
            numbers=store.numbers,
            reported=store.reported_numbers,
            counters=store.counters,
            keys=keys,
            log=sign_in_log,
        ),
        credentials=CredentialStep(
            store=store.credentials,
            session_store=store.sessions,
            sessions=sessions,
            schemes=settings.schemes,
            degrade=degrade,
            limits=settings.sessions,
            realms=realms,
            throttle=throttle,
            counters=store.counters,
            locks=PersonLocks(),
            keys=keys,
            log=sign_in_log,
            clock=clock,
        ),
        log=sign_in_log,
    )
