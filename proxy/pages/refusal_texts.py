"""What is said to somebody whom a proven password does not let in, and about an answer that is not right.

Keyed by the values of `proxy.factors.second_factor.Lack`, `directory.directory.RefusalReason` and
`config.factors.Factor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.pages.pass_texts import PASS_WORDS
from proxy.pages.texts import ENGLISH

LACKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "number": (ENGLISH.no_mobile_title, ENGLISH.no_mobile_text),
        "mail": (ENGLISH.no_mail_title, ENGLISH.no_mail_text),
        "trust": (ENGLISH.changed_title, ENGLISH.changed_text),
        "password": (ENGLISH.not_enrolled_title, ENGLISH.factors.recovery_code_alone),
        "pass": (PASS_WORDS.none_title, PASS_WORDS.none_text),
        "enrolment": (ENGLISH.not_enrolled_title, ENGLISH.not_enrolled_text),
        "way": (ENGLISH.not_by_this_way_title, ENGLISH.not_by_this_way),
    }
)
"""A title and a text: why no second factor can be proven."""
STOPPED: Mapping[str, str] = MappingProxyType(
    {
        "logon_hours": ENGLISH.stopped_hours,
        "workstation": ENGLISH.stopped_workstation,
        "disabled": ENGLISH.stopped_disabled,
        "account_expired": ENGLISH.stopped_expired,
    }
)
"""What follows "Your password was right"."""
WRONG_ANSWERS: Mapping[str, str] = MappingProxyType(
    {"totp": ENGLISH.factors.wrong_totp, "passkey": ENGLISH.factors.wrong_passkey}
)
"""What is said of a wrong answer; of those that are not here, that the code is not right."""
