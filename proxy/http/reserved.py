"""The paths and cookie names that Gatepost reserves on every host."""

from __future__ import annotations

PREFIX = "/.gatepost/"
SIGN_IN = PREFIX + "sign-in"
KERBEROS = PREFIX + "kerberos"
"""The one page that is handed ``Authorization``."""
PASSCODE = PREFIX + "passcode"
PASSKEY = PREFIX + "passkey"
"""What a browser asks its passkey for, for the script of the sign-in page."""
STEP_UP = PREFIX + "step-up"
"""Where a signed-in person proves what an app asks for besides."""
PASSCODE_STATUS = PASSCODE + "/status"
"""What became of a passcode's message, for the script of its page."""
PASSWORD = PREFIX + "password"
SIGN_OUT = PREFIX + "sign-out"
ME = PREFIX + "me"
ME_FACTORS = ME + "/factors"
ME_APP_PASSWORDS = ME + "/app-passwords"
"""Only where an app takes them."""
ME_VOUCH = ME + "/vouch"
"""Where a manager answers those who ask them to vouch."""
VOUCH = PREFIX + "vouch"
"""Where somebody without their phone asks, and waits."""
VOUCH_STATUS = VOUCH + "/status"
"""Whether that was answered, for the script of its page."""
NOT_ME = PREFIX + "not-me"
"""Where the link in a mail about a new browser leads."""
ADMIN = PREFIX + "admin/"
"""On the sign-in host only, and only where the configuration says who may."""
ADMIN_PERSON = ADMIN + "person"
ADMIN_END = ADMIN_PERSON + "/end-sessions"
ADMIN_UNLOCK = ADMIN_PERSON + "/unlock"
ADMIN_FACTOR = ADMIN_PERSON + "/remove-factor"
ADMIN_CONFIRM = ADMIN_PERSON + "/confirm-number"
ADMIN_SETTLE = ADMIN_PERSON + "/settle"
ADMIN_FORGET = ADMIN_PERSON + "/forget-browsers"
ADMIN_GIVE = ADMIN_PERSON + "/give-pass"
ADMIN_PASSES = ADMIN + "passes"
ADMIN_PEOPLE = ADMIN + "people"
"""Local people; only for those who may change them."""
ADMIN_PEOPLE_EDIT = ADMIN_PEOPLE + "/edit"
ADMIN_PEOPLE_NUMBER = ADMIN_PEOPLE + "/number"
ADMIN_PEOPLE_ACCOUNT = ADMIN_PEOPLE + "/account"
ADMIN_PEOPLE_JUDGE = ADMIN_PEOPLE + "/judge"
"""What Gatepost makes of a number that is being typed, for the script of that page."""
ADMIN_SESSIONS = ADMIN + "sessions"
ADMIN_SESSIONS_END = ADMIN_SESSIONS + "/end"
ADMIN_THROTTLED = ADMIN + "throttled"
ADMIN_THROTTLED_RELEASE = ADMIN_THROTTLED + "/release"
ADMIN_CONFIGURATION = ADMIN + "configuration"
ADMIN_SENDS = ADMIN + "sends"
ADMIN_SERVERS = ADMIN + "servers"
ADMIN_AUDIT = ADMIN + "audit"
"""Only where the audit is written to a file."""
ADMIN_UNDELIVERED = ADMIN + "undelivered"
ADMIN_MOBILES = ADMIN + "mobiles"
ADMIN_MOBILES_FILE = ADMIN_MOBILES + ".{ending}"
ADMIN_MOBILES_STATUS = ADMIN_MOBILES + "/status"
"""For the script of the page: whether the report is still being made."""
"""The report as a file, by the ending of its name."""
ADMIN_PAGES = frozenset(
    (
        *(ADMIN, ADMIN_PERSON, ADMIN_SESSIONS, ADMIN_THROTTLED, ADMIN_PASSES, ADMIN_PEOPLE, ADMIN_SENDS),
        *(ADMIN_UNDELIVERED, ADMIN_MOBILES, ADMIN_SERVERS, ADMIN_AUDIT, ADMIN_CONFIGURATION),
    )
)
"""Where a sign-in may lead back to: exactly these."""
TICKET = PREFIX + "ticket"
"""On an app's host: ``?ticket=...`` becomes that host's session cookie."""
KEEP = PREFIX + "keep"
"""On an app's host, from the forwarding plane only: a form that met no session, or too weak a one."""
KEPT = PREFIX + "kept"
"""On an app's host: ``?request=...`` shows what was kept."""
KEPT_QUERY = "request"
SESSION = PREFIX + "session"
"""On each host, for its own pages' scripts: GET says how long the session lasts and is no use of it, POST is one."""
SESSION_SCRIPT = SESSION + ".js"
"""What asks there, for pages that are held open."""
SIGNED_IN = PREFIX + "signed-in"
"""Where a sign-in in a window of its own ends; without a session, where one begins."""
AUTHORIZE = PREFIX + "authorize"
JWKS = PREFIX + "jwks.json"
STATIC = PREFIX + "static/"
LANGUAGE = PREFIX + "language/"
"""On every host of ours: a tag follows, and as the query the address to go back to."""
API = PREFIX + "api/v1/"
"""Of the sign-in host, where the configuration has it enabled."""
API_SESSION = API + "session"
"""Its one path that is handed ``Authorization``."""

SCHEME = "scheme"
"""Query and form field: the name of the scheme that an app asks for."""
RETURN_TO = "return_to"
"""Query and form field: the absolute URL that was asked for."""
MAX_RETURN_TARGET_BYTES = 8000
"""The longest target that a sign-in leads back to, in bytes as its client sent it: the one limit for all code."""
CUT = "cut"
"""Query field: what was asked for is longer than that, and `RETURN_TO` is the first page of its app."""
START = "start"
"""Query and form field: SHA-256 (base64url) of the app host's browser cookie, which the ticket is bound to."""


def session_cookie(scheme: str) -> str:
    """The session cookie's name (RFC 6265bis section 4.1.3: the prefix needs https)."""
    return "__Host-gatepost" if scheme == "https" else "gatepost"


def browser_cookie(scheme: str) -> str:
    """A random 256-bit value that tells one browser from another before it is signed in.

    It binds tickets and CSRF tokens, and opens nothing by itself.
    """
    return "__Host-gatepost-browser" if scheme == "https" else "gatepost-browser"


def remembered_cookie(scheme: str) -> str:
    """What stands for second factors that were proven in this browser before. Only the sign-in host has one."""
    return "__Host-gatepost-remembered" if scheme == "https" else "gatepost-remembered"


def language_cookie(scheme: str) -> str:
    """The tag of the language that somebody chose on this host's pages, and nothing else."""
    return "__Host-gatepost-language" if scheme == "https" else "gatepost-language"


COOKIES = frozenset(
    name(scheme).encode("ascii")
    for name in (session_cookie, browser_cookie, remembered_cookie, language_cookie)
    for scheme in ("http", "https")
)
"""The names of all of them: no app sees one, or sets one."""
