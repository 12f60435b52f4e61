"""Whether an account's state lets a Kerberos ticket stand for its person: pure. Instants are epoch seconds.

A ticket is valid for hours, whatever happens to the account in the meantime. So everything that a domain controller
checks before it gives one is checked again here, except logon hours and workstations, which only it can judge.
"""

from __future__ import annotations

from directory.active_directory.account import PersonEntry
from directory.directory import RefusalReason
from directory.kerberos.ticket import KerberosTicket, TicketRefusal


def ticket_refusal(
    person: PersonEntry | None, ticket: KerberosTicket, now: float
) -> RefusalReason | TicketRefusal | None:
    """Why it does not; None if it does. `person` is the one who has the ticket's SID now."""
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
        return TicketRefusal.OLD_PASSWORD  # perhaps set again because somebody else knew it
    return None
