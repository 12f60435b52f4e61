"""A real rsyslogd of the test's own that takes lines over TLS, ended by its process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import trustme

from tests.support.gatepost import free_port

PROGRAM = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
_CONFIGURATION = """\
global(
    workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="{folder}/ca.pem"
    defaultNetstreamDriverCertFile="{folder}/cert.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem"
)
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="all" type="string" string="%timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %msg%\\n")
action(type="omfile" file="{folder}/messages" template="all")
"""


def is_there() -> bool:
    """With its part for TLS, which is a package of its own (rsyslog-openssl)."""
    return PROGRAM is not None and any(Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so"))


class Rsyslog:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.authority = folder / "ca.pem"
        self.messages = folder / "messages"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(self.authority)
        certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        (folder / "rsyslog.conf").write_text(_CONFIGURATION.format(folder=folder, port=self.port))

    def start(self) -> None:
        assert PROGRAM is not None
        command = [PROGRAM, "-n", "-f", str(self._folder / "rsyslog.conf"), "-i", str(self._folder / "pid")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    @property
    def listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


@contextlib.contextmanager
def running_rsyslog(folder: Path) -> Iterator[Rsyslog]:
    folder.mkdir()
    server = Rsyslog(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
