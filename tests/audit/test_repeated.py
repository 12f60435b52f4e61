"""Nobody fills a disk by being refused, and what is left out is told."""

from __future__ import annotations

from typing import Any

from structlog.testing import CapturingLogger

from proxy.access.networks import network_of
from proxy.audit.audited_log import audited
from proxy.audit.event import AuditEvent
from proxy.audit.repeated import RepeatedRefusals, times
from tests.audit.engine import ANNA, BEN
from tests.support.kept_events import KeptEvents


def refused(address: str = "192.0.2.7", **fields: Any) -> AuditEvent:
    return AuditEvent(event="sign_in.refused", address=address, **{"facts": {"reason": "address"}, **fields})


def test_of_a_flood_the_first_are_kept_and_then_fewer_and_fewer_that_say_how_many() -> None:
    now = 0.0
    repeated = RepeatedRefusals(network_of, clock=lambda: now)
    kept = [each for each in (repeated.kept(refused()) for _ in range(100_000)) if each is not None]
    assert len(kept) == 20 + 12
    assert kept[19] == refused()
    assert [each.facts.get("repeated") for each in kept[20:22]] == [32, 64]
    assert sum(map(times, kept)) == 65_536, "up to the last that tells"
    now = 3600.0
    assert repeated.kept(refused()) == refused()


def test_each_person_client_and_reason_counts_by_itself() -> None:
    repeated = RepeatedRefusals(network_of)
    for _ in range(21):
        repeated.kept(refused("2001:db8::1"))
    assert repeated.kept(refused("2001:db8::2")) is None, "of one network"
    for other in (
        refused("2001:db8:0:1::1"),
        refused("2001:db8::1", actor=ANNA),
        refused("2001:db8::1", person=BEN),
        refused("2001:db8::1", facts={"reason": "unknown_user"}),
    ):
        assert repeated.kept(other) == other


def test_nothing_but_refusals_is_left_out() -> None:
    repeated = RepeatedRefusals(network_of)
    event = AuditEvent(event="sign_in.succeeded", actor=ANNA)
    assert [repeated.kept(event) for _ in range(50)] == [event] * 50


def test_the_log_has_each_of_them() -> None:
    kept, written = KeptEvents(), CapturingLogger()
    log = audited(written, kept, RepeatedRefusals(network_of))  # type: ignore[arg-type]
    for _ in range(40):
        log.info("sign_in.refused", incident="i1", client_address="192.0.2.7", reason="address")
    assert len(written.calls) == 40
    assert len(kept.of("sign_in.refused")) == 21
