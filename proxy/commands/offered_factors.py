"""What `gatepost check` says of factors and sessions, as norms look at them. Pure: none of it is a failure.

NIST SP 800-63B-4 wants a phishing-resistant way offered and says how long a session should last (section 2.2), and
counts no mail as a second factor (3.1.3).
"""

from __future__ import annotations

from collections.abc import Iterator

from config.client_kinds import ClientKind
from config.factors import Factor
from config.settings import SchemeSettings, Settings
from config.tables.schemes import factors_of, what_lets_in
from directory.directory import CheckResult

PHISHING_RESISTANT = frozenset({Factor.PASSKEY})
"""What cannot be typed into another page, because browsers bind it to the name of this one."""


_HELD = {ClientKind.APP_PASSWORD: "an app password", ClientKind.BEARER: "a service token"}


def check_offered_factors(settings: Settings) -> list[CheckResult]:
    return [
        CheckResult(subject=f'scheme "{scheme.name}"', ok=True, detail=detail)
        for scheme in settings.schemes
        for detail in _remarks(scheme, settings)
    ]


def check_clients(settings: Settings) -> list[CheckResult]:
    """Apps that clients without a browser may open with one factor."""
    return [
        CheckResult(
            subject=f'app "{app.name}"',
            ok=True,
            detail=f"one factor is enough for programs ({what}), for {_whom(app.groups)} from everywhere",
        )
        for app in settings.apps
        if (what := " or ".join(_HELD[kind] for kind in app.clients if kind in _HELD))
    ]


def check_session_limits(settings: Settings) -> list[CheckResult]:
    """Those beyond what NIST SP 800-63B-4 section 2.2 recommends at AAL2."""
    sessions = settings.sessions
    return [
        CheckResult(
            subject=f"sessions.{key}", ok=True, detail=f"is over {words}, the most that NIST SP 800-63B-4 recommends"
        )
        for key, seconds, most, words in (
            ("idle", sessions.idle, 3600, "1 hour"),
            ("absolute", sessions.absolute, 86_400, "24 hours"),
        )
        if seconds > most
    ]


def _remarks(scheme: SchemeSettings, settings: Settings) -> Iterator[str]:
    asked = factors_of([scheme])
    # A passkey alone is two factors: it has checked whose hand it is in.
    if len(scheme.factors) == 1 and scheme.factors[0] != (Factor.PASSKEY,):
        yield f"one factor is enough ({what_lets_in(scheme)}), {_where(scheme)}"
    if asked.isdisjoint(PHISHING_RESISTANT):
        yield 'has no phishing-resistant way: offer "passkey" in a choice'
    if Factor.EMAIL in asked:
        yield 'a mail is enough as the second factor ("email"): NIST SP 800-63B-4 counts none as one'
    if settings.second_factor.email_for_sms and Factor.SMS in asked:
        yield 'a mail may stand for "sms" (second_factor.email_for_sms): who reads the mailbox passes for the phone'


def _where(scheme: SchemeSettings) -> str:
    """For whom it is open, and from where."""
    whom = _whom(scheme.groups)
    where = "everywhere" if scheme.networks is None else ", ".join(map(str, scheme.networks))
    apps = "" if scheme.apps is None else f" to {', '.join(scheme.apps)}"
    return f"for {whom} from {where}{apps}"


def _whom(groups: tuple[str, ...] | None) -> str:
    return "everybody" if groups is None else "members of " + " or ".join(groups)
