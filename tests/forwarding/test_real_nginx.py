"""`deploy/nginx-auth-request.conf` in a real nginx, with a real Gatepost behind `auth_request`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.forwarding.outer_proxy import ROOT, House, open_house
from tests.forwarding.outer_proxy_contract import OuterProxyContract

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
MAIN = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{site}
}}
"""


def nginx(folder: Path, names: dict[str, str]) -> list[str]:
    """The documented file; only addresses, host names and TLS are the test's own."""
    text = (ROOT / "deploy" / "nginx-auth-request.conf").read_text()
    lines = [line for line in text.splitlines() if "ssl_certificate" not in line]
    site = (
        "\n".join(lines)
        .replace("listen 443 ssl;", f"listen 127.0.0.1:{names['outer_port']};")
        .replace("127.0.0.1:8080", names["gatepost"])
        .replace("10.0.0.5:8080", names["app"])
        .replace("corp.example", "localhost")
        .replace("__Host-", "")
    )
    (folder / "nginx.conf").write_text(MAIN.format(site=site))
    assert NGINX is not None
    return [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("nginx"), nginx) as house:
        yield house


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.asyncio(loop_scope="module")
class TestNginx(OuterProxyContract):
    ambiguous_status = 500
