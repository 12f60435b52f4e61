"""OpenSSH as people have it: a real `sshd`, and `ssh`, `scp`, `sftp` and `rsync` that get there through a jump host."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.gatepost import free_port

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = [each for each in ("ssh", "scp", "sftp", "rsync", "ssh-keygen") if shutil.which(each) is None]
PROBLEM = (
    None if SSHD and not MISSING else "OpenSSH or rsync is missing (Debian: openssh-server, openssh-client, rsync)"
)

_ASKPASS = """#!/bin/sh
printf '%s\\n' "$1" >> {folder}/asked
case "$1" in
    *assword*) cat {folder}/password ;;
    *) for _ in $(seq 1200); do [ -s {folder}/passcode ] && break; sleep 0.05; done
       cat {folder}/passcode; : > {folder}/passcode ;;
esac
"""
_CLIENT = """\
Host *
    BatchMode no
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
Host jump
    HostName {host}
    Port {port}
    User {username}
    IdentityFile none
    IdentitiesOnly yes
    IdentityAgent none
Host target
    HostName 127.0.0.1
    Port {target}
    User {me}
    IdentityFile {folder}/key
    ProxyJump jump
"""
_SERVER = """\
Port {target}
ListenAddress 127.0.0.1
HostKey {folder}/target_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSSH:
    """`folder` has the client's files; `target_port` is the server's."""

    folder: Path
    target_port: int

    def configure(self, address: tuple[str, int], username: str, password: str, *, more: str = "") -> None:
        """The jump host and who signs in there; `more` is of its `Host`."""
        host, port = address
        text = _CLIENT.format(
            folder=self.folder, host=host, port=port, username=username, target=self.target_port, me=getpass.getuser()
        )
        text = text.replace("Host jump\n", f"Host jump\n{more}")
        (self.folder / "config").write_text(text)
        (self.folder / "password").write_text(password + "\n")
        (self.folder / "passcode").write_text("")

    def type_passcode(self, passcode: str) -> None:
        """What is typed where something other than the password is asked for."""
        (self.folder / "passcode").write_text(passcode + "\n")

    @property
    def asked(self) -> str:
        """All prompts up to now."""
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        program, *arguments = command
        environ = {
            **os.environ,
            "SSH_ASKPASS": str(self.folder / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
            "RSYNC_RSH": f"ssh -F {self.folder}/config",
            "LC_ALL": "C.UTF-8",
        }
        options = [] if program == "rsync" else ["-F", str(self.folder / "config")]
        return await asyncio.create_subprocess_exec(
            *(program, *options, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
        )

    async def run(self, *command: str, text: str = "", seconds: float = 60) -> Ran:
        process = await self.start(*command)
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate(text.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(code=process.returncode or 0, out=out.decode(), err=err.decode())


def _prepare(folder: Path) -> int:
    """Keys and configuration; the server's port."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it confines itself
    for name in ("key", "target_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    askpass = folder / "askpass"
    askpass.write_text(_ASKPASS.format(folder=folder))
    askpass.chmod(0o700)
    port = free_port()
    (folder / "sshd_config").write_text(_SERVER.format(folder=folder, target=port))
    return port


@asynccontextmanager
async def openssh(folder: Path) -> AsyncIterator[OpenSSH]:
    """A server, and a client that is yet to be configured."""
    assert SSHD is not None
    port = _prepare(folder)
    log = folder / "sshd.log"
    with log.open("wb") as written:
        server = await asyncio.create_subprocess_exec(
            *(SSHD, "-D", "-e", "-f", str(folder / "sshd_config")), stdout=written, stderr=written
        )
    try:
        await eventually(lambda: "listening" in log.read_text().lower() or server.returncode is not None, seconds=30)
        assert server.returncode is None, log.read_text()
        yield OpenSSH(folder=folder, target_port=port)
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()
