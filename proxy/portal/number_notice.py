"""What a person is told if their passcodes go, or would go, to a different number than before."""

from __future__ import annotations

from directory.mobile import mask
from proxy.delivery.notices import Notice
from proxy.factors.second_factor import NumberChange
from proxy.pages.texts import ENGLISH


def notice_of(change: NumberChange) -> Notice:
    text = ENGLISH.notice_held if change.is_held else ENGLISH.notice_used
    number = ENGLISH.notice_number.format(number=mask(change.number))
    return Notice(sms=text, subject=ENGLISH.notice_subject, mail=f"{text}\n\n{number}\n")
