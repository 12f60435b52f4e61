"""What a person is told of a second factor that was added to their account or removed from it, or of a code used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from config.factors import Factor
from config.settings import Settings
from proxy.http.reserved import ME_APP_PASSWORDS, ME_FACTORS
from proxy.languages.current import N_, ngettext
from proxy.languages.current import gettext as _
from proxy.sign_in.changed_numbers import LONGEST_SMS, Notice

_SAID: Mapping[tuple[Factor, bool], str] = MappingProxyType(
    {
        (Factor.TOTP, True): N_("An authenticator app was added to your work sign-in."),
        (Factor.TOTP, False): N_("An authenticator app was removed from your work sign-in."),
        (Factor.RECOVERY_CODE, True): N_("New recovery codes were made for your work sign-in."),
        (Factor.RECOVERY_CODE, False): N_("Your recovery codes for your work sign-in were removed."),
        (Factor.PASSKEY, True): N_("A passkey was added to your work sign-in."),
        (Factor.PASSKEY, False): N_("A passkey was removed from your work sign-in."),
    }
)
_OF_APP_PASSWORDS, _OF_TOKENS = N_("An app password for your work sign-in"), N_("A service token for your work account")
SAID_OF_CREDENTIALS: Mapping[tuple[Factor, bool], tuple[str, str, str | None]] = MappingProxyType(
    {
        (Factor.APP_PASSWORD, True): (
            N_("An app password was made for your work sign-in."),
            _OF_APP_PASSWORDS,
            ME_APP_PASSWORDS,
        ),
        (Factor.APP_PASSWORD, False): (
            N_("An app password for your work sign-in was removed."),
            _OF_APP_PASSWORDS,
            ME_APP_PASSWORDS,
        ),
        (Factor.SERVICE_TOKEN, True): (N_("A service token was made for your work account."), _OF_TOKENS, None),
        (Factor.SERVICE_TOKEN, False): (N_("A service token for your work account was removed."), _OF_TOKENS, None),
    }
)
"""The text, the Subject, and where it can be undone."""


def factor_notices(settings: Settings) -> Callable[[Factor, bool], Notice]:
    """Nothing that somebody typed is in them: a thief chooses the names of what they add."""
    return lambda factor, is_added: _notice(
        settings, _(_SAID[factor, is_added]), _("Your ways to sign in have changed")
    )


def credential_notices(settings: Settings) -> Callable[[Factor, bool], Notice]:
    """Of app passwords and service tokens. A person can only undo what they could do themselves."""

    def notice(factor: Factor, is_made: bool) -> Notice:
        text, subject, path = SAID_OF_CREDENTIALS[factor, is_made]
        return _notice(settings, _(text), _(subject), path)

    return notice


def used_code_notices(settings: Settings) -> Callable[[int], Notice]:
    """Of a recovery code; the number is of those that are left."""
    return lambda left: _notice(
        settings,
        _("A recovery code was used for your work sign-in.") + " " + _codes_left(left),
        _("A recovery code was used"),
    )


def _codes_left(count: int) -> str:
    return ngettext("You have one left.", "You have %(num)d left.", count) if count else _("It was your last one.")


def _notice(settings: Settings, said: str, subject: str, path: str | None = ME_FACTORS) -> Notice:
    """`path`: where it can be undone."""
    brief = _("Not you? Call the help desk.")
    url = settings.server.public_url.origin + path if path is not None else ""
    not_you = _("Not you? Call the help desk and undo it: %(url)s", url=url) if url else brief
    sms = f"{said} {not_you}"
    if len(sms) > LONGEST_SMS:  # with the name of this host; the mail has the link
        sms = f"{said} {brief}"
    return Notice(sms=sms, subject=subject, mail=f"{said}\n\n{not_you}\n")
