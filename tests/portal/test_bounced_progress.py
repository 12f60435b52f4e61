"""What the passcode page says of a message whose failure was reported: by its reason, and never in others' words."""

from __future__ import annotations

import pytest

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus
from proxy.delivery.delivery_store import FailureReason
from proxy.portal.progress import progress_of
from tests.support.bounces import sending
from tests.support.people import look


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (
            FailureReason.NUMBER_REFUSED.value,
            "The message could not be delivered: •••456 cannot be reached. Ask your IT help desk to check the "
            "details in your account.",
        ),
        (
            FailureReason.NO_CREDIT.value,
            "The SMS provider refuses our messages at the moment. Your phone is not at fault: ask your IT help desk.",
        ),
        (
            FailureReason.SENDER_NOT_TRUSTED.value,
            "The SMS provider refuses our messages at the moment. Your phone is not at fault: ask your IT help desk.",
        ),
        (FailureReason.GAVE_UP.value, "The message could not be delivered to •••456."),
        (FailureReason.UNKNOWN.value, "The message could not be delivered to •••456."),
        ("550 <script>said somebody</script>", "The message could not be delivered to •••456."),
    ],
)
def test_the_page_says_why_a_message_failed_in_words_of_its_own(reason: str, text: str) -> None:
    progress = progress_of(look(sending(status=DeliveryStatus.FAILED, reason=reason)))
    assert progress.text == text
    assert progress.state == "failed"
    assert progress.is_settled


def test_of_a_mail_the_page_blames_no_sms_gateway() -> None:
    failed = sending(kind=ChannelKind.EMAIL, status=DeliveryStatus.FAILED, reason=FailureReason.NO_CREDIT.value)
    assert progress_of(look(failed)).text == "The message could not be delivered to •••456."
