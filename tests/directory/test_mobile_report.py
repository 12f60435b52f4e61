"""The mobile report's judgement of one person and its totals: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import MobileSettings
from directory.mobile import UsableNumber, first_usable
from directory.mobile_repairs import Repair, propose
from directory.mobile_report import Field, Finding, Status, SweptPerson, Tally, Totals, classify
from directory.mobile_sweep import finding_of, line_of
from proxy.mobile_formats.words import remarks

SETTINGS = MobileSettings()
NUMBER = "+447400123456"
NOW = 1_800_000_000.0


def person(*texts: str, other: str | None = None, changed_at: float | None = None, guid: str = "g") -> SweptPerson:
    return SweptPerson(
        realm="corp",
        guid=guid,
        username="alice",
        display_name="Alice",
        container="London/Sales",
        department="Sales",
        is_disabled=False,
        fields=tuple(Field(attribute="mobile", text=text) for text in texts),
        other_fields=(Field(attribute="otherMobile", text=other),) if other is not None else (),
        changed_at=changed_at,
    )


def judged(*texts: str, other: str | None = None, changed_at: float | None = None) -> Finding:
    return classify(person(*texts, other=other, changed_at=changed_at), SETTINGS, now=NOW, changed_within_seconds=60.0)


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ("7400 123456", Repair.LOST_ZERO),
        ("7400123456.0", Repair.SPREADSHEET),
        ("447400123456.0", Repair.SPREADSHEET),
        ("O7400 123456", Repair.LETTER_FOR_DIGIT),
        ("074OO l23456", Repair.LETTER_FOR_DIGIT),
        ("07400 123456 (work)", Repair.NOTES),
        ("mob: +44 7400 123456 ask Bob", Repair.NOTES),
        ("'07400 123456", Repair.NOTES),
        ("=+447400123456", Repair.NOTES),
        ("07400 123456 / +44 7400 123456", Repair.NOTES),
        ("044 7400 123456", Repair.ZERO_FOR_PLUS),
    ],
)
def test_a_repairable_field_has_a_proposal_and_no_number(text: str, repair: Repair) -> None:
    finding = judged(text)
    assert (finding.status, finding.proposed, finding.repair) == (Status.REPAIRABLE, NUMBER, repair)
    assert finding.number is None


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("07400 123456", Status.GOOD),
        ("020 7946 0018", Status.LANDLINE),
        ("020 7946 0018 (desk)", Status.LANDLINE),
        ("07640 123456", Status.LANDLINE),  # a pager
        ("07400 123456 / 07400 654321", Status.SEVERAL),
        ("07400 123456 or 07400 654321", Status.SEVERAL),
        ("07400 123456 07400 654321", Status.SEVERAL),
        ("07400 123456 (020 7946 0018)", Status.SEVERAL),
        ("+33 6 12 34 56 78", Status.COUNTRY),
        ("+33 6 12 34 56 78 (fr)", Status.COUNTRY),
        ("0740", Status.IMPOSSIBLE),
        ("n/a", Status.IMPOSSIBLE),
        ("-", Status.MISSING),
        # Digits of it are hidden, or belong to something else, or to another country: no guess.
        ("07912 345xxx", Status.IMPOSSIBLE),
        ("0791234567x", Status.IMPOSSIBLE),
        ("07400 123456 x12", Status.IMPOSSIBLE),
        ("(757) 555-1234", Status.IMPOSSIBLE),
    ],
)
def test_each_other_field_has_its_status_and_no_proposal(text: str, status: Status) -> None:
    finding = judged(text)
    assert (finding.status, finding.proposed) == (status, None)


def test_two_numbers_that_a_text_may_stand_for_are_no_proposal() -> None:
    everywhere = MobileSettings(home_region="DE", allowed_countries=("*",))
    assert propose("017623093783 (w)", everywhere) is None  # +49 176..., or a zero typed for the plus of +1 762...
    assert propose("017623093783 (w)", MobileSettings(home_region="DE", allowed_countries=("DE",))) is not None


@pytest.mark.parametrize("text", ["479 212 3456", "479-212-3456 (work)"])
def test_a_number_that_may_be_national_or_international_is_shown_as_both_and_proposed_as_none(text: str) -> None:
    american = MobileSettings(home_region="US", allowed_countries=("US", "NO"))
    finding = classify(person(text), american, now=NOW, changed_within_seconds=60.0)
    assert (finding.status, finding.number, finding.proposed) == (Status.AMBIGUOUS, None, None)
    assert finding.readings == ("+14792123456", "+4792123456")
    assert remarks(finding) == ["+14792123456 or +4792123456"]
    assert finding_of(line_of(finding)).readings == finding.readings
    assert "2123456" not in repr(finding)


def test_an_empty_field_is_missing_or_elsewhere() -> None:
    assert judged().status is Status.MISSING
    assert judged(other="020 7946 0018").status is Status.MISSING
    elsewhere = judged(other="07400 123456")
    assert (elsewhere.status, elsewhere.number, elsewhere.proposed) == (Status.ELSEWHERE, None, None)
    assert judged("n/a", other="07400 123456").status is Status.ELSEWHERE
    assert judged("020 7946 0018", other="07400 123456").status is Status.LANDLINE


def test_the_first_usable_attribute_counts() -> None:
    assert judged("n/a", "07400 123456").number == NUMBER
    assert judged("n/a", "7400 123456").proposed == NUMBER


def test_a_change_within_the_window_or_in_the_future_is_recent() -> None:
    assert judged("07400 123456", changed_at=NOW - 59).is_changed_recently
    assert judged("07400 123456", changed_at=NOW + 3600).is_changed_recently
    assert not judged("07400 123456", changed_at=NOW - 61).is_changed_recently
    assert not judged("07400 123456").is_changed_recently


@given(
    st.text(max_size=70)
    | st.text(st.sampled_from("0123456789 +-().OolIx/,;ext'"), max_size=40)
    | st.from_regex(r"[a-z :]{0,9}(\+44 ?7|0?7)[0-9]{9}[ a-zO.]{0,9}", fullmatch=True)
)
def test_any_text_has_one_status_and_a_proposal_only_where_it_is_repairable(text: str) -> None:
    finding = judged(text)
    usable = isinstance(first_usable([text], SETTINGS), UsableNumber)
    assert (finding.status is Status.GOOD) == usable == (finding.number is not None)
    assert (finding.status is Status.REPAIRABLE) == (finding.proposed is not None)
    if finding.proposed is not None:
        assert isinstance(first_usable([finding.proposed], SETTINGS), UsableNumber)
        assert finding.proposed not in repr(finding)
    assert repr(finding.found) == "Field(attribute='mobile')"


@given(st.integers(0, 9_999), st.text(st.characters(categories=["L"]), min_size=2, max_size=9))
def test_a_note_beside_one_number_never_changes_its_digits(last: int, note: str) -> None:
    proposal = propose(f"07400 12{last:04} {note}", SETTINGS)
    assert proposal is None or proposal.number == f"+44740012{last:04}"


def test_totals_count_by_status_ou_and_department_and_know_who_shares() -> None:
    totals = Totals()
    findings = [judged("07400 123456"), judged("+44 7400 123456"), judged("07400 000001"), judged("n/a")]
    for finding in findings:
        totals.add(finding)
    assert (totals.all.good, totals.all.persons, totals.all.percent, totals.shared) == (3, 4, 75.0, 2)
    assert totals.by_container[("corp", "London/Sales")].persons == 4
    assert totals.by_department["Sales"].counts[Status.IMPOSSIBLE] == 1
    assert [totals.is_shared(finding.number) for finding in findings] == [True, True, False, False]


def test_the_percentage_never_claims_more_than_is_true() -> None:
    tally = Tally()
    tally.counts[Status.GOOD], tally.counts[Status.MISSING] = 99_999, 1
    assert tally.percent == 99.9
    assert tally.reaches(99.9)
    assert not tally.reaches(100)
    assert Tally().percent is None
    assert not Tally().reaches(0)
