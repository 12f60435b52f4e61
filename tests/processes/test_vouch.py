"""A vouch at a Gatepost with two workers: one of many counts, and it ends when it is switched off."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from pathlib import Path

from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse
from tests.processes.signed_in import APP, PASSWORD, SIGN_IN, WITHIN_SECONDS, Signed, open_sockets
from tests.support.echo_app import running_app
from tests.support.plain_browser import NoAnswer, Page, PlainBrowser
from tests.support.smtp_sink import smtp_sink
from tests.support.vouching import answer_to, no_phone, words_on

VOUCH, MINE = f"{SIGN_IN}/.gatepost/vouch", f"{SIGN_IN}/.gatepost/me/vouch"
MORE = """
[admin]
groups = ["Desk"]
[help_desk]
vouching = {vouching}
[[schemes]]
name = "browser"
factors = ["password", "sms"]
[[apps]]
name = "Intranet"
host = "intranet.localhost"
upstream = "{upstream}"
"""
USER = '[[users]]\nusername = "{name}"\npassword_hash = "{hash}"\nmobile = "07400 12358{number}"\n{more}'
AT_ONCE = 100


async def at_passcode(browser: PlainBrowser, page: str, login: str) -> Page:
    found = await browser.get(page)
    found = await browser.get(found.next_url)
    fields = {**found.form, "username": login, "password": PASSWORD}
    return await browser.get((await browser.post(f"{SIGN_IN}/.gatepost/sign-in", fields)).next_url)


async def is_over(signed: Signed) -> bool:
    """Whether every worker asks for a sign-in. A request that is in flight when its session ends is cut off."""
    try:
        return await signed.statuses() == {302}
    except NoAnswer:
        return False


async def test_of_a_hundred_one_counts_and_it_ends_with_its_sockets_when_it_is_switched_off(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        upstream = f"http://127.0.0.1:{await stack.enter_async_context(running_app())}"
        sink = await stack.enter_async_context(smtp_sink())
        house = WorkersHouse(tmp_path, upstream, more=MORE.format(upstream=upstream, vouching="true"))
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        users = [("alice", 'manager = "boss"\n'), ("boss", "")]
        (tmp_path / "users.toml").write_text(
            "".join(USER.format(name=name, hash=hashed, number=n, more=more) for n, (name, more) in enumerate(users))
        )
        stack.push_async_callback(asyncio.to_thread, lambda: house.process.__exit__())
        environ = {"GATEPOST_SMTP__PORT": str(sink.port)}
        await asyncio.to_thread(lambda: house.start(environ=environ))

        alice, boss = (PlainBrowser(house.address, timeout=30) for _ in range(2))
        words = words_on(await no_phone(alice, await at_passcode(alice, f"{APP}/", "alice"), app="Intranet"))
        await sink.next_message()
        page = await at_passcode(boss, MINE, "boss")
        passcode = str(message_from_bytes((await sink.next_message()).content, policy=policy.default)["Subject"])[:6]
        answer = await boss.post(f"{SIGN_IN}/.gatepost/passcode", {**page.form, "passcode": passcode})
        assert answer.next_url == MINE, answer.text

        fields = answer_to(await boss.get(MINE), words)
        answers = await asyncio.gather(*(boss.copy().post(MINE, fields) for _ in range(AT_ONCE)))
        assert Counter(each.status == 303 for each in answers) == {True: 1, False: AT_ONCE - 1}
        page = await alice.get(VOUCH)
        twins = [alice.copy() for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*(each.post(VOUCH, {**page.form, "go_on": "yes"}) for each in twins))
        went = [each.status == 303 and each.next_url == f"{SIGN_IN}/" for each in answers]
        assert Counter(went) == {True: 1, False: AT_ONCE - 1}
        through = twins[went.index(True)]
        page = await through.get(f"{APP}/")
        while page.status in (302, 303):
            page = await through.get(page.next_url)
        assert page.status == 200, page.text

        signed = Signed(house=house, browser=through)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await signed.by_worker("gatepost_live_sessions") != [2, 2]:
                assert await signed.statuses() == {200}
                await asyncio.gather(*(boss.copy().get(MINE) for _ in range(16)))
        sockets = await open_sockets(signed, stack)
        closing = [asyncio.create_task(each.receive(timeout=60)) for each in sockets]
        house.write(more=MORE.format(upstream=upstream, vouching="false"))
        house.hang_up()
        await asyncio.to_thread(house.wait_for, "server.reloaded")
        async with asyncio.timeout(WITHIN_SECONDS):
            while not await is_over(signed):
                pass
        await asyncio.gather(*closing)
        # By workers that leave, or as sockets of a session that has ended: whichever comes first.
        assert {each.close_code for each in sockets} <= {1001, 4401}
        assert (await boss.get(f"{SIGN_IN}/.gatepost/me")).status == 200
