"""The API on the portal's stage, and a client of it: JSON in and out, no cookies."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.portal.stage import PASSWORD, ScriptedDirectory, Stage, running_portal

API = "/.gatepost/api/v1/"
HOST = "signin.corp.example"
APPS = [
    {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "clients": ["browser", "bearer"]},
    {"name": "Forms", "host": "forms.corp.example", "upstream": "http://127.0.0.1:1"},
]


@dataclass(frozen=True, kw_only=True)
class Said:
    status: int
    headers: Any
    body: Any

    def __getattr__(self, name: str) -> Any:
        return self.body[name]


class APIClient:
    """It sends what the forwarding plane would add, and keeps nothing."""

    _incidents = itertools.count(1)

    def __init__(self, stage: Stage, address: str = "192.0.2.7") -> None:
        self.stage = stage
        self.address = address

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
    ) -> Said:
        sent = {
            "X-Gatepost-Client-Address": self.address,
            "X-Gatepost-Client-Scheme": "https",
            "X-Gatepost-Client-Host": HOST,
            "X-Gatepost-Incident": f"incident{next(self._incidents):06}",
            "User-Agent": "curl/8.14",
        }
        if body is not None:
            sent["Content-Type"] = "application/json"
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        sent |= headers or {}
        for name in without:
            del sent[name]
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        skipped = ["Content-Type"] if "Content-Type" not in sent else []
        async with self.stage.client.request(
            method, API + path, data=data, headers=sent, skip_auto_headers=skipped, allow_redirects=False
        ) as answer:
            assert "Set-Cookie" not in answer.headers
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
            text = await answer.text()
            return Said(status=answer.status, headers=answer.headers, body=json.loads(text) if text else None)

    async def sign_in(self, username: str = "alice", password: str = PASSWORD, **fields: Any) -> Said:
        return await self.call("POST", "sign-in", {"username": username, "password": password, **fields})

    async def prove(self, said: Said, passcode: str | None = None, factor: str | None = None) -> Said:
        body = {"flow": said.flow, "factor": factor or said.factor, "passcode": passcode or self.stage.passcode}
        return await self.call("POST", "proof", body)

    async def resend(self, said: Said, **fields: Any) -> Said:
        return await self.call("POST", "resend", {"flow": said.flow, **fields})

    async def token(self, username: str = "alice", **fields: Any) -> str:
        """Of somebody who signs in."""
        said = await self.prove(await self.sign_in(username, **fields))
        assert said.status == 200, said.body
        token: str = said.token
        return token

    async def session(self, token: str) -> Said:
        return await self.call("GET", "session", token=token)


@asynccontextmanager
async def running_api(
    folder: Path, *, scripted: ScriptedDirectory | None = None, **changes: Any
) -> AsyncIterator[Stage]:
    async with running_portal(
        folder, scripted=scripted, **{"api": {"enabled": True}, "apps": APPS, **changes}
    ) as stage:
        yield stage
