"""The forms of what clients are given, and that nothing else is taken for one."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.secrets.tokens import (
    app_password,
    is_service_token,
    is_token,
    new_app_password,
    new_service_token,
    new_token,
)


def test_an_app_password_is_read_however_it_is_typed() -> None:
    shown = new_app_password()
    plain = shown.replace("-", "").encode()
    assert re.fullmatch(r"[a-z2-7]{7}(-[a-z2-7]{7}){3}", shown)
    for typed in (shown, shown.upper(), shown.replace("-", ""), shown.replace("-", " "), f" {shown} "):
        assert app_password(typed.encode()) == plain
    for wrong in (shown[:-1], shown + "a", shown.replace(shown[0], "1"), shown.replace("-", "_"), ""):
        assert app_password(wrong.encode()) is None


def test_a_service_token_is_known_by_its_prefix_and_checksum() -> None:
    made = new_service_token()
    assert re.fullmatch(r"gp_[A-Za-z0-9]{46}", made)
    assert is_service_token(made.encode())
    for position in range(3, len(made)):
        other = "a" if made[position] != "a" else "b"
        assert not is_service_token((made[:position] + other + made[position + 1 :]).encode())
    for wrong in (made[:-1], made + "a", made.upper(), made[3:], "", new_token()):
        assert not is_service_token(wrong.encode()) or wrong == made


def test_no_form_is_taken_for_another() -> None:
    made = (new_token(), new_app_password(), new_service_token())
    for value in made:
        forms = [is_token(value.encode()), app_password(value.encode()) is not None, is_service_token(value.encode())]
        assert sum(forms) == 1
    assert len({*made, new_token(), new_app_password(), new_service_token()}) == 6


@given(st.binary(max_size=80))
def test_any_bytes_can_be_asked_about(value: bytes) -> None:
    is_service_token(value)
    app_password(value)
