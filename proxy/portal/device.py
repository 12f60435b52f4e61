"""What a User-Agent field says in plain words: which browser on which system. Pure, and a hint: anybody can lie in it.

Browsers name each other in this field (Edge says Chrome and Safari, everyone says Mozilla), so the order decides.
"""

from __future__ import annotations

import re

from proxy.languages.current import N_
from proxy.languages.current import gettext as _

_BROWSERS = (
    (re.compile(r"\bEdg(?:e|A|iOS)?/"), "Edge"),
    (re.compile(r"\b(?:OPR|Opera|OPiOS)/"), "Opera"),
    (re.compile(r"\bVivaldi/"), "Vivaldi"),
    (re.compile(r"\bSamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"\b(?:Firefox|FxiOS)/"), "Firefox"),
    (re.compile(r"\b(?:Chrome|CriOS|Chromium|HeadlessChrome)/"), "Chrome"),
    (re.compile(r"\bVersion/[0-9.]+ (?:Mobile/\S+ )?Safari/"), "Safari"),
    (re.compile(r"\b(?:MSIE |Trident/)"), "Internet Explorer"),
    (re.compile(r"^curl/"), "curl"),
    (re.compile(r"^git/"), "git"),
    (re.compile(r"^gatepost-connect\b"), "gatepost connect"),
    (re.compile(r"^(?:python-|Python-|aiohttp|Wget/|Go-http-client/|Java/|okhttp/)"), N_("A program")),
)
_SYSTEMS = (
    (re.compile(r"\biPhone\b"), "iPhone"),
    (re.compile(r"\biPad\b"), "iPad"),
    (re.compile(r"\bAndroid\b"), "Android"),
    (re.compile(r"\bWindows\b"), "Windows"),
    (re.compile(r"\bCrOS\b"), "ChromeOS"),
    # Safari on an iPad asks for desktop pages and says Macintosh: it cannot be told apart.
    (re.compile(r"\b(?:Macintosh|Mac OS X)\b"), "Mac"),
    (re.compile(r"\bLinux\b|\bX11\b"), "Linux"),
)


def describe_device(user_agent: str) -> str:
    """For example "Firefox on Windows", or as much as can be recognised."""
    browser = next((name for pattern, name in _BROWSERS if pattern.search(user_agent)), "")
    system = next((name for pattern, name in _SYSTEMS if pattern.search(user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s", browser=_(browser), system=system)
    return _(browser) or system or _("Unknown device")
