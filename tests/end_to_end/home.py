"""A whole Gatepost in the test's own process, with a clock that can be moved: local users, a relay, two apps."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import structlog
from aiohttp import WSMsgType, web
from playwright.async_api import Page
from structlog.testing import CapturingLogger

from config.settings import Settings
from proxy.server import running
from tests.portal.stage import PASSWORD, USERS
from tests.support.gatepost import free_port
from tests.support.smtp_sink import Sink, smtp_sink

FORM = """<!doctype html><title>form</title><h1>Form</h1>
<form method="post" action="/save/it?x=1&amp;y=%20" enctype="{enctype}">
<input name="text" value="first"><input name="file" type="file"><button>Save</button></form>"""


@dataclass(slots=True)
class Upstream:
    """Both apps' server: what was posted to it, and whom it was told."""

    posted: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    """Person, target, content type, body."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        who = request.headers.get("Remote-User", "")
        if request.path == "/socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
            return socket
        if request.method == "POST":
            body = await request.read()
            self.posted.append((who, request.raw_path, request.headers["Content-Type"], body))
            text = f"<h1>Saved {len(body)} for {who}</h1><a href='next'>next</a>"
            return web.Response(text=text, content_type="text/html")
        if request.path == "/form":
            page = FORM.format(enctype=request.query.get("enctype", "application/x-www-form-urlencoded"))
            response = web.Response(text=page, content_type="text/html")
            response.set_cookie("part", "of-save", path="/save")
            return response
        return web.Response(text=f"<h1>{request.host} {request.path} for {who}</h1>", content_type="text/html")


@dataclass(slots=True, kw_only=True)
class Home:
    sink: Sink
    port: int
    admin_port: int
    upstream: Upstream
    app_url: str
    """Where the apps' server is reached past Gatepost: another site, to a browser."""
    domains: dict[str, str]
    logger: CapturingLogger
    later: float = 0.0
    """By how much the clock is ahead; seconds."""

    def url(self, name: str, path: str = "/") -> str:
        return f"http://{self.domains[name]}:{self.port}{path}"

    @property
    def log_text(self) -> str:
        return repr(self.logger.calls)

    async def passcode(self) -> str:
        received = await self.sink.next_message()
        subject = str(message_from_bytes(received.content, policy=policy.default)["Subject"])
        found = re.match(r"[0-9]{6}", subject)
        assert found is not None
        return found[0]

    async def type_password(self, page: Page, name: str = "alice") -> None:
        await page.fill("#username", name)
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")

    async def sign_in(self, page: Page, name: str = "alice") -> None:
        """From the sign-in page on."""
        await self.type_password(page, name)
        await page.locator("#passcode").wait_for()
        await page.fill("#passcode", await self.passcode())  # the page's script sends it


LOCALHOST = {"signin": "signin.localhost", "wiki": "wiki.localhost", "canteen": "canteen.localhost"}


@asynccontextmanager
async def open_home(folder: Path, domains: dict[str, str] = LOCALHOST, **changes: Any) -> AsyncIterator[Home]:
    upstream = Upstream()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, max_line_size=2**15)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app_url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    (folder / "users.toml").write_text(
        USERS.replace('display_name = "Bob"', 'display_name = "Bob"\nmobile = "07400 654321"')
    )
    (folder / "users.toml").chmod(0o600)
    try:
        async with smtp_sink() as sink:
            port, admin_port = free_port(), free_port()
            values: dict[str, Any] = {
                "server": {
                    "listen": [f"127.0.0.1:{port}"],
                    "public_url": f"http://{domains['signin']}:{port}",
                    "key_file": str(folder / "keys"),
                    "admin_listen": f"127.0.0.1:{admin_port}",
                },
                "store": {"url": f"sqlite:{folder / 'state.db'}"},
                "directories": [{"type": "local", "name": "local", "file": str(folder / "users.toml")}],
                "smtp": [{"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "otp@corp.example"}],
                "schemes": [{"name": "browser", "factors": ["password", "sms"]}],
                "apps": [
                    {"name": "Wiki", "host": domains["wiki"]},
                    {"name": "Canteen", "host": domains["canteen"]},
                ],
            }
            logger = CapturingLogger()
            log = structlog.wrap_logger(
                logger,
                processors=[structlog.processors.format_exc_info],
                wrapper_class=structlog.make_filtering_bound_logger(0),
            )
            home = Home(
                sink=sink,
                port=port,
                admin_port=admin_port,
                upstream=upstream,
                app_url=app_url,
                domains=domains,
                logger=logger,
            )
            values |= changes
            values["apps"] = [{"upstream": app_url, **app} for app in values["apps"]]
            settings = Settings.model_validate(values)
            async with running(settings, log=log, clock=lambda: time.time() + home.later):
                yield home
    finally:
        await asyncio.shield(runner.cleanup())
