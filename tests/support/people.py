"""Sessions, principals and challenges for tests, each with what a test does not care about filled in."""

from __future__ import annotations

import os
from typing import Any

from config.factors import ChannelKind, Factor
from directory.principal import Principal
from proxy.delivery.channel import Outcome
from proxy.delivery.delivery_store import Sending
from proxy.factors.challenge import Challenge, new_challenge_id
from proxy.factors.passes.given_pass import Approver, GivenPass, new_pass_id
from proxy.factors.passes.vouch import ASKED_SECONDS, VouchRequest, new_vouch_id
from proxy.factors.proof import Proof
from proxy.secrets.tokens import new_token
from proxy.sessions.session import Session
from proxy.sign_in.credentials import Credential, new_credential_id
from proxy.sign_in.message_fate import Look, fate_of

NOW = 1_800_000_000.0


def principal(**fields: Any) -> Principal:
    return Principal(
        **{
            "guid": "5f6a1c3e-0000-4000-8000-00000000a11c",
            "realm": "corp",
            "username": "alice",
            "display_name": "Alice Liddell",
            "mail": "alice@corp.example",
            "mobiles": ("07400 123456",),
            "groups": frozenset({"Wiki Users"}),
            **fields,
        }
    )


def session(*, guid: str | None = None, is_half: bool = False, **fields: Any) -> Session:
    """A signed-in session; `is_half` makes it one that holds only the first of its factors."""
    created_at = fields.pop("created_at", NOW)
    factors = fields.pop("factors", ((Factor.PASSWORD,), (Factor.SMS,)))
    return Session(
        **{
            "session_id": new_token(),
            "principal": principal() if guid is None else principal(guid=guid),
            "scheme": "browser",
            "factors": factors,
            "proven": tuple(Proof(choice[0], created_at) for choice in (factors[:1] if is_half else factors)),
            "created_at": created_at,
            "last_used_at": created_at,
            "client_address": "192.0.2.7",
            "user_agent": "Mozilla/5.0",
            **fields,
        }
    )


def challenge(session_id: str, **fields: Any) -> Challenge:
    return Challenge(
        **{
            "challenge_id": new_challenge_id(),
            "session_id": session_id,
            "guid": principal().guid,
            "digest": b"right",
            "masked_destination": "•••••••• 456",
            "created_at": NOW,
            "expires_at": NOW + 300,
            "attempts_left": 5,
            "last_sent_at": NOW,
            "factor": Factor.SMS,
            "kind": ChannelKind.SMS,
            **fields,
        }
    )


def approver(**fields: Any) -> Approver:
    return Approver(**{"guid": "00000000-0000-4000-8000-0000000000ad", "realm": "corp", "name": "Admin", **fields})


def given_pass(**fields: Any) -> GivenPass:
    return GivenPass(
        **{
            "pass_id": new_pass_id(),
            "guid": principal().guid,
            "realm": "corp",
            "username": "alice",
            "digest": b"digest",
            "apps": ("Wiki",),
            "reason": "Phone at home",
            "given_by": approver(),
            "given_at": NOW,
            "ends_at": NOW + 8 * 3600,
            "needs_second": False,
            **fields,
        }
    )


def vouch_request(**fields: Any) -> VouchRequest:
    return VouchRequest(
        **{
            "vouch_id": new_vouch_id(),
            "session_id": "half",
            "guid": principal().guid,
            "realm": "corp",
            "username": "alice",
            "name": "Alice Liddell",
            "asked_of": approver(name="Boss"),
            "apps": ("Wiki",),
            "reason": "Phone at home",
            "hours": 8,
            "words": "amber otter",
            "offered": ("amber otter", "violin cactus"),
            "asked_at": NOW,
            "expires_at": NOW + ASKED_SECONDS,
            **fields,
        }
    )


def credential(**fields: Any) -> Credential:
    """An app password for the Wiki, for a week."""
    return Credential(
        **{
            "credential_id": new_credential_id(),
            "factor": Factor.APP_PASSWORD,
            "guid": principal().guid,
            "realm": "corp",
            "username": "alice",
            "name": "Laptop",
            "app": "Wiki",
            "digest": os.urandom(32),
            "made_at": NOW,
            "ends_at": NOW + 7 * 86_400,
            **fields,
        }
    )


def sending(challenge_id: str, **fields: Any) -> Sending:
    return Sending(
        **{
            "message_id": new_token(),
            "challenge_id": challenge_id,
            "guid": principal().guid,
            "realm": principal().realm,
            "username": principal().username,
            "channel": "kapow",
            "kind": ChannelKind.SMS,
            "destination": "•••••••• 456",
            "outcome": Outcome.ACCEPTED,
            "sent_at": NOW,
            **fields,
        }
    )


def look(sending: Sending | None, *, slow_seconds: int | None = None) -> Look:
    """What is told of this message."""
    return Look(
        fate=fate_of(sending),
        is_mail=sending is not None and sending.kind is ChannelKind.EMAIL,
        destination=sending.destination if sending is not None else "",
        shows_tag=False,
        offer_at=NOW,
        other_way=None,
        slow_seconds=slow_seconds,
    )
