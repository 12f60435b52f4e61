"""`deploy/Caddyfile` in a real Caddy, with a real Gatepost behind `forward_auth`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.forwarding.outer_proxy import ROOT, House, open_house
from tests.forwarding.outer_proxy_contract import OuterProxyContract

CADDY = shutil.which("caddy")


def caddy(folder: Path, names: dict[str, str]) -> list[str]:
    """The documented file; only addresses, host names and TLS are the test's own."""
    port = names["outer_port"]
    text = (
        (ROOT / "deploy" / "Caddyfile")
        .read_text()
        .replace("127.0.0.1:8080", names["gatepost"])
        .replace("10.0.0.5:8080", names["app"])
        .replace("signin.corp.example {", f"http://signin.localhost:{port} {{")
        .replace("wiki.corp.example {", f"http://wiki.localhost:{port} {{")
        .replace("__Host-", "")
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    assert CADDY is not None
    return [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("caddy"), caddy) as house:
        yield house


@pytest.mark.skipif(CADDY is None, reason="caddy is not installed")
@pytest.mark.asyncio(loop_scope="module")
class TestCaddy(OuterProxyContract):
    """As it stands."""
