"""An authenticator in software (WebAuthn, section 6): makes passkeys and uses them, as well or badly as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _MAY_BE_SYNCED, _IS_SYNCED, _HAS_CREDENTIAL = 1 << 0, 1 << 2, 1 << 3, 1 << 4, 1 << 6


def text_of(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")


@dataclass(slots=True, kw_only=True)
class Authenticator:
    """With one passkey at the most, and the browser around it."""

    origin: str
    """Of the page that asks, as the browser sees it."""
    verifies: bool = True
    """Whether it checks whose hand it is in."""
    is_synced: bool = False
    counts: bool = False
    counter: int = 0
    rp_id: str | None = None
    """None: what it was asked for; else, what it says instead."""
    is_touched: bool = True
    is_framed: bool = False
    key: EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""

    def make(self, options: str) -> str:
        """What ``navigator.credentials.create`` gives for these options, as JSON."""
        asked = json.loads(options)
        self.user_handle = octets_of(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        credential = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cbor2.dumps(public_key)
        data = self._data(asked["rp"]["id"], _HAS_CREDENTIAL) + credential
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._json(
            clientDataJSON=self._client_data("webauthn.create", asked["challenge"]),
            attestationObject=cbor2.dumps(attestation),
            transports=["internal"],
        )

    def prove(self, options: str) -> str:
        """What ``navigator.credentials.get`` gives for these options, as JSON."""
        asked = json.loads(options)
        self.counter += self.counts
        client_data = self._client_data("webauthn.get", asked["challenge"])
        data = self._data(asked["rpId"], 0)
        signed = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._json(
            clientDataJSON=client_data, authenticatorData=data, signature=signed, userHandle=self.user_handle
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return json.dumps(said).encode()

    def _data(self, rp_id: str, more: int) -> bytes:
        flags = more | _PRESENT * self.is_touched | _VERIFIED * self.verifies
        flags |= (_MAY_BE_SYNCED | _IS_SYNCED) * self.is_synced
        return hashlib.sha256((self.rp_id or rp_id).encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def _json(self, **response: Any) -> str:
        written = {name: text_of(value) if isinstance(value, bytes) else value for name, value in response.items()}
        credential_id = text_of(self.credential_id)
        return json.dumps({"id": credential_id, "rawId": credential_id, "type": "public-key", "response": written})
