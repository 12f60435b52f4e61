"""Login names: taken apart as typed, and folded as AD compares."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from directory.login_name import MAX_LENGTH, LoginName, fold, parse_login_name


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("alice", LoginName(name="alice")),
        ("  alice\t", LoginName(name="alice")),
        ("alice@corp.example", LoginName(name="alice", suffix="corp.example")),
        ("alice@home@corp.example", LoginName(name="alice@home", suffix="corp.example")),
        ("CORP\\alice", LoginName(name="alice", domain="CORP")),
        ("CORP \\ alice", LoginName(name="alice", domain="CORP")),
        ("CORP\\alice@corp.example", LoginName(name="alice@corp.example", domain="CORP")),
        ("Anne Marie", LoginName(name="Anne Marie")),
        ("*)(uid=*", LoginName(name="*)(uid=*")),
        ("ｊｏｓé", LoginName(name="ｊｏｓé")),
    ],
)
def test_a_login_name_is_taken_apart(typed: str, expected: LoginName) -> None:
    assert parse_login_name(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " \t ",
        "\\",
        "CORP\\",
        "\\alice",
        "\\\\alice",
        "A\\B\\alice",
        "@",
        "alice@",
        "@corp.example",
        " @ ",
        "ali\0ce",
        "ali\nce",
        "ali\u2028ce",
        "ali\ud800ce",
        "\u200b",
        "CORP\\\u0301",
        "\u00ad@corp.example",
        "x" * (MAX_LENGTH + 1),
    ],
)
def test_what_can_be_no_login_name_is_refused(typed: str) -> None:
    assert parse_login_name(typed) is None


@pytest.mark.parametrize(
    "spellings",
    [
        ("jose", "JOSE", "José", "JOSÉ", "Jose\u0301", "ｊｏｓｅ", "jo\u00adse", "jo\u200bse"),
        ("たなか", "タナカ", "ﾀﾅｶ"),
        ("がぎ", "ガギ", "ｶﾞｷﾞ", "カキ"),
        ("すゞき", "スヾキ", "スヽキ"),
        ("straße", "STRASSE", "STRAẞE"),
        ("ᾳ", "α", "Α", "ά"),
        ("İstanbul", "istanbul", "ISTANBUL"),
        ("ﬁn", "FIN"),
        ("5", "５"),
    ],
)
def test_what_ad_takes_for_one_name_folds_to_one(spellings: tuple[str, ...]) -> None:
    assert len({fold(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(("one", "other"), [("alice", "alicia"), ("o", "0"), ("l", "1"), ("たなか", "たなが_")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_the_qualifier_is_part_of_what_is_folded() -> None:
    folded = {
        LoginName(name="alice").folded,
        LoginName(name="alice", domain="CORP").folded,
        LoginName(name="alice", suffix="corp").folded,
    }
    assert len(folded) == 3
    assert LoginName(name="Alice", domain="corp").folded == LoginName(name="ALICE", domain="CORP").folded


@given(st.text(st.characters()))
@example("ͅ" * 3)
@example("\u1e9e\u0345\u0130")
@example("㎏ℌ")
def test_folding_settles(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == folded
    assert fold(unicodedata.normalize("NFC", text)) == folded


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_folding_ignores_case(text: str) -> None:
    assume("\u0345" not in unicodedata.normalize("NFD", text))  # a mark that Python's casing makes a letter of
    assert fold(text.casefold()) == fold(text)


@given(st.text(st.characters(), max_size=MAX_LENGTH + 20))
@example("CORP\\" + "x" * 300)
def test_any_text_is_a_login_name_or_none(typed: str) -> None:
    login_name = parse_login_name(typed)
    if login_name is not None:
        assert login_name.name.strip() == login_name.name != ""
        assert login_name.domain is None or login_name.suffix is None
        assert login_name.folded


def test_the_name_does_not_show_in_a_repr() -> None:
    assert "alice" not in repr(LoginName(name="alice", domain="CORP"))
