"""What the name of a request field means to servers behind a proxy: pure, and by the name alone.

Names are compared in one canonical form (lower case, every character that is neither letter nor digit as ``-``),
because CGI, WSGI, Rack and PHP turn ``SCRIPT_NAME``, ``script.name`` and ``Script-Name`` into one variable.

The tables are wider than any one server needs. Nothing is lost by that: an app that names a field gets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeVar

_Judgement = TypeVar("_Judgement")

SET_BY_GATEPOST = (
    b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded",
    b"remote-user", b"remote-name", b"remote-email", b"remote-groups", b"remote-realm",
    b"x-gatepost-assertion",
)  # fmt: skip
"""In canonical form: every client-sent spelling of these, and of any ``x-gatepost-`` name, is removed."""

TO_CLIENTS = b"gatepost-session-ends"
"""What Gatepost alone says to clients: an app's copy is removed, and so is what clients send under the name."""
_OWN_STARTS = (b"x-gatepost-", TO_CLIENTS)

HOP_BY_HOP = (b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te")
"""RFC 9110 section 7.6.1; less those that mean something to a forwarder."""

OF_THE_CONNECTION = frozenset(
    (
        *HOP_BY_HOP,
        *(b"connection", b"upgrade", b"expect", b"content-length", b"transfer-encoding", b"host"),
        b"http2-settings",  # RFC 9113 section 3.1: only ever sent with an h2c upgrade, which is not forwarded
        b"proxy",  # CGI turns it into HTTP_PROXY ("httpoxy")
    )
)
"""What frames a request or is said on one connection alone. Whether such a field goes on is never an app's choice."""

_MOST_NAME_BYTES = 128
_LOOSE_SIGNS = bytes(c if chr(c).isalnum() and c < 128 else ord("-") for c in range(256))
_STRICT_NAME = re.compile(rb"[0-9A-Za-z-]+")


def _any_of(*alternatives: str) -> re.Pattern[bytes]:
    """Names that one of them matches whole, with or without ``x-`` and ``http-`` before it."""
    return re.compile(rf"(?:http-)?+(?:x-)?+(?:http-)?+(?:{'|'.join(alternatives)})".encode("ascii"), re.DOTALL)


_PLACE = "url|uri|path|pathname|prefix|root|base|href|query|query-string|args|target|request"
_WHERE = f"{_PLACE}|host|hostname|vhost|dst-host|authority|server|server-name"

_MOVES = _any_of(
    # CGI's variables (RFC 3875) and what Apache, IIS, PHP, uWSGI and gunicorn add to them.
    "script-?(?:name|url|uri|path|filename)|path-?(?:info|translated|prefix|root)|query-string|php-self",
    "orig-(?:path-info|path-translated|script-name)|document-(?:root|uri)|context-document-root|gateway-interface",
    "request-(?:method|uri|url|path|line|target|host|base|query)|server-(?:name|port|addr|host|protocol|software)",
    "redirect(?:-(?:url|uri|status|query-string|path-info|script-name))?|appl-(?:md|physical)-path|iis-wasurlrewritten",
    "url|uri|path|pathname|prefix",
    # The request as it is said to have been: IIS and its rewriters, Symfony, Zend, Azure, Envoy, Traefik, Next.js.
    # With any vendor's name before these: X-MS-Original-URL, X-Envoy-Original-Path.
    f"[0-9a-z]+-(?:original|orig|rewrite|rewritten|unencoded|raw|replaced|matched|requested)-?(?:request-)?(?:{_WHERE}"
    "|method|verb)|[0-9a-z]+-(?:script-?name|path-?info|request-ur[il])",
    "(?:original|originating|orig|rewrite|rewritten|unencoded|raw|replaced|overridden|overwrite|requested|real|actual"
    "|effective|matched|internal|external|public|upstream|backend|gateway|target"
    f"|proxied|virtual|vhm|disguised|destination)-?(?:request-)?(?:{_WHERE}|method|verb)",
    "middleware-(?!prefetch\\Z).+|invoke-.+|now-route-matches|astro-(?:path|locals)|traversal-path",
    # A method of the client's choice: Rack, Express, ASP.NET, Symfony, Restlet. "-method" was "_method".
    "-?(?:tunnel-|request-|rest-|restful-)?(?:method|verb)|method-?over(?:ride|load)",
    # Where an app is mounted, and under which name: WSGI, mod_wsgi, Spring, Plack, Zope, NiFi, Knox, CouchDB, RStudio.
    "(?:base|root|sub|app|application|context|servlet|service|site|ingress|url|uri|webdav|mount|relative-url)"
    f"-(?:{_PLACE}|context-path|folder|point)",
    "(?:base|root|sub)(?:path|url|uri)|(?:api|deployment|route|script)-(?:base|path|prefix|root)",
    "tomcat-docroot|webserver-context|x?ajp-.+|modcfml-.+",
    "host|vhost|host-?name|authority|(?:app|custom|dst|edge|origin|site|tenant|web)-host(?:name)?|amzn-remapped-host",
    "virtual-host|fastly-(?:orig-)?host|vhm-.+|couchdb-.+|rstudio-.+|rsc-request|api-(?:host|request-url)",
    "proxy-?(?:context-?path|host|port|scheme|path|path-translated|prefix|url|uri|root)",
    # Of the X-Forwarded family, everything that is not known to tell of the client alone.
    "forwarded-(?!(?:for|proto|protocol|host|port|server|ssl|scheme|https|by|ip|client.*|tls.*|user.*|email|groups?"
    "|roles|preferred-username|access-token|for-.+)\\Z).+",
    # Which file is sent: Rack::Sendfile, nginx, lighttpd, LiteSpeed.
    "send-?file.*|accel-.+|lighttpd-send-?file|litespeed-location",
    # Private fields of the plug-ins of WebLogic, WebSphere ($WSRH) and Passenger (!~...).
    "wl-.+|weblogic-.+|-ws.+|--.*",
)
_FOR_PROXIES = _any_of(
    "forward(?:er)?(?:-.+)?",
    # Who the client is.
    "ip|ip-?addr(?:ess)?|custom-ip-authorization|coming-from|remote-.+",
    "client-(?:host|port|proto|protocol|scheme|ssl|tls)|(?:real|source|peer)-port|(?:.+-)?proxied-for|original-(?:for|proto|scheme|port|to|ssl|forwarded-.+)",
    # How it came.
    "scheme|proto|protocol|https|ssl|tls|is-(?:https|ssl)|(?:url|uri|request)-scheme|client-?protocol",
    "front-?end-https|proxied-https",
    # What networks and platforms say: Azure, Cloudflare, CloudFront, Fastly, Envoy, App Engine, Akamai.
    "azure-.+|fd-.+|arr-(?!log-id\\Z).+|waws-.+|was-default-hostname|appservice-.+|appgw-(?!trace-id\\Z).+",
    "cf-(?!ray\\Z).+|cloudfront-.+|fastly-.+|envoy-.+|appengine-.+|akamai-.+",
    # Who the person is, as other sign-on proxies say it: IIS, SiteMinder, WebSEAL, oauth2-proxy, Authentik, ...
    "webauth-.+|auth-request-.+|authentik-.+|authelia-.+|authenticated-.+|pomerium-.+|tailscale-.+|vouch-.+|iv-.+",
    "sm-?(?:user.*|universalid|groups?)|shib-.+|mellon-.+|oidc-.+|oam-.+|osso-.+|auth-couchdb-.+|logon-user",
    "goog-(?:authenticated-user-.+|iap-.+)|ms-(?:client-principal.*|token-.+|aspnetcore-.+)|amzn-(?!trace-id\\Z).+",
    "consumer-(?:id|username|custom-id|groups)|credential-(?:identifier|username)|anonymous-consumer|userinfo",
    "teleport-.+|remote-?user|sso-(?:user.*|email|groups?|roles)|auth-(?:username|userid|groups|roles|subject)|endpoint-api-userinfo|apigateway-.+|proxied-?(?:entit.+|user.*)",
    "proxy-(?:user|remote-user|auth-.+)",
    # Client certificates, RFC 9440 among them.
    "ssl-.+|(?:tls-)?client-?(?:cert.*|verify.*|(?:[si]-)?dn.*|subject.*|issuer.*|fingerprint)",
)
_OVERRIDDEN = frozenset((b"url", b"uri", b"path", b"prefix", b"host", b"hostname", b"server", b"method", b"verb"))
"""One of these and the word ``override`` in a name, whatever else: ``X-HTTP-Method-Override``, ``X-...-Base-Url``."""
_ADDRESS_ENDS = (b"ip", b"ipv4", b"ipv6", b"addr", b"address")
_ADDRESS = re.compile(
    rb"(?:client|real|remote|source|src|origin|orig|original|originating|connecting|connection|socket|user|proxyuser"
    rb"|peer|viewer|cluster|true|pseudo|caller|external|server)-?(?:ip|ipv4|ipv6|ip-?addr(?:ess)?|addr(?:ess)?)\Z"
    rb"|-(?:ip|ipv4|ipv6)\Z"
)
"""The end of names such as ``True-Client-IP``, ``CF-Connecting-IP``, ``X-Azure-SocketIP``, ``X-WAF-IP``."""
_CGI_PERSON = (b"auth-type", b"auth-user", b"auth-password")
"""``X-Auth-User`` is left alone: clients of some APIs send it."""


def canonical(name: bytes) -> bytes:
    """The one spelling that names are compared in."""
    return name.lower().translate(_LOOSE_SIGNS)


def is_own(name: bytes) -> bool:
    """Whether only Gatepost may say this to an app (`name` in canonical form)."""
    return name in SET_BY_GATEPOST or name.startswith(_OWN_STARTS)


def for_names(judge: Callable[[bytes], _Judgement], *, most: int) -> Callable[[bytes], _Judgement]:
    """`judge`, a pure function of a name, remembering what it said of the last `most` names that fields really have.

    Strangers choose names: long ones, up to a whole head each, would cost memory for good.
    """
    remembered = lru_cache(maxsize=most)(judge)

    def judged(name: bytes) -> _Judgement:
        return remembered(name) if len(name) <= _MOST_NAME_BYTES else judge(name)

    return judged


@partial(for_names, most=1024)
def moves_request(name: bytes) -> bool:
    """Whether some server or framework answers another path, method or host for it (`name` in canonical form)."""
    if b"override" in name and _OVERRIDDEN.intersection(name.split(b"-")):
        return True
    return name != b"host" and _MOVES.fullmatch(name) is not None


@partial(for_names, most=1024)
def is_for_proxies(name: bytes) -> bool:
    """Whether it tells of the client as a proxy saw it, so that only a proxy may say it (`name` in canonical form)."""
    if b"forwarded" in name or name in _CGI_PERSON:
        return True
    if name.endswith(_ADDRESS_ENDS) and _ADDRESS.search(name) is not None:
        return True
    return _FOR_PROXIES.fullmatch(name) is not None


def is_loose(name: bytes) -> bool:
    """Whether a name, as sent, holds a character that some servers fold into another, above all ``_``."""
    return _STRICT_NAME.fullmatch(name) is None
