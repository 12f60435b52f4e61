"""Texts: rendered without evaluating anything, and refused at the start when they could not arrive as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.errors import WrongTemplate
from proxy.delivery.templates import check_texts, parse_template
from proxy.delivery.text_rules import wrong_with
from tests.support.delivery import KAPOW, TEXT, delivery_settings


def render(text: str, **changes: str) -> str:
    values = {"passcode": "493817", "app": "Wiki", "host": "wiki.corp.example", **changes}
    return parse_template(text).render(minutes=5, **values)


def test_the_default_text_reads_as_the_design_says() -> None:
    assert render(TEXT) == "493817 is your Wiki sign-in code. It is valid for 5 minutes."


def test_every_placeholder_and_braces() -> None:
    assert render("{{{passcode}}} {app} {host} {minutes}") == "{493817} Wiki wiki.corp.example 5"


def test_a_value_is_never_taken_for_a_template() -> None:
    assert render("{passcode} {app}", app="{passcode} {host} {0}") == "493817 {passcode} {host} {0}"


@pytest.mark.parametrize(
    "text",
    [
        "{passcode} {passcode.__class__}",
        "{passcode} {app.__init__.__globals__}",
        "{passcode} {app[0]}",
        "{passcode} {app!r}",
        "{passcode!r}",
        "{passcode:>9}",
        "{passcode:{minutes}}",
        "{passcode} {number}",
        "{passcode} {}",
        "{passcode} {0}",
        "{passcode} {",
        "{passcode} }",
        "your code",
        "{passcode} {passcode}",
        "",
        "{ passcode }",
    ],
)
def test_anything_but_the_four_placeholders_is_refused(text: str) -> None:
    with pytest.raises(WrongTemplate):
        parse_template(text)


@given(st.text())
def test_no_text_makes_the_parser_stumble(text: str) -> None:
    try:
        rendered = render(text)
    except WrongTemplate:
        return
    assert "493817" in rendered


def test_the_default_settings_have_no_problem() -> None:
    assert check_texts(delivery_settings(), [KAPOW.rules]) == []


def test_a_text_with_two_passcodes_is_reported_with_its_key() -> None:
    assert check_texts(delivery_settings(text="{passcode} {passcode}"), [KAPOW.rules]) == [
        "sms.text: must contain {passcode} exactly once"
    ]


def test_the_longest_app_name_decides() -> None:
    text = "{passcode} {app} " + "x" * 100
    problems = check_texts(delivery_settings(text=text, apps=("Wiki", "A" * 53)), [KAPOW.rules])
    assert problems == [f'sms.text: for the app "{"A" * 53}", 161 characters are too long: kapow takes 160']
    assert check_texts(delivery_settings(text=text, apps=("Wiki", "A" * 52)), [KAPOW.rules]) == []


def test_the_sign_in_host_counts_as_an_app() -> None:
    text = "{passcode} {host} " + "x" * 134  # signin.corp.example is longer than app0.corp.example
    (problem,) = check_texts(delivery_settings(text=text), [KAPOW.rules])
    assert '"signin.corp.example"' in problem


@pytest.mark.parametrize(("name", "character"), [("Café ☕", "☕"), ("Wiki’s", "’"), ("Ünïcode", "ï")])
def test_an_app_name_outside_the_gsm_alphabet_is_named(name: str, character: str) -> None:
    (problem,) = check_texts(delivery_settings(apps=(name,)), [KAPOW.rules])
    assert name in problem
    assert f'"{character}" (U+{ord(character):04X}) is not in the GSM alphabet' in problem


def test_a_gsm_character_outside_ascii_is_refused_for_a_subject() -> None:
    (problem,) = check_texts(delivery_settings(apps=("Café",)), [KAPOW.rules])
    assert '"é" (U+00E9) can\'t be sent in a Subject' in problem


def test_a_fault_of_the_text_itself_is_reported_once() -> None:
    problems = check_texts(delivery_settings(text="£ {passcode}", apps=("A", "B", "C")), [KAPOW.rules])
    assert problems == [
        'sms.text: the character "£" (U+00A3) can\'t be sent in a Subject, and kapow takes the text from there'
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nBcc: evil@example.com",
        "a\nb",
        "a\rb",
        "a\x00b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u00a0b",
        "=?utf-8?q?=41?=",
        " a",
        "a ",
    ],
)
def test_nothing_that_would_change_or_leave_the_subject_passes(text: str) -> None:
    assert wrong_with(text, KAPOW.rules) is not None


@given(st.text(max_size=200))
def test_what_passes_is_one_printable_ascii_line_of_160(text: str) -> None:
    if wrong_with(text, KAPOW.rules) is None:
        assert text.isascii()
        assert not text or text.isprintable()
        assert len(text) <= 160
