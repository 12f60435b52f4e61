"""A small stand-in for the forwarding plane: one port, the sign-in host, and an app behind the gate's redirect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import unused_port
from yarl import URL

from proxy.forwarding.ways_in import browser_cookie_field, sign_in_location
from proxy.http.internal_headers import CLIENT_ADDRESS, CLIENT_HOST, CLIENT_SCHEME, INCIDENT
from proxy.http.reserved import PREFIX
from proxy.secrets.tokens import new_token
from proxy.sessions.cookies import read_token
from tests.portal.stage import Stage, running_portal


class Front:
    def __init__(self, stage: Stage, port: int) -> None:
        self.stage = stage
        self.port = port
        self.violations: list[str] = []

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}.localhost:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        if host == "signin.localhost" or request.path.startswith(PREFIX):
            return await self._to_portal(request, host)
        cookies = [request.headers.get("Cookie", "").encode()]
        token = read_token(cookies, b"gatepost")
        session = None if token is None else await self.stage.sessions.find(token, host, self.stage.now)
        if session is not None:
            return web.Response(
                text=f"<h1>{host} says hello to {session.principal.username}</h1>", content_type="text/html"
            )
        known = read_token(cookies, b"gatepost-browser")
        browser = known or new_token().encode()
        location = sign_in_location(
            public_url=self.stage.settings.server.public_url,
            host=host.encode(),
            target=request.path_qs.encode(),
            browser_token=browser,
        )
        response = web.Response(status=302, headers={"Location": location.decode()})
        if known is None:
            response.headers["Set-Cookie"] = browser_cookie_field(browser, "http").decode()
        return response

    async def _to_portal(self, request: web.Request, host: str) -> web.StreamResponse:
        headers = request.headers.copy()
        headers.update(
            {CLIENT_ADDRESS: "127.0.0.1", CLIENT_SCHEME: "http", CLIENT_HOST: host, INCIDENT: "4f1c09a2b7e5d380"}
        )
        target = self.stage.client.make_url("/").join(URL(request.raw_path, encoded=True))
        async with (
            ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
            client.request(
                request.method, target, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer,
        ):
            body = await answer.read()
            kept = [(name, value) for name, value in answer.headers.items() if name != "Content-Length"]
            return web.Response(status=answer.status, headers=kept, body=body)


@asynccontextmanager
async def running_front(folder: Path, **changes: Any) -> AsyncIterator[Front]:
    port = unused_port()
    apps = [
        {"name": "Wiki", "host": "wiki.localhost", "upstream": "http://127.0.0.1:1"},
        {"name": "Forms", "host": "forms.localhost", "upstream": "http://127.0.0.1:1"},
        {"name": "Holiday planner", "host": "holiday.localhost", "upstream": "http://127.0.0.1:1"},
    ]
    changes = {"server": {"public_url": f"http://signin.localhost:{port}"}, "apps": apps, **changes}
    async with running_portal(folder, **changes) as stage:
        front = Front(stage, port)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", front.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield front
        finally:
            await runner.cleanup()
