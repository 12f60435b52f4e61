"""Accepting tickets with the service's keys (RFC 4120, RFC 4178): the only importer of gssapi.

Stateless except for the replay cache, which covers this machine only: the caller makes sure that an authenticator opens
once on all machines. A negotiation that needs a second round trip is refused.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gssapi
from gssapi import raw

from config.system_errors import file_reason
from directory.bounded_threads import BoundedThreads
from directory.kerberos.authenticator import NoAuthenticator, authenticator_digest
from directory.kerberos.logon_info import NotLogonInfo, read_logon_info
from directory.kerberos.service_key import KerberosUnusable, ServiceKey
from directory.kerberos.ticket import MAX_TOKEN_BYTES, KerberosTicket, TicketRefusal, TicketRefused

THREADS = 2
"""Judging a token takes less than a millisecond, most of it in the replay cache's file."""
_WAITING = 8
_SECONDS = 5.0
_SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
_KERBEROS = gssapi.MechType.kerberos
_NTLM = b"NTLMSSP\0"
_LOGON_INFO = b"urn:mspac:logon-info"


class GSSAcceptor:
    """See `directory.kerberos.ticket.TicketAcceptor`."""

    def __init__(self, keys: Sequence[ServiceKey], *, replay_cache: Path | None = None) -> None:
        """`replay_cache` None: one file for all processes of this user on this machine. Raises `KerberosUnusable`."""
        cache = replay_cache or _private_folder() / "replay-cache"
        self._credentials = [(key.kerberos_realm, _credentials(key, cache)) for key in keys]
        self._with_keys = frozenset(key.kerberos_realm for key in keys)
        self._threads = BoundedThreads("kerberos", THREADS, waiting=_WAITING, timeout_seconds=_SECONDS)

    async def accept(self, token: bytes) -> KerberosTicket | TicketRefused:
        if token.startswith(_NTLM) or not token:  # an empty one would begin a negotiation
            return TicketRefused(TicketRefusal.NOT_KERBEROS)
        if len(token) > MAX_TOKEN_BYTES:
            return TicketRefused(TicketRefusal.UNUSABLE, "too large")
        return await self._threads.run(lambda _: self._judge(token))

    async def close(self) -> None:
        self._threads.close()

    def _judge(self, token: bytes) -> KerberosTicket | TicketRefused:
        """Try each domain's key: only one can open the ticket, and a failure leaves no trace."""
        refused = TicketRefused(TicketRefusal.UNUSABLE)
        for kerberos_realm, credentials in self._credentials:
            outcome = _judge_by(credentials, token)
            if isinstance(outcome, KerberosTicket):
                # Anyone with a key can make tickets for anybody, even of other domains.
                if outcome.kerberos_realm != kerberos_realm and outcome.kerberos_realm in self._with_keys:
                    return TicketRefused(TicketRefusal.BY_ANOTHER_DOMAIN)
                return outcome
            if refused.reason is TicketRefusal.UNUSABLE:
                refused = outcome
        return refused


def _judge_by(credentials: raw.Creds, token: bytes) -> KerberosTicket | TicketRefused:
    try:
        # No channel bindings: TLS may end in front of Gatepost. Delegated credentials are dropped at once.
        accepted = raw.accept_sec_context(token, credentials)
    except raw.BadMechanismError:
        return TicketRefused(TicketRefusal.NOT_KERBEROS)
    except raw.GSSError as error:
        return TicketRefused(TicketRefusal.UNUSABLE, _said(error))
    if accepted.more_steps:
        return TicketRefused(TicketRefusal.NOT_IN_ONE_STEP)
    if accepted.mech != _KERBEROS:
        return TicketRefused(TicketRefusal.NOT_KERBEROS)
    try:
        attribute = raw.get_name_attribute(accepted.initiator_name, _LOGON_INFO)
        name = raw.display_name(accepted.initiator_name, name_type=False).name
    except raw.GSSError:
        return TicketRefused(TicketRefusal.WITHOUT_SID)
    if not attribute.authenticated or len(attribute.values) != 1:
        return TicketRefused(TicketRefusal.WITHOUT_SID)
    try:
        holder = read_logon_info(attribute.values[0])
    except NotLogonInfo as error:
        return TicketRefused(TicketRefusal.WITHOUT_SID, str(error))
    try:
        authenticator = authenticator_digest(token)
    except NoAuthenticator as error:
        return TicketRefused(TicketRefusal.UNUSABLE, str(error))
    return KerberosTicket(
        kerberos_realm=name.decode("utf-8", "replace").rpartition("@")[2],
        sid=holder.sid,
        password_set_at=holder.password_set_at,
        authenticator=authenticator,
        reply=accepted.token or b"",
    )


def _credentials(key: ServiceKey, replay_cache: Path) -> raw.Creds:
    store: dict[bytes | str, bytes | str] = {
        b"keytab": b"FILE:" + os.fsencode(key.keytab),
        b"rcache": b"file2:" + os.fsencode(replay_cache),
    }
    try:
        name = raw.import_name(key.principal.encode(), gssapi.NameType.kerberos_principal)
        # With a name: a keytab may also hold keys of other services, whose tickets must open nothing here.
        acquired = raw.acquire_cred_from(store, name=name, usage="accept", mechs=[_SPNEGO, _KERBEROS])
        raw.set_neg_mechs(acquired.creds, [_KERBEROS])
    except raw.GSSError as error:
        raise KerberosUnusable(key, _said(error)) from error
    return acquired.creds


def _said(error: raw.GSSError) -> str:
    """The Kerberos library's own words, which the general ones of GSS-API hide."""
    text = "; ".join(error.get_all_statuses(error.min_code, False))
    return "".join(letter for letter in text if letter.isprintable())[:200]


def _private_folder() -> Path:
    """A folder in which only this user can create files, shared by all of the user's processes."""
    folder = Path(tempfile.gettempdir()) / f"gatepost-kerberos-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise KerberosUnusable(None, f"{folder} for the replay cache: {file_reason(folder, error)}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise KerberosUnusable(None, f"{folder} is not a folder of this user alone: remove it")
    return folder
