"""`gatepost tokens`: a token is printed once, and nothing that would open anything is listed."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from config.load import load_settings
from directory.users_file import read_users
from proxy.cli import main
from proxy.secrets.key_file import load_keys
from proxy.secrets.tokens import is_service_token, token_digest
from proxy.sessions.way import TOKEN_HOST
from proxy.sign_in.credentials import Credential
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.contract.credentials import of_credential
from tests.support.configuration import written
from tests.support.people import credential, principal

API = """
[[apps]]
name = "API"
host = "api.localhost"
upstream = "http://127.0.0.1:1"
clients = ["bearer"]
[[apps]]
name = "Closed"
host = "closed.localhost"
upstream = "http://127.0.0.1:1"
groups = ["Nobody"]
clients = ["bearer", "app_password"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = written(tmp_path, more=API)
    load_keys(load_settings(file, {}).server, now=time.time())  # as the first start does
    return file


def kept(config: Path) -> tuple[Credential, ...]:
    async def read() -> tuple[Credential, ...]:
        store = SQLiteStore(config.with_name("state.db"))
        found = await store.credentials.credentials(now=time.time())
        await store.close()
        return found

    return asyncio.run(read())


def tokens(config: Path, *arguments: str) -> int:
    return main(["tokens", *arguments, "--config", str(config)])


def create(config: Path, *more: str, until: str = "30d", app: str = "API") -> int:
    return tokens(config, "create", "alice", "--app", app, "--until", until, *more)


def test_a_token_is_printed_once_and_only_its_digest_is_kept(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(config, "--name", "Backup \x1b[2J", "--methods", "get,put", "--networks", "10.0.0.0/8") == 0
    said = capsys.readouterr()
    secret = said.out.strip()
    assert is_service_token(secret.encode())
    assert secret not in said.err
    (made,) = kept(config)
    guid = read_users(config.with_name("users.toml"), "local").by_folded["alice"].guid
    assert (made.factor, made.guid, made.app) == (Factor.SERVICE_TOKEN, guid, "API")
    assert (made.methods, made.networks) == (("GET", "PUT", "HEAD"), ("10.0.0.0/8",))
    assert made.digest == token_digest(secret)
    assert abs(made.ends_at - made.made_at - 30 * 86_400) < 1
    assert tokens(config, "list", "alice") == 0
    table = capsys.readouterr().out
    assert tokens(config, "list", "--json") == 0
    listed = capsys.readouterr().out
    (row,) = json.loads(listed)
    assert (row["id"], row["kind"], row["person"]) == (made.credential_id, "service_token", "alice")
    assert row["last_used"] in ("", "-", "never")
    for text in (table, listed):
        assert secret not in text
        assert made.digest.hex() not in text
        assert "\x1b" not in text
    assert made.credential_id in table


def test_a_day_is_counted_to_its_end(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(config, until="2099-12-31") == 0
    (made,) = kept(config)
    assert made.ends_at == 4_102_444_800.0, "2100-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"app": "Wiki"}, 1, "(there are: API, Closed)"),
        ({"app": "Closed"}, 1, "none of the groups"),
        ({"until": "2020-01-01"}, 1, "passed already"),
        ({"until": "soon"}, 2, "write a day"),
    ],
)
def test_what_cannot_be_made_is_said(
    config: Path, capsys: pytest.CaptureFixture[str], options: dict[str, str], code: int, said: str
) -> None:
    try:
        answer = create(config, **options)  # type: ignore[arg-type]
    except SystemExit as exit_:
        answer = int(exit_.code or 0)
    told = capsys.readouterr()
    assert (answer, told.out) == (code, "")
    assert said in told.err
    assert not config.with_name("state.db").exists() or kept(config) == ()


def test_nobody_of_that_name_gets_one(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tokens(config, "create", "nobody", "--app", "API", "--until", "1d") == 1
    assert "no such account" in capsys.readouterr().err


def test_what_is_revoked_is_gone_with_its_session(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guid = read_users(config.with_name("users.toml"), "local").by_folded["alice"].guid
    alice = principal(guid=guid, realm="local", username="alice")
    now = time.time()
    one = credential(guid=guid, realm="local", app="API", made_at=now, ends_at=now + 1000)

    async def write(*more: Any) -> list[Any]:
        store = SQLiteStore(config.with_name("state.db"))
        for each in more:
            await store.credentials.put_credential(each, most=9)
        if more:
            session = of_credential(principal=alice, created_at=now)
            await store.sessions.create_first(session, cookie=one.digest, host=TOKEN_HOST)
        found = await store.sessions.sessions()
        await store.close()
        return found

    asyncio.run(write(one))
    assert tokens(config, "revoke", one.credential_id[:5]) == 1
    assert tokens(config, "revoke", "unknown-id") == 1
    capsys.readouterr()
    assert len(kept(config)) == 1
    assert tokens(config, "revoke", one.credential_id[:8]) == 0
    assert "removed: Laptop of alice" in capsys.readouterr().out
    assert kept(config) == ()
    assert asyncio.run(write()) == []
