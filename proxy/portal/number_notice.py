"""What a person is told of numbers that changed, and of browsers that were copied or are new: theirs, or a thief's."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import Settings
from proxy.http.reserved import NOT_ME
from proxy.pages.instants import instant
from proxy.pages.texts import ENGLISH
from proxy.portal.device import describe_device
from proxy.sessions.way import Way
from proxy.sign_in.changed_numbers import Notice, NumberEvent
from proxy.sign_in.not_me import NewBrowser

TOKEN = "token"  # noqa: S105  # a query field
"""Query and form field: what the link in the mail carries."""

_TEXTS = {
    NumberEvent.USED: ENGLISH.notice_used,
    NumberEvent.HELD: ENGLISH.notice_held,
    NumberEvent.CONFIRMED: ENGLISH.notice_confirmed,
}
STOLEN = Notice(sms=ENGLISH.notice_stolen, subject=ENGLISH.notice_stolen_subject, mail=f"{ENGLISH.notice_stolen}\n")


def new_browser_notice(settings: Settings) -> Callable[[NewBrowser], Notice]:
    """When, roughly what and where from, which app, and the link for those who did not sign in."""
    url = settings.server.public_url.origin + NOT_ME

    def wording(new: NewBrowser) -> Notice:
        is_browser = new.client.way is Way.BROWSER
        text = ENGLISH.notice_browser.format(
            how=ENGLISH.notice_browser_here if is_browser else ENGLISH.notice_browser_program,
            at=instant(new.at, new.at).absolute,
            device=describe_device(new.client.user_agent),
            address=new.client.address,
            app=new.app or ENGLISH.notice_browser_no_app,
            url=f"{url}?{TOKEN}={new.token}",
        )
        return Notice(sms="", subject=ENGLISH.notice_browser_subject, mail=text)

    return wording


def notice_of(event: NumberEvent, masked: str) -> Notice:
    text, number = _TEXTS[event], ENGLISH.notice_number.format(number=masked)
    return Notice(sms=text, subject=ENGLISH.notice_subject, mail=f"{text}\n\n{number}\n")
