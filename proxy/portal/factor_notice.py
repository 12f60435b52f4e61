"""What a person is told of a second factor that was added to their account or removed from it, or of a code used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from config.factors import Factor
from config.settings import Settings
from proxy.http.reserved import ME_FACTORS
from proxy.pages.texts import ENGLISH
from proxy.sign_in.changed_numbers import LONGEST_SMS, Notice

_TEXTS = ENGLISH.factors
_SAID: Mapping[tuple[Factor, bool], str] = MappingProxyType(
    {
        (Factor.TOTP, True): _TEXTS.factor_added_totp,
        (Factor.TOTP, False): _TEXTS.factor_removed_totp,
        (Factor.RECOVERY_CODE, True): _TEXTS.factor_added_recovery_code,
        (Factor.RECOVERY_CODE, False): _TEXTS.factor_removed_recovery_code,
        (Factor.PASSKEY, True): _TEXTS.factor_added_passkey,
        (Factor.PASSKEY, False): _TEXTS.factor_removed_passkey,
    }
)


def factor_notices(settings: Settings) -> Callable[[Factor, bool], Notice]:
    """Nothing that somebody typed is in them: a thief chooses the names of what they add."""
    return lambda factor, is_added: _notice(settings, _SAID[factor, is_added], _TEXTS.factor_subject)


def used_code_notices(settings: Settings) -> Callable[[int], Notice]:
    """Of a recovery code; the number is of those that are left."""
    return lambda left: _notice(settings, f"{_TEXTS.code_used} {_TEXTS.codes_left(left)}", _TEXTS.code_used_subject)


def _notice(settings: Settings, said: str, subject: str) -> Notice:
    not_you = _TEXTS.factor_not_you.format(url=settings.server.public_url.origin + ME_FACTORS)
    sms = f"{said} {not_you}"
    if len(sms) > LONGEST_SMS:  # with the name of this host; the mail has the link
        sms = f"{said} {_TEXTS.factor_not_you_brief}"
    return Notice(sms=sms, subject=subject, mail=f"{said}\n\n{not_you}\n")
