"""The two ceremonies of WebAuthn (W3C, level 3): a passkey is made, and a passkey is proven. Pure.

The library `webauthn` reads and judges what browsers send. The RP id, which each passkey is bound to, is the host of
`[server] public_url`: under another host none of them opens anything any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from proxy.factors.passkey.passkey import Assertion, Passkey, PasskeyRefusal

LONGEST_ANSWER = 8192
"""Characters of what a browser sends; an assertion by RSA takes 1,500."""
_TIMEOUT_MILLISECONDS = 300_000
_SYNCED = CredentialDeviceType.MULTI_DEVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Who asks for passkeys."""

    rp_id: str
    origin: str
    """The only one whose pages may ask."""

    def read(self, text: str) -> Assertion | None:
        """None for what is no assertion."""
        if not text or len(text) > LONGEST_ANSWER:
            return None
        try:
            found = parse_authentication_credential_json(text)
        except Exception:  # noqa: BLE001  # whatever a stranger's bytes do to the library: it is none
            return None
        return Assertion(credential_id=found.raw_id, user_handle=found.response.user_handle, text=text)

    def options_to_make(
        self, *, challenge: bytes, user_handle: bytes, username: str, display_name: str, existing: Iterable[Passkey]
    ) -> str:
        """JSON for ``navigator.credentials.create``. `existing`: what a person has is not made a second time.

        No attestation is asked for: any make will do, and which one somebody has is not our business.
        """
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.rp_id,
            user_id=user_handle,
            user_name=username,
            user_display_name=display_name,
            challenge=challenge,
            timeout=_TIMEOUT_MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=_descriptors(existing),
        )
        return options_to_json(options)

    def made(self, text: str, *, challenge: bytes) -> tuple[Passkey, int] | None:
        """The passkey that a browser has made for this challenge, and its counter; None if it has not."""
        if not text or len(text) > LONGEST_ANSWER:
            return None
        try:
            credential = parse_registration_credential_json(text)
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
            )
            is_framed = parse_client_data_json(credential.response.client_data_json).cross_origin
        except Exception:  # noqa: BLE001  # as in `read`
            return None
        if is_framed:
            return None
        passkey = Passkey(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            transports=tuple(each.value for each in credential.response.transports or ()),
            is_synced=verified.credential_device_type is _SYNCED,
        )
        return passkey, verified.sign_count

    def options_to_prove(self, *, challenge: bytes, of: Iterable[Passkey], must_verify: bool) -> str:
        """JSON for ``navigator.credentials.get``. `of`: with one of these; of none: with whichever the browser has.

        `must_verify`: the passkey has to check whose hand it is in, by a PIN, a finger or a face.
        """
        required, preferred = UserVerificationRequirement.REQUIRED, UserVerificationRequirement.PREFERRED
        options = generate_authentication_options(
            rp_id=self.rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MILLISECONDS,
            allow_credentials=_descriptors(of),
            user_verification=required if must_verify else preferred,
        )
        return options_to_json(options)

    def proven(
        self, assertion: Assertion, passkey: Passkey, *, challenge: bytes, must_verify: bool
    ) -> int | PasskeyRefusal:
        """The counter in a right assertion; 0: this passkey does not count. Whether it grew is the store's to say,
        which compares and writes in one step."""
        try:
            credential = parse_authentication_credential_json(assertion.text)
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=0,
            )
            is_framed = parse_client_data_json(credential.response.client_data_json).cross_origin
        except Exception:  # noqa: BLE001  # as in `read`
            return PasskeyRefusal.NOT_RIGHT
        is_synced = verified.credential_device_type is _SYNCED
        if is_framed or is_synced is not passkey.is_synced or verified.credential_id != passkey.credential_id:
            return PasskeyRefusal.NOT_RIGHT
        if must_verify and not verified.user_verified:
            return PasskeyRefusal.NOT_VERIFIED
        return verified.new_sign_count


def _descriptors(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id, transports=[AuthenticatorTransport(name) for name in each.transports]
        )
        for each in passkeys
    ]
