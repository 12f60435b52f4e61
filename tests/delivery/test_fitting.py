"""Gatepost's own texts in all languages, through gateways that take few of them."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import PagesSettings, Settings
from proxy.delivery.fitting import fitting, without_marks
from proxy.delivery.settings_checks import delivery_warnings
from proxy.delivery.templates import texts_of
from proxy.delivery.text_checks import check_texts, text_warnings
from proxy.delivery.text_rules import TextRules, measured, ucs2_length, wrong_with
from proxy.languages.choice import Languages
from proxy.languages.current import ENGLISH, Language, current_language
from tests.support.delivery import KAPOW, delivery_settings, passcode_message

ANY = TextRules(gateway="any", gsm7=False, seven_bit=False, max_characters=2000)
GSM = TextRules(gateway="gsm", seven_bit=False)


class Said(gettext.NullTranslations):
    """What a catalogue says, by the beginning of the English text."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        return next((said for english, said in self._texts.items() if message.startswith(english)), message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid2)


CODE, SUBJECT, END = "%(passcode)s is your", "Your sign-in code for", "If you did not try"
POLISH = {CODE: "%(passcode)s to Twój kod do %(app)s na %(num)d min.", SUBJECT: "Kod: %(app)s", END: "To nie Ty?"}
ARABIC = {CODE: "الرمز %(passcode)s لتطبيق %(app)s صالح لمدة %(num)d دقائق"}
LANGUAGES = Languages(
    in_order=(
        ENGLISH,
        Language(tag="pl", name="Polski", translations=Said(POLISH)),
        Language(tag="ar", name="العربية", direction="rtl", translations=Said(ARABIC)),
    )
)


def ours(**changes: Any) -> Settings:
    """Settings in which nobody wrote a text of their own."""
    settings = delivery_settings(**changes)
    sms = type(settings.sms).model_validate({"gateway": settings.sms.gateway})
    return settings.model_copy(update={"sms": sms, "pages": PagesSettings(languages=("en", "pl", "ar"))})


@pytest.mark.parametrize(
    ("text", "rules", "sent"),
    [
        ("Twój kod: 1", ANY, "Twój kod: 1"),
        ("Twój kod: 1", GSM, "Twoj kod: 1"),
        ("Ça été für „Ñandú“ – £5", GSM, 'Ça été für "Ñandu" - £5'),
        ("Ça été für „Ñandú“ – £5", KAPOW.rules, None),
        ("Ihr Code für Übung", KAPOW.rules, "Ihr Code fuer Uebung"),
        ("Łódź, ŵy ŷ", KAPOW.rules, "Lodz, wy y"),
        ("الرمز 1", KAPOW.rules, None),
        ("الرمز 1", ANY, "الرمز 1"),
    ],
)
def test_a_text_goes_as_it_stands_or_without_its_marks_or_not_at_all(
    text: str, rules: TextRules, sent: str | None
) -> None:
    assert fitting([text], rules) == sent


def test_the_first_text_that_fits_is_sent() -> None:
    assert fitting(["الرمز 1", "Kod 1"], KAPOW.rules) == "Kod 1"
    assert fitting(["x" * 200, "y" * 10], KAPOW.rules) == "y" * 10


@given(st.text(max_size=60))
def test_what_passes_is_never_touched(text: str) -> None:
    if wrong_with(text, ANY) is None:
        assert fitting([text], ANY) == text
    plain = without_marks(text, KAPOW.rules)
    assert without_marks(plain, KAPOW.rules) == plain


@pytest.mark.parametrize(
    ("text", "told", "parts"),
    [
        ("x" * 160, "160 characters, and one SMS holds 160 (each of several 153)", 1),
        ("x" * 159 + "€", "161 characters, and one SMS holds 160 (each of several 153)", 2),
        (
            "ł" * 70,
            "70 characters with some outside the GSM alphabet, and one such SMS holds 70 (each of several 67)",
            1,
        ),
        (
            "ł" * 71,
            "71 characters with some outside the GSM alphabet, and one such SMS holds 70 (each of several 67)",
            2,
        ),
        (
            "ł" * 135,
            "135 characters with some outside the GSM alphabet, and one such SMS holds 70 (each of several 67)",
            3,
        ),
        (
            "😀" * 36,
            "72 characters with some outside the GSM alphabet, and one such SMS holds 70 (each of several 67)",
            2,
        ),
    ],
)
def test_an_sms_is_measured_as_what_it_is(text: str, told: str, parts: int) -> None:
    assert measured(text) == (told, parts)


def test_a_gateways_limit_counts_characters_of_16_bits() -> None:
    assert ucs2_length("a😀") == 3
    assert wrong_with("😀" * 5, TextRules(gateway="any", gsm7=False, seven_bit=False, max_characters=9)) == (
        "10 characters are too long: any takes 9"
    )


@pytest.mark.parametrize(
    ("language", "rules", "sent"),
    [
        ("pl", ANY, "493817 to Twój kod do Wiki na 5 min."),
        ("pl", KAPOW.rules, "493817 to Twoj kod do Wiki na 5 min."),
        ("ar", ANY, "الرمز 493817 لتطبيق Wiki صالح لمدة 5 دقائق"),
        ("ar", KAPOW.rules, "493817 is your Wiki sign-in code. It is valid for 5 minutes."),
        ("en", KAPOW.rules, "493817 is your Wiki sign-in code. It is valid for 5 minutes."),
    ],
)
def test_our_text_is_in_the_persons_language_as_far_as_the_gateway_goes(
    language: str, rules: TextRules, sent: str
) -> None:
    texts = texts_of(ours(), LANGUAGES)
    assert texts.sms(passcode_message(language=language), rules) == sent
    assert set(texts.languages) == {"en", "pl", "ar"}


def test_a_mail_of_ours_is_in_the_persons_language() -> None:
    texts = texts_of(ours(), LANGUAGES)
    assert texts.mail(passcode_message(language="pl")) == (
        "Kod: Wiki",
        "493817 to Twój kod do Wiki na 5 min.\n\nTo nie Ty?",
    )
    assert texts.mail(passcode_message(language="en")) == (
        "Your sign-in code for Wiki",
        "493817 is your Wiki sign-in code. It is valid for 5 minutes.\n\n"
        "If you did not try to sign in, tell your help desk.",
    )


def test_who_writes_a_text_writes_it_for_all_languages_without_one() -> None:
    texts = texts_of(delivery_settings(text="{passcode} from us"), LANGUAGES)
    assert texts.sms(passcode_message(language="pl"), ANY) == "493817 from us"
    assert texts.mail(passcode_message(language="pl"))[1].startswith("493817 from us\n\n")
    assert texts.languages == ("en",)
    written = ours(texts=[{"language": "pl", "text": "{passcode} od nas"}])
    texts = texts_of(written, LANGUAGES)
    assert texts.sms(passcode_message(language="pl"), ANY) == "493817 od nas"
    assert texts.sms(passcode_message(language="ar"), ANY).startswith("الرمز")


def test_our_texts_stop_no_start_and_what_becomes_of_them_is_told() -> None:
    assert check_texts(ours(), [KAPOW.rules]) == []
    assert list(text_warnings(ours(), [KAPOW.rules], LANGUAGES)) == [
        'pages.languages: "ar": codes by SMS through kapow go in another language: '
        '"الرمز 000000 لتطبيق signin.corp.example صالح لمدة 5 دقائق" has 57 characters with some outside the GSM '
        "alphabet, and one such SMS holds 70 (each of several 67); "
        'the character "ا" (U+0627) is not in the GSM alphabet',
        'pages.languages: "pl": codes by SMS through kapow lose their accents: '
        'the character "ó" (U+00F3) is not in the GSM alphabet',
    ]


def test_notices_are_measured_in_each_language() -> None:
    def notices() -> Sequence[str]:
        return [{"pl": ("Zażółć " * 12).strip(), "ar": "الرمز", "en": "x" * 300}[current_language().tag]]

    told = delivery_warnings(ours(), LANGUAGES, notices)
    of_notices = [each for each in told if "notices" in each]
    assert [each.split(":")[1].strip() for each in of_notices] == ['"pl"', '"ar"']
    assert "lose their accents" in of_notices[0]
    assert "go in another language" in of_notices[1]
    assert delivery_warnings(ours(), Languages(), notices) == []
