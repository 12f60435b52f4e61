"""`/.gatepost/session.js` as it is served: its source with the words of the language in use."""

from __future__ import annotations

import json
from pathlib import Path

from proxy.languages.current import current_language
from proxy.languages.current import gettext as _
from proxy.pages.assets import ASSETS

_SOURCE = (Path(__file__).parent / "session.js").read_text(encoding="utf-8")
_PLACE = "{/* filled in when this is served */}"


def session_script() -> bytes:
    """As it is to be read; compressed it is below 6 kB, which a test measures."""
    language, time = current_language(), "{time}"  # the browser fills it in, by its own clock
    words = {
        "lang": language.tag,
        "dir": language.direction,
        "soon": _("You will be signed out soon"),
        "soonText": _("You will be signed out at %(time)s, because nothing has been done here for a while.", time=time),
        "stay": _("Stay signed in"),
        "endText": _("You will be signed out at %(time)s. You cannot put this off: save your work now.", time=time),
        "ok": _("OK"),
        "out": _("You are signed out"),
        "outText": _("Sign in again to go on. What is on this page stays as it is."),
        "signIn": _("Sign in"),
        "waitText": _("Sign in in the other window. This page then goes on by itself."),
        "blockedText": _("No window could be opened. If you sign in on this page, you lose what is not saved."),
        "signInHere": _("Sign in on this page"),
    }
    filled = {"style": ASSETS["session.css"].path, "words": words}
    return _SOURCE.replace(_PLACE, json.dumps(filled, ensure_ascii=False)).encode()
