"""The gate alone, without a connection: each request gets one verdict, with all that is needed to act on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from config.settings import AppSettings, SchemeSettings, ServerSettings
from proxy.forwarding import gate as gates
from proxy.forwarding.certificate_names import names_of
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.context import Context
from proxy.forwarding.gate import Gate
from proxy.forwarding.head_memory import HeadMemory
from proxy.forwarding.listeners import Arrival
from proxy.forwarding.plane import create_forwarding_plane
from proxy.forwarding.verdict import (
    AwaitButton,
    Forward,
    ForwardAs,
    LookUp,
    RefuseRequest,
    Respond,
    TellingForward,
)
from proxy.http.plain_head import read_head
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.operations.metrics import Metrics
from proxy.secrets.keys import Keys
from proxy.sessions.identity import Assertions
from proxy.sessions.kept_requests import SENDING_BYTES, KeptRequests
from tests.forwarding.stage import (
    ALICE_TOKEN,
    BOB_TOKEN,
    HALF_TOKEN,
    HOST,
    NOW,
    FakeAssertions,
    FakeSessions,
    FakeUses,
    PieceSettings,
    RecordingLog,
)
from tests.support.memory_store import MemoryStore

PAGE = b"Accept: text/html\r\n"
PARTS = "parts.corp.example"
FORM = PAGE + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"


@pytest.fixture
def sessions() -> FakeSessions:
    sessions = FakeSessions()
    sessions.warm = {ALICE_TOKEN, BOB_TOKEN, HALF_TOKEN}
    return sessions


@pytest.fixture
def times() -> list[float]:
    """The last is now."""
    return [NOW]


@pytest.fixture
async def context(sessions: Any, times: list[float], tmp_path: Path) -> Context:
    assertions: Any = FakeAssertions()
    log: Any = RecordingLog()
    settings = PieceSettings(
        server=ServerSettings(public_url="http://signin.corp.example:8080"),  # type: ignore[arg-type]
        apps=(
            AppSettings(name="Wiki", host=HOST, upstream="http://127.0.0.1:1", groups=("Wiki Users",)),  # type: ignore[arg-type]
            AppSettings(name="Strong", host="strong.corp.example", upstream="http://127.0.0.1:1", scheme="strong"),  # type: ignore[arg-type]
            AppSettings(
                name="Parts",
                host=PARTS,
                clients=("browser", "bearer"),  # type: ignore[arg-type]
                tells_session_end=True,
                upstream="http://127.0.0.1:1",  # type: ignore[arg-type]
                rules=(
                    {"path": "/admin/", "groups": ("Admins",)},
                    {"path": "/inside/", "networks": ("10.0.0.0/8",)},
                    {"path": "/strong/", "scheme": "strong"},
                    {"path": "/jobs/", "clients": ("bearer",)},
                    {"path": "/free/", "public": True},
                ),  # type: ignore[arg-type]
            ),
        ),
        schemes=(SchemeSettings(name="strong", factors=("password", "email")),),  # type: ignore[arg-type]
    )
    return create_forwarding_plane(
        settings=settings,
        sessions=sessions,
        credential_uses=FakeUses(),
        assertions=assertions,
        portal_socket=tmp_path / "portal",
        metrics=Metrics(),
        log=log,
        clock=lambda: times[-1],
        kept_requests=KeptRequests(MemoryStore(), Keys(b"k" * 32)),
    ).context


@pytest.fixture
def memory() -> HeadMemory:
    return HeadMemory()


@pytest.fixture
def gate(context: Context, memory: HeadMemory) -> Gate:
    arrival = Arrival(address="192.0.2.1", is_tls=False, is_https=False, trusted=(), redirects=False)
    return Gate(context, ClientPlaces(arrival, reads_forwarded=False), memory, None)


def request(
    token: bytes | None = ALICE_TOKEN,
    lines: bytes = b"",
    *,
    host: str = HOST,
    target: str = "/",
    method: str = "GET",
    read: Callable[[bytes], RequestHead] = read_head,
) -> Any:
    cookie = b"Cookie: gatepost=" + token + b"\r\n" if token else b""
    return read(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n".encode() + lines + cookie + b"\r\n")


def test_an_admitted_request_is_forwarded_with_session_and_fields(gate: Gate, context: Context) -> None:
    verdict = gate.judge(request())
    assert isinstance(verdict, Forward)
    assert (verdict.route, verdict.session_id) == (context.routes[HOST.encode()], "id-of-alice")
    assert verdict.fields.startswith(b"Host: ")
    assert b"\r\nRemote-User: alice\r\n" in verdict.fields
    assert ALICE_TOKEN not in verdict.fields


def test_the_same_fields_get_the_same_verdict_again_and_another_session_does_not(
    gate: Gate, memory: HeadMemory
) -> None:
    first = gate.judge(request(read=memory.read))
    assert gate.judge(request(target="/other?x", read=memory.read)) is first
    assert gate.judge(request(BOB_TOKEN, read=memory.read)) is not first
    assert gate.judge(request(read=memory.read)) is first


def test_a_field_that_is_passed_on_goes_on_as_it_is_now(gate: Gate, memory: HeadMemory) -> None:
    """And the rest of what goes on is what it was."""
    first, second, third, fresh = (
        gate.judge(request(lines=b"X-Request-Id: %d\r\n" % number, read=read))
        for number, read in ((1, memory.read), (2, memory.read), (3, memory.read), (3, read_head))
    )
    assert isinstance(second, Forward)
    assert isinstance(third, Forward)
    assert second.fields == first.fields.replace(b"Id: 1", b"Id: 2") != first.fields
    assert third.fields == fresh.fields == first.fields.replace(b"Id: 1", b"Id: 3")
    assert (second.session_id, second.identity_block) == (first.session_id, first.identity_block)


@pytest.mark.parametrize("lines", [b"", b"X-Request-Id: 2\r\n"])
@pytest.mark.parametrize(
    "target", ["/.gatepost/sign-in", "/.gatepost/authorize", "/.gatepost/%2e%2e/x"], ids=["page", "question", "path"]
)
def test_known_fields_open_no_reserved_path(gate: Gate, memory: HeadMemory, target: str, lines: bytes) -> None:
    for number in range(2):
        gate.judge(request(lines=lines, read=memory.read))
        verdict = gate.judge(request(target=target, lines=lines.replace(b"2", b"%d" % number), read=memory.read))
        assert not isinstance(verdict, Forward) or verdict.route.app is None


@pytest.mark.parametrize("lines", [b"X: 1\r\n", b"X: 2\r\n"])
def test_known_fields_are_judged_again_when_their_admission_is_old(
    gate: Gate, memory: HeadMemory, context: Context, times: list[float], lines: bytes
) -> None:
    judged: list[float] = []
    get = context.admissions.get

    def counted(session: Any, app: Any, now: float, *more: Any) -> Any:
        judged.append(now)
        return get(session, app, now, *more)

    context.admissions.get = counted  # type: ignore[method-assign]
    gate.judge(request(lines=b"X: 1\r\n", read=memory.read))
    gate.judge(request(lines=lines, read=memory.read))
    assert judged == [NOW]
    times.append(NOW + Assertions.LIFETIME_SECONDS)
    gate.judge(request(lines=lines, read=memory.read))
    assert judged == times


def test_known_fields_open_nothing_once_the_session_is_over_or_another(
    gate: Gate, memory: HeadMemory, sessions: FakeSessions
) -> None:
    for number in range(3):
        assert isinstance(gate.judge(request(lines=b"X: %d\r\n" % number, read=memory.read)), Forward)
    alice = sessions.by_token[ALICE_TOKEN]
    sessions.by_token[ALICE_TOKEN] = replace(alice, principal=replace(alice.principal, groups=frozenset()))
    for line in (b"X: 2\r\n", b"X: 9\r\n"):
        refused = gate.judge(request(lines=line, read=memory.read))
        assert isinstance(refused, RefuseRequest)
        assert (refused.problem, refused.reason) == (Problem.NOT_ALLOWED, "groups")
    sessions.by_token[ALICE_TOKEN] = alice
    sessions.warm.clear()
    for line in (b"X: 2\r\n", b"X: 9\r\n"):
        assert isinstance(gate.judge(request(lines=line, read=memory.read)), LookUp)


@pytest.mark.parametrize("is_recalled", [True, False])
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/admin/x", Problem.NOT_ALLOWED),
        ("/%61dmin/x", Problem.NOT_ALLOWED),
        ("/inside/", Problem.NOT_FROM_HERE),
        ("/strong/", Problem.TOO_FEW_FACTORS),
        ("/jobs/", Problem.NOT_SIGNED_IN),
        ("/a%2Fadmin", Problem.AMBIGUOUS_REQUEST),
    ],
)
def test_known_fields_open_no_other_part_of_their_app(
    gate: Gate, memory: HeadMemory, target: str, problem: Problem, is_recalled: bool
) -> None:
    def judged(target: str, number: int) -> Any:
        lines = b"X: %d\r\n" % (1 if is_recalled else number)
        return gate.judge(request(host=PARTS, target=target, lines=lines, read=memory.read))

    for number, admitted in enumerate(("/", "/", "/free/", "/free/", "/")):
        forward = judged(admitted, number)
        assert type(forward) is TellingForward
        assert (forward.rule and forward.rule.written) == (admitted if admitted == "/free/" else None)
    refused = judged(target, 5)
    assert isinstance(refused, RefuseRequest)
    assert refused.problem is problem
    assert isinstance(judged("/", 6), TellingForward)


def test_only_the_head_that_was_just_read_is_known(gate: Gate, memory: HeadMemory) -> None:
    other = request(host=PARTS, target="/x", read=memory.read)
    known = gate.judge(request(read=memory.read))
    forward = gate.judge(other)
    assert isinstance(known, Forward)
    assert isinstance(forward, Forward)
    assert (known.route.host_name, forward.route.host_name) == (HOST, PARTS)


def test_known_fields_from_a_trusted_proxy_are_answered_by_how_their_own_client_came(
    context: Context, memory: HeadMemory
) -> None:
    line = b"Strict-Transport-Security: max-age=1"
    arrival = Arrival(
        address="192.0.2.1", is_tls=False, is_https=False, trusted=(ip_network("192.0.2.0/24"),), redirects=False
    )
    places = ClientPlaces(arrival, reads_forwarded=False)
    gate = Gate(replace(context, transport_security=line), places, memory, None)
    for number in range(4):
        for proto, expected in ((b"https", line), (b"http", None)):
            lines = b"X-Forwarded-Proto: %b\r\nX: %d\r\n" % (proto, number // 2)
            assert isinstance(gate.judge(request(lines=lines, read=memory.read)), Forward)
            assert gate.transport_security == expected


def test_known_fields_open_no_host_that_the_certificate_does_not_name(context: Context, memory: HeadMemory) -> None:
    arrival = Arrival(address="192.0.2.1", is_tls=True, is_https=True, trusted=(), redirects=False)
    gate = Gate(context, ClientPlaces(arrival, reads_forwarded=False), memory, names_of([HOST]))
    for _ in range(2):
        assert isinstance(gate.judge(request(read=memory.read)), Forward)
        refused = gate.judge(request(host=PARTS, read=memory.read))
        assert isinstance(refused, RefuseRequest)
        assert refused.problem is Problem.UNKNOWN_HOST


def test_a_session_that_this_worker_does_not_know_is_looked_up_and_judged_then(
    gate: Gate, sessions: FakeSessions
) -> None:
    sessions.warm.clear()
    verdict = gate.judge(request())
    assert isinstance(verdict, LookUp)
    assert isinstance(gate.judge_found(verdict.request, sessions.by_token[ALICE_TOKEN]), Forward)
    refused = gate.judge_found(verdict.request, None)
    assert isinstance(refused, RefuseRequest)
    assert refused.problem is Problem.NOT_SIGNED_IN


@pytest.mark.parametrize(
    ("head", "problem", "app"),
    [
        (request(None), Problem.NOT_SIGNED_IN, "Wiki"),
        (request(HALF_TOKEN), Problem.NOT_SIGNED_IN, "Wiki"),
        (request(BOB_TOKEN), Problem.NOT_ALLOWED, "Wiki"),
        (request(host="strong.corp.example"), Problem.TOO_FEW_FACTORS, "Strong"),
        (request(host="elsewhere.example"), Problem.UNKNOWN_HOST, ""),
        (request(target="/.gatepost/authorize"), Problem.NOT_FROM_HERE, ""),
        (request(None, FORM % 3, method="POST"), Problem.NOT_SIGNED_IN, "Wiki"),
    ],
)
def test_a_refusal_says_why_and_for_which_app(gate: Gate, head: Any, problem: Problem, app: str) -> None:
    verdict = gate.judge(head)
    assert isinstance(verdict, RefuseRequest)
    assert (verdict.problem, verdict.app_name) == (problem, app)


@pytest.mark.parametrize(
    ("head", "place"),
    [
        (request(None, PAGE), b"Location: http://signin.corp.example:8080/.gatepost/sign-in?"),
        (
            request(host="strong.corp.example", lines=PAGE),
            b"Location: http://signin.corp.example:8080/.gatepost/step-up?scheme=strong&",
        ),
    ],
)
def test_a_page_load_is_sent_to_where_the_missing_proof_is_given(gate: Gate, head: Any, place: bytes) -> None:
    verdict = gate.judge(head)
    assert isinstance(verdict, Respond)
    assert verdict.status == 302
    assert verdict.lines[0].startswith(place)


def test_a_form_of_an_ended_session_goes_to_the_portal_with_what_to_say_if_it_does_not_get_there(
    gate: Gate, context: Context
) -> None:
    verdict = gate.judge_found(
        gate.judge(request(b"E" * 43, FORM % 3, method="POST", target="/save")).request,  # type: ignore[union-attr]
        None,
    )
    assert isinstance(verdict, ForwardAs)
    assert (verdict.head.target, verdict.forward.route) == (b"/.gatepost/keep", context.portal_route)
    assert verdict.forward.not_kept is not None
    assert verdict.forward.not_kept.problem is Problem.SIGNED_OUT


def test_what_may_be_the_button_of_a_kept_form_is_waited_for(gate: Gate) -> None:
    verdict = gate.judge(request(lines=FORM % SENDING_BYTES, method="POST"))
    assert isinstance(verdict, AwaitButton)
    assert verdict.session.session_id == "id-of-alice"


def test_what_is_gateposts_own_goes_to_the_portal_without_a_session(gate: Gate, context: Context) -> None:
    for head in (request(target="/.gatepost/me"), request(host="signin.corp.example")):
        verdict = gate.judge(head)
        assert isinstance(verdict, Forward)
        assert (verdict.route, verdict.session_id) == (context.portal_route, None)


def test_whatever_goes_wrong_in_the_gate_admits_nobody(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(gates, "split_cookies", broken)
    verdict = gate.judge(request())
    assert isinstance(verdict, RefuseRequest)
    assert (verdict.problem, verdict.ends, type(verdict.error)) == (Problem.INTERNAL, True, RuntimeError)
