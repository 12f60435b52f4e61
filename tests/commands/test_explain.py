"""`gatepost explain`: the same decisions as a sign-in, in words; and `gatepost unlock`, which ends one of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from config.load import load_settings
from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import PasswordRefused
from directory.lockout import PasswordLimits
from directory.users_file import read_users
from proxy.cli import main
from proxy.secrets.key_file import load_or_create_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.throttle import Throttle
from tests.directory.contract import found
from tests.support.configuration import written
from tests.support.samba import SERVICE_PASSWORD, SERVICE_USER, person, settings_for
from tests.support.samba_dc import SambaDC

USERS = "\n".join(
    f'[[users]]\nusername = "{name}"\npassword_hash = "{{hash}}"\n{more}'
    for name, more in (
        ("alice", 'mobile = "07400 123456"\ngroups = ["Wiki Users"]\n'),
        ("no-mobile", ""),
        ("landline", 'mobile = "020 7946 0018"\n'),
        ("abroad", 'mobile = "+33 6 12 34 56 78"\n'),
        ("bad-mobile", 'mobile = "see Bob"\n'),
        ("admin", 'groups = ["Gatepost Admins"]\n'),
        ("gone", 'mobile = "07400 123457"\ndisabled = true\n'),
    )
)
MORE = """
groups = ["Wiki Users"]
[[apps]]
name = "Forms"
host = "forms.localhost"
upstream = "http://127.0.0.1:1"
[throttle]
passcode_failures_in_a_row = 3
[[schemes]]
name = "admins"
factors = ["password"]
groups = ["Gatepost Admins"]
networks = ["127.0.0.0/8"]
[[schemes]]
name = "browser"
factors = ["password", "sms"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    load_or_create_keys(tmp_path / "gatepost.key", now=time.time() - 3600)
    return written(tmp_path, users=USERS, more=MORE)


class Explained:
    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        self.answer: dict[str, Any] = json.loads(text)

    def about(self, name: str) -> list[tuple[bool | None, str]]:
        return [(step["ok"], step["detail"]) for step in self.answer["steps"] if step["step"] == name]

    @property
    def against(self) -> list[str]:
        return [step["step"] for step in self.answer["steps"] if step["ok"] is False]


def explained(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Explained:
    code = main(["explain", *arguments, "--json", "--config", str(config)])
    return Explained(code, capsys.readouterr().out)


def test_a_person_who_can_sign_in(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(config, capsys, "alice")
    assert (found.code, found.answer["can_sign_in"], found.against) == (0, True, [])
    assert found.about("number") == [(True, '"••••• •••456" is •••••••• 456, GB, which is allowed')]
    (admins, browser) = found.about("scheme")
    assert '"admins" does not count: it is for "Gatepost Admins" and it is for 127.0.0.0/8' in admins[1]
    assert browser == (True, '"browser" counts: password, then sms')
    assert [ok for ok, _ in found.about("app")] == [True, True]
    assert found.about("throttle") == [(True, "nothing is counted against them now")]


def test_the_steps_are_lines_with_a_verdict(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gone", "--config", str(config)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gone cannot sign in now: the account is disabled. To do: enable it in the directory")
    assert lines[2] == "What blocks the sign-in:"
    assert lines[3].startswith("NO    state: the account is disabled")
    assert lines[5] == "Everything else that was checked:"
    assert all(not line.startswith("NO") for line in lines[6:])


@pytest.mark.parametrize(
    ("login", "step", "words"),
    [
        ("gone", "state", "disabled"),
        ("nobody", "account", "no such account"),
        ("alice@elsewhere.example", "realm", "no realm"),
        ("\x00", "realm", "no login name"),
        ("no-mobile", "number", "the directory has none"),
        ("landline", "number", "not a mobile one"),
        ("abroad", "number", "of a country that is not allowed"),
        ("bad-mobile", "number", "has letters in it"),
    ],
)
def test_what_stands_against_somebody_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], login: str, step: str, words: str
) -> None:
    found = explained(config, capsys, login)
    assert found.code == 1
    assert found.against == [step]
    assert any(ok is False and words in detail for ok, detail in found.about(step))


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("landline", '"••• •••• •018" is a valid number, but not a mobile one'),
        ("abroad", '"+•• • •• •• •6 78" is of a country that is not allowed'),
        ("bad-mobile", '"see Bob" has letters in it'),
        ("no-mobile", "the directory has none"),
    ],
)
def test_each_number_is_judged_as_it_was_typed(
    config: Path, capsys: pytest.CaptureFixture[str], login: str, words: str
) -> None:
    assert explained(config, capsys, login).about("number") == [(False, words)]


def test_no_number_is_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for login in ("alice", "landline", "abroad", "gone"):
        text = explained(config, capsys, login).text
        main(["explain", login, "--config", str(config)])
        text += capsys.readouterr().out
        assert not any(digits in text for digits in ("123456", "07400", "7946", "345678", "12 34"))


def test_the_place_decides_about_the_scheme(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_home = explained(config, capsys, "admin", "--from", "127.0.0.1")
    assert (at_home.code, at_home.about("scheme")) == (0, [(True, '"admins" counts: password')])
    elsewhere = explained(config, capsys, "admin", "--from", "192.0.2.1")
    assert (elsewhere.code, elsewhere.against) == (1, ["number"])
    assert "127.0.0.0/8 (not 192.0.2.1)" in elsewhere.text
    assert "--from" in explained(config, capsys, "admin").text


def test_an_app_that_is_asked_for_is_part_of_the_verdict(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_home = ("admin", "--from", "127.0.0.1")
    assert explained(config, capsys, *at_home, "--app", "Forms").code == 0
    closed = explained(config, capsys, *at_home, "--app", "Wiki")
    assert (closed.code, closed.against) == (1, ["app"])
    assert closed.about("app") == [(False, '"Wiki" is closed: it asks for "Wiki Users"')]
    assert main(["explain", "alice", "--app", "Wikki", "--config", str(config)]) == 2
    assert capsys.readouterr().err == "gatepost explain: there is no app 'Wikki'; there are: Wiki, Forms\n"


def test_an_address_that_is_none_is_wrong_usage(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "alice", "--from", "here", "--config", str(config)])
    assert ended.value.code == 2


def test_without_a_key_file_nothing_is_made(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("gatepost.key").unlink()
    found = explained(config, capsys, "alice")
    assert found.code == 0
    assert "first start" in found.text
    assert not config.with_name("gatepost.key").exists()


def with_throttle(config: Path, work: Callable[[Throttle, str], Awaitable[None]]) -> None:
    """As Gatepost itself counts, for alice."""
    settings = load_settings(config, {})
    guid = read_users(config.with_name("users.toml"), "local").by_folded["alice"].guid

    async def run() -> None:
        store = SQLiteStore(config.with_name("state.db"))
        keys = Keys(load_or_create_keys(config.with_name("gatepost.key"), now=time.time()))
        await work(Throttle(store.counters, settings.throttle, key=keys.derive(Purpose.THROTTLE)), guid)
        await store.close()

    asyncio.run(run())


async def wrong_passcodes(throttle: Throttle, guid: str) -> None:
    for _ in range(3):
        assert await throttle.reserve_passcode(person=guid, now=time.time()) is None


async def wrong_passwords(throttle: Throttle, guid: str) -> None:
    limits = PasswordLimits(in_all=4, from_unfamiliar=3, window_seconds=1800)
    for _ in range(3):
        assert await throttle.reserve_password(person=guid, address="192.0.2.9", limits=limits, now=time.time()) is None


def test_a_locked_factor_is_explained_and_unlocked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_throttle(config, wrong_passcodes)
    locked = explained(config, capsys, "alice")
    assert (locked.code, locked.against) == (1, ["throttle"])
    assert "wrong passcodes in a row: 3 of 3, until somebody clears them: gatepost unlock alice" in locked.text
    assert main(["unlock", "ALICE", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "alice (local): counts cleared\nalice can sign in now\n"
    assert explained(config, capsys, "alice").code == 0
    with_throttle(config, wrong_passcodes)


def test_reading_the_counts_counts_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        assert explained(config, capsys, "alice", "--from", "192.0.2.9").code == 0
    with_throttle(config, wrong_passwords)


def test_guesses_elsewhere_stand_against_an_unfamiliar_address(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_throttle(config, wrong_passwords)
    assert explained(config, capsys, "alice", "--from", "192.0.2.9").against == ["throttle"]
    anywhere = explained(config, capsys, "alice")
    assert (anywhere.code, anywhere.answer["verdict"]["light"]) == (1, "amber")
    assert anywhere.answer["verdict"]["headline"].startswith("alice cannot sign in from a new place now: ")
    assert "from a familiar address it does not count" in anywhere.text

    async def familiar(throttle: Throttle, guid: str) -> None:
        await throttle.remember_address(person=guid, address="192.0.2.9", now=time.time())

    with_throttle(config, familiar)
    assert explained(config, capsys, "alice", "--from", "192.0.2.9").code == 0


def test_somebody_unknown_is_not_unlocked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlock", "nobody", "--config", str(config)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gatepost unlock: the realm 'local' has no such account")
    assert len(error.splitlines()) == 1


DOMAIN = """
[[directories]]
name = "corp"
type = "active_directory"
domain = "{domain}"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{user}@{domain}"
bind_password_file = "ad-password"
"""


@pytest.fixture
def in_domain(tmp_path: Path, corp: SambaDC) -> Path:
    load_or_create_keys(tmp_path / "gatepost.key", now=time.time() - 3600)
    (tmp_path / "ad-password").write_text(SERVICE_PASSWORD)
    known = {"domain": corp.domain, "url": corp.url, "ca_file": corp.ca_file, "user": SERVICE_USER}
    return written(tmp_path, users=USERS, more=MORE + DOMAIN.format(**known))


def test_a_real_domain_says_what_stands_against_an_account(
    in_domain: Path, corp: SambaDC, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = explained(in_domain, capsys, "alice@corp.example", "--app", "Wiki")
    assert (alice.code, alice.against) == (0, [])
    assert corp.url.removeprefix("ldaps://") in alice.about("account")[0][1]
    assert alice.about("app") == [(True, '"Wiki" is open: a member of "Wiki Users"')]
    found = {
        name: explained(in_domain, capsys, f"CORP\\{name}")
        for name in (
            *("disabled-and-expired", "locked", "must-change", "old-password", "bad-mobile"),
            *("night-shift", "elsewhere"),
        )
    }
    assert [detail for _, detail in found["disabled-and-expired"].about("state")] == [
        "the account is disabled: enable it in the directory",
        "the account has expired: set a later expiry date in the directory",
    ]
    assert found["locked"].against == ["state"]
    assert found["locked"].answer["verdict"]["until"] is not None, "the domain says for how long it locks accounts"
    assert found["bad-mobile"].against == ["number"]
    for name, words in (("night-shift", "cannot be used at this time"), ("elsewhere", "only be used on certain comp")):
        assert found[name].against == ["state"]
        assert words in found[name].answer["verdict"]["headline"]
    for name, words in (("must-change", "must be changed"), ("old-password", "has expired")):
        assert found[name].code == 0
        ((ok, detail),) = found[name].about("state")
        assert ok is None
        assert words in detail


def test_counts_that_guard_a_domain_are_cleared_as_far_as_its_own_allow(
    in_domain: Path, corp: SambaDC, capsys: pytest.CaptureFixture[str]
) -> None:
    """The domain goes on counting: a fresh budget of guesses here could lock the account there."""
    corp.add([person("counted")])
    assert main(["unlock", "counted@corp.example", "--config", str(in_domain)]) == 0
    assert "still count" not in capsys.readouterr().out

    async def five_wrong() -> None:
        directory = ActiveDirectory(settings_for(corp))
        account = await found(directory, "counted")
        for number in range(5):
            assert isinstance(await directory.authenticate(account, f"wrong {number}"), PasswordRefused)
        await directory.close()

    asyncio.run(five_wrong())
    assert main(["unlock", "counted@corp.example", "--config", str(in_domain)]) == 0
    kept = "Wrong passwords still count: the directory itself still counts 5 wrong passwords"
    assert kept in capsys.readouterr().out
    assert main(["unlock", "counted@corp.example", "--passwords", "--config", str(in_domain)]) == 0
    assert "still count" not in capsys.readouterr().out


def test_a_number_that_was_sent_too_much_is_unlocked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def sent(throttle: Throttle, guid: str) -> None:
        for _ in range(8):
            number = "+447400123456"
            assert await throttle.reserve_send(person="x", number=number, address="192.0.2.9", now=time.time()) is None
        for _ in range(100):
            await throttle.reserve_address("192.0.2.9", now=time.time())

    with_throttle(config, sent)
    asked = ("alice", "--from", "192.0.2.9")
    assert explained(config, capsys, *asked).against == ["throttle", "throttle"]
    assert main(["unlock", *asked, "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "alice can sign in now"
    assert explained(config, capsys, *asked).against == []


def test_a_check_says_that_the_passcodes_of_the_day_are_used_up(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def sent(throttle: Throttle, guid: str) -> None:
        assert await throttle.reserve_send(person="x", number="+44740", address="192.0.2.9", now=time.time()) is None

    config.write_text(config.read_text().replace("[throttle]", "[throttle]\nsends_per_day = 1"))
    main(["check", "--config", str(config)])
    assert "passcodes of the day" not in capsys.readouterr().out
    with_throttle(config, sent)
    assert main(["check", "--config", str(config)]) == 1
    assert "FAIL  passcodes of the day: 1 of the day's 1 passcodes were sent, so nobody" in capsys.readouterr().out
    assert explained(config, capsys, "alice").against == ["throttle"]


def test_a_domain_that_is_away_is_said(in_domain: Path, corp: SambaDC, capsys: pytest.CaptureFixture[str]) -> None:
    in_domain.write_text(in_domain.read_text().replace(corp.url, "ldaps://127.0.0.1:1"))
    found = explained(in_domain, capsys, "CORP\\alice")
    assert (found.code, found.against) == (1, ["account"])
    assert "cannot say" in found.text
    assert main(["unlock", "alice@corp.example", "--config", str(in_domain)]) == 1
    assert capsys.readouterr().err.startswith("gatepost unlock: ")
