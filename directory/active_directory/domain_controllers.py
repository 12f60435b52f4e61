"""The servers of one domain: which is asked, on which connection, and what happens when it does not answer.

Reads use kept connections of the service account. They move on to the next server when one is gone, or says that it is
busy or unavailable. A person's password is sent once, on a separate connection. Any answer, or none, ends that attempt.
Only servers that are not known to be gone get work. Servers that are gone are probed in the background, and nobody
waits for that. All of this blocks, and runs in threads. Deadlines are of `time.monotonic`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.discovery import Located, Locator
from directory.active_directory.domain_controller import DomainController
from directory.active_directory.host_addresses import HostAddresses
from directory.active_directory.keeper import Keeper
from directory.active_directory.messages import BUSY, REFERRAL, SUCCESS, UNAVAILABLE, LDAPResult
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import ServerAddress
from directory.active_directory.server_list import ServerList
from directory.active_directory.service_account import ServiceAccount
from directory.errors import DirectoryBusy, DirectoryMisconfigured, DirectoryUnavailable, OutcomeUnknown
from directory.vital_signs import Step

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BindAnswer:
    """What became of a password that was sent once."""

    server: ServerAddress
    peer: str
    """Which server it was, if several have that address: each one counts wrong passwords itself."""
    outcome: LDAPResult


class DomainControllers:
    """All servers of a realm."""

    def __init__(
        self,
        realm: str,
        locator: Locator,
        context: ssl.SSLContext,
        account: ServiceAccount,
        addresses: HostAddresses,
        *,
        probe_seconds: float,
        took: Callable[[Step, float], None] = lambda step, seconds: None,
    ) -> None:
        """`probe_seconds`: how long a server that is probed may take to prove that it is back. `took` is told of each
        answer, on any thread."""
        self._realm = realm
        self._account = account
        self._probe_seconds = probe_seconds
        self._took = took
        self._keeper = Keeper(f"ldap-{realm}-keeper", self._keep)
        self._list = ServerList(realm, locator, context, addresses, on_change=self._keeper.wake)

    def all(self, *, deadline: float) -> tuple[DomainController, ...]:
        """Every server, even those known to be gone. Raises `DirectoryUnavailable` if none was ever found."""
        self._keeper.start()
        self._list.locate(deadline)
        return self._list.servers

    def are_asked(self) -> Mapping[str, bool]:
        """Of the servers that are known now, whether each is given work."""
        return {str(server.address): server.is_asked for server in self._list.servers}

    def located(self, *, deadline: float) -> Located:
        return self._list.locate(deadline)

    def read(self, work: Callable[[Reader], T], *, deadline: float, only_at: ServerAddress | None = None) -> T:
        """Do `work` as the service account at the first server that answers (`only_at`: at that one only)."""
        return self._at_the_first(
            self._asked(deadline, only_at),
            lambda server, is_replaceable: self._read_at(server, work, deadline, is_replaceable=is_replaceable),
            deadline,
        )

    def bind_once(
        self, dn: str, password: bytes, *, deadline: float, only_at: ServerAddress | None = None
    ) -> BindAnswer:
        """Send this password once. Another server is tried only while nothing has been sent.

        Raises `OutcomeUnknown` if it was sent, and no answer says whether it was judged.
        """
        server, connection = self._at_the_first(
            self._asked(deadline, only_at),
            lambda server, is_replaceable: (server, server.open(_until(server, deadline, is_replaceable))),
            deadline,
        )
        with self._sending_once(server, connection):
            sent_at = time.monotonic()
            outcome = connection.bind(dn, password, deadline=deadline)
            self._took("bind", time.monotonic() - sent_at)
        if outcome.code != SUCCESS and refusal_reason(outcome) is None:
            reason = f"{server.address}: a bind was answered {outcome.code}"
            if outcome.code in (BUSY, UNAVAILABLE):  # any other may be about this person only
                self._failed(server, ConnectionFailed(server.address, f"a bind was answered {outcome.code}"))
                raise DirectoryUnavailable(self._realm, reason)
            raise OutcomeUnknown(self._realm, reason)
        server.answered()
        return BindAnswer(server.address, connection.peer, outcome)

    def change_password_once(self, dn: str, old: bytes, new: bytes, *, deadline: float) -> BindAnswer:
        """Ask once, as the service account, for a change of `unicodePwd`; the values are as AD takes them.

        Another server is tried only while nothing has been sent, or after an RODC: it writes nothing, answers with a
        referral and has judged nothing. The referral itself is not followed. Raises `OutcomeUnknown` if the change
        was sent and not answered.
        """
        servers = list(self._asked(deadline))
        while servers:
            server, connection = self._at_the_first(
                servers,
                lambda server, is_replaceable: (
                    server,
                    self._open_service(server, _until(server, deadline, is_replaceable)),
                ),
                deadline,
            )
            with self._sending_once(server, connection):
                outcome = connection.change_password(dn, old, new, deadline=deadline)
            server.answered()
            if outcome.code != REFERRAL:
                return BindAnswer(server.address, connection.peer, outcome)
            servers.remove(server)
        raise DirectoryUnavailable(self._realm, "no domain controller that can be written to answers")

    @contextmanager
    def service_connection(self, server: DomainController, *, deadline: float) -> Iterator[Reader]:
        """A fresh one, for this block alone."""
        connection = self._open_service(server, deadline)
        try:
            yield Reader(self._realm, connection, deadline)
        finally:
            connection.close()

    @contextmanager
    def _sending_once(self, server: DomainController, connection: Connection) -> Iterator[None]:
        """Nobody knows what became of a password whose answer did not come. The connection serves nothing else."""
        try:
            yield
        except ConnectionFailed as exc:
            self._failed(server, exc)
            raise OutcomeUnknown(self._realm, str(exc)) from exc
        finally:
            connection.close()

    def measure(self) -> None:
        """Find out, in the background, which servers are up and how fast they are."""
        self._keeper.start()
        for server in self._list.servers:
            self._keeper.run(lambda server=server: self._probe(server))  # type: ignore[misc]

    def close(self) -> None:
        self._keeper.close()
        for server in self._list.servers:
            server.close()

    def _asked(self, deadline: float, only_at: ServerAddress | None = None) -> Sequence[DomainController]:
        """The servers to ask, best first; raises `DirectoryUnavailable` at once if all are known to be gone."""
        servers = self.all(deadline=deadline)
        if only_at is not None:
            return [each for each in servers if each.address == only_at]
        asked = [each for each in servers if each.is_asked]
        if not asked:
            reasons = "; ".join(f"{each.address}: {each.last_failure}" for each in servers)
            raise DirectoryUnavailable(self._realm, f"no domain controller answers ({reasons})")
        return sorted(asked, key=lambda each: (each.rank, each.health.latency_class()))

    def _at_the_first(
        self, servers: Sequence[DomainController], attempt: Callable[[DomainController, bool], T], deadline: float
    ) -> T:
        """`attempt(server, is_replaceable)` at one server after the other, until it does not raise `ConnectionFailed`.

        A server that another can replace is given up early. The last one gets all of the remaining time.
        """
        failures: list[ConnectionFailed] = []
        left = [(server, position < len(servers) - 1) for position, server in enumerate(servers)]
        for server, is_replaceable in left:
            try:
                return attempt(server, is_replaceable)
            except ConnectionFailed as exc:
                self._failed(server, exc)
                failures.append(exc)
                if exc.is_silence and is_replaceable and len(left) == len(servers):
                    left.append((server, False))
            if time.monotonic() >= deadline:
                break
        reason = "; ".join(dict.fromkeys(map(str, failures)))
        raise DirectoryUnavailable(self._realm, reason) from (failures[-1] if failures else None)

    def _read_at(
        self, server: DomainController, work: Callable[[Reader], T], deadline: float, *, is_replaceable: bool
    ) -> T:
        patience = server.health.patience_seconds()
        kept = server.take()
        if kept is not None:
            try:
                # Impatient even with the only server: a firewall may have silently forgotten the connection.
                return self._work(server, self._reader(kept, deadline, patience), kept, work)
            except ConnectionFailed as exc:
                if exc.is_silence and is_replaceable:
                    raise
                # Otherwise the server may have closed it while it was idle: try once more, on a new one.
        connection = self._open_service(server, _until(server, deadline, is_replaceable))
        reader = self._reader(connection, deadline, patience if is_replaceable else None)
        return self._work(server, reader, connection, work)

    def _reader(self, connection: Connection, deadline: float, patience_seconds: float | None) -> Reader:
        return Reader(
            self._realm, connection, deadline, patience_seconds, took=lambda seconds: self._took("search", seconds)
        )

    def _work(self, server: DomainController, reader: Reader, connection: Connection, work: Callable[[Reader], T]) -> T:
        try:
            result = work(reader)
        except (DirectoryMisconfigured, DirectoryBusy):
            # The server did answer; its answer is the problem.
            server.give_back(connection)
            raise
        except BaseException:
            connection.close()
            raise
        server.answered(reader.mean_answer_seconds())
        server.give_back(connection)
        return result

    def _open_service(self, server: DomainController, deadline: float) -> Connection:
        self._account.require_not_refused(self._realm)
        connection = server.open(deadline)
        try:
            self._account.sign_in(connection, self._realm, deadline=deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def _failed(self, server: DomainController, failure: ConnectionFailed) -> None:
        server.failed(failure.reason)
        self._keeper.wake()

    def _keep(self) -> float:
        """Start what is due now; return when to look again."""
        now = time.monotonic()
        if self._list.claim_refresh(now):
            self._keeper.run(self._list.refresh)
        for server in self._list.servers:
            server.close_idle()
            if server.claim_probe(now):
                self._keeper.run(lambda server=server: self._probe(server))  # type: ignore[misc]
        return min((self._list.refresh_at, *(each.health.due_at() for each in self._list.servers)))

    def _probe(self, server: DomainController) -> None:
        deadline = time.monotonic() + self._probe_seconds
        try:
            self._read_at(server, lambda reader: reader.at("", ["currentTime"]), deadline, is_replaceable=False)
        except ConnectionFailed as exc:
            self._failed(server, exc)
        except DirectoryMisconfigured:
            server.answered()
        finally:
            if server.health.is_probed:  # or it would never be probed again
                server.failed("could not be probed")
            self._keeper.wake()


def _until(server: DomainController, deadline: float, is_replaceable: bool) -> float:
    """Until when to wait for a server: not for long where another can replace it."""
    return min(deadline, time.monotonic() + server.health.patience_seconds()) if is_replaceable else deadline
