"""Everything that a person may be told by SMS beside their passcodes: for the checks at the start."""

from __future__ import annotations

from collections.abc import Iterator

from config.factors import Factor
from config.settings import Settings
from proxy.help_desk.passes import TOLD_ENDED, TOLD_GIVEN, TOLD_VOUCHED
from proxy.languages.current import gettext as _
from proxy.portal.factor_notice import SAID_OF_CREDENTIALS, credential_notices, factor_notices, used_code_notices
from proxy.portal.number_notice import notice_of, stolen
from proxy.sign_in.changed_numbers import NumberEvent

_ENROLLED = (Factor.TOTP, Factor.RECOVERY_CODE, Factor.PASSKEY)
_MOST_CODES = 10


def every_sms(settings: Settings) -> Iterator[str]:
    """In the language in use."""
    yield from (notice_of(event, "").sms for event in NumberEvent)
    yield stolen().sms
    yield from (_(text) for text in (TOLD_GIVEN, TOLD_VOUCHED, TOLD_ENDED))
    of_factor, of_credential = factor_notices(settings), credential_notices(settings)
    yield from (of_factor(factor, is_added).sms for factor in _ENROLLED for is_added in (True, False))
    yield from (of_credential(factor, is_made).sms for factor, is_made in SAID_OF_CREDENTIALS)
    yield from (used_code_notices(settings)(left).sms for left in range(_MOST_CODES))
