"""A rotation of a running Gatepost's key: published at the next reload, long before it signs."""

from __future__ import annotations

import http.client
import json
import os
import signal
from pathlib import Path

from proxy.cli import main
from tests.support.configuration import written
from tests.support.gatepost import GatepostProcess, free_port


def published(port: int) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/.gatepost/jwks.json", headers={"Host": f"signin.localhost:{port}"})
        return [key["kid"] for key in json.loads(connection.getresponse().read())["keys"]]
    finally:
        connection.close()


def test_a_reload_publishes_the_new_key_beside_the_one_in_use(tmp_path: Path) -> None:
    port = free_port()
    config = written(tmp_path, port=port)
    with GatepostProcess(config) as process:
        before = published(port)
        assert main(["keys", "rotate", "--config", str(config)]) == 0
        os.kill(process.pid, signal.SIGHUP)
        process.wait_for_log("server.reloaded")
        process.wait_for_log("worker.left")  # until then the worker before may answer
        after = published(port)
    assert (len(before), len(after)) == (1, 2)
    assert after[0] == before[0]
    secrets = [word for word in (tmp_path / "gatepost.key").read_text().split() if len(word) == 43]
    assert len(secrets) == 2
    assert not any(secret in "".join(process.log) for secret in secrets)
