"""A real IMAP server of the test's own: Dovecot as an ordinary process in a folder, ended by its process id."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

PROGRAM = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
NAME = "otp@corp.example"
PASSWORD = 'pa"ss\\wört'
_STARTS_WITHIN_SECONDS = 20.0

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
mail_location = maildir:{folder}/mail
mail_uid = {user}
mail_gid = {group}
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
ssl_dh =
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Dovecot:
    """One mailbox, `NAME`'s, and the files that it keeps its mail in."""

    def __init__(self, folder: Path, *, port: int, plain_port: int) -> None:
        self.port = port
        self.plain_port = plain_port
        self._inbox = folder / "mail"
        self._count = 0

    def deliver(self, content: bytes) -> None:
        """As a mail server does: written elsewhere, then moved in."""
        self._count += 1
        written = self._inbox / "tmp" / f"{time.time_ns()}.{self._count}.test"
        written.write_bytes(content)
        written.chmod(0o666)  # it may be another user's process that reads it
        written.rename(self._inbox / "new" / written.name)

    def empty(self) -> None:
        for path in (*self._inbox.glob("new/*"), *self._inbox.glob("cur/*")):
            path.unlink()

    def mails(self) -> list[tuple[bytes, bool]]:
        """What is in the mailbox, each with whether it was read."""
        while True:
            found = self._files()
            with contextlib.suppress(FileNotFoundError):  # the server renames a file to mark it
                mails = [(path.read_bytes(), "S" in path.name.partition(":2,")[2]) for path in found]
                if found == self._files():
                    return mails

    def _files(self) -> list[Path]:
        return sorted((*self._inbox.glob("new/*"), *self._inbox.glob("cur/*")), key=lambda path: path.name)


@contextlib.contextmanager
def running_dovecot(certificate: trustme.LeafCert, *, mechanisms: str = "plain") -> Iterator[Dovecot]:
    """Serve until the block is left."""
    assert PROGRAM is not None, "dovecot-imapd is not installed"
    # Its parts refuse to run as root: where the tests do, it is started as somebody without rights.
    owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    user, group = owner.pw_name, grp.getgrgid(owner.pw_gid).gr_name
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:  # short: it holds sockets
        folder = Path(name)
        port, plain_port = _free_ports(2)
        (folder / "users").write_text(f"{NAME}:{{PLAIN}}{PASSWORD}\n")
        certificate.private_key_pem.write_to_path(folder / "server.key")
        (folder / "server.pem").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
        (folder / "dovecot.conf").write_text(
            _CONFIGURATION.format(
                folder=folder, user=user, group=group, port=port, plain_port=plain_port, mechanisms=mechanisms
            )
        )
        for each in ("tmp", "new", "cur"):
            (folder / "mail" / each).mkdir(parents=True)
        if os.getuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        process = subprocess.Popen(
            [PROGRAM, "-F", "-c", str(folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **({"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}),
        )
        try:
            deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
            while not _answers(port):
                log = (folder / "log").read_text() if (folder / "log").exists() else ""
                if process.poll() is not None:
                    raise AssertionError(f"dovecot ended: {log} {process.communicate()[1]!r}")
                assert time.monotonic() < deadline, f"dovecot does not answer: {log}"
                time.sleep(0.02)
            yield Dovecot(folder, port=port, plain_port=plain_port)
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_ports(count: int) -> list[int]:
    """Dovecot cannot be handed a socket, nor say which port the system chose."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in opened]
