"""What a person is told of a second factor that was added to their account or removed from it, or of a code used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from config.factors import Factor
from config.settings import Settings
from proxy.http.reserved import ME_APP_PASSWORDS, ME_FACTORS
from proxy.pages.app_password_texts import APP_PASSWORD_WORDS
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


def credential_notices(settings: Settings) -> Callable[[Factor, bool], Notice]:
    """Of app passwords and service tokens. A person can only undo what they could do themselves."""
    words = APP_PASSWORD_WORDS
    said = {
        (Factor.APP_PASSWORD, True): (words.told_made, words.subject, ME_APP_PASSWORDS),
        (Factor.APP_PASSWORD, False): (words.told_removed, words.subject, ME_APP_PASSWORDS),
        (Factor.SERVICE_TOKEN, True): (words.service_made, words.service_subject, None),
        (Factor.SERVICE_TOKEN, False): (words.service_removed, words.service_subject, None),
    }

    def notice(factor: Factor, is_made: bool) -> Notice:
        text, subject, path = said[factor, is_made]
        return _notice(settings, text, subject, path)

    return notice


def used_code_notices(settings: Settings) -> Callable[[int], Notice]:
    """Of a recovery code; the number is of those that are left."""
    return lambda left: _notice(settings, f"{_TEXTS.code_used} {_TEXTS.codes_left(left)}", _TEXTS.code_used_subject)


def _notice(settings: Settings, said: str, subject: str, path: str | None = ME_FACTORS) -> Notice:
    """`path`: where it can be undone."""
    brief = _TEXTS.factor_not_you_brief
    url = settings.server.public_url.origin + path if path is not None else ""
    not_you = _TEXTS.factor_not_you.format(url=url) if url else brief
    sms = f"{said} {not_you}"
    if len(sms) > LONGEST_SMS:  # with the name of this host; the mail has the link
        sms = f"{said} {brief}"
    return Notice(sms=sms, subject=subject, mail=f"{said}\n\n{not_you}\n")
