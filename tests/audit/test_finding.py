"""What is looked for, what a person is given of it, and the evidence that is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from proxy.audit.entry import OpenedEntry
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.finding import ANOTHER, AuditQuestion, as_json, for_person, is_wanted, row_of
from proxy.audit.lifetime import changed_tables
from proxy.audit.report import EvidenceGathering, EvidenceReport, report_as_json

ALICE = AuditedPerson(realm="corp", guid="a1", name="alice")
ADMIN = AuditedPerson(realm="corp", guid="b2", name="bob")
DAY = 86_400.0


def entry(time: float, event: AuditEvent, *, is_erased: bool = False) -> OpenedEntry:
    return OpenedEntry(time=time, chain="c1", seq=int(time), event=event, is_erased=is_erased)


def signed_in(
    time: float, factors: str, *, who: AuditedPerson | None = ALICE, address: str = "192.0.2.7", way: str = ""
) -> OpenedEntry:
    facts = {"scheme": "browser", "factors": factors}
    event = AuditEvent(event="sign_in.succeeded", actor=who, address=address, way=way, incident="i", facts=facts)
    return entry(time, event, is_erased=who is None)


GIVEN = entry(
    40.0,
    AuditEvent(
        event="admin.pass_given",
        actor=ADMIN,
        person=ALICE,
        address="198.51.100.1",
        facts={"apps": "Wiki, Payroll", "pass_id": "p1", "ends_at": 3600},
        personal={"reason": "phone is broken", "by": "command of root"},
    ),
)
DENIED = entry(20.0, AuditEvent(event="access.denied", actor=ADMIN, facts={"app": "Wiki", "reason": "groups"}))
ALL = [signed_in(10.0, "password sms"), DENIED, signed_in(30.0, "password sms", who=ADMIN), GIVEN]


@pytest.mark.parametrize(
    ("question", "times"),
    [
        (AuditQuestion(), [10, 20, 30, 40]),
        (AuditQuestion(guids=frozenset({"a1"})), [10, 40]),
        (AuditQuestion(guids=frozenset({"nobody"})), []),
        (AuditQuestion(guids=frozenset()), []),
        (AuditQuestion(app="Wiki"), [20, 40]),
        (AuditQuestion(app="Wik"), []),
        (AuditQuestion(app="Payroll"), [40]),
        (AuditQuestion(since=30.0), [30, 40]),
        (AuditQuestion(event="sign_in.succeeded"), [10, 30]),
        (AuditQuestion(event="admin"), [40]),
        (AuditQuestion(event="adm"), []),
        (AuditQuestion(guids=frozenset({"b2"}), app="Wiki", since=25.0, event="admin"), [40]),
    ],
)
def test_everything_that_is_asked_must_hold(question: AuditQuestion, times: list[int]) -> None:
    assert [int(each.time) for each in ALL if is_wanted(each, question)] == times


def test_a_person_is_given_what_is_theirs_and_nothing_of_another() -> None:
    given = for_person(GIVEN, "a1")
    text = json.dumps(given)
    assert given["person"]["name"] == "alice"
    assert given["actor"] == ANOTHER
    assert given["personal"] == {"reason": "phone is broken"}
    for theirs in ("bob", "b2", "198.51.100.1", "root"):
        assert theirs not in text


def test_whoever_acted_is_given_that_they_did_and_not_to_whom() -> None:
    given = for_person(GIVEN, "b2")
    text = json.dumps(given)
    assert given["actor"]["name"] == "bob"
    assert given["address"] == "198.51.100.1"
    assert given["person"] == ANOTHER
    for theirs in ("alice", "a1", "broken"):
        assert theirs not in text


def test_a_person_is_given_their_own_sign_ins_whole() -> None:
    assert for_person(ALL[0], "a1") == as_json(ALL[0])


def test_rows_tell_what_is_erased() -> None:
    row = row_of(signed_in(0.0, "password sms", who=None, address=""))
    assert row[:5] == ("1970-01-01T00:00:00Z", "sign_in.succeeded", "", "", "")
    assert row[5].endswith("(erased)")


def report_of(entries: Iterable[OpenedEntry], *, since: float, until: float) -> EvidenceReport:
    gathering = EvidenceGathering(since=since, until=until)
    for each in entries:
        gathering.add(each)
    return gathering.report()


def test_the_evidence_counts_sign_ins_that_are_alike_and_names_each_exception() -> None:
    entries = [
        *(signed_in(DAY * day, "password sms") for day in range(5)),
        signed_in(DAY * 5, "password remembered"),
        signed_in(DAY * 6, "password pass", address="203.0.113.9"),
        signed_in(DAY * 6.5, "passkey", who=ADMIN),
        signed_in(DAY * 7, "password", who=ADMIN, way="ssh"),
        signed_in(DAY * 30, "password sms"),  # too late
        entry(DAY * 7.5, AuditEvent(event="sign_in.refused", facts={"reason": "locked_out"})),
        entry(DAY * 7.6, AuditEvent(event="sign_in.refused", facts={"reason": "locked_out"})),
        GIVEN,
    ]
    report = report_of(entries, since=0.0, until=DAY * 8)
    assert (report.total, report.with_two) == (9, 6)
    kinds = {(each.person, each.factors, each.way): (each.count, each.exception) for each in report.sign_ins}
    assert kinds == {
        ("alice (corp)", "password sms", "browser"): (5, ""),
        ("alice (corp)", "password remembered", "browser"): (1, "in a remembered browser"),
        ("alice (corp)", "password pass", "browser"): (1, "by a pass"),
        ("bob (corp)", "passkey", "browser"): (1, ""),
        ("bob (corp)", "password", "ssh"): (1, "by one factor"),
    }
    (five,) = [each for each in report.sign_ins if each.count == 5]
    assert (five.first, five.last) == (0.0, DAY * 4)
    assert report.refused == {"locked_out": 2}
    told = report_as_json(report)
    assert told["exceptions"] == [
        {
            "time": "1970-01-01T00:00:40Z",
            "what": "a pass was given",
            "by": "bob (corp)",
            "person": "alice (corp)",
            "facts": "apps=Wiki, Payroll; pass_id=p1; ends_at=1970-01-01T01:00:00Z; reason=phone is broken",
        }
    ]


def test_erased_sign_ins_still_count() -> None:
    report = report_of([signed_in(1.0, "password sms", who=None, address="")], since=0.0, until=2.0)
    assert [(each.person, each.count) for each in report.sign_ins] == [("(erased)", 1)]


def test_two_configurations_tell_which_tables_differ() -> None:
    assert changed_tables("apps=aa sms=bb smtp=cc", "apps=a2 pages=dd smtp=cc") == ["apps", "pages", "sms"]
