"""Active Directory against a real one: Samba."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from tests.directory.contract import DirectoryContract, DirectoryWorld
from tests.support.samba import ALICE_PASSWORD, CONFIGURED_GROUPS, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC


class TestActiveDirectoryKeepsTheContract(DirectoryContract):
    @pytest.fixture
    async def world(self, corp: SambaDC) -> AsyncIterator[DirectoryWorld]:
        directory = ActiveDirectory(settings_for(corp), CONFIGURED_GROUPS)
        yield DirectoryWorld(
            directory=directory,
            login="alice",
            password=ALICE_PASSWORD,
            spellings=(
                "ALICE",
                "alice@corp.example",
                "Alice@CORP.example",
                "CORP\\alice",
                "corp\\ALICE",
                " alice ",
                "corp.example\\alice",
            ),
            username="alice",
            display_name="Alice Ångström",
            mail="alice@corp.example",
            mobiles=("07400 123456",),
            groups=frozenset({"Wiki Users"}),
            wrong_password="not that one",
            unknown_login="nobody-at-all",
            foreign_login="OTHER\\alice",
            disabled_login="disabled",
            disabled_password=PASSWORD,
        )
        await directory.close()
