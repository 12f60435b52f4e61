"""The demo's editor: a change counts once, and its page hears of it."""

import aiohttp

from proxy.demo.notes import Change, Notes, start_notes_app


async def test_a_change_that_is_sent_again_counts_once_and_is_heard_once() -> None:
    notes = Notes()
    runner, port = await start_notes_app(notes)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession(headers={"Remote-User": "alice", "Remote-Name": "A <b>"}) as client:
            async with client.get(url) as page:
                text = await page.text()
            assert '<script src="/.gatepost/session.js"></script>' in text
            assert "A &lt;b&gt;" in text
            async with client.get(f"{url}/live") as plain:
                assert plain.status == 426
            async with client.ws_connect(f"{url}/live") as live:
                for number in (1, 1, 2):
                    sent = {"page": "p", "number": number, "text": "words"}
                    async with client.post(f"{url}/changes", json=sent) as answer:
                        assert await answer.json() == {"number": number}
                assert [await live.receive_str(timeout=5) for _ in range(2)] == ["p 1", "p 2"]
    finally:
        await runner.cleanup()
    assert list(notes.changes) == [Change(person="alice", page="p", number=number, text="words") for number in (1, 2)]
