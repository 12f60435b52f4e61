"""What a person is told of numbers that changed, and of browsers that were copied or are new: theirs, or a thief's."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import Settings
from proxy.http.reserved import NOT_ME
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant
from proxy.portal.device import describe_device
from proxy.sessions.way import Way
from proxy.sign_in.changed_numbers import Notice, NumberEvent
from proxy.sign_in.not_me import NewBrowser

TOKEN = "token"  # noqa: S105  # a query field
"""Query and form field: what the link in the mail carries."""

_TEXTS = {
    NumberEvent.USED: N_(
        "Sign-in codes for your account now go to another mobile number. If this was not you, call your IT help desk."
    ),
    NumberEvent.HELD: N_(
        "Someone with your password tried to sign in with another mobile number. If this was not you, "
        "call your IT help desk."
    ),
    NumberEvent.CONFIRMED: N_(
        "Your IT help desk has confirmed another mobile number for your sign-in codes. If you did not "
        "ask for this, call them."
    ),
    NumberEvent.SET: N_(
        "Your IT help desk has changed the mobile number for your sign-in codes. If you did not "
        "ask for this, call them."
    ),
}


def stolen() -> Notice:
    """Of a remembered browser that was used from two places."""
    text = _(
        "A browser that was remembered for your account was used from two places. No browser is remembered any more. "
        "If one was not you, change your password."
    )
    return Notice(sms=text, subject=_("A remembered browser was copied"), mail=f"{text}\n")


def new_browser_notice(settings: Settings) -> Callable[[NewBrowser], Notice]:
    """When, roughly what and where from, which app, and the link for those who did not sign in."""
    url = settings.server.public_url.origin + NOT_ME

    def wording(new: NewBrowser) -> Notice:
        is_browser = new.client.way is Way.BROWSER
        text = _(
            "Somebody has signed in with your name, %(how)s.\n\nWhen: %(at)s\nBrowser: %(device)s\nFrom: "
            "%(address)s\nApp: %(app)s\n\nIf that was you, there is nothing to do.\n\nIf it was not you, open "
            "this page and press its button. It ends all your sessions and tells the help desk. It works "
            "once, for two days:\n%(url)s\n",
            how=_("in a browser that you have not used before")
            if is_browser
            else _("with a program that you have not used before"),
            at=instant(new.at, new.at).absolute,
            device=describe_device(new.client.user_agent),
            address=new.client.address,
            app=new.app or _("none"),
            url=f"{url}?{TOKEN}={new.token}",
        )
        return Notice(sms="", subject=_("New sign-in with your name"), mail=text)

    return wording


def notice_of(event: NumberEvent, masked: str) -> Notice:
    text, number = _(_TEXTS[event]), _("The number: %(number)s", number=masked)
    return Notice(sms=text, subject=_("Your sign-in codes go to another mobile number"), mail=f"{text}\n\n{number}\n")
