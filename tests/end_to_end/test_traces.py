"""One trace from the proxy in front, through the sign-in with its bind and its SMS, to the app. Traces, log, metrics
and audit of one run hold none of its secrets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from pathlib import Path

from aiohttp import ClientSession
from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse
from tests.processes.signed_in import APP, PASSWORD, SIGN_IN
from tests.support.echo_app import running_app
from tests.support.eventually import eventually
from tests.support.otlp import otlp_collector
from tests.support.plain_browser import PlainBrowser, passcode_in
from tests.support.smtp_sink import smtp_sink
from tests.support.telling import tells

NUMBER = "07400123581"
TRACE = "0af7651916cd43dd8448eb211c80319c"
MORE = """
[[apps]]
name = "Intranet"
host = "intranet.localhost"
upstream = "{upstream}"
[audit]
file = "audit/gatepost.jsonl"
[tracing]
endpoint = "{collector}"
one_in = 0
"""


async def test_a_sign_in_is_traced_and_nothing_of_the_person_is_told(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        upstream = f"http://127.0.0.1:{await stack.enter_async_context(running_app())}"
        sink = await stack.enter_async_context(smtp_sink())
        collector = await stack.enter_async_context(otlp_collector())
        more = MORE.format(upstream=upstream, collector=collector.address)
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        users = f'[[users]]\nusername = "alice"\npassword_hash = "{hashed}"\nmobile = "{NUMBER}"\n'
        proxies = 'trusted_proxies = ["127.0.0.0/8"]'
        house = WorkersHouse(tmp_path, upstream, users=users, workers=1, more=more, server=proxies)
        stack.push_async_callback(asyncio.to_thread, lambda: house.process.__exit__())
        await asyncio.to_thread(lambda: house.start(environ={"GATEPOST_SMTP__PORT": str(sink.port)}))

        browser = PlainBrowser(house.address, timeout=30)
        page = await browser.get((await browser.get(f"{APP}/")).next_url)
        fields = {**page.form, "username": "alice", "password": PASSWORD}
        # From here on the proxy in front has it recorded.
        browser.more = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        page = await browser.get((await browser.post(f"{SIGN_IN}/.gatepost/sign-in", fields)).next_url)
        passcode = passcode_in(
            str(message_from_bytes((await sink.next_message()).content, policy=policy.default)["Subject"])
        )
        page = await browser.post(f"{SIGN_IN}/.gatepost/passcode", {**page.form, "passcode": passcode})
        while page.status in (302, 303):
            page = await browser.get(page.next_url)
        assert (page.status, page.text) == (200, "alice")

        def whole() -> bool:
            return any(each.attributes.get("app") == "Intranet" for each in collector.spans if each.name == "upstream")

        await eventually(whole)
        assert {each.trace_id for each in collector.spans} == {TRACE}
        by_id = {each.span_id: each for each in collector.spans}

        def way(name: str) -> list[str]:
            """From the outermost span to this one."""
            found = collector.named(name)
            above = [found.name]
            while found.parent_id in by_id:
                found = by_id[found.parent_id]
                above.insert(0, found.name)
            return above

        to_the_page = ["request", "upstream", "page"]
        assert way("directory search") == [*to_the_page, "directory search"]
        assert way("directory bind") == [*to_the_page, "directory bind"]
        assert way("send") == [*to_the_page, "send"]
        assert collector.named("send").attributes == {"channel": "kapow", "outcome": "accepted"}
        async with ClientSession() as client, client.get("http://{}:{}/metrics".format(*house.admin)) as answer:
            metrics = await answer.read()
        await asyncio.to_thread(lambda: house.process.__exit__())
        lines = b"".join(each.read_bytes() for each in (tmp_path / "audit").iterdir())
        log = "\n".join(house.process.log).encode()
        for told in (lines, log):
            assert b"sign_in.succeeded" in told
        assert b'gatepost_sign_ins_total{outcome="succeeded"' in metrics
        private = (
            "alice",
            PASSWORD,
            passcode,
            NUMBER,
            NUMBER[1:],
            *browser.cookies["signin.localhost"].values(),
        )
        for each in private:
            for told in (b"".join(collector.raw), metrics, lines, log):
                assert not tells(told, each)
