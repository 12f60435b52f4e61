"""What is made of a mobile field: the cases of the field, and that nothing is ever guessed."""

import json
import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import MobileSettings
from directory.mobile import E164, UnusableNumber, UnusableReason, UsableNumber, first_usable, mask, normalise

CASES = [
    line.split("\t")
    for line in (Path(__file__).parent.parent / "data" / "mobiles.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def result(
    text: str, *, allowed: tuple[str, ...] = ("*",), home_region: str = "GB", extra: tuple[str, ...] = ()
) -> str:
    outcome = normalise(text, MobileSettings(home_region=home_region, allowed_countries=allowed, extra_ranges=extra))
    return outcome.e164 if isinstance(outcome, UsableNumber) else f"!{outcome.reason.value}"


@pytest.mark.parametrize(("text", "allowed", "expected"), CASES)
def test_the_cases_of_the_field(text: str, allowed: str, expected: str) -> None:
    assert result(json.loads(text), allowed=tuple(allowed.split())) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Signs in places where phonenumbers would shrug.
        ("++447912345678", "!invalid"),
        ("+00447912345678", "!invalid"),
        ("0+447912345678", "!invalid"),
        ("00+447912345678", "!invalid"),
        ("+44+7912345678", "!invalid"),
        ("07912345678+", "!invalid"),
        ("-+447912345678", "!invalid"),
        ("+440007912345678", "!invalid"),
        ("0791234567~8", "!invalid"),
        ("0791234567\u301c8", "!invalid"),
        ("07912 345678*", "!invalid"),
        ("'07912345678", "!invalid"),
        ("07912345678\0", "!invalid"),
        ("07912\ud800345678", "!invalid"),
        ("07912345678\u0301", "!invalid"),
        # Extensions in other people's spellings.
        ("07912345678,,12", "!several"),
        ("07912345678;ext=12", "!letters"),
        ("07912345678 EXT. 12", "!extension"),
        ("07912345678 extn: 12", "!extension"),
        ("07912345678 \uff581\uff12", "!extension"),
        ("07912345678 fax 12", "!letters"),
        ("07912345678x", "!letters"),
        ("07912345678#", "!invalid"),
        # Where phonenumbers rewrites digits: Argentina's 15, Brazil's carriers, Mexico's 1.
        ("+54 11 15 1234 5678", "!invalid"),
        ("+54 9 11 1234 5678", "+5491112345678"),
        ("+55 0 15 11 91234 5678", "!invalid"),
        ("+52 1 55 1234 5678", "!invalid"),
        ("+39 312 345 6789", "+393123456789"),
        ("+36 (06) 20 123 4567", "+36201234567"),
        # Nothing there.
        ("...", "!empty"),
        ("+", "!empty"),
        ("( )", "!empty"),
        ("\u200b", "!empty"),
        ("\u2011", "!empty"),
        # The order of the reasons.
        ("x" * 65, "!too_long"),
        ("0" * 64, "!invalid"),
        ("07912 345678 / 07512 345678 x12", "!extension"),
        ("a/b", "!letters"),
        ("07912345678/*", "!several"),
        ("+4407912345678", "+447912345678"),
        ("[+44] (0) 7912.345.678", "+447912345678"),
        ("\u2066+44 7912 345678\u2069", "+447912345678"),
    ],
)
def test_a_text_is_read_as_it_stands_or_not_at_all(text: str, expected: str) -> None:
    assert result(text) == expected


def test_a_national_number_belongs_to_the_home_region_only() -> None:
    assert result("06 12 34 56 78", home_region="FR") == "+33612345678"
    assert result("06 12 34 56 78", home_region="FR", allowed=("GB",)) == "!country"
    assert result("07912 345678", home_region="FR") == "!invalid"
    assert result("011 44 7912 345678", home_region="US") == "!invalid"
    assert result("+1 202 555 0123", home_region="US") == "+12025550123"


@pytest.mark.parametrize(
    ("text", "home_region", "expected"),
    [
        # E.123: brackets around the first digits mark a national number.
        ("(479) 212-3456", "US", "+14792123456"),
        ("[479] 212 3456", "US", "+14792123456"),
        ("(479) 012-3456", "US", "!invalid"),
        ("(659) 123-4567", "GB", "!invalid"),
        # A whole country code in brackets is none.
        ("(45) 20 12 34 56", "US", "+4520123456"),
        ("(44) 7912 345678", "US", "+447912345678"),
        ("(44) 7912 345678", "GB", "+447912345678"),
        ("(47) 921 23 456", "US", "!ambiguous"),
        # Both are numbers of allowed countries.
        ("479 212 3456", "US", "!ambiguous"),
        ("479-212-3456", "US", "!ambiguous"),
        ("4792123456", "US", "!ambiguous"),
        ("4520123456", "US", "+4520123456"),
        # One is, or both are the same.
        ("1 479 212 3456", "US", "+14792123456"),
        ("(1) 479 212 3456", "US", "+14792123456"),
        ("+47 921 23 456", "US", "+4792123456"),
        ("0047 921 23 456", "US", "+4792123456"),
        ("212 456 7890", "US", "+12124567890"),
        ("921 23 456", "NO", "+4792123456"),
        ("(921) 23 456", "NO", "+4792123456"),
        ("4792123456", "NO", "+4792123456"),
        ("20 12 34 56", "DK", "+4520123456"),
        ("612 345 678", "ES", "+34612345678"),
        ("512 345 678", "PL", "+48512345678"),
        ("9123 4567", "SG", "+6591234567"),
        ("312 345 6789", "IT", "+393123456789"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("131 2345 6789", "CN", "!ambiguous"),
        ("131 2345 6789", "US", "+13123456789"),
        ("11 96123-4567", "BR", "+5511961234567"),
        ("22 12 34 56", "NO", "!not_mobile"),
        # Some dial more than 00 to call abroad, and the rest may be a number behind 00 as well.
        ("001 47 921 23456", "SG", "!ambiguous"),
        ("001 47 921 23456", "HK", "!ambiguous"),
        ("0011 47 921 23456", "AU", "!ambiguous"),
        ("001 47 921 23456", "GB", "+14792123456"),
        ("001 212 456 7890", "SG", "+12124567890"),
        ("0065 9123 4567", "SG", "+6591234567"),
        ("00852 9123 4567", "HK", "!country"),
        # Where numbers are written with a zero, one without is international, as ever.
        ("479 212 3456", "FR", "+4792123456"),
        ("7912345678", "GB", "!invalid"),
    ],
)
def test_what_may_be_national_or_international_is_not_guessed_at(text: str, home_region: str, expected: str) -> None:
    everybody = ("US", "NO", "DK", "ES", "PL", "SG", "IT", "RU", "FR", "GB", "CN", "BR")
    assert result(text, home_region=home_region, allowed=everybody) == expected


def test_an_ambiguous_number_has_both_readings_that_no_repr_shows() -> None:
    outcome = normalise("4792123456", MobileSettings(home_region="US", allowed_countries=("US", "NO"), extra_ranges=()))
    assert outcome == UnusableNumber(UnusableReason.AMBIGUOUS, (E164("+14792123456"), E164("+4792123456")))
    assert "2123456" not in repr(outcome)


def test_a_country_that_is_not_allowed_makes_nothing_ambiguous() -> None:
    assert result("479 212 3456", home_region="US", allowed=("US",)) == "+14792123456"
    assert result("479 212 3456", home_region="US", allowed=("NO",)) == "+4792123456"
    assert result("479 212 3456", home_region="US", allowed=("GB",)) == "!country"
    assert result("921 23 456", home_region="NO", allowed=("GB",)) == "!country"


def test_the_islands_are_countries_of_their_own() -> None:
    assert result("07781 123456", allowed=("GB",)) == "!country"
    assert result("07781 123456", allowed=("GB", "GG")) == "+447781123456"


def test_a_number_of_no_country_needs_every_country_allowed() -> None:
    assert result("+870 773 111 632", allowed=("GB",)) == "!country"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07700 900123", "+447700900123"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("07700 900 12", "!invalid"),
        ("07700 900 1234", "!invalid"),
        ("07700 901123", "!invalid"),
    ],
)
def test_an_extra_range_lets_whole_mobile_numbers_through(text: str, expected: str) -> None:
    assert result(text, extra=("+447700900",), allowed=("GB",)) == expected


def test_an_extra_range_does_not_make_a_landline_a_mobile() -> None:
    assert result("020 7946 0018", extra=("+4420",)) == "!not_mobile"


def test_the_first_usable_number_wins_else_the_first_reason_counts() -> None:
    settings = MobileSettings()
    assert first_usable(["n/a", "07912 345678", "07512 345678"], settings) == UsableNumber("+447912345678", "GB")
    assert first_usable(["n/a", ""], settings) == UnusableNumber(UnusableReason.LETTERS)
    assert first_usable([], settings) == UnusableNumber(UnusableReason.EMPTY)
    assert first_usable(["+33 6 12 34 56 78"], settings) == UnusableNumber(UnusableReason.COUNTRY)


def test_a_number_is_masked_to_its_last_three_digits() -> None:
    assert mask("+447912345678") == "•••••••• 678"


def test_a_number_does_not_show_in_a_repr() -> None:
    outcome = normalise("07912345678", MobileSettings(home_region="GB", allowed_countries=("GB",), extra_ranges=()))
    assert "7912" not in repr(outcome)


SIGNS = st.text(st.sampled_from("0123456789 +()[].-/;,x#\u2011\u00a0\u0660\uff10e"), max_size=70)
NUMBER_LIKE = st.builds(
    lambda prefix, digits, gap: prefix + gap.join(digits),
    st.sampled_from(["+", "00", "0", "", "+44", "+44 (0)", "(+44) ", "0044", "07", "+54 0", "+55 0", "+1 "]),
    st.text("0123456789", min_size=4, max_size=14),
    st.sampled_from(["", " ", "-", "."]),
)


def ascii_digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(char in rest for char in part)


@given(st.one_of(st.text(max_size=70), st.text(st.characters(), max_size=70), SIGNS, NUMBER_LIKE))
@example("\ud800")
@example("\0")
@example("\ufdfa" * 64)
def test_any_text_becomes_a_well_formed_number_or_a_reason(text: str) -> None:
    outcome = normalise(text, MobileSettings(home_region="GB", allowed_countries=("*",), extra_ranges=("+447700900",)))
    if isinstance(outcome, UsableNumber):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", outcome.e164)
        assert result(outcome.e164, extra=("+447700900",)) == outcome.e164
    else:
        assert outcome.reason in UnusableReason


@given(st.one_of(SIGNS.map(lambda text: text.translate({0x660: "0", 0xFF10: "0"})), NUMBER_LIKE))
def test_a_number_consists_of_digits_that_were_typed(text: str) -> None:
    outcome = normalise(text, MobileSettings(home_region="GB", allowed_countries=("*",), extra_ranges=()))
    if isinstance(outcome, UsableNumber):
        typed = ascii_digits(text)
        if "+" not in text and typed.startswith("0") and not typed.startswith("00"):
            typed = "44" + typed
        assert is_subsequence(ascii_digits(outcome.e164), typed)
        assert len(typed) - len(ascii_digits(outcome.e164)) <= 4, "at most 00 and a trunk prefix are taken away"


@given(st.text("0123456789 -()", min_size=5, max_size=16))
def test_at_home_in_britain_nothing_is_ambiguous(text: str) -> None:
    """A text without a zero in front is what it is with a plus, whatever brackets stand in it."""
    typed = ascii_digits(text)
    if typed and not typed.startswith("0"):
        home = ("GB", "GG", "JE", "IM")
        assert result(text, allowed=home) == result("+" + typed, allowed=home)


@given(st.sampled_from(REGIONS))
def test_every_region_s_own_example_is_read_back(region: str) -> None:
    example_number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example_number is not None:
        e164 = phonenumbers.format_number(example_number, phonenumbers.PhoneNumberFormat.E164)
        assert result(e164, home_region=region) == e164
        national = phonenumbers.national_significant_number(example_number)
        assert result(e164.removeprefix("+"), home_region=region) in (e164, "!ambiguous")
        bracketed = result(f"({national[:3]}) {national[3:]}", home_region=region)
        assert bracketed == e164 or bracketed.startswith("!"), "nobody else's number"
        assert result(e164.replace("+", "00"), home_region=region) == e164
