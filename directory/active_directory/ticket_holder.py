"""Whether an account's state lets a Kerberos ticket stand for its person: pure. Instants are epoch seconds.

A ticket is good for hours, whatever becomes of the account meanwhile: all that a domain controller looks at before it
gives one is looked at again, but for logon hours and workstations, which are its own to know.
"""

from __future__ import annotations

from directory.active_directory.account import PersonEntry
from directory.directory import RefusalReason
from directory.kerberos.ticket import KerberosTicket, TicketRefusal


def ticket_refusal(
    person: PersonEntry | None, ticket: KerberosTicket, now: float
) -> RefusalReason | TicketRefusal | None:
    """None: it stands for them. `person` is who has the ticket's SID now."""
    if person is None or person.sid != ticket.sid:
        return RefusalReason.UNKNOWN
    refusal = person.refusal(now)
    if refusal is not None:
        return refusal
    if person.password_set_at is None:
        return RefusalReason.MUST_CHANGE
    if person.is_password_expired:
        return RefusalReason.PASSWORD_EXPIRED
    if ticket.password_set_at is None or person.password_set_at >= ticket.password_set_at + 1.0:
        return TicketRefusal.OLD_PASSWORD  # perhaps set anew because somebody else knew it
    return None
