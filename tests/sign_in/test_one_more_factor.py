"""A sketch: how a second factor is added that nobody has thought of yet, here a card of printed codes.

In a copy of the product it gets a folder of its own, `proxy/factors/card`, and four registrations of a line each:

1. `config/factors.py`: its name, in `Factor`;
2. `proxy/sessions/identity.py`: how apps are told of it (RFC 8176), in `_METHODS`;
3. `proxy/sign_in/create.py`: who is asked about it, in `second_factors`;
4. `proxy/portal/passcode_page.py`: what its page asks for, in `ASKED_FOR`.

Then a person signs in with it: by the portal in a browser, and by an adapter without HTTP.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

CARD = '''"""A card of ten codes that somebody was handed: one of them is asked for, by its number."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection

from config.factors import ChannelKind, Factor
from directory.principal import Principal
from proxy.factors.challenge import Challenge
from proxy.factors.challenge import new_challenge_id
from proxy.factors.second_factor import Chosen, Lack, Prompt, Unusable, Usability
from proxy.secrets.keys import Keys, Purpose


class Cards:
    def __init__(self, keys: Keys, holders: Collection[str]) -> None:
        """`holders`: the user names of those who have a card."""
        self._keys = keys
        self._holders = holders

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        if principal.username not in self._holders:
            return Unusable(factor=factor, lack=Lack.ENROLMENT, reason="no_card")
        digests = tuple(self._digest(key, principal.guid) for key in self._keys.accepted(Purpose.NUMBERS))
        return Chosen(factor=factor, digests=digests)

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        return Usability(way=await self.held_by(principal, factor))

    def begin(self, chosen: Chosen, principal: Principal, *, session_id: str, now: float) -> Challenge:
        challenge_id = new_challenge_id()
        return Challenge(
            challenge_id=challenge_id,
            session_id=session_id,
            guid=principal.guid,
            digest=self._digest(b"answer", challenge_id + code_of(principal.guid, number_of(challenge_id))),
            masked_destination="",
            created_at=now,
            expires_at=now + 120,
            attempts_left=3,
            last_sent_at=now,
            factor=chosen.factor,
            kind=chosen.kind,
            number_digest=chosen.digest,
        )

    def passcode(self, challenge: Challenge) -> str:
        raise NotImplementedError("nothing is sent")

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        typed = text.strip().upper()
        return self._digest(b"answer", challenge.challenge_id + typed) if len(typed) == 6 else None

    async def accepted(
        self, principal: Principal, challenge: Challenge, went_by: Collection[ChannelKind], *, now: float
    ) -> None: ...

    def prompt(self, challenge: Challenge) -> Prompt:
        return Prompt(longest=6, hint=str(number_of(challenge.challenge_id)))

    def _digest(self, key: bytes, text: str) -> bytes:
        return hmac.digest(key, text.encode(), "sha256")


def number_of(challenge_id: str) -> int:
    return hashlib.sha256(challenge_id.encode()).digest()[0] % 10 + 1


def code_of(guid: str, number: int) -> str:
    return hashlib.sha256(f"{guid} {number}".encode()).hexdigest()[:6].upper()
'''

REGISTRATIONS = {
    "config/factors.py": ("  # noqa: S105  # a factor's name\n\n    # Members", '    CARD = "card"\n'),
    "proxy/sessions/identity.py": ("_METHODS = {\n", '    Factor.CARD: ("otp",),\n'),
    "proxy/sign_in/create.py": (
        "        Factor.EMAIL: passcodes,\n",
        '        Factor.CARD: Cards(keys, {"scripted"}),\n',
    ),
    "proxy/portal/passcode_page.py": (
        "ASKED_FOR: dict[Factor, str] = {",
        '\n    Factor.CARD: "Code %(hint)s of your card",\n',
    ),
}
"""By file: what a line goes to, and the line."""
IMPORT = ("proxy/sign_in/create.py", "from proxy.factors.card.cards import Cards\n")
"""Where the third one finds it."""

TEST = """
import re
from pathlib import Path

from config.factors import Factor
from directory.realms import Realms
from proxy.factors.card.cards import code_of, number_of
from proxy.factors.second_factor import Unusable
from proxy.sessions.session import Level
from proxy.sign_in.outcomes import Accepted, NotAnswered, Wrong
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import SIGN_IN_ORIGIN, portal_settings, running_portal
from tests.portal.test_mail_for_sms import Telling
from tests.sign_in.headless import Service

SCHEMES = [
    {"name": "card", "factors": ["password", ["card", "sms"]]},
]
GUID = Telling.person.guid


async def test_by_the_portal(tmp_path: Path) -> None:
    async with running_portal(tmp_path, scripted=Telling(), schemes=SCHEMES) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username="scripted@corp")
        number = int(re.search(r"Code (\\d+) of your card", page.text)[1])
        assert (await stage.answer(browser, page, "ABCDEF")).status == 422
        assert (await stage.answer(browser, page, code_of(GUID, number))).status == 303
        (session,) = await stage.store.sessions.sessions()
        assert session.level is Level.SIGNED_IN
        assert [proof.factor for proof in session.proven] == [Factor.PASSWORD, Factor.CARD]
        assert stage.phone.messages == []


async def test_without_http(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(portal_settings(tmp_path, schemes=SCHEMES), store, Realms([Telling()]))
    client = service.client()
    await client.sign_in("scripted@corp", "any")
    assert isinstance(await client.answer("ABCDEF"), Wrong)
    assert isinstance(await client.answer(""), NotAnswered)
    accepted = await client.answer(code_of(GUID, number_of(client.challenge_id)))
    assert isinstance(accepted, Accepted)
    assert accepted.session.level is Level.SIGNED_IN
    assert service.phone.messages == []
    await store.close()
"""


def test_a_factor_is_one_folder_and_four_lines(tmp_path: Path) -> None:
    for package in ("config", "directory", "proxy", "tests"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            # With what is compiled: each copy is as old as its original.
            ignore=shutil.ignore_patterns("data", "stored_before", "end_to_end"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    folder = tmp_path / "proxy" / "factors" / "card"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "cards.py").write_text(CARD)
    for name, (place, line) in REGISTRATIONS.items():
        text = (tmp_path / name).read_text()
        assert text.count(place) == 1, name
        # In the enum it goes before the blank line that ends the members.
        at = text.index(place) + (place.index("\n") + 1 if name == "config/factors.py" else len(place))
        (tmp_path / name).write_text(text[:at] + line + text[at:])
    name, line = IMPORT
    text = (tmp_path / name).read_text()
    at = text.index("from proxy.factors.")
    (tmp_path / name).write_text(text[:at] + line + text[at:])
    (tmp_path / "tests" / "sign_in" / "test_card.py").write_text(TEST)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/sign_in/test_card.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTEST_ADDOPTS": f"--basetemp={tmp_path / 'own'}"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert "2 passed" in ran.stdout
