"""What upstreams are told: header values that cannot break a head, and an assertion they can check."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from typing import Any
from urllib.parse import unquote

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import AppSettings
from proxy.secrets.keys import KeyRing, Keys, MasterKey
from proxy.sessions.identity import Assertions, identity_headers
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


PERCENT = APP.model_copy(update={"identity_encoding": "percent"})
LEAVE_OUT = APP.model_copy(update={"identity_encoding": "leave_out"})
CELINE = {"username": "céline", "display_name": "Céline Zoë", "mail": "céline@corp.example"}


def test_percent_encoded_values_are_ascii_and_what_was_ascii_stays_readable() -> None:
    groups = frozenset({"Ventes, Île-de-France", "Wiki Users", "100%"})
    assert headers(PERCENT, **CELINE, groups=groups) == {
        b"Remote-User": b"c%C3%A9line",
        b"Remote-Name": b"C%C3%A9line Zo%C3%AB",
        b"Remote-Email": b"c%C3%A9line@corp.example",
        b"Remote-Groups": b"100%25,Ventes%2C %C3%8Ele-de-France,Wiki Users",
        b"Remote-Realm": b"corp",
    }


def test_what_is_not_ascii_can_be_left_out() -> None:
    groups = frozenset({"Ventes, Île-de-France", "Wiki, Users"})
    assert headers(LEAVE_OUT, **CELINE, groups=groups) == {
        b"Remote-Groups": b"Wiki%2C Users",
        b"Remote-Realm": b"corp",
    }


def test_an_app_without_an_encoding_has_the_default() -> None:
    of_app = dict(identity_headers(session(principal=principal(**CELINE)), LEAVE_OUT, "percent"))
    of_all = dict(identity_headers(session(principal=principal(**CELINE)), APP, "percent"))
    assert (of_app.get(b"Remote-Name"), of_all[b"Remote-Name"]) == (None, b"C%C3%A9line Zo%C3%AB")


@given(st.text(), st.lists(st.text(), max_size=4))
def test_percent_encoded_values_are_decoded_to_what_utf_8_would_say(name: str, groups: list[str]) -> None:
    facts: dict[str, Any] = {"display_name": name, "groups": frozenset(groups)}
    plain, encoded = headers(**facts), headers(PERCENT, **facts)
    assert encoded.keys() == plain.keys()
    for value in encoded.values():
        assert value.isascii()
    assert unquote(encoded.get(b"Remote-Name", b"").decode()) == plain.get(b"Remote-Name", b"").decode()
    of_groups = [unquote(each) for each in encoded.get(b"Remote-Groups", b"").decode().split(",")]
    assert [each.replace(",", "%2C") for each in of_groups] == plain.get(b"Remote-Groups", b"").decode().split(",")


@given(st.text(), st.text(), st.one_of(st.none(), st.text()), st.frozensets(st.text(), max_size=4))
def test_no_text_from_the_directory_breaks_a_head(
    username: str, display_name: str, mail: str | None, groups: frozenset[str]
) -> None:
    for _, value in headers(username=username, display_name=display_name, mail=mail, groups=groups).items():
        text = value.decode()
        assert text == text.strip(" ")
        assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def decoded(assertions: Assertions, token: bytes, *, now: float = NOW, **options: Any) -> dict[str, Any]:
    """As an app would: by the published key that the token names."""
    keys = jwt.PyJWKSet.from_dict(json.loads(json.dumps(assertions.jwks(now))))
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


@given(st.text(), st.frozensets(st.text(), max_size=3))
def test_an_assertion_is_what_a_library_makes_of_the_same_claims(name: str, groups: frozenset[str]) -> None:
    assertions = Assertions(KEYS, issuer=ISSUER)
    person = principal(display_name=name, groups=groups)
    token = assertions.sign(session(principal=person), APP, NOW).decode("ascii")
    (key,) = KEYS.assertion_keys
    claims = decoded(assertions, token.encode("ascii"))
    library = jwt.encode(claims, key.key, algorithm="ES256", headers={"kid": kid(token.encode("ascii"))})
    assert token.rsplit(".", 1)[0] == library.rsplit(".", 1)[0]
    assert len(token) == len(library)


def test_a_password_alone_is_not_called_multi_factor() -> None:
    assertions = Assertions(KEYS, issuer=ISSUER)
    by_password = session(factors=((Factor.PASSWORD,),), principal=principal(mail=None))
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
    (key,) = Assertions(KEYS, issuer=ISSUER).jwks(NOW)["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{key["x"]}","y":"{key["y"]}"}}'
    digest = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    assert key["kid"] == digest
    assert key["alg"] == "ES256"


def rotated(*use_after: float) -> Assertions:
    keys = tuple(MasterKey(bits=bytes([index]) * 32, use_after=each) for index, each in enumerate(use_after))
    return Assertions(Keys(KeyRing(keys=keys, names=bytes(32))), issuer=ISSUER)


def kid(token: bytes) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_a_new_assertion_key_is_published_before_it_signs() -> None:
    assertions, alone = rotated(0, NOW), rotated(0)
    first, second = (key["kid"] for key in assertions.jwks(NOW - 900)["keys"])
    assert kid(alone.sign(session(), APP, NOW)) == first
    assert [kid(assertions.sign(session(), APP, now)) for now in (NOW - 1, NOW, NOW - 1)] == [first, second, first]


def test_an_old_assertion_key_stays_published_as_long_as_an_app_may_meet_it() -> None:
    """The last assertion's minute, five minutes that an app keeps the set, ten minutes between two clocks."""
    assertions = rotated(0, NOW)
    last = assertions.sign(session(), APP, NOW - 1)
    assert decoded(assertions, last, now=NOW + 959)["aud"] == "Wiki"
    assert [key["kid"] for key in assertions.jwks(NOW + 960)["keys"]] == [kid(assertions.sign(session(), APP, NOW))]


def test_every_instant_has_a_key_that_signs_and_is_published() -> None:
    assertions = rotated(NOW, NOW + 1000, NOW + 2000)
    for now in (0.0, NOW, NOW + 999, NOW + 1000, NOW + 1999.9, NOW + 2000, NOW + 1e9):
        assert decoded(assertions, assertions.sign(session(), APP, now), now=now)["iat"] == int(now)
