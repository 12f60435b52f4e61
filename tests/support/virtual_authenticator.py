"""Chromium's virtual authenticator, over the DevTools protocol (domain ``WebAuthn``)."""

from __future__ import annotations

from typing import Any

from playwright.async_api import CDPSession, Page


class VirtualAuthenticator:
    """Part of the device, as the browser of one page sees it: with a finger on it, or without."""

    def __init__(self, session: CDPSession, authenticator_id: str) -> None:
        self._session = session
        self._id = authenticator_id

    @classmethod
    async def of(cls, page: Page, *, fills_in: bool = False, **facts: Any) -> VirtualAuthenticator:
        """`fills_in`: the browser offers its passkeys where it fills in names. A virtual one takes its offer by itself,
        as soon as a page asks for it."""
        if not fills_in:
            await page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
        session = await page.context.new_cdp_session(page)
        await session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **facts,
        }
        added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, added["authenticatorId"])

    async def credentials(self) -> list[dict[str, Any]]:
        found = await self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        return list(found["credentials"])

    async def add(self, credential: dict[str, Any]) -> None:
        await self._session.send("WebAuthn.addCredential", {"authenticatorId": self._id, "credential": credential})

    async def remove(self, credential: dict[str, Any]) -> None:
        named = {"authenticatorId": self._id, "credentialId": credential["credentialId"]}
        await self._session.send("WebAuthn.removeCredential", named)

    async def verify(self, is_verified: bool) -> None:
        """Whether the finger is the right one from now on."""
        await self._session.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": is_verified}
        )
