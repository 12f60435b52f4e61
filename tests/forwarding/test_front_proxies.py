"""What load balancers and proxies in front of Gatepost write by themselves, each as it documents or shows it.

From a trusted one the request goes through, also to an app with rules, and the app is told what Gatepost makes of it.
From anybody else such fields are refused or removed.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.forwarding.stage import HOST, Stage, StageMaker, get
from tests.support.upstreams import answer

CLIENT = "198.51.100.7"
PUBLIC = {"public_url": "https://signin.corp.example"}
TRUSTED = {**PUBLIC, "trusted_proxies": ("127.0.0.1", "10.0.0.0/8")}
RULES = {
    "rules": ({"path": "/admin/", "groups": ["Wiki Admins"]}, {"path": "/edit", "methods": ["POST"], "public": True})
}
TARGET = "/a%20page/x?q=1&r=%2F"
FOR = f"X-Forwarded-For: {CLIENT}"
HTTPS = "X-Forwarded-Proto: https"

FRONTS = {
    "nginx, as its documentation shows": (FOR, HTTPS, f"X-Real-IP: {CLIENT}", f"X-Forwarded-Host: {HOST}"),
    "ingress-nginx": (
        FOR, HTTPS, f"X-Real-IP: {CLIENT}", f"X-Forwarded-Host: {HOST}", "X-Forwarded-Port: 443",
        "X-Forwarded-Scheme: https", "X-Scheme: https", f"X-Original-Forwarded-For: {CLIENT}", "X-Request-ID: 0123abcd",
    ),
    "Traefik": (
        FOR, HTTPS, f"X-Forwarded-Host: {HOST}", "X-Forwarded-Port: 443", "X-Forwarded-Server: traefik-5d9f",
        f"X-Real-Ip: {CLIENT}",
    ),
    "Traefik, a WebSocket": (
        FOR, "X-Forwarded-Proto: wss", f"X-Forwarded-Host: {HOST}", "X-Forwarded-Port: 443",
        "X-Forwarded-Server: traefik-5d9f", f"X-Real-Ip: {CLIENT}",
    ),
    "Envoy": (
        FOR, HTTPS, "X-Request-Id: 0123abcd", f"X-Envoy-External-Address: {CLIENT}",
        "X-Envoy-Expected-Rq-Timeout-Ms: 15000", "X-Envoy-Attempt-Count: 1",
        "X-Forwarded-Client-Cert: Hash=0123;Subject=CN=edge",
    ),
    "haproxy, option forwardfor": (FOR, HTTPS),
    "Caddy": (FOR, HTTPS, f"X-Forwarded-Host: {HOST}", "Via: 2.0 Caddy"),
    "IIS with ARR and URL Rewrite": (
        f"X-Forwarded-For: {CLIENT}:50123", HTTPS, f"X-Original-URL: {TARGET}", "X-ARR-LOG-ID: 0123abcd",
        "X-ARR-SSL: 2048|256|CN=Corp CA|CN=wiki.corp.example",
    ),
    "IIS, which decodes the path": (FOR, HTTPS, "X-Original-URL: /a page/x?q=1&r=%2F"),
    "Helicon ISAPI Rewrite": (FOR, HTTPS, f"X-Rewrite-URL: {TARGET}"),
    "Azure Application Gateway": (
        f"X-Forwarded-For: {CLIENT}:50123", HTTPS, "X-Forwarded-Port: 443", f"X-Original-Host: {HOST}",
        f"X-Original-URL: {TARGET}", "X-AppGW-Trace-Id: 0123abcd",
    ),
    "Azure App Service": (
        f"X-Forwarded-For: {CLIENT}:50123", HTTPS, f"Client-IP: {CLIENT}:50123", f"Disguised-Host: {HOST}",
        f"X-Original-URL: {TARGET}", f"X-WAWS-Unencoded-URL: {TARGET}", "WAS-Default-Hostname: wiki.azurewebsites.net",
        "X-Site-Deployment-Id: wiki", "X-AppService-Proto: https", "X-Forwarded-TlsVersion: 1.3", "X-ARR-LOG-ID: 0123",
        "X-ARR-SSL: 2048|256|CN=x|CN=y", "Max-Forwards: 10",
    ),
    "Azure Front Door": (
        FOR, HTTPS, f"X-Azure-ClientIP: {CLIENT}", f"X-Azure-SocketIP: {CLIENT}", "X-Azure-Ref: 0123",
        "X-Azure-FDID: 1", "X-FD-HealthProbe: 1", f"X-Forwarded-Host: {HOST}",
    ),
    "AWS ALB": (FOR, HTTPS, "X-Forwarded-Port: 443", "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678"),
    "AWS ALB that keeps the client's port": (f"X-Forwarded-For: {CLIENT}:50123", HTTPS, "X-Forwarded-Port: 443"),
    "CloudFront and ALB": (
        f"X-Forwarded-For: {CLIENT}, 10.9.9.9", "X-Forwarded-Proto: https", "CloudFront-Forwarded-Proto: https",
        f"CloudFront-Viewer-Address: {CLIENT}:50123", "X-Amz-Cf-Id: 0123", "Via: 2.0 0123.cloudfront.net (CloudFront)",
    ),
    "Cloudflare": (
        FOR, HTTPS, f"CF-Connecting-IP: {CLIENT}", "CF-IPCountry: GB", "CF-Ray: 0123-LHR",
        'CF-Visitor: {"scheme":"https"}',
        "CDN-Loop: cloudflare; loops=1", f"True-Client-IP: {CLIENT}",
    ),
    "F5 BIG-IP": (FOR, HTTPS, "Front-End-Https: on", f"X-Cluster-Client-Ip: {CLIENT}"),
    "Akamai": (FOR, HTTPS, f"True-Client-IP: {CLIENT}", "Akamai-Origin-Hop: 2", "Via: 1.1 v1-akamaitech.net"),
    "Google Cloud": (f"X-Forwarded-For: {CLIENT},10.130.0.1", HTTPS, "X-Cloud-Trace-Context: 0123/1;o=1"),
    "a balancer before ingress-nginx": (
        f"X-Forwarded-For: {CLIENT}, 10.0.0.2", "X-Forwarded-Proto: https, http", "X-Forwarded-Port: 443",
    ),
    "three that append": (f"X-Forwarded-For: {CLIENT}, 10.0.0.3, 10.0.0.2", "X-Forwarded-Proto: https,http,http"),
    "a balancer before Traefik, a WebSocket": (f"X-Forwarded-For: {CLIENT}, 10.0.0.2", "X-Forwarded-Proto: wss, ws"),
}  # fmt: skip
EACH = pytest.mark.parametrize("name", FRONTS)
TO_EVERY_APP = {
    "host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "remote-user", "remote-name",
    "remote-groups", "remote-realm", "x-gatepost-assertion",
    # Of the fronts' own: marks that say nothing of client and request.
    "x-request-id", "via", "cf-ray", "cdn-loop", "x-arr-log-id", "x-appgw-trace-id", "x-amzn-trace-id", "x-amz-cf-id",
    "x-cloud-trace-context", "x-site-deployment-id", "max-forwards",
}  # fmt: skip


def asked(name: str, target: str = TARGET) -> bytes:
    cookie = b"Cookie: __Host-gatepost=" + b"A" * 43 + b"\r\n"
    raw = get(target, token=None, lines="".join(line + "\r\n" for line in FRONTS[name]))
    return raw.removesuffix(b"\r\n") + cookie + b"\r\n"


def names(stage: Stage) -> set[str]:
    return {name.decode().lower() for request in stage.upstream.requests for name, _ in request.fields}


@EACH
@pytest.mark.parametrize("app", [{}, RULES], ids=["no rules", "rules"])
async def test_what_a_trusted_proxy_writes_by_default_goes_through(
    staged: StageMaker, name: str, app: dict[str, object]
) -> None:
    async with staged(server=TRUSTED, app=app) as stage, stage.client() as client:
        for _ in range(2):
            assert (await client.ask(asked(name))).status == 200
        for request in stage.upstream.requests:
            assert request.get("x-forwarded-for").split(b",")[0] == CLIENT.encode()
            assert request.get("x-forwarded-proto") == b"https"
            assert request.start == f"GET {TARGET} HTTP/1.1".encode()
        assert names(stage) <= TO_EVERY_APP
        if app:
            assert (await client.ask(asked(name, "/admin/x"))).status in (400, 403)


@EACH
async def test_an_app_gets_what_it_names_of_it(staged: StageMaker, name: str) -> None:
    fields = [line.partition(": ")[::2] for line in FRONTS[name]]
    own = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    named = tuple(field for field, _ in fields if field not in own)
    async with staged(server=TRUSTED, app={**RULES, "pass_fields": named}) as stage:
        assert (await stage.ask(asked(name))).status == 200
        (request,) = stage.upstream.requests
        for field, value in fields:
            if field in named:
                assert request.all(field) == [value.encode()]


@EACH
async def test_from_anybody_else_it_is_refused_or_removed(staged: StageMaker, name: str) -> None:
    fields = [line.partition(": ")[::2] for line in FRONTS[name]]
    own = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    named = tuple(field for field, _ in fields if field not in own)
    for app in ({}, RULES, {"pass_fields": named}):
        async with staged(server=PUBLIC, app=app) as stage:
            assert (await stage.ask(asked(name))).status == 200
            (request,) = stage.upstream.requests
            assert request.get("x-forwarded-for") == b"127.0.0.1"
            assert request.get("x-forwarded-proto") == b"http"
            if "pass_fields" not in app:
                assert names(stage) <= TO_EVERY_APP
            else:
                assert CLIENT.encode() not in str(request.fields).encode()


@pytest.mark.parametrize("server", [PUBLIC, TRUSTED], ids=["stranger", "trusted"])
@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: /admin/x",
        "X-Original-URL: /page/",
        "X-Original-URL: /Page",
        "X-Original-URL: /public/../page",
        "X-Original-URL: https://other.corp.example/page",
        "X-Original-URL: page",
        "X-Original-URL: ",
        "X_Original_URL: /admin/x",
        "X-Original-URL: /page\r\nX-Original-URL: /admin/x",
        "X-Original-URI: /admin/x",
        "X-Rewrite-URL: /admin/x",
        "X-WAWS-Unencoded-URL: /admin/x",
        "REQUEST_URI: /admin/x",
        "X-HTTP-Method-Override: POST",
        "X-HTTP-Method: post",
        "X_HTTP_METHOD_OVERRIDE: DELETE",
        "X-Original-Method: PUT",
    ],
)
@pytest.mark.parametrize("named", [False, True])
async def test_a_repeated_target_or_method_that_differs_is_refused_where_there_are_rules(
    staged: StageMaker, server: dict[str, object], line: str, named: bool
) -> None:
    app = {**RULES, "pass_fields": (line.partition(":")[0],)} if named else RULES
    lines = f"{line}\r\nX-Forwarded-Proto: https\r\n"
    async with staged(server=server, app=app) as stage:
        assert (await stage.ask(get("/page", token=None, lines=lines))).status == 400
        assert stage.upstream.requests == []


@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: /page?q=1",
        "X-Original-URL: /%70age?q=1",
        "X-Original-URL: https://wiki.corp.example/page?q=1",
        "X-Original-URL: https://WIKI.corp.example:443/page?q=1",
        "X-Rewrite-URL: /page?q=1",
        "X-HTTP-Method-Override: GET",
        "X-HTTP-Method: get",
    ],
)
async def test_one_that_agrees_is_removed_whoever_sends_it(staged: StageMaker, line: str) -> None:
    async with staged(app=RULES) as stage:
        assert (await stage.ask(get("/page?q=1", lines=line + "\r\n"))).status == 200
        assert names(stage) <= TO_EVERY_APP


async def test_a_websocket_behind_traefik_opens(staged: StageMaker) -> None:
    """It was redirected to https, which it was, for ever."""
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    async with staged(answer(switching), server=TRUSTED, app=RULES) as stage, stage.client() as client:
        raw = asked("Traefik, a WebSocket").removesuffix(b"\r\n") + upgrade + b"\r\n"
        await client.send(raw)
        async with asyncio.timeout(10):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert stage.upstream.requests[0].get("x-forwarded-proto") == b"https"
