"""What a person is told of a number that changed, or of a browser that was copied: by them, or by a thief."""

from __future__ import annotations

from proxy.pages.texts import ENGLISH
from proxy.sign_in.changed_numbers import Notice, NumberEvent

_TEXTS = {
    NumberEvent.USED: ENGLISH.notice_used,
    NumberEvent.HELD: ENGLISH.notice_held,
    NumberEvent.CONFIRMED: ENGLISH.notice_confirmed,
}
STOLEN = Notice(sms=ENGLISH.notice_stolen, subject=ENGLISH.notice_stolen_subject, mail=f"{ENGLISH.notice_stolen}\n")


def notice_of(event: NumberEvent, masked: str) -> Notice:
    text, number = _TEXTS[event], ENGLISH.notice_number.format(number=masked)
    return Notice(sms=text, subject=ENGLISH.notice_subject, mail=f"{text}\n\n{number}\n")
