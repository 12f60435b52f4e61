"""What a domain controller's answer to a bind means. Pure.

AD answers every refused bind with LDAP result 49 and puts a Windows error code into its text:
``80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52e, v3839``.
"""

from __future__ import annotations

import re

from directory.active_directory.messages import INVALID_CREDENTIALS, LDAPResult
from directory.directory import RefusalReason

_SUB_CODE = re.compile(r"\bdata ([0-9a-f]{1,8})\b", re.ASCII | re.IGNORECASE)

_REASONS = {
    # Win32 error codes in hexadecimal (MS-ERREF section 2.2). 525 and 57 would reveal that nobody has this name, so
    # they count as a wrong password.
    "57": RefusalReason.WRONG_PASSWORD,
    "525": RefusalReason.WRONG_PASSWORD,
    "52e": RefusalReason.WRONG_PASSWORD,
    "52f": RefusalReason.RESTRICTED,
    "530": RefusalReason.LOGON_HOURS,
    "531": RefusalReason.WORKSTATION,
    "532": RefusalReason.PASSWORD_EXPIRED,
    "533": RefusalReason.DISABLED,
    "701": RefusalReason.ACCOUNT_EXPIRED,
    "773": RefusalReason.MUST_CHANGE,
    "775": RefusalReason.LOCKED,
}


_OF_THE_SERVICE_ACCOUNT = {
    RefusalReason.RESTRICTED: "AD restricts it (Protected Users, or an authentication policy)",
    RefusalReason.LOCKED: "it is locked out: unlock it in AD",
    RefusalReason.LOGON_HOURS: "its logon hours do not permit this time",
    RefusalReason.WORKSTATION: "it may log on to some workstations only",
    RefusalReason.PASSWORD_EXPIRED: "its password has expired: set a new one",
    RefusalReason.DISABLED: "it is disabled: enable it in AD",
    RefusalReason.ACCOUNT_EXPIRED: "the account has expired",
    RefusalReason.MUST_CHANGE: "its password must be changed: clear that flag in AD",
}


def service_account_refusal(reason: RefusalReason) -> str:
    """What is wrong with `bind_user` and `bind_password`, for the operator. Pure.

    AD and Samba give the same answer to an unknown name as to a wrong password, so the message names both.
    """
    either = "bind_user or bind_password is wrong, and the domain does not say which"
    return _OF_THE_SERVICE_ACCOUNT.get(reason, either)


def refusal_reason(outcome: LDAPResult) -> RefusalReason | None:
    """Why the directory refused this password; None if it did not judge it (any other result than 49)."""
    if outcome.code != INVALID_CREDENTIALS:
        return None
    sub_code = _SUB_CODE.search(outcome.diagnostic)
    if sub_code is None:
        return RefusalReason.OTHER
    return _REASONS.get(sub_code[1].lower(), RefusalReason.OTHER)
