"""A recovery code that was used: its person is told, and how many are left. It may be a thief who found the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from config.settings import MobileSettings
from directory.principal import Principal
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.recovery_code.recovery_codes import RecoveryCodes
from proxy.secrets.keys import Keys
from proxy.sign_in.changed_numbers import Notice, Notices, number_on_file
from proxy.sign_in.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCodes:
    codes: RecoveryCodes
    mobile: MobileSettings
    numbers: NumberStore
    keys: Keys
    notices: Notices
    wording: Callable[[int], Notice] | None
    """The number is of those that are left. None: nobody is told."""

    async def tell(self, client: Client, principal: Principal) -> None:
        """By mail, and on the number on file. Raises `StoreUnavailable`."""
        if self.wording is None:
            return
        worded = partial(self.wording, await self.codes.count_left(principal))
        number = await number_on_file(self.mobile, self.numbers, self.keys, principal)
        self.notices.send(principal, number, worded, phone="phone", incident=client.incident)
