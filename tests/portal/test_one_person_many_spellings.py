"""AD ignores case, accents, kana and width in names (MS-ADTS section 6.5.1): all spellings are one person's budget."""

from __future__ import annotations

import re
from pathlib import Path

from directory.active_directory.active_directory import ActiveDirectory
from tests.portal.stage import running_portal
from tests.support.scripted_ldap import (
    ALICE,
    ALICE_DN,
    BIND,
    SEARCH,
    Request,
    ScriptedLDAP,
    bind_answer,
    search_done,
    settings_for,
)

SPELLINGS = ("alice", "ALICE", "àlicé", "ａｌｉｃｅ", "ÁLICE", "Alíce", "ali\u0301ce", "ÅLICE")


def folding(request: Request) -> list[bytes] | None:
    """As AD does where every name here is a spelling of alice's."""
    if request.kind == BIND and request.name == ALICE_DN:
        return [bind_answer(49, "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 52e, v1")]
    if request.kind == SEARCH and re.search(rb"sAMAccountName\x04", request.body):
        return [ALICE, search_done()]
    return None


async def test_guesses_under_every_spelling_of_a_name_spend_one_budget(tmp_path: Path) -> None:
    server = ScriptedLDAP(tmp_path, script=folding)
    with server.running():
        directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
        throttle = {"passwords_per_person": 3}
        async with running_portal(tmp_path, scripted=directory, throttle=throttle) as stage:  # type: ignore[arg-type]
            for number, spelling in enumerate(SPELLINGS):
                browser = stage.browser(address=f"203.0.113.{number}")
                answer = await stage.password(browser, f"{spelling}@corp.example", f"guess {number}")
                assert answer.status == 401
            reasons = {each["reason"] for each in stage.log if "reason" in each}
            assert reasons == {"wrong_password", "passwords_from_unfamiliar_addresses"}
    assert len(server.binds(ALICE_DN)) == 2
