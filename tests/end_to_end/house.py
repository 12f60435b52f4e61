"""A whole house of real parts: an AD domain, a relay, two apps, and Gatepost in a process of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from playwright.async_api import Page

from proxy.demo.app import start_demo_app
from tests.support.gatepost import GatepostProcess, free_port
from tests.support.samba import SERVICE_PASSWORD, SERVICE_USER
from tests.support.samba_dc import SambaDC
from tests.support.smtp_sink import Sink, smtp_sink

CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:{port}"
admin_listen = "127.0.0.1:{admin_port}"

[store]
url = "sqlite:state.db"

[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{service_user}@corp.example"
bind_password_file = "ad-password"

[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"

[sessions]
tell_new_browsers = false

[passcode]
lifetime = "{lifetime}"
resend_after = "1s"

[[apps]]
name = "Wiki"
host = "wiki.localhost"
upstream = "http://127.0.0.1:{app_port}"
groups = ["Wiki Users"]

[[apps]]
name = "Canteen"
host = "canteen.localhost"
upstream = "http://127.0.0.1:{app_port}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One SMS as it left for the SMS gateway."""

    recipient: str
    sender: str
    text: str

    @property
    def passcode(self) -> str:
        found = re.match(r"[0-9]{6}", self.text)
        assert found is not None, "the text starts with the passcode"
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    process: GatepostProcess
    sink: Sink
    port: int
    admin_port: int

    def url(self, name: str, path: str = "/") -> str:
        return f"http://{name}.localhost:{self.port}{path}"

    async def next_text(self) -> Text:
        received = await self.sink.next_message()
        assert len(received.recipients) == 1
        subject = message_from_bytes(received.content, policy=policy.default)["Subject"]
        return Text(recipient=received.recipients[0], sender=received.sender, text=str(subject))

    async def sign_in(self, page: Page, name: str, password: str, *, app: str = "wiki", path: str = "/") -> Text:
        """As a person would: open the app, type the password, read the SMS, type the passcode."""
        await page.goto(self.url(app, path))
        await self.type_password(page, name, password)
        text = await self.next_text()
        await self.type_passcode(page, text.passcode)
        return text

    async def type_password(self, page: Page, name: str, password: str) -> None:
        await page.get_by_label("User name").fill(name)
        await page.get_by_role("textbox", name="Password").fill(password)
        await page.get_by_role("button", name="Continue").click()

    async def type_passcode(self, page: Page, passcode: str) -> None:
        """The page's script sends the form with the last digit."""
        await page.locator("input[name=passcode]").fill(passcode)


@asynccontextmanager
async def open_house(
    folder: Path,
    dc: SambaDC,
    *,
    lifetime: str = "5m",
    url: str | None = None,
    app_port: int | None = None,
    more: str = "",
    environ: dict[str, str] | None = None,
) -> AsyncIterator[House]:
    """`url` and `app_port` put something else in the place of the domain and the apps; `more` is configuration."""
    runner, demo_port = await start_demo_app()
    try:
        async with smtp_sink() as sink:
            port, admin_port = free_port(), free_port()
            (folder / "ad-password").write_text(SERVICE_PASSWORD + "\n")
            (folder / "ad-password").chmod(0o600)
            config = folder / "gatepost.toml"
            config.write_text(
                CONFIGURATION.format(
                    port=port,
                    admin_port=admin_port,
                    url=url or dc.url,
                    ca_file=dc.ca_file,
                    service_user=SERVICE_USER,
                    smtp_port=sink.port,
                    app_port=app_port or demo_port,
                    lifetime=lifetime,
                )
                + more
            )
            process = GatepostProcess(config, environ=environ)
            await asyncio.to_thread(process.start)
            try:
                yield House(process=process, sink=sink, port=port, admin_port=admin_port)
            finally:
                await asyncio.to_thread(process.__exit__)
    finally:
        await runner.cleanup()
