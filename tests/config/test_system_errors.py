"""What systems report is said in our words: no name of Python's gets through, and a remedy is named."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from config.system_errors import SILENCE, connection_reason, file_reason, listening_reason, tls_reason

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(
    r"Errno|Error\b|Exception|gaierror|_ssl|\.c:\d|Connect call|Traceback|[A-Z]+_[A-Z_]+|errno|None|\('|0x[0-9a-f]+"
)


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:1006)")
    error.reason = reason
    return error


def every_error() -> Iterator[BaseException]:
    for number in errno.errorcode:
        yield OSError(number, f"Connect call failed ('10.0.0.1', {number})")
        yield OSError(f"Multiple exceptions: [Errno {number}] Connect call failed ('::1', 1, 0, 0), [Errno {number}] x")
    for name in dir(socket):
        if name.startswith("EAI_"):
            yield socket.gaierror(getattr(socket, name), "Name or service not known")
    for reason in (
        "WRONG_VERSION_NUMBER",
        "CERTIFICATE_VERIFY_FAILED",
        "BAD_RECORD_TYPE",
        "UNEXPECTED_EOF_WHILE_READING",
    ):
        yield ssl_error(reason)
    yield ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2427)")
    yield ssl.SSLCertVerificationError("hostname '127.0.0.1' doesn't match")
    yield TimeoutError()
    yield EOFError()
    yield ConnectionResetError()
    yield asyncio.IncompleteReadError(b"", 4)


def test_no_name_of_pythons_gets_through() -> None:
    for error in every_error():
        said = [connection_reason(error)]
        if isinstance(error, OSError):
            said.append(file_reason(Path("/etc/hostname"), error))
            said.append(listening_reason(error).replace("CAP_NET_BIND_SERVICE", ""))
        for each in said:
            assert each
            assert not PYTHON.search(each), (error, each)


async def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="Connect call failed") as found:
            await asyncio.open_connection("127.0.0.1", taken.getsockname()[1])
    assert connection_reason(found.value) == "connection refused"


def test_a_wrapped_error_is_found_behind_the_library_that_wraps_it() -> None:
    wrapped = RuntimeError("Error connecting to dc1.corp.example on port 636")
    wrapped.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert connection_reason(wrapped) == "DNS knows no such name"
    assert connection_reason(RuntimeError("Error 111 connecting to 10.0.0.1:6379. Connect call failed")) == (
        "connection refused"
    )
    assert connection_reason(RuntimeError("Error -3 connecting to redis.example:6379. x")) == "DNS does not answer"
    assert connection_reason(OSError(errno.ETIMEDOUT, "x")) == SILENCE


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext | None) -> None:
    """As over a connection: raises what the client meets. Without a context, the server speaks plain SMTP."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    answering = None
    if server is None:
        to_client.write(b"220 mail.example ESMTP\r\n")
    else:
        answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(9):
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            with suppress(ssl.SSLError):
                if answering is not None:
                    answering.do_handshake()
        else:
            return


@pytest.mark.parametrize("kind", ["plain", "stranger", "other name", "old"])
def test_what_a_real_handshake_fails_by(kind: str) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    name = "other.example" if kind == "other name" else "localhost"
    authority.issue_cert(name).configure_cert(context)
    client = ssl.create_default_context()
    if kind != "stranger":
        authority.configure_trust(client)
    if kind == "old":
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        client.minimum_version = ssl.TLSVersion.TLSv1_3

    with pytest.raises(ssl.SSLError) as found:
        shake_hands(client, None if kind == "plain" else context)
    assert connection_reason(found.value) == tls_reason(found.value)
    assert (
        tls_reason(found.value)
        == {
            "plain": "it does not speak TLS on this port",
            "stranger": "its certificate is not accepted (unable to get local issuer certificate): name the file of the"
            " authority that signed it as ca_file",
            "other name": "its certificate is not accepted (hostname mismatch, certificate is not valid for"
            " 'localhost')",
            "old": "it speaks no version of TLS that is safe (1.2 or later is needed)",
        }[kind]
    )


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "key"
    assert file_reason(path, FileNotFoundError(errno.ENOENT, "x")) == f"there is no folder {tmp_path / 'a'}"
    assert file_reason(tmp_path / "key", FileNotFoundError(errno.ENOENT, "x")) == "there is no such file"


def as_nobody(path: Path) -> str:
    """What is said of `path` to a process of the user `nobody` that cannot open it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "it could be opened"
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                said = file_reason(path, error)
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        return pipe.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be tried by root only")
def test_permission_denied_names_file_owner_own_user_and_remedy(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"gatepost-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        file = folder / "state.db"
        assert as_nobody(file) == (
            f"permission denied: the folder {folder} belongs to root (mode 0755), and this runs as nobody:"
            f" chown nobody {folder}"
        )
        file.touch(mode=0o600)
        assert as_nobody(file) == (
            f"permission denied: it belongs to root (mode 0600), and this runs as nobody: chown nobody {file}"
        )
        folder.chmod(0o700)
        assert as_nobody(file) == (
            f"permission denied: the folder {folder} belongs to root (mode 0700), and this runs as nobody:"
            f" chgrp nogroup {folder} && chmod g+x {folder}"
        )
        os.chown(folder, 65534, 65534)
        assert "chown nobody" in as_nobody(file)
        os.chown(file, 65534, 65534)
        assert as_nobody(file) == "it could be opened"
    finally:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


def test_there_is_one_place_for_such_words() -> None:
    """What Python says of a system's error is read here alone, and so are certificates of authorities."""
    # To raise an error again under the name that was asked for words nothing.
    words = re.compile(r"(?<!error\.errno, error)\.strerror|verify_message\b|create_default_context\(")
    places = {
        path.relative_to(ROOT).as_posix()
        for package in ("config", "directory", "proxy")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text())
    }
    assert places == {
        "config/certificates.py",
        "config/system_errors.py",
        "proxy/delivery/bounces/smtp_inbox.py",  # TLS of a server
    }


def test_an_error_that_stands_behind_itself_has_a_reason() -> None:
    one, other = OSError(), ConnectionResetError()
    one.__cause__, other.__context__ = other, one
    assert connection_reason(one) == connection_reason(ConnectionResetError())
