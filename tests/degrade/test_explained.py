"""What the help desk is told of somebody while a rung is in force, and by which channels their codes go."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.factors import ChannelKind
from proxy.delivery.channel import EMAIL_ONLY
from proxy.delivery.create_channels import create_channels
from proxy.help_desk.explaining import Explaining, Explanation, SignInQuestion
from proxy.help_desk.verdict import Who
from tests.portal.stage import portal_settings
from tests.sign_in.test_dry_run_agrees import KEYS, NOW, SMS, TOTP, Copy, case_of


async def explained(*rungs: str, **changes: object) -> Explanation:
    copy = Copy(case_of(*((TOTP,) if changes.pop("by_app", False) else (SMS,)), rungs=rungs, **changes))
    await copy.fill()
    explaining = Explaining(copy.settings, realms=copy.realms, store=copy.store, keys=KEYS)
    return await explaining.explain(SignInQuestion(login="alice"), now=NOW)


@pytest.mark.parametrize(
    ("rung", "why"),
    [("closed", "nobody can sign in just now"), ("remembered", "no codes are sent by text message just now")],
)
async def test_who_is_kept_out_by_a_rung_is_said_to_be_until_its_end(rung: str, why: str) -> None:
    found = await explained(rung)
    assert not found.can_sign_in
    (step,) = [each for each in found.steps if each.name == "degrade"]
    assert (step.ok, step.detail) == (False, f'"{rung}" is in force for a while')
    assert step.cause is not None
    assert (step.cause.why, step.cause.who, step.cause.until) == (why, Who.OPERATOR, NOW - 60 + 3600)
    assert why in found.verdict.headline


@pytest.mark.parametrize(("rungs", "by_app"), [(("mail",), False), (("remembered",), True)])
async def test_who_gets_in_all_the_same_is_said_to_and_the_rung_is_told(rungs: tuple[str, ...], by_app: bool) -> None:
    found = await explained(*rungs, by_app=by_app)
    assert found.can_sign_in
    (step,) = [each for each in found.steps if each.name == "degrade"]
    assert (step.ok, step.cause) == (None, None)


async def test_a_gateway_of_a_rung_is_used_while_that_is_in_force_alone(tmp_path: Path) -> None:
    rungs = [{"name": "other", "what": "channels", "channels": ["aql"]}]
    settings = portal_settings(tmp_path, degrade=rungs, second_factor={"channels": ["kapow", "email"]})
    order: list[str] = ["aql", "email"]
    always, now = create_channels(settings), create_channels(settings, order=lambda: order)
    assert (always.names(), always.names(EMAIL_ONLY)) == (("kapow",), ("email",))
    assert (now.names(), now.names(EMAIL_ONLY)) == (("aql",), ("email",))
    assert now.kind_of("kapow") is ChannelKind.SMS  # what was sent before is still known
    order[:] = ["kapow", "email"]
    assert now.names() == ("kapow",)
    for channels in (always, now):
        await channels.close()
