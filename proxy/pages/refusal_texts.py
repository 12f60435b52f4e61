"""What is said to somebody whom a proven password does not let in, and about an answer that is not right.

Keyed by the values of `proxy.factors.second_factor.Lack`, `directory.directory.RefusalReason` and
`config.factors.Factor`. The words are marked: they are said in the language of whoever is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.languages.current import N_
from proxy.pages import phrases

LACKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "number": (
            N_("No usable mobile number"),
            N_(
                "Your password was right, but we cannot send you a code. The mobile number in your account is "
                "missing or cannot receive text messages. Ask your IT help desk to correct the mobile field, "
                "then sign in again."
            ),
        ),
        "mail": (
            N_("No usable mail address"),
            N_(
                "We cannot send a code to your mail address: the directory has none for you, or none that can be "
                "used. Your IT help desk can fix this."
            ),
        ),
        "trust": (
            N_("Your mobile number was changed recently"),
            N_(
                "Your password was right. For your safety, we do not send codes to a number that was changed "
                "recently. Your IT help desk can confirm the new number. If you did not change it, call them at "
                "once."
            ),
        ),
        "password": (
            N_("One more step is needed"),
            N_("A recovery code counts only beside your password. Sign in with your password."),
        ),
        "pass": (
            N_("You have no pass"),
            N_(
                "Nobody has given you a pass, or it has ended, or a second person has yet to confirm it. If you "
                "do not have your phone with you, call your IT help desk."
            ),
        ),
        "enrolment": (
            N_("One more step is needed"),
            N_("Your password is correct, but you have not set up what is needed as well. Ask your IT help desk."),
        ),
        "sms_off": (
            N_("No text messages just now"),
            N_(
                "No codes are sent by text message just now. Use a browser that is remembered, or another second "
                "factor. Without one, ask your IT help desk."
            ),
        ),
        "rung": (phrases.GONE_TITLE, phrases.GONE_TEXT),
        "closed": (N_("Sign-in is closed"), phrases.CLOSED_TEXT),
        "way": (
            N_("Sign in with your browser"),
            N_(
                "Your password was right, but what your sign-in asks for as well can only be done in a browser. "
                "Ask your IT help desk for another way."
            ),
        ),
    }
)
"""A title and a text: why no second factor can be proven."""
STOPPED: Mapping[str, str] = MappingProxyType(
    {
        "logon_hours": N_("But your account cannot be used at this time."),
        "workstation": N_("But your account can only be used on certain computers. Ask your IT help desk."),
        "disabled": N_("But your account is disabled. Ask your IT help desk."),
        "account_expired": N_("But your account has expired. Ask your IT help desk."),
    }
)
"""What follows "Your password was right"."""
WRONG_ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "totp": N_("That code is not right, or was used before. Each code opens once: wait for the next one."),
        "passkey": N_("That passkey was not accepted."),
    }
)
"""What is said of a wrong answer; of those that are not here, that the code is not right."""
