"""`gatepost sessions`: who is signed in, without what would let anybody in; and an end to it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from directory.users_file import read_users
from proxy.cli import main
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.contract.remembered import remembered
from tests.support.configuration import USER, written
from tests.support.people import principal, session

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
BOB = USER.replace("alice", "bob")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, users=USER + BOB)


def person(config: Path, name: str) -> Any:
    users = read_users(config.with_name("users.toml"), "local")
    return principal(guid=users.by_folded[name].guid, realm="local", username=name)


def signed_in(config: Path, *sessions: Session) -> None:
    async def write() -> None:
        store = SQLiteStore(config.with_name("state.db"))
        for number, each in enumerate(sessions):
            await store.sessions.create_session(each, cookie=bytes([number]) * 32, host="signin.localhost")
            await store.sessions.add_cookie(each.session_id, cookie=bytes([number + 100]) * 32, host="wiki.localhost")
        await store.close()

    asyncio.run(write())


def made(config: Path, name: str = "alice", **fields: Any) -> Session:
    return session(principal=person(config, name), **{"created_at": float(int(time.time())) - 60, **fields})


def listed(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["sessions", "list", "--json", *arguments, "--config", str(config)]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_a_session_is_listed_without_what_would_open_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = made(config, user_agent=FIREFOX)
    signed_in(config, one)
    (row,) = listed(config, capsys)
    assert (row["person"], row["realm"], row["state"]) == ("alice", "local", "signed_in")
    assert row["hosts"] == ["signin.localhost", "wiki.localhost"]
    assert row["address"] == "192.0.2.7"
    assert row["device"] == "Firefox on Windows"
    assert main(["sessions", "list", "--config", str(config)]) == 0
    table = capsys.readouterr().out
    assert row["session"] in table
    assert one.session_id not in table + json.dumps(row)
    assert one.session_id[:8] not in table + json.dumps(row)


def test_the_way_in_is_listed_and_the_name_under_which_tokens_are_kept_is_not(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = made(config, way=Way.SSH)

    async def write() -> None:
        store = SQLiteStore(config.with_name("state.db"))
        await store.sessions.create_session(one, cookie=b"c" * 32, host=TOKEN_HOST)
        await store.close()

    asyncio.run(write())
    (row,) = listed(config, capsys)
    assert (row["way"], row["hosts"]) == ("ssh", [])


def test_sessions_that_are_over_are_not_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config, created_at=time.time() - 90_000), made(config, "bob"))
    assert [row["person"] for row in listed(config, capsys)] == ["bob"]


def test_a_terminal_is_not_moved_by_what_a_browser_says(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config, client_address="\x1b[2J"))
    assert main(["sessions", "list", "--config", str(config)]) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("login", ["alice", "ALICE", "local\\alice", "alice@local"])
def test_one_person_is_listed(config: Path, capsys: pytest.CaptureFixture[str], login: str) -> None:
    signed_in(config, made(config), made(config, "bob"))
    assert [row["person"] for row in listed(config, capsys, "--person", login)] == ["alice"]


def test_somebody_who_left_the_directory_is_found_by_name(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config), made(config, "bob"))
    written(config.parent, users=BOB)
    assert [row["person"] for row in listed(config, capsys, "--person", "alice")] == ["alice"]


def test_all_sessions_of_a_person_end(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config), made(config), made(config, "bob"))
    assert main(["sessions", "end", "--person", "alice", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "2 sessions ended\n"
    assert [row["person"] for row in listed(config, capsys)] == ["bob"]


def test_a_login_alone_is_enough_as_in_unlock(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config), made(config), made(config, "bob"))
    assert main(["sessions", "end", "local\\alice", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "2 sessions ended\n"
    assert [row["person"] for row in listed(config, capsys)] == ["bob"]
    assert main(["sessions", "end", "alice", "--config", str(config)]) == 0  # known, and not signed in
    assert capsys.readouterr().out == "0 sessions ended\n"


def test_with_all_sessions_of_a_person_go_their_remembered_browsers(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def browsers_of(name: str, *, remember: str = "") -> int:
        store, guid = SQLiteStore(config.with_name("state.db")), person(config, name).guid
        if remember:
            browser = replace(remembered(remember, guid), expires_at=time.time() + 1000)
            await store.browsers.put_browser(browser, digest=b"1", most=9)
        count = len(await store.browsers.browsers(guid))
        await store.close()
        return count

    for name, browser in (("alice", "a"), ("alice", "b"), ("bob", "c")):
        asyncio.run(browsers_of(name, remember=browser))
    assert main(["sessions", "end", "alice", "--config", str(config)]) == 0  # signed in or not
    assert capsys.readouterr().out == "0 sessions ended\n2 remembered browsers forgotten\n"
    assert [asyncio.run(browsers_of(name)) for name in ("alice", "bob")] == [0, 1]
    signed_in(config, made(config, "bob"))
    (row,) = listed(config, capsys)
    assert main(["sessions", "end", "--session", row["session"], "--config", str(config)]) == 0
    assert asyncio.run(browsers_of("bob")) == 1, "one session is not all of them"
    signed_in(config, made(config, "bob"))
    written(config.parent, users=USER)  # who left the directory
    assert main(["sessions", "end", "bob", "--config", str(config)]) == 0
    assert capsys.readouterr().out.endswith("1 session ended\n1 remembered browser forgotten\n")


def test_one_session_ends_by_the_name_that_the_list_gives_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config), made(config))
    one, other = (row["session"] for row in listed(config, capsys))
    assert main(["sessions", "end", "--session", one[:8], "--config", str(config)]) == 0
    assert capsys.readouterr().out == "1 session ended\n"
    assert [row["session"] for row in listed(config, capsys)] == [other]


def test_everybody_ends(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, *(made(config) for _ in range(40)))
    assert main(["sessions", "end", "--all", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "40 sessions ended\n"
    assert listed(config, capsys) == []


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--session", "ffffffffffff"], 1, "there is no session"),
        (["--session", "ab"], 1, "6 characters"),
        (["--person", "carol@elsewhere.example"], 1, "no realm"),
        (["carol"], 1, "nobody of this name"),
        ([""], 1, "no login name"),  # a variable of a script that is not set
        (["--person", ""], 1, "no login name"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, reason: str
) -> None:
    signed_in(config, made(config))
    assert main(["sessions", "end", *arguments, "--config", str(config)]) == code
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.splitlines()) == 1
    assert len(listed(config, capsys)) == 1


def test_an_end_of_nobody_in_particular_is_wrong_usage(config: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sessions", "end", "--config", str(config)])
    assert ended.value.code == 2


def test_a_store_that_cannot_be_read_is_said_in_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("state.db").mkdir()
    assert main(["sessions", "list", "--config", str(config)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gatepost sessions: the store cannot be read")
    assert len(error.splitlines()) == 1


def test_everybodys_sessions_end(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in(config, made(config), made(config, "bob"), made(config, is_half=True))
    assert main(["sessions", "end", "--all", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "3 sessions ended\n"
    assert listed(config, capsys) == []
