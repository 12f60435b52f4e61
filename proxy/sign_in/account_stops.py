"""What stands against an account, for somebody who begins with this factor or that: pure."""

from __future__ import annotations

from config.factors import Factor
from directory.directory import AccountState, RefusalReason

_ONLY_AT_A_BIND = frozenset({RefusalReason.LOGON_HOURS, RefusalReason.WORKSTATION})
"""What domain controllers look at when they give a ticket (`ticket_holder`)."""


def account_stops(state: AccountState, first: Factor, *, can_change_password: bool) -> tuple[RefusalReason, ...]:
    """A password that must be changed stops nobody who can change it on the way; by a ticket or a passkey nobody gets
    that far.

    Who gives a ticket has looked at logon hours and computers. For a passkey alone nobody has: everything counts that a
    bind would have told.
    """
    match first:
        case Factor.PASSWORD:
            return tuple(each for each in state.refusals if not (each.is_fixed_by_a_change and can_change_password))
        case Factor.KERBEROS:
            return tuple(each for each in state.refusals if each not in _ONLY_AT_A_BIND)
        case _:
            return state.refusals
