"""What a browser sends of a passkey, judged: who asked, for what, and by which key. Nothing else opens."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.factors.passkey.ceremonies import LONGEST_ANSWER, RelyingParty
from proxy.factors.passkey.passkey import Passkey, PasskeyRefusal
from tests.support.authenticator import Authenticator, octets_of, text_of

ORIGIN = "https://signin.corp.example"
PARTY = RelyingParty(rp_id="signin.corp.example", origin=ORIGIN)
CHALLENGE, OTHER = b"c" * 32, b"o" * 32


def authenticator(**facts: object) -> Authenticator:
    return Authenticator(**{"origin": ORIGIN, **facts})  # type: ignore[arg-type]


def to_make(*existing: Passkey) -> str:
    return PARTY.options_to_make(
        challenge=CHALLENGE, user_handle=b"u" * 32, username="alice", display_name="Alice", existing=existing
    )


def to_prove(*of: Passkey, challenge: bytes = CHALLENGE, must_verify: bool = False) -> str:
    return PARTY.options_to_prove(challenge=challenge, of=of, must_verify=must_verify)


def passkey_of(device: Authenticator) -> Passkey:
    made = PARTY.made(device.make(to_make()), challenge=CHALLENGE)
    assert made is not None
    return made[0]


def proven(
    device: Authenticator, passkey: Passkey, *, challenge: bytes = CHALLENGE, must_verify: bool = False
) -> int | PasskeyRefusal:
    assertion = PARTY.read(device.prove(to_prove(passkey, must_verify=must_verify)))
    assert assertion is not None
    return PARTY.proven(assertion, passkey, challenge=challenge, must_verify=must_verify)


def test_a_passkey_that_was_made_is_proven() -> None:
    device = authenticator()
    passkey = passkey_of(device)
    assert passkey.credential_id == device.credential_id
    assert passkey.transports == ("internal",)
    assert proven(device, passkey) == 0
    assert proven(device, passkey, must_verify=True) == 0


def test_its_counter_is_told() -> None:
    device = authenticator(counts=True, counter=6)
    assert proven(device, passkey_of(device)) == 7


@pytest.mark.parametrize("is_synced", [True, False])
def test_it_is_known_whether_it_is_synced(is_synced: bool) -> None:
    device = authenticator(is_synced=is_synced)
    passkey = passkey_of(device)
    assert passkey.is_synced is is_synced
    device.is_synced = not is_synced  # which none ever becomes
    assert proven(device, passkey) is PasskeyRefusal.NOT_RIGHT


def test_what_is_kept_of_it_can_be_read_again_and_is_not_shown() -> None:
    passkey = passkey_of(authenticator(is_synced=True))
    assert Passkey.from_bytes(passkey.to_bytes()) == passkey
    assert "public_key" not in repr(passkey)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://signin.corp.example.evil.example"},
        {"origin": "http://signin.corp.example"},
        {"origin": "https://signin.corp.example:8443"},
        {"origin": "https://wiki.corp.example"},
        {"rp_id": "corp.example"},
        {"is_touched": False},
        {"is_framed": True},
    ],
    ids=str,
)
def test_neither_is_right_from_elsewhere_or_untouched(wrong: dict[str, object]) -> None:
    device = authenticator()
    passkey = passkey_of(device)
    for name, value in wrong.items():
        setattr(device, name, value)
    assert proven(device, passkey) is PasskeyRefusal.NOT_RIGHT
    assert PARTY.made(device.make(to_make()), challenge=CHALLENGE) is None


def test_an_answer_fits_what_was_asked_and_nothing_else() -> None:
    device = authenticator()
    passkey = passkey_of(device)
    assert proven(device, passkey, challenge=OTHER) is PasskeyRefusal.NOT_RIGHT
    assert PARTY.made(device.make(to_make()), challenge=OTHER) is None


def test_without_user_verification_it_does_not_stand_alone() -> None:
    device = authenticator(verifies=False)
    passkey = passkey_of(device)
    assert proven(device, passkey) == 0
    assert proven(device, passkey, must_verify=True) is PasskeyRefusal.NOT_VERIFIED


def test_another_key_proves_nothing() -> None:
    device, thief = authenticator(), authenticator()
    passkey = passkey_of(device)
    thief.make(to_make())
    assert proven(thief, passkey) is PasskeyRefusal.NOT_RIGHT
    thief.credential_id = device.credential_id
    assert proven(thief, passkey) is PasskeyRefusal.NOT_RIGHT
    # Nor does a right signature under another passkey's name.
    assert proven(device, replace(passkey, credential_id=b"other")) is PasskeyRefusal.NOT_RIGHT


def test_a_new_passkey_is_no_proof_and_a_proof_no_new_passkey() -> None:
    device = authenticator()
    assert PARTY.read(device.make(to_make())) is None
    assert PARTY.made(device.prove(to_prove()), challenge=CHALLENGE) is None


def test_browsers_are_asked_for_no_attestation_and_for_none_that_is_there() -> None:
    existing = passkey_of(authenticator())
    asked = json.loads(to_make(existing))
    assert asked["attestation"] == "none"
    assert asked["rp"] == {"id": "signin.corp.example", "name": "signin.corp.example"}
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"
    assert asked["authenticatorSelection"]["userVerification"] == "preferred"
    assert len(asked["excludeCredentials"]) == 1
    assert asked["excludeCredentials"][0]["transports"] == ["internal"]


def test_alone_it_has_to_verify_and_beside_a_password_it_may() -> None:
    existing = passkey_of(authenticator())
    beside, alone = json.loads(to_prove(existing)), json.loads(to_prove(must_verify=True))
    assert (beside["userVerification"], len(beside["allowCredentials"])) == ("preferred", 1)
    assert (alone["userVerification"], alone["allowCredentials"]) == ("required", [])
    assert beside["rpId"] == alone["rpId"] == "signin.corp.example"


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda octets: octets.decode("latin-1")))
def test_anything_else_is_no_assertion_and_no_passkey(text: str) -> None:
    assert PARTY.read(text) is None
    assert PARTY.made(text, challenge=CHALLENGE) is None


@pytest.mark.parametrize("text", ["", "{}", "[" * 5000, "x" * (LONGEST_ANSWER + 1), "null", '{"id": 7}', '"a"'])
def test_odd_texts_are_neither(text: str) -> None:
    assert PARTY.read(text) is None
    assert PARTY.made(text, challenge=CHALLENGE) is None


DEVICE = authenticator()
PASSKEY = passkey_of(DEVICE)
RIGHT = DEVICE.prove(to_prove(PASSKEY))
PARTS = ("clientDataJSON", "authenticatorData", "signature")


@given(st.sampled_from(PARTS), st.text(alphabet="ABCabc012_-", max_size=80) | st.integers() | st.none())
def test_no_part_can_be_another(part: str, value: object) -> None:
    sent = json.loads(RIGHT)
    sent["response"][part] = value
    assertion = PARTY.read(json.dumps(sent))
    if assertion is not None:
        refused = PARTY.proven(assertion, PASSKEY, challenge=CHALLENGE, must_verify=False)
        assert refused is PasskeyRefusal.NOT_RIGHT


@given(st.data())
def test_no_bit_can_be_another(data: st.DataObject) -> None:
    sent = json.loads(RIGHT)
    part = data.draw(st.sampled_from(PARTS))
    octets = bytearray(octets_of(sent["response"][part]))
    at = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[at // 8] ^= 1 << at % 8
    sent["response"][part] = text_of(bytes(octets))
    assertion = PARTY.read(json.dumps(sent))
    assert assertion is not None
    assert PARTY.proven(assertion, PASSKEY, challenge=CHALLENGE, must_verify=False) is PasskeyRefusal.NOT_RIGHT


def test_who_offers_no_passkeys_does_not_load_the_library() -> None:
    code = "import sys, proxy.server, proxy.portal.app; sys.exit('webauthn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
