"""The login at one relay: by one method, and left alone for longer and longer where the password is refused.

Readiness is asked every few seconds, of each worker, and people press "Try again": tries with a wrong password would
soon lock the account.
"""

from __future__ import annotations

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException

from config.settings import SMTPSettings
from proxy.delivery.refused_logins import RefusedLogins

_METHODS = ("plain", "login", "cram-md5")
"""The connection is encrypted or local; relays that keep hashed passwords cannot do the third, whatever they say."""
_NO_SUCH_METHOD = (500, 502, 504, 534)
"""RFC 5321 section 4.2.4, RFC 4954 section 6: another method may do. 535 is about the password."""


def login_of(settings: SMTPSettings) -> RelayLogin | None:
    """None where the relay asks for none."""
    if settings.username is None:
        return None
    return RelayLogin(settings.username, settings.password.get_secret_value() if settings.password is not None else "")


class RelayLogin:
    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self.refusals = RefusedLogins()

    async def log_in(self, connection: SMTP) -> None:
        """Raises as `SMTP.login`, which would try every method with the same wrong password."""
        if connection.is_ehlo_or_helo_needed:
            await connection.ehlo()
        if not connection.supports_extension("auth"):
            raise SMTPException("The relay offers no AUTH.")
        methods = {
            "plain": connection.auth_plain,
            "login": connection.auth_login,
            "cram-md5": connection.auth_crammd5,
        }
        offered = [name for name in _METHODS if name in connection.supported_auth_methods]
        if not offered:
            raise SMTPException("The relay offers no AUTH method that is known here.")
        for position, name in enumerate(offered, start=1):
            try:
                await methods[name](self._username, self._password)
            except SMTPAuthenticationError as error:
                if error.code not in _NO_SUCH_METHOD or position == len(offered):
                    raise
            else:
                return
