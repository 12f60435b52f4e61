"""What clients of the JSON API meet while a rung is in force: pages tell people, answers tell programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from config.factors import ChannelKind
from tests.api.stage import APIClient, running_api
from tests.portal.test_mail_for_sms import CHANNELS, Telling
from tests.support.rungs import begun_rung

RUNGS = [{"name": "mail", "what": "mail", "schemes": ["browser"]}, {"name": "closed", "what": "closed"}]
SCRIPTED = "scripted@corp"


async def test_a_mail_in_the_place_of_an_sms_is_asked_for_sent_again_and_proven(tmp_path: Path) -> None:
    directory = Telling()
    directory.person = replace(directory.person, mobiles=("07400 123456",))
    changes = {"degrade": RUNGS, "second_factor": {"channels": tuple(CHANNELS)}}
    async with running_api(tmp_path, scripted=directory, **changes) as stage:
        stage.phone.channels = dict(CHANNELS)
        await stage.store.rungs.put_rung(begun_rung("mail", at=stage.now), seen=None)
        client = APIClient(stage)
        asked = await client.sign_in(SCRIPTED)
        assert (asked.status, asked.factor, asked.factors) == (200, "email_for_sms", ["email_for_sms"])
        assert stage.phone.kinds[-1] == {ChannelKind.EMAIL}
        stage.now += 60
        again = await client.resend(asked, channel="email")
        assert (again.status, again.factor) == (200, "email_for_sms")
        assert (await client.resend(asked, channel="sms")).status == 403
        assert (await client.prove(again)).state == "signed_in"


async def test_nobody_new_gets_a_token_and_who_has_one_keeps_it(tmp_path: Path) -> None:
    async with running_api(tmp_path, degrade=RUNGS) as stage:
        client = APIClient(stage)
        token = await client.token()
        await stage.store.rungs.put_rung(begun_rung("closed", at=stage.now, seconds=600), seen=None)
        await stage.degrade.look()
        refused = await client.sign_in()
        assert (refused.status, refused.error) == (403, "not_allowed")
        assert "Nobody can sign in just now." in refused.message
        assert (await client.call("GET", "session", token=token)).status == 200
        stage.now += 600
        assert (await client.sign_in()).status == 200
