"""The OpenAPI document: what it says, and schemathesis, which finds no answer outside of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from proxy.api.create_api import OPERATIONS
from proxy.api.document import document
from proxy.http.reserved import API
from tests.api.stage import HOST, APIClient, running_api

LOOSE = {"passwords_per_address": 100_000, "passwords_per_person": 100_000}


async def test_it_is_there_for_everybody_and_names_each_operation(client: APIClient) -> None:
    said = await client.call("GET", "openapi.json", headers={"Sec-Fetch-Site": "cross-site"})
    assert (said.status, said.headers["Content-Type"]) == (200, "application/json")
    assert said.openapi == "3.1.0"
    assert said.servers == [{"url": "https://signin.corp.example/.gatepost/api/v1"}]
    assert {path: sorted(methods) for path, methods in said.paths.items()} == {
        "/sign-in": ["post"],
        "/proof": ["post"],
        "/resend": ["post"],
        "/session": ["delete", "get"],
    }
    assert said.components["schemas"]["SignInBody"]["additionalProperties"] is False
    assert said.components["schemas"]["SignInBody"]["properties"]["password"]["writeOnly"] is True


def test_it_tells_no_version_of_what_serves_it() -> None:
    described = json.loads(document(OPERATIONS, origin="https://signin.corp.example"))
    assert described["info"]["version"] == "1"


async def test_schemathesis_finds_no_answer_outside_of_it(tmp_path: Path) -> None:
    async with running_api(tmp_path, throttle=LOOSE) as stage:
        fields = {
            "X-Gatepost-Client-Address": "192.0.2.7",
            "X-Gatepost-Client-Scheme": "https",
            "X-Gatepost-Client-Host": HOST,
            "X-Gatepost-Incident": "incident",
            "Authorization": f"Bearer {await APIClient(stage).token()}",
        }
        url = str(stage.client.make_url(API.rstrip("/")))
        headers = [part for name, value in fields.items() for part in ("--header", f"{name}: {value}")]
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url, *headers),
            *("--checks", "all", "--max-examples", "10", "--seed", "1", "--no-color", "--workers", "1"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
        )
        told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
