"""The configuration on the admin pages: as it was loaded, and no secret of it."""

from __future__ import annotations

from pathlib import Path

from tests.portal.admin import ADMIN, admin_stage, said, signed_in_admin

CONFIGURATION = f"{ADMIN}configuration"
MARKER = "sesame-7c1f"
RELAY = {
    "host": "127.0.0.1",
    "from": "otp@corp.example",
    "security": "none",
    "allow_insecure": True,
    "username": "gatepost",
    "password": MARKER,
}
MAY = {"roles": [{"groups": ["Gatepost Admins"], "may": ["configuration"]}]}


async def test_it_is_shown_without_its_secrets(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, admin=MAY, smtp=[RELAY]) as stage:
        page = await (await signed_in_admin(stage)).get(CONFIGURATION)
        assert stage.settings.smtp[0].password is not None
        assert stage.settings.smtp[0].password.get_secret_value() == MARKER
        assert MARKER not in page.text
        for shown in ("[[smtp]]", "otp@corp.example", "[[apps]] Wiki", "[admin]", "hidden", "not set", "&#34;30m&#34;"):
            assert shown in page.text, shown
        assert len(said(stage, "admin.configuration_shown")) == 1
