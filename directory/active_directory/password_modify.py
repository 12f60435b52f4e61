"""What goes into a change of `unicodePwd`, and what a domain controller's answer to it means. Pure.

A change deletes the old value and adds the new one in one modify (MS-ADTS section 3.1.1.3.1.5). It needs the old
password and no right over the account: any bound account may ask. So persons who can no longer bind (expired, must
change) get a new password through the ordinary service account. Gatepost never asks for a reset, which `replace` would
be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from directory.active_directory.messages import CONSTRAINT_VIOLATION, SUCCESS, UNWILLING, Entry, LDAPResult
from directory.change_outcomes import ChangeRefusal, PasswordRules

RULE_ATTRIBUTES = ("minPwdLength", "pwdHistoryLength", "pwdProperties", "minPwdAge")
"""Of the domain's own entry; every account may read them."""

_NEEDS_VARIETY = 0x1  # DOMAIN_PASSWORD_COMPLEX
_KINDS_NEEDED = 3
_WIN32_ERROR = re.compile(r"\s*([0-9a-f]{8}):", re.ASCII | re.IGNORECASE)
_INSUFFICIENT_ACCESS = 50
_ACCESS_DENIED = 0x5
_SAMBA_SAYS = (
    # Microsoft's text does not tell these apart.
    ("too short", ChangeRefusal.TOO_SHORT),
    ("history", ChangeRefusal.USED_BEFORE),
    ("already used", ChangeRefusal.USED_BEFORE),
    ("complexity", ChangeRefusal.TOO_SIMPLE),
    ("too young", ChangeRefusal.TOO_YOUNG),
)


def unicode_pwd(password: str) -> bytes:
    """The value as AD takes it: in quotation marks, in UTF-16 (MS-ADTS section 3.1.1.3.1.5). Characters stay as sent.

    Raises `UnicodeEncodeError` for a lone surrogate.
    """
    return f'"{password}"'.encode("utf-16-le")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedChange:
    """What is known about a requested change, besides what the server says about it."""

    length: int
    kinds: int
    """See `kinds_of_characters`."""
    age_seconds: float | None
    """Of the password that was to be replaced; None: not known, or it must be changed."""


def kinds_of_characters(password: str) -> int:
    """How many of the five kinds are in it of which a complex password has three (Microsoft's policy setting "Password
    must meet complexity requirements"): upper and lower case, digits, signs, other letters."""
    return len({_kind(character) for character in password})


def _kind(character: str) -> str:
    if character.isupper() or character.islower():
        return "upper" if character.isupper() else "lower"
    if character.isdigit():
        return "digit"
    return "letter" if character.isalpha() else "sign"


def change_refusal(outcome: LDAPResult, *, asked: RequestedChange, rules: PasswordRules | None) -> ChangeRefusal | None:
    """Why the password was not changed; None if it was.

    Raises `UnknownAnswer` for a result that says nothing about this change.
    """
    if outcome.code == SUCCESS:
        return None
    found = _WIN32_ERROR.match(outcome.diagnostic)
    error = int(found[1], 16) if found else None
    if outcome.code == _INSUFFICIENT_ACCESS or error == _ACCESS_DENIED:
        return ChangeRefusal.NOT_ALLOWED
    if outcome.code not in (CONSTRAINT_VIOLATION, UNWILLING):
        raise UnknownAnswer(f"a change of password was answered with result {outcome.code}")
    match error:
        case 0x56:  # ERROR_INVALID_PASSWORD
            return ChangeRefusal.WRONG_PASSWORD
        case 0x775:  # ERROR_ACCOUNT_LOCKED_OUT
            return ChangeRefusal.LOCKED
        case 0x52D:  # ERROR_PASSWORD_RESTRICTION
            return _which_rule(outcome.diagnostic.lower(), asked, rules)
    raise UnknownAnswer(f"a change of password was answered with result {outcome.code}")


class UnknownAnswer(Exception):
    """Nothing is known about the password from this. The text is for the log."""


def _which_rule(diagnostic: str, asked: RequestedChange, rules: PasswordRules | None) -> ChangeRefusal:
    """If the server gives no reason: the one that the domain's own rules leave no doubt of."""
    for words, reason in _SAMBA_SAYS:
        if words in diagnostic:
            return reason
    if rules is None:
        return ChangeRefusal.AGAINST_POLICY
    if asked.length < rules.min_length:
        return ChangeRefusal.TOO_SHORT
    if asked.age_seconds is not None and asked.age_seconds < rules.min_age_seconds:
        return ChangeRefusal.TOO_YOUNG
    if rules.needs_variety and asked.kinds < _KINDS_NEEDED:
        return ChangeRefusal.TOO_SIMPLE
    return ChangeRefusal.AGAINST_POLICY


def password_rules(domain_head: Entry | None) -> PasswordRules | None:
    """None if one of the attributes cannot be read: half the rules would mislead."""
    if domain_head is None:
        return None
    try:
        values = [int(domain_head.attributes[name.lower()][0]) for name in RULE_ATTRIBUTES]
    except (LookupError, ValueError):
        return None
    min_length, history, properties, min_age = values
    return PasswordRules(
        min_length=max(0, min_length),
        history=max(0, history),
        needs_variety=bool(properties & _NEEDS_VARIETY),
        min_age_seconds=max(0.0, -min_age / 10_000_000),  # AD writes spans of time as negative numbers
    )
