"""Sessions that end while several workers hold them in memory and serve their sockets, with the embedded store."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.processes.signed_in import open_sockets, signed_in
from tests.support.gatepost import gatepost


async def test_the_command_ends_a_session_at_every_worker_before_it_returns(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as signed, AsyncExitStack() as stack:
        sockets = await open_sockets(signed, stack)
        closing = [asyncio.create_task(each.receive(timeout=60)) for each in sockets]
        arguments = ("sessions", "end", "--person", "alice", "--config", str(signed.house.config))
        done = await asyncio.to_thread(gatepost, *arguments)
        assert (done.returncode, done.stdout) == (0, "1 session ended\n"), done.stderr
        assert await signed.statuses() == {302}
        await asyncio.gather(*closing)
        assert {each.close_code for each in sockets} == {4401}
        await signed.until_live_sessions([0, 0])
