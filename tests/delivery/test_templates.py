"""Texts: rendered without evaluating anything, and refused at the start when they could not arrive as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.problems import ConfigurationProblem
from config.settings import Settings
from config.tables.texts import parse_template
from proxy.delivery import text_checks
from proxy.delivery.gateway_preset import preset_named
from proxy.delivery.mail import gateway_mail
from proxy.delivery.person_names import MOST_CHARACTERS, spoken_name
from proxy.delivery.sms_gateway import recipient, subject_and_body_for
from proxy.delivery.templates import texts_of
from proxy.delivery.text_checks import check_texts, text_warnings
from proxy.delivery.text_rules import TextRules, gsm7_length, wrong_with
from proxy.factors.challenge import new_challenge_id
from proxy.factors.passcode.tag import LONGEST_TAG, tag_of
from tests.support.delivery import KAPOW, NUMBER, TEXT, delivery_settings, passcode_message

CLICKSEND = preset_named("clicksend")
"""Takes the text from the body, in several lines."""
TEXTLOCAL = preset_named("textlocal")
"""Ends a text at ``##``."""
UNICODE = TextRules(gateway="any", gsm7=False, seven_bit=False, max_characters=2000)
GERMAN = {"language": "de", "text": "{passcode} ist Ihr Code, {name}. Zeichen: {tag}"}


def told(settings: Settings, every_rules: list[TextRules]) -> list[str]:
    """The lines of what is wrong."""
    return [str(ConfigurationProblem.at(*finding)) for finding in check_texts(settings, every_rules)]


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
def test_anything_but_the_placeholders_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"placeholder|passcode|brace"):
        parse_template(text)


@given(st.text())
def test_no_text_makes_the_parser_stumble(text: str) -> None:
    try:
        rendered = render(text)
    except ValueError:
        return
    assert "493817" in rendered


def test_the_default_settings_have_no_problem() -> None:
    assert told(delivery_settings(), [KAPOW.rules]) == []


def test_the_longest_app_name_decides() -> None:
    text = "{passcode} {app} " + "x" * 100
    problems = told(delivery_settings(text=text, apps=("Wiki", "A" * 53)), [KAPOW.rules])
    assert problems == [f'sms: text: for the app "{"A" * 53}", 161 characters are too long: kapow takes 160']
    assert told(delivery_settings(text=text, apps=("Wiki", "A" * 52)), [KAPOW.rules]) == []


def test_the_sign_in_host_counts_as_an_app() -> None:
    text = "{passcode} {host} " + "x" * 134  # signin.corp.example is longer than app0.corp.example
    (problem,) = told(delivery_settings(text=text), [KAPOW.rules])
    assert '"signin.corp.example"' in problem


@pytest.mark.parametrize(("name", "character"), [("Café ☕", "☕"), ("Wiki’s", "’"), ("Ünïcode", "ï")])
def test_an_app_name_outside_the_gsm_alphabet_is_named(name: str, character: str) -> None:
    (problem,) = told(delivery_settings(apps=(name,)), [KAPOW.rules])
    assert name in problem
    assert f'"{character}" (U+{ord(character):04X}) is not in the GSM alphabet' in problem


def test_a_gsm_character_outside_ascii_is_refused_for_a_subject() -> None:
    (problem,) = told(delivery_settings(apps=("Café",)), [KAPOW.rules])
    assert '"é" (U+00E9) can\'t be sent in a Subject' in problem


def test_a_fault_of_the_text_itself_is_reported_once() -> None:
    problems = told(delivery_settings(text="£ {passcode}", apps=("A", "B", "C")), [KAPOW.rules])
    assert problems == [
        'sms: text: the character "£" (U+00A3) can\'t be sent in a Subject, and kapow takes the text from there'
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


# By channel and language.
def test_the_persons_language_comes_first_then_the_channels_own_text() -> None:
    settings = delivery_settings(
        texts=[
            {"language": "de", "text": "{passcode} de"},
            {"language": "de", "channel": "kapow", "text": "{passcode} kapow de"},
            {"channel": "aql", "text": "{passcode} aql"},
        ],
        second_factor={"channels": ["kapow", "aql"]},
    )
    texts = texts_of(settings)

    def said(channel: str, language: str) -> str:
        rules = preset_named(channel).rules
        return texts.sms(passcode_message(language=language), rules)

    assert said("kapow", "de") == "493817 kapow de"
    assert said("aql", "de") == "493817 de"
    assert said("aql", "fr") == "493817 aql"
    assert said("kapow", "fr") == render(TEXT)
    assert texts.languages == ("en", "de")


def test_a_mail_says_the_passcode_in_its_body_only() -> None:
    mail = {"channel": "email", "subject": "{app}: {tag}", "body": "Hello {name},\n\n{passcode}\n"}
    texts = texts_of(delivery_settings(texts=[mail, {**mail, "language": "de", "body": "Hallo {name}: {passcode}"}]))
    message = passcode_message(name="Anna Smith", tag="amber river")
    assert texts.mail(message) == ("Wiki: amber river", "Hello Anna Smith,\n\n493817\n")
    assert texts.mail(passcode_message(name="Žofie", language="de"))[1] == "Hallo Žofie: 493817"
    subject, body = texts_of(delivery_settings()).mail(message)
    assert "493817" not in subject
    assert body.startswith(render(TEXT))


def test_the_tag_is_shown_where_the_text_has_it() -> None:
    mail = {"channel": "email", "subject": "x", "body": "{passcode} {tag}"}
    texts = texts_of(delivery_settings(texts=[GERMAN, mail]))
    assert [texts.has_tag("kapow", each) for each in ("en", "de", "fr")] == [False, True, False]
    assert texts.has_tag("email", "de")


def test_every_language_is_checked_with_the_longest_name_and_tag() -> None:
    text = "{passcode} {name} {tag} " + "x" * 105
    too_long = delivery_settings(texts=[{"language": "de", "text": text}])
    (problem, *_) = told(too_long, [KAPOW.rules])
    assert problem.startswith('texts[0]: text: for the app "Wiki", ')
    assert "too long" in problem
    odd = delivery_settings(texts=[{"language": "ja", "text": "コード {passcode}"}])
    assert told(odd, [KAPOW.rules]) == ['texts[0]: text: the character "コ" (U+30B3) is not in the GSM alphabet']


def test_a_text_that_begins_with_a_name_is_checked_without_one() -> None:
    problems = told(delivery_settings(text="{name} {passcode}"), [KAPOW.rules])
    assert "begin or end with a space" in problems[0]


def test_line_breaks_pass_only_where_the_gateway_takes_them() -> None:
    settings = delivery_settings(texts=[{"language": "de", "text": "{passcode}\n{app}"}])
    assert told(settings, [CLICKSEND.rules]) == []
    assert "U+000A" in told(settings, [KAPOW.rules])[0]


def test_more_than_one_sms_is_warned_of() -> None:
    long = delivery_settings(text="{passcode} " + "x" * 160)
    assert "167 characters, and one SMS holds 160" in next(text_warnings(long, [TEXTLOCAL.rules]))
    unicode = delivery_settings(texts=[{"language": "ja", "text": "コード {passcode} " + "x" * 60}])
    assert any("outside the GSM alphabet" in each for each in text_warnings(unicode, [UNICODE]))
    assert list(text_warnings(delivery_settings(), [KAPOW.rules, TEXTLOCAL.rules])) == []


# The line that phones fill in.
def test_the_last_line_binds_the_passcode_to_the_sign_in_host() -> None:
    settings = delivery_settings(sms={"webotp": True})
    text = texts_of(settings).sms(passcode_message(), CLICKSEND.rules)
    assert text.splitlines()[-1] == "@signin.corp.example #493817"
    assert wrong_with(text, CLICKSEND.rules) is None
    assert texts_of(settings).sms(passcode_message(), KAPOW.rules) == render(TEXT)
    assert texts_of(delivery_settings()).sms(passcode_message(), CLICKSEND.rules) == render(TEXT)
    (warning,) = text_warnings(settings, [KAPOW.rules])
    assert "webotp" in warning
    assert list(text_warnings(settings, [KAPOW.rules, CLICKSEND.rules])) == []


# Names: what people can write about themselves.
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna Smith", "Anna Smith"),
        ("Zoë Müller-Łukasz", "Zoe Muller-Lukasz"),
        ("O’Brien", "O'Brien"),
        ("Weiß Ærø", "Weiss AEro"),
        ("李小龍", ""),
        ("李 Bruce", "Bruce"),
        ("a\r\nBcc: evil@x.example", "a Bcc evilxexample"),
        ("evil.example/x", "evilexamplex"),
        ("123456", ""),
        ("{passcode} {app}", "passcode app"),
        ("##$$", ""),
        ("\u202eabc\u200b", "abc"),
        ("   ", ""),
        ("W" * 300, "W" * MOST_CHARACTERS),
    ],
)
def test_of_a_name_only_letters_pass(name: str, shown: str) -> None:
    assert spoken_name(name, KAPOW.rules) == shown


def test_a_gateway_of_the_whole_gsm_alphabet_keeps_its_letters() -> None:
    rules = TextRules(gateway="own", seven_bit=False)
    assert spoken_name("Zoë Müller Žižek", rules) == "Zoe Müller Zizek"
    assert spoken_name("李小龍 Žižek", UNICODE) == "李小龍 Žižek"


@given(st.text(max_size=80), st.sampled_from([KAPOW, TEXTLOCAL, CLICKSEND, preset_named("textanywhere")]))
def test_no_name_adds_a_line_a_digit_a_terminator_or_length(name: str, preset: object) -> None:
    texts = texts_of(delivery_settings(text="{passcode} for {name}."))
    text = texts.sms(passcode_message(name=name), preset.rules)
    assert wrong_with(text, preset.rules) is None
    assert (gsm7_length(text) or 0) <= len("493817 for .") + MOST_CHARACTERS
    assert sum(each.isdigit() for each in text) == 6
    subject, body = subject_and_body_for(preset, NUMBER, text)
    mail = gateway_mail(
        sender="otp@corp.example",
        recipient=recipient(preset, NUMBER),
        subject=subject,
        body=body,
        message_id="aR4nd0mMessageId",
        now=0.0,
    )
    head, _, said = mail.content.partition(b"\r\n\r\n")
    assert len(head.split(b"\r\n")) == 9
    assert said.count(b"\n") <= 1
    if preset.rules.terminator:
        assert (subject + body).count(preset.rules.terminator) == 1


@given(st.text(max_size=80))
def test_a_name_is_no_template_and_stays_in_one_line_of_a_mail(name: str) -> None:
    mail = {"channel": "email", "subject": "For {name}", "body": "{name}: {passcode}"}
    subject, body = texts_of(delivery_settings(texts=[mail])).mail(passcode_message(name=name))
    assert subject.isprintable()
    assert body.count("493817") == 1
    assert len(body.splitlines()) == 1


# The tag.
def test_a_tag_is_two_plain_words_of_the_challenge() -> None:
    ids = [new_challenge_id() for _ in range(2000)]
    tags = {tag_of(each) for each in ids}
    assert len(tags) > 1900
    assert len(LONGEST_TAG) == len(text_checks.LONGEST_TAG)
    assert all(each.isascii() and len(each.split()) == 2 and len(each) <= len(LONGEST_TAG) for each in tags)
    assert tag_of(ids[0]) == tag_of(ids[0])
