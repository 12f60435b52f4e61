"""One mailbox over IMAP (RFC 3501), read with few commands. Every call blocks, each wait within the time-out.

`imaplib` is the library. Its exceptions quote the server, so only our own words reach a log.
"""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from config.certificates import client_context
from config.system_errors import connection_reason
from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.report import MAX_REPORT_BYTES

MOST_AT_ONCE = 50


class InboxUnavailable(Exception):
    """Reports cannot be read. The text is for the log and `/readyz`."""


class LoginRefused(InboxUnavailable):
    """The server does not take the name and password."""


class Mailbox:
    """A connection that is logged in. Raises `InboxUnavailable` from every method but `abort`."""

    def __init__(self, settings: BouncesSettings, tls: ssl.SSLContext | None) -> None:
        """Connect, verify the certificate, log in."""
        self._settings = settings
        host, port, timeout = settings.host or "", settings.imap_port, settings.timeout
        with _translated("the mailbox's server can't be reached"):
            if settings.security == "tls":
                self._imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, port, ssl_context=tls, timeout=timeout)
            else:
                self._imap = imaplib.IMAP4(host, port, timeout=timeout)
        try:
            if settings.security == "starttls":
                with _translated("the mailbox's server does not speak TLS"):
                    self._imap.starttls(tls)
            self._log_in()
        except BaseException:
            self.abort()
            raise

    def unseen(self) -> list[bytes]:
        """The UIDs of at most `MOST_AT_ONCE` mails that nobody has read."""
        quoted = self._settings.mailbox.replace("\\", "\\\\").replace('"', '\\"')
        with _translated("the mailbox can't be opened"):
            self._expect(self._imap.select(f'"{quoted}"'), "the mailbox can't be opened")
            found = self._expect(self._imap.uid("SEARCH", "UNSEEN"), "the mailbox can't be searched")
        return [uid for line in found if isinstance(line, bytes) for uid in line.split()][:MOST_AT_ONCE]

    def content(self, uid: bytes) -> bytes:
        """The beginning of a mail, which stays unread; empty if it is gone."""
        with _translated("a mail can't be read"):
            what = f"(BODY.PEEK[]<0.{MAX_REPORT_BYTES}>)"
            found = self._expect(self._imap.uid("FETCH", uid.decode("ascii"), what), "a mail can't be read")
        return next((each[1] for each in found if isinstance(each, tuple)), b"")

    def put_away(self, uid: bytes, *, delete: bool) -> None:
        """Mark it as read, or delete it."""
        name = uid.decode("ascii")
        flags = r"(\Seen \Deleted)" if delete else r"(\Seen)"
        with _translated("a mail can't be marked"):
            self._expect(self._imap.uid("STORE", name, "+FLAGS.SILENT", flags), "a mail can't be marked")
            if delete:
                expunged = (
                    self._imap.uid("EXPUNGE", name)  # RFC 4315: this one alone
                    if "UIDPLUS" in self._imap.capabilities
                    else self._imap.expunge()
                )
                self._expect(expunged, "a mail can't be deleted")

    def close(self) -> None:
        with _translated("the mailbox's server did not say goodbye"):
            self._imap.logout()

    def abort(self) -> None:
        """End the connection at once, also under another thread's call."""
        with contextlib.suppress(OSError):
            self._imap.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._imap.shutdown()

    def _log_in(self) -> None:
        settings = self._settings
        name = settings.username or ""
        password = settings.password.get_secret_value() if settings.password is not None else ""
        refused = "the mailbox's server refuses the login"
        with _translated(refused):
            try:
                if "AUTH=PLAIN" in self._imap.capabilities:  # RFC 4616: any character can be part of it
                    self._expect(self._imap.authenticate("PLAIN", lambda _: f"\0{name}\0{password}".encode()), refused)
                elif name.isascii() and password.isascii():
                    self._expect(self._imap.login(name, password), refused)
                else:
                    raise InboxUnavailable("the mailbox's server takes no login beyond ASCII")
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                raise LoginRefused(refused) from None

    def _expect(self, answer: tuple[str, Any], failing: str) -> list[object]:
        kind, data = answer
        if kind != "OK":
            raise InboxUnavailable(failing)
        return list(data)


def tls_context(settings: BouncesSettings) -> ssl.SSLContext | None:
    """With a CA file nothing else is trusted. Raises `UnusableFile`."""
    return None if settings.security == "none" else client_context(settings.ca_file)


@contextlib.contextmanager
def _translated(failing: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:  # ssl.SSLError and time-outs are some
        raise InboxUnavailable(f"{failing}: {connection_reason(exc)}") from exc
    except imaplib.IMAP4.error as exc:
        # The cause may quote what was sent, even a password.
        is_lost = isinstance(exc, imaplib.IMAP4.abort)
        raise InboxUnavailable(f"{failing}: the connection was lost" if is_lost else failing) from None
