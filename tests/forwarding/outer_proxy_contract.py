"""What holds behind every proxy that asks Gatepost, as `deploy/` shows it."""

from __future__ import annotations

import asyncio
import re

import pytest

from proxy.http.reserved import MAX_RETURN_TARGET_BYTES
from tests.config.test_field_kinds import MOVE
from tests.forwarding.outer_proxy import PAGE, House, cookie_of

PAGE_LINES = tuple(f"{name}: {value}" for name, value in PAGE.items())
SESSION = "gatepost"


class OuterProxyContract:
    """Modules give the fixture `standing`: a house that all of these share, each with a browser of its own."""

    ambiguous_status = 400
    """What a browser sees where Gatepost says 400: nginx knows only 401 and 403 and makes a 500 of it."""

    @pytest.fixture
    def house(self, standing: House) -> House:
        standing.app.requests.clear()
        return standing

    async def test_a_person_signs_in_and_lands_where_they_wanted(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            page = await house.sign_in(browser, "alice", "/page?x=a%2Fb")
            assert (page.status, await page.text()) == (200, "ok")
            assert str(page.url) == browser.url("/page?x=a%2Fb")
            (request,) = house.app.requests
            assert request.start == b"GET /page?x=a%2Fb HTTP/1.1"
            assert request.get("remote-user") == b"alice"
            assert request.get("remote-groups") == b"Wiki Users"
            assert request.get("remote-realm") == b"local"
            assert len((request.get("x-gatepost-assertion") or b"").split(b".")) == 3
            assert b"gatepost" not in (request.get("cookie") or b"")

            again = await browser.get("/other", Cookie="theme=dark")
            assert again.status == 200
            assert (await browser.get("/admin/x")).status == 403
            assert (await browser.get("/.gatepost/authorize", follows=False)).status == 404
            assert (await browser.get("/.gatepost/authorize/", follows=False)).status == 404

    @pytest.mark.parametrize("sign", ["x", "%26"])
    async def test_a_long_address_is_where_the_sign_in_leads(self, house: House, sign: str) -> None:
        path = ("/page?q=" + sign * MAX_RETURN_TARGET_BYTES)[:MAX_RETURN_TARGET_BYTES]
        path = path[: len(path) - len(path[8:]) % len(sign)]
        async with asyncio.timeout(40), house.browser() as browser:
            page = await house.sign_in(browser, "alice", path)
            assert (page.status, str(page.url)) == (200, browser.url(path))

    async def test_the_apps_own_cookies_reach_it_and_gateposts_do_not(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            ours = [cookie_of(browser), cookie_of(browser, "gatepost-browser")]
            for cookie in ("a=1; {}; {}; b=2", "{}; a=1; {}", "{1}; {0}; a=1", "a=1; {}; {}", "{}; {}"):
                house.app.requests.clear()
                assert (await house.raw("/", cookie=cookie.format(*ours))).status == 200
                found = house.app.requests[0].get("cookie") or b""
                assert b"gatepost" not in found
                assert re.findall(rb"[ab]=[12]", found) == re.findall(rb"[ab]=[12]", cookie.encode())

    async def test_nothing_that_a_browser_claims_reaches_the_app(self, house: House) -> None:
        claims = [f"{name}: boss" for name in ("Remote-User", "remote-USER", "Remote-Email", "Remote-Groups")]
        claims += ["Remote_User: boss", "X-Gatepost-Assertion: boss", "Remote-User: boss", "X-Forwarded-For: 10.0.0.1"]
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            house.app.requests.clear()
            for target in ("/public/x", "/page"):
                cookie = "" if target == "/public/x" else cookie_of(browser)
                assert (await house.raw(target, *claims, cookie=cookie)).status == 200
            nobody, alice = house.app.requests
            assert b"boss" not in str([*nobody.fields, *alice.fields]).encode()
            assert alice.get("remote-user") == b"alice"
            assert nobody.get("remote-user") in (None, b"")
            assert b"10.0.0.1" not in (alice.get("x-forwarded-for") or b"")

    @pytest.mark.parametrize(
        "lines",
        [
            ("X-Original-URL: http://wiki.localhost/public/x", "X-Original-Method: GET"),
            ("X-Original-URI: /public/x",),
            ("X-Forwarded-Uri: /public/x", "X-Forwarded-Method: GET"),
            ("X-Forwarded-Host: other.localhost",),
            ("X-Envoy-Original-Path: /public/x",),
            ("Connection: X-Forwarded-Uri, X-Original-URL, X-Forwarded-Host",),
            ("Host: other.localhost",),
            ("X-Forwarded-Proto: https",),
        ],
    )
    async def test_a_request_cannot_pretend_to_be_another(self, house: House, lines: tuple[str, ...]) -> None:
        for target in ("/page", "/admin/x"):
            assert (await house.raw(target, *lines)).status in (400, 401, 500)
        assert house.app.requests == []

    async def test_no_field_that_moves_a_request_reaches_the_app(self, house: House) -> None:
        for name in MOVE.split():
            for spelling in dict.fromkeys(
                (name, name.replace("_", "-"), name.replace("-", "_"), name.replace("-", "."))
            ):
                answer = await house.raw("/public/admin/x", f"{spelling}: /evil", "X-Ordinary: /harmless")
                assert answer.status in (200, self.ambiguous_status), spelling
        names = {name for request in house.app.requests for name, value in request.fields if value == b"/evil"}
        assert names == set(), names
        assert house.app.requests
        assert {request.get("x-ordinary") for request in house.app.requests} == {b"/harmless"}
        assert {request.start for request in house.app.requests} == {b"GET /public/admin/x HTTP/1.1"}

    @pytest.mark.parametrize("target", ["/public/../admin/x", "/public/..%2fadmin/x", "//admin/x", "/public;/x"])
    async def test_a_path_with_two_readings_reaches_no_app(self, house: House, target: str) -> None:
        assert (await house.raw(target)).status == self.ambiguous_status
        assert house.app.requests == []

    async def test_the_method_is_the_browsers_and_not_the_questions(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            cookie = cookie_of(browser)
            assert (await house.raw("/a/edit", cookie=cookie)).status == 200
            assert (await house.raw("/a/edit", method="POST", cookie=cookie)).status == 403
            assert (await house.raw("/a/page", method="POST", cookie=cookie)).status == 200
            assert house.app.requests[-1].start == b"POST /a/page HTTP/1.1"

    async def test_without_a_session_pages_are_redirected_and_scripts_get_401(self, house: House) -> None:
        page = await house.raw("/page", *PAGE_LINES)
        assert page.status == 302
        assert (page.get("location") or b"").startswith(
            b"http://signin.localhost:%d/.gatepost/sign-in?" % house.outer_port
        )
        assert (page.get("set-cookie") or b"").startswith(b"gatepost-browser=")
        for cookie in ("", "gatepost=" + "Z" * 43):
            refused = await house.raw("/page", cookie=cookie)
            assert refused.status == 401
            assert refused.all("www-authenticate") == [b'Gatepost realm="sign-in"']  # by which session.js tells it
        assert house.app.requests == []

    async def test_half_a_sign_in_opens_nothing(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            page = await browser.get("/page")
            await browser.submit(page, username="alice", password="Correct horse 7")
            half = cookie_of(browser, host="signin.localhost")
            assert (await house.raw("/page", cookie=half)).status == 401
            assert (await house.raw("/page", *PAGE_LINES, cookie=half)).status == 302
            await house.sink.next_message()  # nor does anybody after this test take it for theirs
        assert house.app.requests == []

    async def test_a_person_outside_the_groups_gets_403(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            page = await house.sign_in(browser, "carol")
            assert page.status == 403
        assert house.app.requests == []

    async def test_gatepost_answers_nobody_but_the_proxy(self, house: House) -> None:
        describing = b"X-Original-URL: http://wiki.localhost/public/x\r\nX-Original-Method: GET\r\n"
        raw = b"GET /.gatepost/authorize HTTP/1.1\r\nHost: wiki.localhost\r\n" + describing + b"\r\n"
        for more in (b"", b"X-Forwarded-For: 127.0.0.1\r\n"):
            answer = await house.as_stranger(raw.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n"))
            assert answer.status == 403
        await asyncio.to_thread(house.gatepost.wait_for_log, "trusted_proxies", 10)

    async def test_an_upgrade_is_asked_about_like_any_request(self, house: House) -> None:
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
        assert (await house.raw("/page", *upgrade)).status == 401
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            house.app.requests.clear()
            assert (await house.raw("/page", *upgrade, cookie=cookie_of(browser))).status == 200
            (request,) = house.app.requests
            assert (request.get("upgrade") or b"").lower() == b"websocket"
            assert request.get("remote-user") == b"alice"

    async def test_nothing_but_a_websocket_takes_a_connection_over(self, house: House) -> None:
        """In h2c a stranger would ask the app for what nobody judged, and say who they are."""
        for lines in (
            ("Upgrade: h2c", "Connection: Upgrade"),
            ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
            ("Upgrade: websocket, h2c", "Connection: Upgrade"),
            ("Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade"),
            ("Upgrade: websocket", "Upgrade: h2c", "Connection: Upgrade"),
            ("Upgrade: HTTP/2.0", "Connection: Upgrade"),
            ("Upgrade: other", "Connection: upgrade"),
        ):
            assert (await house.raw("/public/x", *lines)).status in (200, self.ambiguous_status), lines
        assert house.app.requests
        for request in house.app.requests:
            assert request.all("upgrade") in ([], [b"websocket"])
            assert request.get("http2-settings") is None

    async def test_connection_takes_nothing_away_that_gatepost_says(self, house: House) -> None:
        names = ("Remote-User", "Remote-Groups", "X-Gatepost-Assertion", "X-Forwarded-For", "X-Forwarded-Proto")
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            house.app.requests.clear()
            for more in ((), ("Upgrade: websocket",)):
                connection = ", ".join(("Upgrade", *names) if more else ("close", *names))
                answer = await house.raw("/page", f"Connection: {connection}", *more, cookie=cookie_of(browser))
                assert answer.status == 200
            for request in house.app.requests:
                assert all(request.get(name.lower()) for name in names)

    async def test_signing_out_ends_it_at_once(self, house: House) -> None:
        async with asyncio.timeout(40), house.browser() as browser:
            await house.sign_in(browser, "alice")
            cookie = cookie_of(browser)
            assert (await house.raw("/page", cookie=cookie)).status == 200
            page = await browser.session.get(browser.url("/.gatepost/sign-out", "signin"), headers=PAGE)
            await browser.submit(page)
            assert (await house.raw("/page", cookie=cookie)).status == 401
