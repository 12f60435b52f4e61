"""A real domain: enrolments and app passwords go with a deleted account, and stay, of no use, with a disabled one."""

from __future__ import annotations

from pathlib import Path

import structlog

from config.factors import Factor
from directory.active_directory.active_directory import ActiveDirectory
from directory.login_name import parse_login_name
from directory.realms import Realms
from proxy.factors.enrolment import seal_enrolment
from proxy.secrets.keys import Keys
from proxy.sign_in.enrolment_upkeep import EnrolmentUpkeep
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.people import NOW, credential, principal
from tests.support.samba import person, settings_for
from tests.support.samba_dc import SambaDC


async def test_they_go_with_the_account_and_not_while_it_is_disabled(tmp_path: Path, corp: SambaDC) -> None:
    corp.add([person("enrolled-gone"), person("enrolled-off")])
    directory, store, keys = ActiveDirectory(settings_for(corp)), SQLiteStore(tmp_path / "state.db"), Keys(b"k" * 32)
    guids = {}
    for username in ("enrolled-gone", "enrolled-off"):
        name = parse_login_name(username)
        assert name is not None
        account = await directory.find(name)
        assert account is not None
        guids[username] = account.guid
        someone = principal(guid=account.guid, realm="corp", username=username)
        app = seal_enrolment(keys, someone, Factor.TOTP, b"x" * 20, name="phone", now=NOW)
        await store.enrolments.put_enrolments([app])
        await store.credentials.put_credential(credential(guid=account.guid, username=username), most=5)
    upkeep = EnrolmentUpkeep(
        store=store.enrolments,
        browsers=store.browsers,
        credentials=store.credentials,
        clock=lambda: NOW,
        realms=Realms([directory]),
        keys=keys,
        log=structlog.get_logger(),
    )
    corp.modify(
        f"dn: {corp.dn('enrolled-off')}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    )
    await upkeep.look()
    assert set(await store.enrolments.guids_with_enrolments()) == set(guids.values())
    assert {each.guid for each in await store.credentials.credentials(now=NOW)} == set(guids.values())
    assert await directory.read(guids["enrolled-off"]) is None
    corp.modify(f"dn: {corp.dn('enrolled-gone')}\nchangetype: delete\n")
    await upkeep.look()
    assert list(await store.enrolments.guids_with_enrolments()) == [guids["enrolled-off"]]
    assert [each.guid for each in await store.credentials.credentials(now=NOW)] == [guids["enrolled-off"]]
    await store.close()
    await directory.close()
