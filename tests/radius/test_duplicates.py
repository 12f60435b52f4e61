"""Requests that come again are answered once."""

from __future__ import annotations

from proxy.radius.duplicates import KEPT_SECONDS, AnsweredBefore, BeingAnswered, Duplicates, NewRequest

ONE = ("192.0.2.1", 40_000)
PACKET, OTHER = b"\x01\x07" + b"a" * 30, b"\x01\x07" + b"b" * 30
ANSWER = b"the answer"


def test_the_same_packet_is_worked_on_once_and_answered_from_memory() -> None:
    memory = Duplicates()
    assert memory.begin(ONE, PACKET, 0.0) == NewRequest()
    assert memory.begin(ONE, PACKET, 1.0) == BeingAnswered()
    assert memory.answered(ONE, PACKET, ANSWER, 2.0)
    assert memory.begin(ONE, PACKET, 3.0) == AnsweredBefore(ANSWER)
    assert memory.begin(ONE, PACKET, 4.0) == AnsweredBefore(ANSWER)


def test_one_that_takes_long_is_not_begun_a_second_time() -> None:
    memory = Duplicates()
    memory.begin(ONE, PACKET, 0.0)
    assert memory.begin(ONE, PACKET, 10 * KEPT_SECONDS) == BeingAnswered()


def test_an_answer_is_forgotten_after_its_time() -> None:
    memory = Duplicates()
    memory.begin(ONE, PACKET, 0.0)
    memory.answered(ONE, PACKET, ANSWER, 5.0)
    assert memory.begin(ONE, PACKET, 5.0 + KEPT_SECONDS - 0.1) == AnsweredBefore(ANSWER)
    assert memory.begin(ONE, PACKET, 5.0 + KEPT_SECONDS) == NewRequest()


def test_what_comes_from_elsewhere_or_by_another_number_is_another_request() -> None:
    memory = Duplicates()
    memory.begin(ONE, PACKET, 0.0)
    assert memory.begin(("192.0.2.2", 40_000), PACKET, 0.0) == NewRequest()
    assert memory.begin(("192.0.2.1", 40_001), PACKET, 0.0) == NewRequest()
    assert memory.begin(ONE, b"\x01\x08" + PACKET[2:], 0.0) == NewRequest()


def test_a_client_that_uses_a_number_again_has_given_the_older_request_up() -> None:
    memory = Duplicates()
    memory.begin(ONE, PACKET, 0.0)
    assert memory.begin(ONE, OTHER, 1.0) == NewRequest()
    assert not memory.answered(ONE, PACKET, ANSWER, 2.0)
    assert memory.answered(ONE, OTHER, ANSWER, 2.0)
    assert memory.begin(ONE, PACKET, 3.0) == NewRequest()


def test_memory_is_bounded_and_what_is_over_goes() -> None:
    memory = Duplicates(most=10)
    for port in range(100):
        memory.begin(("192.0.2.1", port), PACKET, 0.0)
    assert len(memory) == 10
    for port in range(90, 100):
        memory.answered(("192.0.2.1", port), PACKET, ANSWER, 1.0)
    memory.begin(ONE, PACKET, 1.0 + KEPT_SECONDS)
    assert len(memory) == 1
