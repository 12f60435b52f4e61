"""What upstreams are told: header values that cannot break a head, and an assertion they can check."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import AppSettings
from proxy.identity import Assertions, identity_headers
from proxy.keys import Keys
from tests.support.people import NOW, principal, session

APP = AppSettings.model_validate({"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"})
ALL_GROUPS = APP.model_copy(update={"all_groups": True})
ISSUER = "https://signin.corp.example"
KEYS = Keys(b"\x01" * 32)


def headers(app: AppSettings = APP, **fields: Any) -> dict[bytes, bytes]:
    sent = identity_headers(session(principal=principal(**fields)), app)
    assert len(dict(sent)) == len(sent)
    return dict(sent)


def test_an_upstream_is_told_who_it_is() -> None:
    assert headers(groups=frozenset({"b", "a"})) == {
        b"Remote-User": b"alice",
        b"Remote-Name": b"Alice Liddell",
        b"Remote-Email": b"alice@corp.example",
        b"Remote-Groups": b"a,b",
        b"Remote-Realm": b"corp",
    }


def test_values_are_utf_8_without_controls() -> None:
    sent = headers(username="älice\r\nX: y", display_name="\x00A\tl\x7fi\x85c\u2028e \ud800 ", mail=" ")
    assert sent[b"Remote-User"] == "äliceX: y".encode()
    assert sent[b"Remote-Name"] == b"Alice"
    assert b"Remote-Email" not in sent


def test_fields_without_a_value_are_left_out() -> None:
    assert headers(mail=None, display_name="", groups=frozenset()).keys() == {b"Remote-User", b"Remote-Realm"}


def test_a_comma_inside_a_group_name_is_told_from_one_between_names() -> None:
    assert headers(groups=frozenset({"Sales, UK", "Wiki"}))[b"Remote-Groups"] == b"Sales%2C UK,Wiki"
    assert headers(groups=frozenset({"\r\n", "Wiki"}))[b"Remote-Groups"] == b"Wiki"


def test_all_groups_are_told_where_the_app_asks_for_them() -> None:
    assert headers(all_groups=("z", "a"))[b"Remote-Groups"] == b"Wiki Users"
    assert headers(ALL_GROUPS, all_groups=("z", "a"))[b"Remote-Groups"] == b"z,a"


@given(st.text(), st.text(), st.one_of(st.none(), st.text()), st.frozensets(st.text(), max_size=4))
def test_no_text_from_the_directory_breaks_a_head(
    username: str, display_name: str, mail: str | None, groups: frozenset[str]
) -> None:
    for _, value in headers(username=username, display_name=display_name, mail=mail, groups=groups).items():
        text = value.decode()
        assert text == text.strip(" ")
        assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def decoded(assertions: Assertions, token: bytes, **options: Any) -> dict[str, Any]:
    """As an app would: by the published key that the token names."""
    keys = jwt.PyJWKSet.from_dict(json.loads(json.dumps(assertions.jwks())))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience="Wiki",
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, **options},
    )


def test_an_app_can_check_the_assertion() -> None:
    assertions = Assertions(KEYS, issuer=ISSUER)
    person = principal(groups=frozenset({"Sales, UK", "a\r\nb"}))
    claims = decoded(assertions, assertions.sign(session(principal=person), APP, NOW + 100.9))
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER,
        "sub": person.guid,
        "aud": "Wiki",
        "iat": int(NOW) + 100,
        "exp": int(NOW) + 160,
        "auth_time": int(NOW),
        "amr": ["pwd", "otp", "sms", "mfa"],
        "name": "Alice Liddell",
        "preferred_username": "alice",
        "email": "alice@corp.example",
        "realm": "corp",
        "groups": ["Sales, UK", "a\r\nb"],
    }


def test_a_password_alone_is_not_called_multi_factor() -> None:
    assertions = Assertions(KEYS, issuer=ISSUER)
    by_password = session(factors=("password",), principal=principal(mail=None))
    claims = decoded(assertions, assertions.sign(by_password, APP, NOW))
    assert claims["amr"] == ["pwd"]
    assert "email" not in claims


def test_an_assertion_is_for_one_app_one_minute_and_one_key() -> None:
    assertions = Assertions(KEYS, issuer=ISSUER)
    other_app = APP.model_copy(update={"name": "Other"})
    with pytest.raises(jwt.InvalidAudienceError):
        decoded(assertions, assertions.sign(session(), other_app, NOW))
    with pytest.raises(jwt.ExpiredSignatureError):
        decoded(assertions, assertions.sign(session(), APP, 1_000_000_000.0), verify_exp=True)
    with pytest.raises(KeyError):
        decoded(Assertions(Keys(b"\x02" * 32), issuer=ISSUER), assertions.sign(session(), APP, NOW))


def test_the_published_key_is_public_and_named_by_its_thumbprint() -> None:
    (key,) = Assertions(KEYS, issuer=ISSUER).jwks()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{key["x"]}","y":"{key["y"]}"}}'
    digest = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    assert key["kid"] == digest
    assert key["alg"] == "ES256"
