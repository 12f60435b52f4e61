"""`gatepost people`: local people without an editor; each refusal says where and what to do."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from config.load import load_settings
from directory.users_file import LocalUser, read_users
from proxy.cli import main
from proxy.commands.check import check_local_people
from proxy.secrets.key_file import load_or_create_keys
from tests.support.configuration import written

NUMBER = "+447400123456"
USERS = """\
# Contractors, ask reception.
[[users]]
username = "ann"
password_hash = "{hash}"
mail = "ann@corp.example"
mobile = "07400 000001" # of hers

[[users]]
username = "bob"
password_hash = "{hash}"
mobile = "020 7123 4567"
groups = ["Cooks"]
"""
OTHER = """
[[directories]]
name = "guests"
type = "local"
file = "guests.toml"
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path, users=USERS)
    (tmp_path / "guests.toml").write_text("")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(["people", *arguments, "--config", str(folder / "gatepost.toml")])
        read = capsys.readouterr()
        return code, read.out, read.err

    return run


def in_file(folder: Path, username: str) -> LocalUser:
    return read_users(folder / "users.toml", "local").by_folded[username]


def test_everybody_is_listed_with_masked_numbers(run: Run) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert out.splitlines() == [
        "USER NAME  NAME  MAIL              MOBILE        GROUPS  STATE",
        "ann        ann   ann@corp.example  •••••••• 001",
        "bob        bob                     !not_mobile   Cooks",
    ]
    _, out, _ = run("list", "--numbers")
    assert "+447400000001" in out
    _, out, _ = run("list", "--json")
    ann, bob = json.loads(out)
    assert (ann["mobile"], ann["wrong_with_mobile"]) == ("•••••••• 001", None)
    assert (bob["mobile"], bob["wrong_with_mobile"], bob["groups"], bob["disabled"]) == (
        None,
        "not_mobile",
        ["Cooks"],
        False,
    )


def test_a_number_is_judged_stored_and_told(run: Run, folder: Path) -> None:
    code, out, err = run("set-mobile", "local\\ANN", "07400 123456")
    assert (code, out) == (1, f"ann (local): codes go to {NUMBER} (GB)\n")
    assert "the number is set, but nobody was told of it: key file" in err, "nothing was ever started here"
    assert in_file(folder, "ann").mobiles == (NUMBER,)
    text = (folder / "users.toml").read_text()
    assert f'mobile = "{NUMBER}" # of hers' in text
    assert text.startswith("# Contractors")


def test_the_previous_number_and_the_mail_are_told(run: Run, folder: Path) -> None:
    load_or_create_keys(folder / "gatepost.key", now=0.0)
    code, out, err = run("set-mobile", "ann", "07400 123456")
    assert (code, out.splitlines()[1]) == (
        0,
        "a notice went to the previous number and the mail address: the log says whether it was taken",
    )
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["event"], line.get("to")) for line in lines] == [
        ("admin.number_set", None),
        ("notice.not_sent", "old_phone"),  # there is no relay
        ("notice.not_sent", "mail"),
    ]
    assert (lines[0]["person_realm"], lines[0]["destination"]) == ("local", "•••••••• 456")
    assert "7400" not in err
    code, out, err = run("set-mobile", "ann", "+44 7400 123456")
    assert (code, len(out.splitlines()), "notice" in err) == (0, 1, False), "it is the same number"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("set-mobile", "ann", "020 7123 4567"),
            "NUMBER: '020 7123 4567' is a valid number, but not a mobile one; nothing",
        ),
        (("set-mobile", "ann", "479 212 3456"), "is of a country that is not allowed: mobile.allowed_countries names"),
        (("set-mobile", "ann", "12"), "is not a valid number: mobile.home_region says whose may begin with 0"),
        (("set-mobile", "ann", ""), "NUMBER: '' is empty; nothing was changed"),
        (("set-mobile", "eve", NUMBER), "users.toml: users: there is no 'eve': see gatepost people list"),
        (("set-mobile", "corp\\ann", NUMBER), "LOGIN: 'corp\\\\ann' can be no user name of the realm 'local'"),
        (("disable", "eve"), "users.toml: users: there is no 'eve'"),
        (("set-password", "eve"), "users.toml: users: there is no 'eve'"),
        (("add", "ANN"), "users.toml: users: 'ANN' is there already, perhaps in another spelling"),
        (("add", "eve", "--mobile", "1"), "NUMBER: '1' is not a valid number"),
        (("list", "--realm", "corp"), "--realm: there is no realm 'corp': there is local"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_changed(
    run: Run, folder: Path, arguments: tuple[str, ...], expected: str
) -> None:
    before = (folder / "users.toml").read_bytes()
    code, out, err = run(*arguments, stdin="A new pass-word\n")
    assert (code, out) == (1, "")
    assert expected in err
    assert (folder / "users.toml").read_bytes() == before


def test_a_password_is_read_and_hashed_and_must_be_usable(run: Run, folder: Path) -> None:
    code, _, err = run("set-password", "ann", stdin="\n")
    assert (code, err) == (2, "gatepost people: the password is empty\n")
    code, out, err = run("set-password", "ann", stdin="A new pass-word\n")
    assert code == 0
    assert PasswordHasher().verify(in_file(folder, "ann").password_hash, "A new pass-word")
    assert "A new pass-word" not in out + err
    assert json.loads(err)["event"] == "admin.password_set"


def test_a_password_is_neither_short_nor_common_nor_refused_by_the_house(run: Run, folder: Path) -> None:
    refused = hashlib.sha1(b"Wonderland 1865").hexdigest()  # the lists have this form
    (folder / "refused.txt").write_text(f"{refused}\n")
    with (folder / "gatepost.toml").open("a") as file:
        file.write('\n[password]\nrefused_file = "refused.txt"\n')
    before = in_file(folder, "ann")
    for typed, told in (("7 signs", "too short"), ("Password1", "too many people"), ("Wonderland 1865", "too many")):
        code, _, err = run("set-password", "ann", stdin=f"{typed}\n")
        assert code == 2
        assert told in err
        assert typed not in err
    assert in_file(folder, "ann") == before
    assert run("set-password", "ann", stdin="Wonderland 1866\n")[0] == 0


def test_somebody_is_added_disabled_and_enabled(run: Run, folder: Path) -> None:
    given = ("--name", "Eve Adams", "--mail", "eve@corp.example", "--mobile", "07400 123456", "--group", "Cooks")
    code, out, _ = run("add", "eve", *given, stdin="A pass-word\n")
    assert (code, out) == (0, f"eve (local): added, codes go to {NUMBER} (GB)\n")
    eve = in_file(folder, "eve")
    assert (eve.display_name, eve.mail, eve.mobiles, eve.groups) == (
        "Eve Adams",
        "eve@corp.example",
        (NUMBER,),
        ("Cooks",),
    )
    assert run("disable", "eve")[1] == "eve (local): disabled; their sessions end within seconds\n"
    assert in_file(folder, "eve").disabled
    assert run("enable", "eve")[0] == 0
    assert not in_file(folder, "eve").disabled


def test_what_the_file_would_not_take_names_its_place_there(run: Run) -> None:
    code, _, err = run("add", "eve", "--mail", "a,b@c", stdin="A pass-word\n")
    assert code == 2
    assert 'users.toml: users[2] ("eve"): mail: not a plain e-mail address' in err


def test_of_several_realms_one_is_named_and_a_name_is_not_given_twice(run: Run, folder: Path) -> None:
    config = folder / "gatepost.toml"
    config.write_text(config.read_text() + OTHER)
    code, _, err = run("add", "ann", stdin="A pass-word\n")
    assert (code, err) == (1, "gatepost people: --realm: say which: local, guests\n")
    code, _, err = run("add", "Ann", "--realm", "guests", stdin="A pass-word\n")
    assert code == 1
    assert "LOGIN: local has somebody named 'Ann' too, and an app that goes by Remote-User alone takes them for" in err
    assert run("add", "Ann", "--realm", "Guests", "--same-name", stdin="A pass-word\n")[0] == 0
    assert "Ann" in run("list", "--realm", "guests")[1]


def test_a_realm_of_active_directory_is_changed_there(run: Run, folder: Path) -> None:
    config = folder / "gatepost.toml"
    domain = '[[directories]]\nname = "corp"\ntype = "active_directory"\ndomain = "corp.example"\n'
    servers = 'servers = ["ldaps://127.0.0.1:9"]\nbind_user = "svc@corp.example"\nbind_password = "x"\n'
    config.write_text(config.read_text() + domain + servers)
    code, _, err = run("list", "--realm", "CORP")
    assert code == 1
    assert "--realm: 'CORP' is Active Directory: change its people there" in err
    code, out, err = run("add", "eve", stdin="A pass-word\n")
    assert (code, out) == (0, "eve (local): added\n")
    assert "warning: nobody knows whether it has the same name: directory 'corp' is unavailable" in err


def test_check_says_whether_the_admin_pages_can_change_the_file(folder: Path) -> None:
    config = folder / "gatepost.toml"
    assert check_local_people(load_settings(config, {})) == []
    config.write_text(config.read_text() + '[admin]\ngroups = ["Desk"]\npeople_groups = ["Desk"]\n')
    settings = load_settings(config, {})
    (found,) = check_local_people(settings)
    assert (found.subject, found.ok) == (str(folder / "users.toml"), True)
    (folder / "users.toml").unlink()
    (found,) = check_local_people(settings)
    assert (found.ok, found.detail) == (False, "cannot be changed: there is no such file")
