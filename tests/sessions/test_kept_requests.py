"""Kept forms: sealed to one token and host, taken once, by the one who sent them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.secrets.keys import Keys
from proxy.sessions.kept_requests import (
    KEPT_SECONDS,
    MOST_PER_PERSON,
    SENDING_BYTES,
    KeptRequest,
    KeptRequests,
    SendButton,
    read_sending,
    seal,
    unseal,
)
from tests.support.memory_store import MemoryStore

NOW = 1_800_000_000.0
KEY = b"k" * 32
TOKEN = "T" * 43
KEPT = KeptRequest(
    owner="guid-alice",
    host="wiki.corp.example",
    target="/save?x=1",
    lines=(b"Content-Type: text/plain", b"X-Odd: \xff\x80"),
    cookie=b"app=1",
    body=b"text=\x00\n\xff",
    kept_at=NOW,
)


def kept_requests() -> KeptRequests:
    return KeptRequests(MemoryStore(), Keys(KEY, clock=lambda: NOW))


def taking(requests: KeptRequests, sending: SendButton, **changes: Any) -> Any:
    facts = {"session_id": "new", "guid": KEPT.owner, "host": KEPT.host, "target": KEPT.target, "now": NOW}
    return requests.take(sending, **{**facts, **changes})


@given(
    st.binary(max_size=300),
    st.lists(st.binary(max_size=40), max_size=4),
    st.binary(max_size=40),
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)
def test_what_was_sealed_is_read_back(body: bytes, lines: list[bytes], cookie: bytes, target: str) -> None:
    kept = replace(KEPT, body=body, lines=tuple(lines), cookie=cookie, target=target)
    sealed = seal(KEY, kept, token=TOKEN)
    assert unseal(KEY, sealed, token=TOKEN, host=kept.host) == kept
    assert len(body) < 8 or body not in sealed


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_nothing_else_is_read(noise: bytes, position: int) -> None:
    sealed = seal(KEY, KEPT, token=TOKEN)
    position %= len(sealed)
    damaged = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
    assert unseal(KEY, damaged, token=TOKEN, host=KEPT.host) is None
    assert unseal(KEY, noise, token=TOKEN, host=KEPT.host) is None
    assert unseal(b"l" * 32, sealed, token=TOKEN, host=KEPT.host) is None
    assert unseal(KEY, sealed, token="U" * 43, host=KEPT.host) is None
    assert unseal(KEY, sealed, token=TOKEN, host="forms.corp.example") is None


@given(st.binary(max_size=SENDING_BYTES + 5))
def test_only_the_buttons_body_is_one(body: bytes) -> None:
    assert read_sending(body) is None
    button = f"gatepost-kept={TOKEN}&proof={'p' * 43}".encode()
    assert len(button) == SENDING_BYTES
    assert read_sending(button) == SendButton(token=TOKEN, proof="p" * 43)
    for other in (
        button + body[:1] + b"x",
        button[1:],
        button.replace(b"T", b"%"),
        button.replace(b"&proof", b"&Proof"),
    ):
        assert read_sending(other) is None


async def test_of_parallel_buttons_one_sends_it() -> None:
    requests = kept_requests()
    token = await requests.keep(KEPT)
    assert token is not None
    sending = requests.sending(token, "new")
    taken = await asyncio.gather(*(taking(requests, sending) for _ in range(10)))
    assert [each for each in taken if each is not None] == [KEPT]
    assert await requests.read(token, KEPT.host, now=NOW) is None


async def test_it_is_taken_only_where_everything_fits() -> None:
    requests = kept_requests()
    token = await requests.keep(KEPT)
    assert token is not None
    sending = requests.sending(token, "new")
    for changes in (
        {"session_id": "another"},  # the page was shown to that one
        {"guid": "guid-bob"},
        {"host": "forms.corp.example"},
        {"target": "/save?x=2"},
        {"now": NOW + KEPT_SECONDS},
        {"now": NOW - 61},  # kept by a clock that was further ahead than clocks may differ
    ):
        assert await taking(requests, sending, **changes) is None
    assert await taking(requests, replace(sending, proof="p" * 43)) is None
    assert await taking(requests, replace(sending, token="U" * 43)) is None
    assert await taking(requests, sending) == KEPT


async def test_one_person_can_keep_only_so_many() -> None:
    requests = kept_requests()
    tokens = [await requests.keep(KEPT) for _ in range(MOST_PER_PERSON + 1)]
    assert tokens[-1] is None
    assert None not in tokens[:-1]
    assert await requests.keep(replace(KEPT, owner="guid-bob")) is not None
    assert await requests.keep(replace(KEPT, kept_at=NOW + KEPT_SECONDS)) is not None


async def test_a_kept_form_outlives_a_new_master_key_and_shows_nothing_of_itself() -> None:
    store = MemoryStore()
    token = await KeptRequests(store, Keys(KEY)).keep(KEPT)
    assert token is not None
    assert await KeptRequests(store, Keys(b"l" * 32)).read(token, KEPT.host, now=NOW) is None
    assert "text=" not in repr(KEPT)
    assert "/save" not in repr(KEPT)
    assert TOKEN not in repr(SendButton(token=TOKEN, proof=TOKEN))
