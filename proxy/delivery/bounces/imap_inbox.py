"""One mailbox over IMAP (RFC 3501), read at intervals with few commands; what was read is deleted or marked as read.

`imaplib` is the library. Its exceptions quote the server, so only our own words reach a log. Every call of a `Mailbox`
blocks, each wait within the time-out; a thread of its own makes them. Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from config.certificates import client_context
from config.system_errors import connection_reason
from config.tables.mailboxes import MailboxSettings, imap_port
from directory.directory import CheckResult
from proxy.delivery.bounces.desk import Taken
from proxy.delivery.bounces.report import MAX_REPORT_BYTES
from proxy.delivery.own_login import OwnLogin, SharedLogins
from proxy.operations.store_errors import StoreError

_Result = TypeVar("_Result")
MOST_AT_ONCE = 50
TURN_SECONDS = 60.0
"""How long the reading of one batch may take in all."""


class InboxUnavailable(Exception):
    """Mails cannot be read. The text is for the log and `/readyz`."""


class LoginRefused(InboxUnavailable):
    """The server does not take the name and password."""


class TakesMail(Protocol):
    """Whom the mails of a mailbox are shown to."""

    async def try_again(self) -> None:
        """At the beginning of each look. Raises `StoreUnavailable`."""
        ...

    async def take(self, content: bytes) -> Taken:
        """Judge one mail. Raises `StoreUnavailable`: then the caller has to bring it again."""
        ...


class Mailbox:
    """A connection that is logged in. Raises `InboxUnavailable` from every method but `abort`."""

    def __init__(self, settings: MailboxSettings, tls: ssl.SSLContext | None) -> None:
        """Connect, verify the certificate, log in."""
        self._settings = settings
        host, port, timeout = settings.host or "", imap_port(settings), settings.timeout
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
        """The UIDs of at most `MOST_AT_ONCE` mails that nobody has read: the newest, as those that wait may be many."""
        quoted = self._settings.mailbox.replace("\\", "\\\\").replace('"', '\\"')
        with _translated("the mailbox can't be opened"):
            self._expect(self._imap.select(f'"{quoted}"'), "the mailbox can't be opened")
            found = self._expect(self._imap.uid("SEARCH", "UNSEEN"), "the mailbox can't be searched")
        return [uid for line in found if isinstance(line, bytes) for uid in line.split()][-MOST_AT_ONCE:]

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


def tls_context(settings: MailboxSettings) -> ssl.SSLContext | None:
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


def _give_up(connecting: Future[Mailbox]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()


class IMAPInbox:
    """`trouble` says what is wrong, or is None."""

    def __init__(
        self,
        settings: MailboxSettings,
        desk: TakesMail,
        *,
        logins: SharedLogins | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`logins`: what other workers know of refused ones; `clock`: of these.

        Raises `OSError` where `ca_file` can't be read or holds no certificate.
        """
        self._settings = settings
        self._desk = desk
        self._tls = tls_context(settings)
        self._mailbox: Mailbox | None = None
        password = settings.password.get_secret_value() if settings.password is not None else ""
        server = f"{settings.host}:{imap_port(settings)}"
        self._login = OwnLogin(server, settings.username or "", password, shared=logins, clock=clock)
        self.trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        threads = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        try:
            while True:
                try:
                    async with asyncio.timeout(TURN_SECONDS):
                        await self._turn(threads)
                    self.trouble = None
                except LoginRefused as error:
                    await self._login.refused(str(error))
                    self.trouble = await self._login.held_back()
                except InboxUnavailable as error:
                    self.trouble = str(error)
                    self._drop()
                except TimeoutError:
                    self.trouble = "the mailbox's server is too slow"
                    self._drop()
                except StoreError as error:
                    self.trouble = str(error)  # a mail that was not judged stays unread
                await asyncio.sleep(self._settings.poll)
        finally:
            self.trouble = None
            self._drop()
            threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, threads: ThreadPoolExecutor) -> None:
        async def blocking(work: Callable[[], _Result]) -> _Result:
            return await asyncio.get_running_loop().run_in_executor(threads, work)

        await self._desk.try_again()
        if self._mailbox is None:
            if held_back := await self._login.take_turn():
                raise InboxUnavailable(held_back)
            connecting = threads.submit(Mailbox, self._settings, self._tls)
            try:
                self._mailbox = await asyncio.wrap_future(connecting)
            except asyncio.CancelledError:
                connecting.add_done_callback(_give_up)  # its thread may be about to log in
                await self._login.given_up()
                raise
            except LoginRefused:
                raise  # which `run` counts
            except BaseException:
                await self._login.given_up()
                raise
            await self._login.taken()
        mailbox = self._mailbox
        for uid in await blocking(mailbox.unseen):
            taken = await self._desk.take(await blocking(lambda uid=uid: mailbox.content(uid)))  # type: ignore[misc]
            # A report may quote the passcode. A mail about something else is not ours to delete.
            delete = taken is not Taken.UNRELATED and self._settings.then == "delete"
            await blocking(lambda uid=uid, delete=delete: mailbox.put_away(uid, delete=delete))  # type: ignore[misc]

    def _drop(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(InboxUnavailable):
                mailbox.abort()


async def check_mailbox(settings: MailboxSettings, subject: str) -> CheckResult:
    """One line of `gatepost check`."""
    wrong = await wrong_with_mailbox(settings)
    detail = wrong or "connected, certificate, login and mailbox as configured"
    return CheckResult(subject=subject, ok=wrong is None, detail=detail)


async def wrong_with_mailbox(settings: MailboxSettings) -> str | None:
    """What is wrong with it, after trying it. Nothing in it is touched."""

    def attempt() -> str | None:
        try:
            mailbox = Mailbox(settings, tls_context(settings))
            mailbox.unseen()
            mailbox.close()
        except (InboxUnavailable, OSError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="inbox") as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, attempt)
