"""The number or the mail address that a passcode is sent to, and by what it is known again without being kept."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from directory.mobile import E164, mask
from directory.principal import Principal
from proxy.delivery.channel import is_plain_address, mask_mail
from proxy.keys import Purpose
from proxy.portal.keys import Parts
from proxy.second_factor.challenge import Challenge
from proxy.second_factor.known_numbers import number_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Exactly one of `number` and `mail`: where there is no number, no SMS can go to it."""

    factor: str
    """What a passcode sent there proves. A mail may stand in for a number, where the operator says so."""
    number: E164 | None = field(default=None, repr=False)
    mail: str | None = field(default=None, repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    """By which it is known again: one for each key that counts, the one in use first."""

    @property
    def address(self) -> str:
        """What sends are counted by."""
        return self.number if self.number is not None else (self.mail or "")

    @property
    def masked(self) -> str:
        return mask(self.number) if self.number is not None else mask_mail(self.mail or "")

    @property
    def digest(self) -> bytes:
        return self.digests[0]

    def is_of(self, challenge: Challenge) -> bool:
        """Whether this challenge's passcode was sent there, and for the same factor."""
        return challenge.factor == self.factor and any(
            hmac.compare_digest(digest, challenge.number_digest) for digest in self.digests
        )


def chosen_number(parts: Parts, principal: Principal, number: E164) -> Chosen:
    keys = parts.keys.accepted(Purpose.NUMBERS)
    digests = tuple(number_digest(key, guid=principal.guid, number=number) for key in keys)
    return Chosen(factor="sms", number=number, digests=digests)


def chosen_mail(parts: Parts, principal: Principal, *, factor: str) -> Chosen | None:
    """None where the person has no address that a mail can be sent to."""
    mail = principal.mail
    if mail is None or not is_plain_address(mail):
        return None
    keys = parts.keys.accepted(Purpose.NUMBERS)
    # A number holds no letters: the digests of the two never meet.
    digests = tuple(hmac.digest(key, f"{principal.guid}\0mail\0{mail}".encode(), "sha256") for key in keys)
    return Chosen(factor=factor, mail=mail, digests=digests)
