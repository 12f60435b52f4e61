"""Canaries of the whole program: what it sends as soon as it runs, shows, measures, and says on the page."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
import structlog
from structlog.testing import CapturingLogger

from config.load import load_settings
from proxy.canary.recipients import recipient_problems
from proxy.cli import main
from proxy.server import running
from tests.support.canaries import SMS, text_of
from tests.support.configuration import written
from tests.support.eventually import eventually_told
from tests.support.gatepost import free_port
from tests.support.smtp_sink import smtp_sink


async def test_a_node_sends_its_canaries_and_shows_what_became_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = 0.0
    admin_port, port = free_port(), free_port()
    canary = "".join(f'{key} = "{value}"\n' for key, value in SMS.items())
    async with smtp_sink() as sink, aiohttp.ClientSession() as client:
        config = written(tmp_path, more=f"[[canaries]]\n{canary}", port=port, smtp_port=sink.port)
        config.write_text(config.read_text().replace("[server]", f'[server]\nadmin_listen = "127.0.0.1:{admin_port}"'))
        settings = load_settings(config, {}, recipient_problems)
        logger = CapturingLogger()
        log = structlog.wrap_logger(logger, wrapper_class=structlog.make_filtering_bound_logger(0))

        async def told(path: str, text: str, *, of: int = admin_port) -> bool:
            async with client.get(
                f"http://127.0.0.1:{of}{path}", headers={"Host": f"signin.localhost:{port}"}
            ) as answer:
                return text in await answer.text()

        async with running(settings, log=log, clock=lambda: time.time() + later):
            sent = await sink.next_message()
            assert len(sink.messages) == 0
            assert await told("/readyz", '"canary kapow"')
            assert not await told("/.gatepost/sign-in", "delayed", of=port)
            later += 130
            await eventually_told(lambda: told("/metrics", 'gatepost_canary_up{canary="kapow"} 0.0'))
            assert await told("/.gatepost/sign-in", "Text messages are delayed at the moment.", of=port)
            code = text_of(sent).split()[0]
            later -= 130
            arguments = ["canary", "arrived", "kapow", code, "--config", str(config)]
            assert await asyncio.to_thread(main, arguments) == 0
            await eventually_told(lambda: told("/metrics", 'gatepost_canary_up{canary="kapow"} 1.0'))
            assert not await told("/.gatepost/sign-in", "delayed", of=port)
    assert "It took" in capsys.readouterr().out
    assert "07400" not in repr(logger.calls)
    assert code not in repr(logger.calls)
