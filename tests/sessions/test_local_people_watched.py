"""What is changed in a users file reaches the sessions of the person within seconds, on each worker that watches."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from argon2 import PasswordHasher

from config.settings import LocalDirectorySettings, SessionSettings
from directory.local_users import LocalDirectory
from directory.principal import Principal
from directory.realms import Realms
from directory.users_writing import change_user
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.watch import RENEWAL_SECONDS, UNWATCHED_SECONDS, SessionWatch
from tests.directory.contract import found
from tests.support.memory_store import MemoryStore
from tests.support.people import session

HASH, OTHER = (PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(each) for each in ("one", "two"))


@dataclass
class Watched:
    path: Path
    store: MemoryStore
    watch: SessionWatch
    now: list[float]

    async def after(self, seconds: float) -> list[Session]:
        self.now[0] += seconds
        await self.watch.look()
        return await self.store.sessions.sessions()


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    path = tmp_path / "users.toml"
    path.write_text(f'[[users]]\nusername = "ann"\npassword_hash = "{HASH}"\nmobile = "07400 000001"\n')
    directory = LocalDirectory(LocalDirectorySettings(type="local", name="local", file=path), groups=())
    store, now = MemoryStore(), [0.0]
    watch = SessionWatch(
        store=store.sessions,
        browsers=store.browsers,
        sessions=LiveSessions(store.sessions, SessionSettings()),
        realms=Realms([directory]),
        log=structlog.get_logger(),
        clock=lambda: now[0],
    )
    ann = await directory.authenticate(await found(directory, "ann"), "one")
    assert isinstance(ann, Principal)
    made = session(principal=ann, created_at=time.time())
    await store.sessions.create_session(made, cookie=b"cookie", host="wiki.corp.example")
    await watch.look()
    yield Watched(path, store, watch, now)
    await directory.close()


async def test_a_number_is_in_the_session_within_seconds(watched: Watched) -> None:
    change_user(watched.path, "local", "ann", {"mobile": "+447400123456"})
    (changed,) = await watched.after(UNWATCHED_SECONDS)
    assert changed.principal.mobiles == ("+447400123456",)


async def test_who_is_disabled_loses_their_sessions_within_seconds(watched: Watched) -> None:
    assert len(await watched.after(UNWATCHED_SECONDS)) == 1
    change_user(watched.path, "local", "ann", {"disabled": True})
    assert await watched.after(UNWATCHED_SECONDS) == []


async def test_a_new_password_ends_the_sessions_of_the_old_one_within_seconds(watched: Watched) -> None:
    change_user(watched.path, "local", "ann", {"password_hash": OTHER})
    await watched.after(UNWATCHED_SECONDS)
    assert await watched.after(RENEWAL_SECONDS) == []
