"""Which names move a request, which only proxies may say, and that what apps live on is among neither."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.field_kinds import SET_BY_GATEPOST, canonical, for_names, is_for_proxies, is_loose, is_own, moves_request

# By who reads them: gunicorn and CGI; mod_wsgi, Plack, Werkzeug; Spring, NiFi, Knox; IIS, Azure, Symfony, WordPress;
# Envoy, Traefik; Rack, Express, ASP.NET, Restlet; Zope; Zend; CouchDB; RStudio; Artifactory; Next.js; Rack::Sendfile.
MOVE = """
SCRIPT_NAME Script-Name PATH_INFO Path-Info REQUEST_URI REQUEST_METHOD QUERY_STRING SERVER_NAME DOCUMENT_ROOT PHP_SELF
ORIG_PATH_INFO REDIRECT_URL SCRIPT_URL SCRIPT_FILENAME X-Script-Name X-Forwarded-Script-Name X-Forwarded-Path
X-Traversal-Path X-Request-Base X-Path-Info X-Forwarded-Prefix X-ProxyContextPath X-ProxyHost X-Forwarded-Context
X-Forwarded-Base X-Context-Path X-Base-URL X-Original-URL X-Original-URI X-Original-Path X-Rewrite-URL X-Rewrite-URI
X-WAWS-Unencoded-URL UNENCODED_URL IIS_WasUrlRewritten X-Original-Host X-Original-Method X-Override-URL DISGUISED-HOST
X-Envoy-Original-Path X-Envoy-Original-Dst-Host X-Replaced-Path X-Forwarded-Uri X-Forwarded-Method
X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-MethodOverride X-Verb-Override _method X-Tunnel-Method
X-VHM-Host X-VHM-Root X-HTTP-Host-Override X-Host X-Host-Override X-Virtual-Host X-Real-Host X-CouchDB-Vhost-Path
X-RStudio-Root-Path X-Artifactory-Override-Base-Url X-JFrog-Override-Base-Url X-Ingress-Path X-Middleware-Subrequest
X-Invoke-Path X-Matched-Path X-Astro-Path X-Sendfile-Type X-Accel-Mapping Url Uri X-Path Http-Url
X-Http-DestinationUrl Redirect X-Raw-URI X-Original-Request-Uri xajp-path-info X-Tomcat-DocRoot X-ScriptName
X-PathInfo X-Public-URL X-Mount-Point X-Rest-Method X-HTTP-Method-Overload WL-Proxy-Client-IP $WSRH
!~Passenger-Anything X-MS-Original-URL X-Any-Original-Path X-NextJS-Matched-Path X-NextJS-Rewritten-Query
X-CGI-Path-Info WSGI-Script-Name X-Hostname X-Host-Name X-Hostname-Override X-Authority X-Origin-Host X-App-Host
X-Amzn-Remapped-Host X-BasePath X-Script-Prefix X-Route-Prefix
"""
FOR_PROXIES = """
X-Forwarded-Port X-Forwarded-Ssl X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-By X-Forwarded-User
X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Client-Cert X-Forwarded-Anything X-Forwarded Forwarded-For
X-Forwarder-For X-Original-Forwarded-For X-Original-For X-Original-Proto CloudFront-Forwarded-Proto
X-Vercel-Forwarded-For X-Real-IP X_Real_IP HTTP_X_REAL_IP True-Client-IP Client-IP X-Client-IP X-Cluster-Client-IP
CF-Connecting-IP CF-Connecting-IPv6 CF-Pseudo-IPv4 CF-Visitor CF-IPCountry Fastly-Client-IP X-Azure-ClientIP
X-Azure-SocketIP X-AppEngine-User-IP X-Envoy-External-Address X-Originating-IP X-Remote-IP X-Remote-Addr REMOTE_ADDR
Remote-Host X-ProxyUser-Ip Proxy-Client-IP X-NF-Client-Connection-IP DO-Connecting-IP X-Source-IP
CloudFront-Viewer-Address X-Scheme X-Url-Scheme X-Proto Front-End-Https HTTPS X-HTTPS X-SSL X-ARR-SSL X-Proxied-Https
Fastly-SSL X-AppService-Proto X-Remote-User X-Remote-Group Remote-First-Name X-WebAuth-User X-Auth-Request-Email
X-Authentik-Username SM_USER AUTH_TYPE X-MS-Client-Principal-Name MS-ASPNETCORE-WINAUTHTOKEN X-Goog-IAP-JWT-Assertion
CF-Access-JWT-Assertion X-Amzn-OIDC-Data X-Consumer-Username X-Userinfo X-Auth-Username OIDC_CLAIM_sub Client-Cert
Client-Cert-Chain X-SSL-Client-Verify SSL_CLIENT_S_DN X-Client-Cert X-ARR-ClientCert
X-WAF-IP X-Visitor-IP X-Real-Port X-Vercel-Proxied-For X-Amzn-TLS-Version
X-Amzn-Request-Context RemoteUser SSO-User Teleport-JWT-Assertion
"""
ORDINARY = """
Accept Accept-Language Access-Control-Request-Method Access-Control-Request-Headers User-Agent Referer Origin From Via
Cache-Control If-None-Match Range Content-Type Content-Encoding Content-Disposition Authorization Prefer Priority
Sec-Fetch-Mode Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-CH-UA Upgrade-Insecure-Requests Save-Data DNT
Last-Event-ID X-Requested-With X-CSRF-Token X-XSRF-TOKEN X-Request-ID X-Correlation-ID Traceparent Tracestate
X-B3-TraceId X-Amzn-Trace-Id X-Cloud-Trace-Context CF-Ray X-ARR-Log-Id X-AppGW-Trace-Id X-API-Key X-Auth-Token
X-Auth-User X-Session-Id X-Client-Data X-Client-Version X-Client-Id X-User-Agent X-Device-Id X-Tenant-Id X-Site-Id
X-App-Version X-Method-Name Destination Depth Overwrite Translate Lock-Token If Timeout SOAPAction Git-Protocol
Tus-Resumable Upload-Length X-Upload-Content-Type X-Original-Filename X-File-Name X-OC-Mtime OC-Chunked X-Goog-API-Key
X-MS-Version X-Amz-Date HX-Request HX-Current-URL Turbo-Frame Next-Url Next-Router-State-Tree X-NextJS-Data
X-Middleware-Prefetch X-Inertia X-Livewire X-Grpc-Web Grpc-Timeout X-Registry-Auth X-Hub-Signature-256 X-GitHub-Event
X-Grafana-Org-Id X-Odoo-Database X-Request-Start X-Target-Version X-Public-Key X-Location-Id X-Atlassian-Token X-Skip
X-Zip Idempotency-Key Impersonate-User Docker-Content-Digest X-Hasura-Role CDN-Loop Trailer
X-SvelteKit-Pathname X-Upload-Url X-File-Path X-Zip-Code X-Description Membership X-Amz-Target
"""


@pytest.mark.parametrize("name", MOVE.split())
def test_a_name_that_moves_the_request_in_some_server_is_known(name: str) -> None:
    assert moves_request(canonical(name.encode()))
    assert moves_request(canonical(name.upper().replace("-", "_").encode()))


@pytest.mark.parametrize("name", FOR_PROXIES.split())
def test_a_name_that_only_a_proxy_may_say_is_known(name: str) -> None:
    assert is_for_proxies(canonical(name.encode()))
    assert is_for_proxies(canonical(name.upper().replace("-", "_").encode()))


@pytest.mark.parametrize("name", ORDINARY.split())
def test_what_browsers_and_api_clients_send_is_left_alone(name: str) -> None:
    folded = canonical(name.encode())
    assert not any(judge(folded) for judge in (moves_request, is_for_proxies, is_own, is_loose))


@given(st.from_regex(rb"[0-9a-z-]{0,20}", fullmatch=True))
def test_all_that_is_forwarded_is_for_proxies(rest: bytes) -> None:
    assert is_for_proxies(b"x-forwarded-" + rest)


@pytest.mark.parametrize("name", SET_BY_GATEPOST)
def test_what_gatepost_sets_is_its_own_in_every_spelling(name: bytes) -> None:
    for spelling in (name.upper(), name.replace(b"-", b"_"), name.replace(b"-", b".")):
        assert is_own(canonical(spelling))


def test_what_was_said_of_a_long_name_is_not_remembered() -> None:
    """Strangers send names of up to a whole head each, a thousand of them, and none twice."""
    asked: list[bytes] = []

    def judge(name: bytes) -> bool:
        asked.append(name)
        return True

    judged = for_names(judge, most=8)
    for _ in range(2):
        assert judged(b"a" * 128)
        assert judged(b"a" * 129)
    assert asked == [b"a" * 128, b"a" * 129, b"a" * 129]


@pytest.mark.parametrize("piece", [b"a-", b"override-", b"forwarded", b"client-", b"x-", b"original-url-", b"-"])
def test_no_name_takes_long_to_judge(piece: bytes) -> None:
    name = piece * (32 * 1024 // len(piece))
    assert timeit.timeit(lambda: (moves_request(name + b"."), is_for_proxies(name + b".")), number=1) < 1
