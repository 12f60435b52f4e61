"""`gatepost demo`: all of Gatepost on loopback, with people, a pretend phone and three protected apps.

Nothing needs to be installed: the people are local users.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvloop
from argon2 import PasswordHasher

from config.load import load_settings
from config.system_errors import listening_reason
from proxy.demo.app import start_demo_app
from proxy.demo.notes import start_notes_app
from proxy.demo.phone import Phone
from proxy.operations.log import configure_log
from proxy.operations.open_files import raise_open_files
from proxy.server import running

_CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:{port}"

[store]
url = "sqlite:state.db"

{directory}
[mobile]
extra_ranges = ["+447700900"]   # kept for drama: no such number exists

[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"

[[schemes]]
name = "browser"
factors = ["password", ["passkey", "totp", "sms", "recovery_code"]]

[[apps]]
name = "Wiki"
host = "wiki.localhost"
upstream = "http://127.0.0.1:{app_port}"
groups = ["Wiki Users"]

[[apps]]
name = "Payroll"
host = "payroll.localhost"
upstream = "http://127.0.0.1:{app_port}"
groups = ["Payroll Users"]

[[apps]]
name = "Notes"
host = "notes.localhost"
upstream = "http://127.0.0.1:{notes_port}"

[admin]
groups = ["Gatepost Admins"]
"""

_WELCOME = """\

  Gatepost is running. Open

      http://wiki.localhost:{port}/          a protected app
      http://payroll.localhost:{port}/       another one: alice may open it, bob may not
      http://signin.localhost:{port}/.gatepost/admin/   why somebody cannot sign in, and more: for alice

  in a browser on this machine, and sign in:

{people}
  The passcode arrives on the pretend phone:

      {phone}

  An authenticator app can take its place: "Ways to sign in" on the start page.

  An editor that loses nothing when its session ends (docs/single-page-apps.md):

      http://notes.localhost:{port}/

  Ctrl-C ends it all; nothing is kept.
"""


PASSWORD = "Open-the-gate-7"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    username: str
    display_name: str
    mobile: str
    groups: tuple[str, ...]

    def as_toml(self, password_hash: str) -> str:
        groups = ", ".join(f'"{group}"' for group in self.groups)
        return (
            f'[[users]]\nusername = "{self.username}"\npassword_hash = "{password_hash}"\n'
            f'display_name = "{self.display_name}"\nmail = "{self.username}@corp.example"\n'
            f'mobile = "{self.mobile}"\ngroups = [{groups}]\n\n'
        )


PEOPLE = (
    DemoPerson(
        username="alice",
        display_name="Alice Example",
        mobile="07700 900123",
        groups=("Wiki Users", "Payroll Users", "Gatepost Admins"),
    ),
    DemoPerson(username="bob", display_name="Bob Example", mobile="07700 900456", groups=("Wiki Users",)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8080, help="where browsers connect to (default: 8080)")
    parser.add_argument(
        "--phone-port", type=_port, default=0, metavar="PORT", help="the pretend phone's page (default: any free one)"
    )


def run(arguments: argparse.Namespace, stdout: TextIO) -> int:
    """Run the demo until it is interrupted."""
    with tempfile.TemporaryDirectory(prefix="gatepost-demo-") as folder:
        return serve(arguments, stdout, Path(folder), _local_directory(Path(folder)))


def serve(arguments: argparse.Namespace, stdout: TextIO, folder: Path, directory: str) -> int:
    """Run it with everything in `folder` and with the people of `directory`, a `[[directories]]` table."""
    return uvloop.run(_serve(arguments, stdout, folder, directory))


async def _serve(arguments: argparse.Namespace, stdout: TextIO, folder: Path, directory: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        phone = Phone()
        stack.push_async_callback(phone.close)
        try:
            await phone.start(http_port=arguments.phone_port)
        except OSError as error:
            reason = listening_reason(error)
            print(f"gatepost demo: --phone-port {arguments.phone_port}: cannot listen: {reason}", file=sys.stderr)
            return 2
        app, app_port = await start_demo_app()
        stack.push_async_callback(app.cleanup)
        notes, notes_port = await start_notes_app()
        stack.push_async_callback(notes.cleanup)
        file = folder / "gatepost.toml"
        file.write_text(
            _CONFIGURATION.format(
                port=arguments.port,
                directory=directory,
                smtp_port=phone.smtp_port,
                app_port=app_port,
                notes_port=notes_port,
            )
        )
        settings = load_settings(file, {})
        raise_open_files()
        await stack.enter_async_context(running(settings, log=configure_log()))
        print(
            _WELCOME.format(
                port=arguments.port,
                people="".join(f"      {person.username:<8} {PASSWORD}\n" for person in PEOPLE),
                phone=f"http://127.0.0.1:{phone.http_port}/",
            ),
            file=stdout,
            flush=True,
        )
        await stop.wait()
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError("write a number from 1 to 65535")
    return int(text)


def _local_directory(folder: Path) -> str:
    """Write users.toml; the `[[directories]]` table for it."""
    digest = PasswordHasher().hash(PASSWORD)
    (folder / "users.toml").write_text("".join(person.as_toml(digest) for person in PEOPLE))
    return '[[directories]]\nname = "demo"\ntype = "local"\nfile = "users.toml"\n'
