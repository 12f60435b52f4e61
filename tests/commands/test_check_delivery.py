"""What `gatepost check` says of the channels: which one serves which factor, and which one never does."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import SchemeSettings
from proxy.commands.check import channel_order
from proxy.delivery.create_channels import create_channels
from tests.support.delivery import delivery_settings

THREE = ["kapow", "own", "email"]
OWN = {"gateways": {"own": {"preset": "kapow"}}}
SMS, BOTH, MAIL = ("password", "sms"), ("password", "sms", "email"), ("password", "email")


@pytest.mark.parametrize(
    ("second_factor", "factors", "told"),
    [
        ({}, None, ["sms: by kapow"]),
        (
            {"channels": THREE},
            SMS,
            ["sms: by kapow, then own; never by email (second_factor.email_for_sms is not set)"],
        ),
        (
            {"channels": THREE},
            BOTH,
            ["sms: by kapow, then own; never by email (second_factor.email_for_sms is not set)", "email: by email"],
        ),
        ({"channels": THREE, "email_for_sms": True}, SMS, ["sms: by kapow, then own, then email"]),
        ({"channels": ["email"]}, MAIL, ["email: by email"]),
    ],
)
async def test_the_order_of_channels_is_told_for_each_factor_that_is_asked_for(
    second_factor: dict[str, Any], factors: tuple[str, ...] | None, told: list[str]
) -> None:
    settings = delivery_settings(second_factor=second_factor, sms=OWN)
    schemes = () if factors is None else (SchemeSettings.model_validate({"name": "a", "factors": factors}),)
    settings = settings.model_copy(update={"schemes": schemes})
    channels = create_channels(settings)
    results = channel_order(settings, channels)
    await channels.close()
    assert [f"{each.subject}: {each.detail}" for each in results] == [f"passcodes for {each}" for each in told]
    assert all(each.ok for each in results)
