"""Single-page apps under `session.js`, in a real browser and a whole Gatepost: an ended session loses nothing.

The clock is moved, and a page that becomes visible looks at once: nothing here waits for time to pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from proxy.demo.notes import Notes, start_notes_app
from tests.end_to_end.home import LOCALHOST, Home, open_home
from tests.support.browser import chromium
from tests.support.eventually import eventually, eventually_told
from tests.support.gatepost import gatepost_here

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE, ABSOLUTE = 1800.0, 43_200.0
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'"
DOMAINS = {**LOCALHOST, "notes": "notes.localhost"}
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
DIALOG = "dialog.gatepost-session-dialog"


@dataclass(slots=True)
class Wiki:
    """An app that counts what reaches it, and refuses something itself."""

    posted: list[tuple[str, str]] = field(default_factory=list)
    """Person and path, each as it arrived."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Until then nobody who posts to `/first` is answered."""
    sockets: int = 0
    """How often one was opened that is closed at once."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/own-401":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Other realm="app"'}, text="the app's own")
        if request.path == "/own-4401":
            self.sockets += 1
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.close(code=4401, message=b"Unauthorized")
            return socket
        if request.method != "GET":
            body = await request.read()
            self.posted.append((request.headers.get("Remote-User", ""), f"{request.path} {len(body)}"))
            if request.path == "/first":
                await self.may_answer.wait()
            return web.Response(text=f"saved {len(body)} of {request.headers.get('X-Kind', '')}")
        page = '<!doctype html><html lang="en"><title>Wiki</title><script src="/.gatepost/session.js"></script>'
        text = f"{page}<main><h1>Wiki</h1><textarea aria-label='Text'></textarea></main></html>"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})


@dataclass(slots=True, kw_only=True)
class Place:
    home: Home
    notes: Notes
    wiki: Wiki
    config: Path

    async def end_sessions(self, person: str) -> None:
        done = await asyncio.to_thread(gatepost_here, "sessions", "end", person, "--config", str(self.config))
        assert done.returncode == 0, done.stderr

    async def open_app(self, context: BrowserContext, name: str, person: str = "alice") -> Page:
        page = await context.new_page()
        await page.goto(self.home.url(name))
        await self.home.sign_in(page, person)
        await page.wait_for_url(self.home.url(name))
        return page

    async def sign_in_again(self, page: Page, person: str = "alice") -> None:
        """In the window that the page's dialog opens."""
        async with page.context.expect_page() as opening:
            await page.get_by_role("button", name="Sign in", exact=True).click()
        window = await opening.value
        await window.locator("#username").wait_for()
        assert await window.evaluate("opener") is None
        closing = asyncio.ensure_future(window.wait_for_event("close"))
        await self.home.sign_in(window, person)
        await closing


CONFIGURATION = """
[server]
public_url = "http://signin.localhost:{port}"
key_file = "keys"
[store]
url = "sqlite:state.db"
[[directories]]
type = "local"
name = "local"
file = "users.toml"
[smtp]
host = "127.0.0.1"
security = "none"
from = "otp@corp.example"
[[schemes]]
name = "browser"
factors = ["password", "sms"]
[[apps]]
name = "Notes"
host = "notes.localhost"
upstream = "http://127.0.0.1:1"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder, notes, wiki = tmp_path_factory.mktemp("place"), Notes(), Wiki()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wiki.handle)
    wiki_runner = web.AppRunner(app, access_log=None)
    await wiki_runner.setup()
    await web.TCPSite(wiki_runner, "127.0.0.1", 0).start()
    notes_runner, notes_port = await start_notes_app(notes)
    apps = [
        {"name": "Notes", "host": "notes.localhost", "upstream": f"http://127.0.0.1:{notes_port}"},
        {"name": "Wiki", "host": "wiki.localhost", "upstream": f"http://127.0.0.1:{wiki_runner.addresses[0][1]}"},
    ]
    try:
        async with open_home(folder, DOMAINS, apps=apps) as home:
            config = folder / "gatepost.toml"
            config.write_text(CONFIGURATION.format(port=home.port))
            yield Place(home=home, notes=notes, wiki=wiki, config=config)
    finally:
        await notes_runner.cleanup()
        await wiki_runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 320, "height": 640})
    yield context
    await context.close()


@pytest.fixture(autouse=True)
def new_day(place: Place) -> None:
    """Nobody is at a limit of their messages, and nothing is left of the test before."""
    place.home.later += 100_000
    place.wiki.posted.clear()


async def look(page: Page) -> None:
    """What a page does when somebody comes back to it."""
    async with page.expect_response("**/.gatepost/session") as answering:
        await page.evaluate("dispatchEvent(new Event('focus'))")
    await (await answering.value).finished()


async def faults(page: Page) -> list[str]:
    """What axe-core finds in the dialog as it stands, light and dark, at 320 px."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate(AXE)
        found += await page.evaluate(
            "axe.run('dialog', { resultTypes: ['violations'] })"
            ".then((told) => told.violations.map((each) => `${each.id}: ${each.nodes[0].html}`))"
        )
    await page.emulate_media(color_scheme="light")
    return found


async def test_a_session_that_ends_under_an_open_editor_loses_no_letter_and_no_post(
    place: Place, context: BrowserContext
) -> None:
    page = await place.open_app(context, "notes")
    await page.get_by_label("Your note").fill("Before the end. ")
    await expect(page.locator("#live")).to_have_text("heard 2")
    await place.end_sessions("alice")
    dialog = page.locator(DIALOG)
    await expect(dialog).to_contain_text("You are signed out")
    reached = len(place.notes.changes)
    assert await faults(page) == []
    await page.keyboard.press("Escape")  # aside: the editor can be used
    assert await faults(page) == []
    await page.get_by_label("Your note").press_sequentially("After it.")
    await place.sign_in_again(page)
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_label("Your note")).to_have_value("Before the end. After it.")
    await page.wait_for_function("n => document.getElementById('live').textContent.split(' ')[1] > n", arg=reached + 2)
    numbers = [each.number for each in place.notes.changes]
    assert numbers == list(range(1, len(numbers) + 1))
    assert place.notes.changes[-1].text == "Before the end. After it."


CALLS = """() => {
    const kept = window.answers = [];
    const form = new FormData();
    form.append("file", new Blob(["12345"]), "a.txt");
    const call = (name, init) => fetch(name, init).then(
        async (answer) => kept.push(`${name} ${answer.status} ${await answer.text()}`),
        (error) => kept.push(`${name} ${error.name}`));
    call("/first", { method: "POST", body: JSON.stringify({ a: 1 }), headers: { "X-Kind": "json" } });
    const request = new XMLHttpRequest();
    request.onload = () => kept.push(`/second ${request.status} ${request.responseText}`);
    request.open("PUT", "/second");
    request.setRequestHeader("X-Kind", "xhr");
    request.send("12");
    call("/third", { method: "POST", body: form });
    const given = new AbortController();
    call("/given-up", { method: "POST", body: "x", signal: given.signal });
    window.giveUp = () => given.abort();
    call("/fourth", { method: "DELETE" });
}"""
LATE = """() => {
    fetch("/late", { method: "POST", body: "late" }).then((answer) => answers.push(`/late ${answer.status}`));
    const later = new XMLHttpRequest();
    later.onload = () => answers.push(`/later ${later.status}`);
    later.open("POST", "/later");
    later.send("1");
    const passing = new XMLHttpRequest();
    passing.open("GET", "/own-401", false); // synchronous: it cannot wait, and comes after everything that does not
    passing.send();
}"""
STREAM = """() => {
    const body = new Blob(["stream"]).stream();
    fetch("/stream", { method: "POST", body, duplex: "half" }).catch((error) => answers.push(`/stream ${error.name}`));
}"""


async def test_calls_that_waited_are_repeated_once_and_in_order_and_others_are_passed_through(
    place: Place, context: BrowserContext
) -> None:
    page = await place.open_app(context, "wiki")
    assert await page.evaluate("fetch('/own-401').then((answer) => answer.text())") == "the app's own"
    await place.end_sessions("alice")
    refused = asyncio.Event()
    page.on("response", lambda answer: refused.set() if answer.url.endswith("/fourth") else None)

    async def late(route: Route) -> None:
        await refused.wait()
        await route.continue_()

    await page.route("**/first", late)  # what was called first is refused last
    await page.evaluate(CALLS)
    await refused.wait()
    await expect(page.locator(DIALOG)).to_contain_text("Sign in again to go on.")
    assert place.wiki.posted == []
    await page.evaluate("giveUp()")
    await page.evaluate(STREAM)
    await eventually_told(lambda: page.evaluate("answers.length === 2"))  # it does not wait: it cannot be sent twice
    await place.sign_in_again(page)
    await eventually(lambda: place.wiki.posted)
    await page.evaluate(LATE)
    assert place.wiki.posted == [("alice", "/first 7")]  # the others, and what is called now, wait for its answer
    place.wiki.may_answer.set()
    await eventually_told(lambda: page.evaluate("answers.length === 8"))
    form = place.wiki.posted[2][1]
    assert form.startswith("/third ")
    assert place.wiki.posted == [
        ("alice", each) for each in ("/first 7", "/second 2", form, "/fourth 0", "/late 4", "/later 1")
    ]
    told = await page.evaluate("answers")
    assert told[2:4] == ["/first 200 saved 7 of json", "/second 200 saved 2 of xhr"]
    assert sorted(told[:2]) == ["/given-up AbortError", "/stream TypeError"]


STALE = """() => {
    fetch("/kept", { method: "POST", body: "1" }).then((answer) => (window.kept = answer.status));
    const request = new XMLHttpRequest();
    request.onload = () => (window.keptToo = request.status);
    request.open("PUT", "/kept-too");
    request.send("12");
}"""


async def test_nothing_is_lost_where_who_is_asked_has_not_heard_of_the_end_yet(
    place: Place, context: BrowserContext
) -> None:
    """As where another worker, or another node, answers."""
    page = await place.open_app(context, "wiki")
    await look(page)
    said_before = await page.evaluate("fetch('/.gatepost/session').then((answer) => answer.text())")
    answered = 0

    async def late(route: Route) -> None:
        nonlocal answered
        answered += 1
        await (route.fulfill(body=said_before) if answered == 1 else route.continue_())

    await page.route("**/.gatepost/session", late)
    await place.end_sessions("alice")
    await page.evaluate(STALE)
    await expect(page.locator(DIALOG)).to_contain_text("You are signed out")
    assert answered > 1
    await place.sign_in_again(page)
    await eventually_told(lambda: page.evaluate("window.kept === 200 && window.keptToo === 200"))
    assert place.wiki.posted == [("alice", "/kept 1"), ("alice", "/kept-too 2")]


GIVEN_UP = """() => {
    const told = window.told = [];
    const again = new XMLHttpRequest();
    for (const body of ["1", "22"]) {
        again.open("POST", `/body-${body}`);
        again.send(body);
    }
    const left = new XMLHttpRequest();
    for (const kind of ["abort", "loadend"]) left.addEventListener(kind, () => told.push(kind));
    left.open("POST", "/left");
    left.send("3");
    left.abort();
    fetch("/too-late", { method: "POST", signal: AbortSignal.abort() }).catch((error) => told.push(error.name));
}"""


async def test_what_the_app_gives_up_is_not_sent(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    await look(page)
    await place.end_sessions("alice")
    await look(page)
    await page.evaluate(GIVEN_UP)
    await eventually_told(lambda: page.evaluate("told.length === 3"))
    assert await page.evaluate("told") == ["abort", "loadend", "AbortError"]
    await place.sign_in_again(page)
    await expect(page.locator(DIALOG)).to_be_hidden()
    await page.evaluate("fetch('/after', { method: 'POST' }).then((answer) => answer.status)")
    assert place.wiki.posted == [("alice", "/body-22 2"), ("alice", "/after 0")]


async def test_a_page_that_asks_all_night_keeps_a_bounded_number_of_calls(
    place: Place, context: BrowserContext
) -> None:
    page = await place.open_app(context, "wiki")
    await look(page)
    await place.end_sessions("alice")
    await look(page)
    await page.evaluate("window.refused = 0; void fetch('/kept', { method: 'POST' })")
    asks = "for (let i = 0; i < 510; i++) fetch('/poll').then((answer) => (refused += answer.status === 401))"
    await page.evaluate(f"() => {{ {asks} }}")
    await eventually_told(lambda: page.evaluate("refused === 11"))


async def test_an_app_s_own_4401_is_told_to_it(place: Place, context: BrowserContext) -> None:
    """Many apps have one: a socket that was opened again for it would be closed again, without an end."""
    page = await place.open_app(context, "wiki")
    await look(page)
    told = await page.evaluate(
        "new Promise((done) => {"
        " const socket = new WebSocket(`ws://${location.host}/own-4401`);"
        " socket.onclose = ({ code, reason }) => done([code, reason]); })"
    )
    assert (told, place.wiki.sockets) == ([4401, "Unauthorized"], 1)


async def test_another_person_gets_nothing_of_what_waited(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    await page.evaluate("window.isOfAlice = true")
    await place.end_sessions("alice")
    await page.evaluate("void fetch('/private', { method: 'POST', body: 'of alice' })")
    async with page.expect_navigation():
        await place.sign_in_again(page, "bob")
    assert await page.evaluate("window.isOfAlice") is None
    assert place.wiki.posted == []


async def test_who_was_not_known_before_may_be_somebody_else(place: Place, context: BrowserContext) -> None:
    """The page never heard who had opened it."""
    await context.route("**/.gatepost/session", lambda route: route.abort())
    page = await place.open_app(context, "wiki")
    await place.end_sessions("alice")
    await context.unroute_all()
    await page.evaluate("void fetch('/private', { method: 'POST', body: 'of somebody' })")
    async with page.expect_navigation():
        await place.sign_in_again(page)
    assert place.wiki.posted == []


async def test_where_no_window_opens_the_whole_page_signs_in(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    await page.evaluate("window.open = () => null")
    await place.end_sessions("alice")
    await look(page)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator(DIALOG)).to_contain_text("you lose what is not saved")
    await page.get_by_role("button", name="Sign in on this page").click()
    await place.home.sign_in(page)
    await page.wait_for_url(place.home.url("wiki"))
    await expect(page.locator("h1")).to_have_text("Wiki")


async def test_the_idle_end_is_told_and_put_off_by_a_press_alone(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    await page.get_by_label("Text").focus()
    await look(page)
    for number in range(2):
        place.home.later += IDLE - 100
        await look(page)
        dialog = page.get_by_role("alertdialog", name="You will be signed out soon")
        await expect(dialog).to_contain_text("because nothing has been done here for a while")
        await expect(dialog.get_by_role("heading")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert number or await faults(page) == []
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(DIALOG)).to_be_hidden()
        await expect(page.get_by_label("Text")).to_be_focused()
    place.home.later += IDLE - 100
    await look(page)
    await expect(page.locator(DIALOG)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(DIALOG)).to_be_hidden()
    await page.evaluate("fetch('/').then((answer) => answer.status)")  # what the app asks for is a use as before
    await look(page)
    place.home.later += IDLE - 100
    await look(page)
    await expect(page.locator(DIALOG)).to_be_visible()
    place.home.later += 100
    await look(page)  # that the page looked was none
    await expect(page.locator(f"{DIALOG}:modal")).to_contain_text("You are signed out")


async def test_the_end_that_cannot_be_put_off_is_only_told(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    for _ in range(24):
        place.home.later += IDLE - 50
        assert await page.evaluate("fetch('/').then((answer) => answer.status)") == 200
    place.home.later += ABSOLUTE - 24 * (IDLE - 50) - 100
    await look(page)
    await expect(page.locator(DIALOG)).to_contain_text("You cannot put this off")
    await page.get_by_role("button", name="OK").click()
    await expect(page.locator(DIALOG)).to_be_hidden()


async def test_a_page_can_neither_frame_nor_hold_nor_post_to_the_window(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    signed_in = "/.gatepost/signed-in"
    assert await page.evaluate(f"fetch('{signed_in}', {{ method: 'POST' }}).then((answer) => answer.status)") == 405
    async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await page.evaluate(
            f"document.body.append(Object.assign(document.createElement('iframe'), {{ src: '{signed_in}' }}))"
        )
    async with context.expect_page() as opening:
        await page.evaluate(f"void (window.held = open('{signed_in}'))")
    window = await opening.value
    await eventually_told(lambda: page.evaluate("held.closed"))  # cut off from it, though both are of one origin
    assert window.is_closed() or await window.evaluate("opener") is None


async def test_gatepost_s_own_pages_tell_of_the_end_too(place: Place, context: BrowserContext) -> None:
    page = await place.open_app(context, "wiki")
    await page.goto(place.home.url("signin", "/.gatepost/me"))
    place.home.later += IDLE - 100
    await look(page)
    await page.get_by_role("button", name="Stay signed in").click()
    await expect(page.locator(DIALOG)).to_be_hidden()
    await place.end_sessions("alice")
    await look(page)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await place.home.sign_in(page)
    await page.wait_for_url(place.home.url("signin", "/.gatepost/me"))
