"""One call writes the log and the audit; the audit keeps what its table declares, and nothing else."""

from __future__ import annotations

import io
import json

from structlog.testing import CapturingLogger

from proxy.audit.audited_log import audited
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.events import EVENTS
from proxy.operations.log import AUDIT_ALONE, configure_log, redact
from tests.support.kept_events import KeptEvents

ALICE = {"realm": "corp", "guid": "a1", AUDIT_ALONE: "alice"}
FROM = {"incident": "inc1", "client_address": "192.0.2.7"}


def test_a_line_is_in_the_log_and_in_the_audit() -> None:
    out, kept = io.StringIO(), KeptEvents()
    log = audited(configure_log(out, human=False), kept)

    log.info("sign_in.succeeded", **FROM, **ALICE, scheme="browser", factors="password sms", way="ssh")

    line = json.loads(out.getvalue())
    assert (line["event"], line["scheme"], line["guid"]) == ("sign_in.succeeded", "browser", "a1")
    assert AUDIT_ALONE not in line
    assert kept.events == [
        AuditEvent(
            event="sign_in.succeeded",
            actor=AuditedPerson(realm="corp", guid="a1", name="alice"),
            address="192.0.2.7",
            incident="inc1",
            way="ssh",
            facts={"scheme": "browser", "factors": "password sms"},
        )
    ]


def test_what_is_for_the_audit_alone_is_in_no_log_where_there_is_none() -> None:
    out = io.StringIO()
    configure_log(out, human=False).info("sign_in.succeeded", **ALICE)
    assert "alice" not in out.getvalue()


def test_whatever_the_log_is_it_is_not_handed_what_is_for_the_audit_alone() -> None:
    out, kept = CapturingLogger(), KeptEvents()
    audited(out, kept).info("sign_in.succeeded", **FROM, **ALICE)  # type: ignore[arg-type]
    assert kept.events[0].actor == AuditedPerson(realm="corp", guid="a1", name="alice")
    assert AUDIT_ALONE not in out.calls[0].kwargs


def test_what_the_table_does_not_name_is_not_recorded() -> None:
    kept = KeptEvents()
    log = audited(configure_log(io.StringIO()), kept)

    log.info("request.refused", problem="not_allowed", **ALICE)
    log.info("sign_in.refused", **FROM, reason="unknown_user", name="typed", password="hunter2")

    assert kept.one("sign_in.refused").facts == {"reason": "unknown_user"}
    assert "typed" not in repr(kept.events)
    assert "hunter2" not in repr(kept.events)
    assert len(kept.events) == 1


def test_no_fact_has_a_name_that_means_something_else_in_each_line() -> None:
    """It would be recorded with the line's own value: an audit search would seem to be one for audit searches."""
    for name, meaning in EVENTS.items():
        assert not {"event", "level", "timestamp"} & {*meaning.facts, *meaning.personal}, name


def test_no_fact_has_a_name_whose_value_is_always_masked() -> None:
    for name, meaning in EVENTS.items():
        said = {each: "said" for each in (*meaning.facts, *meaning.personal)}
        assert redact(None, "info", {"event": name, **said}).items() >= said.items(), name


def test_whoever_sent_nothing_did_nothing() -> None:
    """A line without a client is of what Gatepost or a command did to somebody."""
    kept = KeptEvents()
    log = audited(configure_log(io.StringIO()), kept)

    log.info("enrolments.removed", realm="corp", guid="a1", reason="account_deleted", count=2)
    log.info("credential.made", by="command of root", incident="inc1", realm="corp", guid="a1", app="Wiki")
    log.info("session.ended", reason="password_changed", person="a1", sessions=1)

    assert [(each.actor, each.person.guid if each.person else "") for each in kept.events] == [(None, "a1")] * 3
    assert kept.one("credential.made").personal == {"by": "command of root"}


def test_who_does_it_and_to_whom() -> None:
    kept = KeptEvents()
    log = audited(configure_log(io.StringIO()), kept)

    log.info("admin.unlocked", **FROM, **ALICE, person_realm="corp", person_guid="b2", wrong_ones_too=False)
    log.info("admin.explained", **FROM, **ALICE, person_realm="", person_guid="", found=False)

    event = kept.one("admin.unlocked")
    assert event.actor is not None
    assert (event.actor.guid, event.person) == ("a1", AuditedPerson(realm="corp", guid="b2"))
    assert event.facts == {"wrong_ones_too": False}
    assert kept.one("admin.explained").person is None


def test_a_fault_is_told_by_its_place_and_not_by_its_text() -> None:
    kept = KeptEvents()
    log = audited(configure_log(io.StringIO()), kept)

    def fails() -> None:
        raise ValueError("hunter2")

    try:
        fails()
    except ValueError:
        log.exception("background.failed")
    try:
        fails()
    except ValueError as error:
        log.error("forwarding.failed", error="other", exc_info=error)

    for name in ("background.failed", "forwarding.failed"):
        facts = kept.one(name).facts
        assert facts["error"] == "ValueError"
        assert "test_audited_log:" in str(facts["place"])
    assert "hunter2" not in repr(kept.events)


def test_numbers_are_masked_and_long_texts_cut() -> None:
    """A relay's reason is what somebody else has written."""
    kept = KeptEvents()
    reason = "no such user +44 7400 123456 " + "x" * 5000
    audited(CapturingLogger(), kept).info("passcode.not_sent", incident="inc1", reason=reason, relay="r:25")  # type: ignore[arg-type]

    told = kept.one("passcode.not_sent").personal["reason"]
    assert "400 123" not in told
    assert len(told) == 300


def test_a_field_is_kept_in_the_clear_or_sealed_and_what_names_a_person_never_in_the_clear() -> None:
    for name, meaning in EVENTS.items():
        named = [*meaning.facts, *meaning.personal]
        assert len(named) == len(set(named)), name
        assert meaning.when, name
        of_persons = {"guid", "name", "username", "login", "address", "destination", "by", "detail", "asked_of"}
        assert not of_persons & set(meaning.facts), name
