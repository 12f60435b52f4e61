"""One user changed in the text of a users file: whatever its layout, everything else stays as it was written."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.users_text import LayoutNotUnderstood, Value, with_user, with_values

WRITTEN = """\
# Who is in no domain. Ask reception.
[[users]]   # the first
username = "jose"     # as on the badge
password_hash = '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
mobile = ["07400 123456", # his own
          "07912 345678"] # works phone

# ---- contractors ----
[[users]]
  username = "ann"
  password_hash = "x"

  # the last line
"""


def test_a_new_value_stands_where_the_old_one_did_with_its_comment() -> None:
    changed = with_values(WRITTEN, 0, {"mobile": "+447400123456"})
    old = WRITTEN[WRITTEN.index("mobile") : WRITTEN.index(" # works phone")]
    assert changed == WRITTEN.replace(old, 'mobile = "+447400123456"')


def test_a_new_key_stands_behind_the_last_one_and_before_what_belongs_to_the_next_user() -> None:
    changed = with_values(WRITTEN, 0, {"disabled": True})
    assert changed == WRITTEN.replace("# works phone\n", "# works phone\ndisabled = true\n")
    changed = with_values(WRITTEN, 1, {"mobile": "+447400123456"})
    assert changed == WRITTEN.replace('_hash = "x"\n', '_hash = "x"\n  mobile = "+447400123456"\n')


def test_a_key_that_is_taken_out_leaves_the_rest() -> None:
    there = with_values(WRITTEN, 0, {"disabled": True})
    assert with_values(there, 0, {"disabled": None}) == WRITTEN
    assert with_values(WRITTEN, 0, {"disabled": None}) == WRITTEN


def test_a_new_user_is_the_last_and_what_was_there_stays() -> None:
    changed = with_user(WRITTEN, {"username": "new", "password_hash": "y", "mail": None, "groups": ("a", "b")})
    assert changed == f'{WRITTEN}\n[[users]]\nusername = "new"\npassword_hash = "y"\ngroups = ["a", "b"]\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '[[users]]\nusername = "new"\n'),
        ("# nobody yet", '# nobody yet\n\n[[users]]\nusername = "new"\n'),
        ("users = []\n", 'users = [{username = "new"}]\n'),
        (
            'users = [\n  {username="a"}, # one\n]\n',
            'users = [\n  {username="a"}, # one\n  {username = "new"},\n]\n',
        ),
        (
            "\ufeff[[users]]\r\nusername='a'\r\n",
            "\ufeff[[users]]\r\nusername='a'\r\n\r\n[[users]]\r\nusername = \"new\"\r\n",
        ),
    ],
)
def test_every_way_to_write_a_list_takes_one_more(text: str, expected: str) -> None:
    assert with_user(text, {"username": "new"}) == expected


def test_what_the_library_gets_wrong_is_not_handed_on() -> None:
    with pytest.raises(LayoutNotUnderstood):
        with_user('users = [{username = "a"}, {username = "b"} # the last\n]\n', {"username": "new"})


@pytest.mark.parametrize("text", ["users = 1\n", "[users]\nusername = 1\n", "other = 1\n"])
def test_what_is_no_users_file_is_left_alone(text: str) -> None:
    with pytest.raises(LayoutNotUnderstood):
        with_user(text, {"username": "new"})


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=12)
values = st.one_of(words, st.booleans(), st.lists(words, max_size=3))
keys = st.sampled_from(["password_hash", "display_name", "mail", "mobile", "groups", "disabled", "manager"])
blanks = st.sampled_from(["", " ", "  ", "\t"])
comments = st.sampled_from(["", " # about this", "#", " # [[users]] of old", ' # "quoted" = 1'])
between = st.sampled_from(["", "\n", "# ---- a heading ----\n", "\n\n  # [users]\n\n", '# username = "nobody"\n'])


@st.composite
def written_values(draw: st.DrawFn, value: Any, *, lines: bool = True) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if "'" not in value and value.isprintable() and draw(st.booleans()):
            return f"'{value}'"
        escaped = json.dumps(value, ensure_ascii=draw(st.booleans()) and all(ord(each) < 0x10000 for each in value))
        escaped = escaped.replace("\x7f", "\\u007f")
        if lines and draw(st.booleans()):
            return f'"""{draw(st.sampled_from(["", chr(10)]))}{escaped[1:-1]}"""'
        return escaped
    inner = [draw(written_values(each, lines=lines)) for each in value]
    if not lines:
        return f"[{', '.join(inner)}]"
    end = draw(st.sampled_from([", ", ",\n    ", ", # which one\n    "]))
    last = draw(st.sampled_from(["", ",", ", # the last\n"])) if inner else ""
    return f"[{end.join(inner)}{last}]"


def header_as_usual(text: str) -> str:
    """The one thing that the library writes in its own way."""
    return re.sub(r'^( *)\[\[(?: users |"users")\]\]', r"\1[[users]]", text, flags=re.MULTILINE)


@st.composite
def written_users(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]]]:
    """The parts of a file, one for each user, and what they say."""
    people = draw(st.lists(st.dictionaries(keys, values, max_size=4), min_size=1, max_size=4))
    for number, each in enumerate(people):
        each["username"] = f"user {number}"
    parts = []
    for each in people:
        indent = draw(blanks)
        text = draw(between) + draw(st.sampled_from(["[[users]]", "[[ users ]]", '  [["users"]]'])) + draw(comments)
        for key, value in draw(st.permutations(list(each.items()))):
            name = draw(st.sampled_from([key, f'"{key}"', f"'{key}'"]))
            said = f"{draw(blanks)}={draw(blanks)}{draw(written_values(value))}"
            text += f"\n{draw(between)}{indent}{name}{said}{draw(comments)}"
        parts.append(f"{text}\n{draw(between)}")
    return parts, people


new_values = st.dictionaries(keys, st.one_of(st.none(), words, st.booleans(), st.lists(words, max_size=2).map(tuple)))


@settings(max_examples=40)
@given(written_users(), new_values, st.data())
def test_any_change_leaves_everybody_else_as_they_were_written(
    written: tuple[list[str], list[dict[str, Any]]], changes: dict[str, Value | None], data: st.DataObject
) -> None:
    parts, people = written
    text = "".join(parts)
    assert tomllib.loads(text) == {"users": people}, "the test writes what it means"
    parts = [header_as_usual(each) for each in parts]
    position = data.draw(st.integers(0, len(people) - 1))
    changed = header_as_usual(with_values(text, position, changes))
    before, after = "".join(parts[:position]), "".join(parts[position + 1 :])
    assert changed.startswith(before)
    assert changed.endswith(after)
    expected = {key: value for key, value in {**people[position], **changes}.items() if value is not None}
    found = tomllib.loads(changed)["users"]
    assert found[:position] + found[position + 1 :] == people[:position] + people[position + 1 :]
    assert found[position] == {
        key: list(value) if isinstance(value, tuple) else value for key, value in expected.items()
    }
    own = changed[len(before) : len(changed) - len(after)]
    for line in parts[position].split("\n"):
        if line in ("# ---- a heading ----", "  # [users]", '# username = "nobody"'):
            assert line in own, "comments of their own stay"


@settings(max_examples=40)
@given(written_users(), st.data())
def test_a_user_added_to_any_file_leaves_it_as_it_was_written(
    written: tuple[list[str], list[dict[str, Any]]], data: st.DataObject
) -> None:
    parts, people = written
    text = "".join(parts)
    if data.draw(st.booleans()):
        text = text.rstrip("\n")
    new = {"username": "new", **{key: value for key, value in data.draw(new_values).items() if value is not None}}
    changed = with_user(text, new)
    assert header_as_usual(changed).startswith(header_as_usual(text))
    assert tomllib.loads(changed)["users"][:-1] == people


inline = st.lists(st.dictionaries(keys, values, max_size=3), min_size=1, max_size=3)


@settings(max_examples=40)
@given(inline, new_values, st.data())
def test_a_list_of_inline_tables_is_changed_too(
    people: list[dict[str, Any]], changes: dict[str, Value | None], data: st.DataObject
) -> None:
    rows = []
    for number, each in enumerate(people):
        each["username"] = f"user {number}"
        pairs = [f"{key} = {data.draw(written_values(value, lines=False))}" for key, value in each.items()]
        rows.append(f"  {{ {', '.join(pairs)} }}, # {number}\n")
    text = f"users = [\n{''.join(rows)}]\n"
    position = data.draw(st.integers(0, len(people) - 1))
    lines = with_values(text, position, changes).split("\n")
    del lines[position + 1]
    assert "\n".join(lines) == f"users = [\n{''.join(rows[:position] + rows[position + 1 :])}]\n"
