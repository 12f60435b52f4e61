"""The kinds of proof there are, what a scheme asks for of them, and the ways to deliver a passcode."""

from __future__ import annotations

from enum import Enum


class Factor(Enum):
    """One kind of proof. The value is its name in the configuration, in the log and in what is stored."""

    PASSWORD = "password"  # noqa: S105  # a factor's name
    KERBEROS = "kerberos"
    REMEMBERED = "remembered"
    """A browser in which the second factors of a scheme were proven before. No scheme can ask for it."""
    SMS = "sms"
    EMAIL = "email"
    EMAIL_FOR_SMS = "email_for_sms"
    """A mail in the place of an SMS, while a rung of `[[degrade]]` is in force that says so. No scheme can ask for it,
    and it counts nowhere but where that rung puts it."""
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"
    PASS = "pass"  # noqa: S105  # a factor's name
    APP_PASSWORD = "app_password"  # noqa: S105  # a factor's name
    """A credential of a client without a browser, and so is a service token: each begins a session of its own, and
    proves nothing in another."""
    SERVICE_TOKEN = "service_token"  # noqa: S105  # a factor's name

    # Members are singletons: their identity is a hash that costs no call of Python.
    __hash__ = object.__hash__


FIRST_FACTORS = frozenset({Factor.PASSWORD, Factor.KERBEROS})
"""Those that say who somebody is. All others are second factors: they prove more about a known person."""

TYPED = frozenset(
    {
        *(Factor.PASSWORD, Factor.SMS, Factor.EMAIL, Factor.EMAIL_FOR_SMS),
        *(Factor.TOTP, Factor.RECOVERY_CODE, Factor.PASS),
    }
)
"""Those that a person types, so that they can be asked for without a browser."""
TYPED_BEYOND_APPS = TYPED - {Factor.PASS}
"""The same where SSH or a VPN asks. A pass is for apps, and neither leads to one."""

MAY_COME_FIRST = FIRST_FACTORS | {Factor.PASSKEY}
"""What a scheme may begin with. A passkey is both: it says whose it is, and it proves more about a known person."""

ENROLLED = frozenset({Factor.TOTP, Factor.RECOVERY_CODE, Factor.PASSKEY})
"""Those that persons add to themselves (`proxy.factors.enrolment`)."""
CREDENTIALS = frozenset({Factor.APP_PASSWORD, Factor.SERVICE_TOKEN})
"""Those that clients without a browser hold: one factor, which an app has to take by name (`clients`)."""
NEVER_NAMED = frozenset({Factor.PASS, Factor.REMEMBERED, Factor.EMAIL_FOR_SMS}) | CREDENTIALS
"""Those that no scheme names: they stand in for others, where the configuration lets them."""

Choice = tuple[Factor, ...]
"""One entry of a scheme: any one of these proves it, and the first that the person has is offered. Usually only one."""

NOTHING_PROVES_IT: tuple[Choice, ...] = ((),)
"""A choice among no factors: what a session has to prove if no scheme covers it. It cannot."""


class ChannelKind(Enum):
    """What a message proves when it is answered: the phone in somebody's hand, or access to their mail."""

    SMS = "sms"
    EMAIL = "email"
