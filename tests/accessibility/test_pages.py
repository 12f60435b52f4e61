"""Every state of every page in every view: nothing is found, no page is left out, and what is wrong would be found.

`docs/accessibility.md` holds the table of what was found. With WRITE_TABLE in the environment it is written anew.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from proxy.http.problem import Problem
from tests.accessibility import administration, answers, on_call, own_pages, signing_in
from tests.accessibility.longer_words import WIDTH, too_wide
from tests.accessibility.states import TEMPLATES, Rendered, State, States
from tests.accessibility.views import VIEWS, Finding, View, open_eye
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser, and all states once

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "accessibility.md"
BEGIN, END = "<!-- made by tests/accessibility/test_pages.py -->\n\n", "\n<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Collected:
    states: States
    rendered: Rendered


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collected(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    rendered = Rendered()
    states = States(rendered)
    with rendered.watching():
        for collect in (signing_in.collect, own_pages.collect, administration.collect, on_call.collect):
            await collect(states, tmp_path_factory.mktemp("states"))
        answers.collect(states)
    return Collected(states, rendered)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def findings(collected: Collected, browser: Browser) -> list[Finding]:
    async with open_eye(browser) as eye:
        return await eye.judge(collected.states)


async def test_every_line_of_every_template_is_shown_by_some_state(collected: Collected) -> None:
    """Who adds a page, or something that a page shows at times, adds its state to a file of this folder."""
    rendered = collected.rendered
    assert {file.name for file in TEMPLATES.iterdir()} == set(rendered.lines)
    for name, lines in rendered.all_lines.items():
        source = (TEMPLATES / name).read_text().splitlines()
        # What is imported is taken once in a process, and by an earlier test perhaps.
        shown = rendered.lines[name] | {line for line in lines if source[line - 1].startswith("{% from ")}
        never = [f"{name}:{line}: {source[line - 1]}" for line in sorted(lines - shown)]
        assert never == [], "no state of tests/accessibility shows this"


async def test_every_problem_is_among_the_states(collected: Collected) -> None:
    for problem in Problem:
        assert collected.states.named(f"error: {problem.value}").template == "message.html"


@pytest.mark.timeout(600)
async def test_nothing_is_found(findings: list[Finding]) -> None:
    assert [str(each) for each in findings] == []


async def test_longer_words_overflow_nowhere(collected: Collected, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": WIDTH, "height": 640})
    line = "<p style='white-space:nowrap'>This line fits as it stands, and no longer</p>"
    assert await too_wide(page, [planted(collected.states.named("signed out"), "planted", line)])
    assert await too_wide(page, list(collected.states)) == []
    await page.close()


async def test_the_table_in_the_documentation_is_of_this_run(collected: Collected, findings: list[Finding]) -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    made = before + BEGIN + table(collected.states, findings) + END + after
    if os.environ.get("WRITE_TABLE"):
        DOCUMENT.write_text(made)
    assert DOCUMENT.read_text() == made, "write it anew: WRITE_TABLE=1 pytest tests/accessibility/test_pages.py"


def table(states: States, findings: list[Finding]) -> str:
    """A line for each page, a column for each pair of colours and width; both sizes of text are in it. Pure."""
    pairs = list(dict.fromkeys((view.colours, view.width) for view in VIEWS))
    counted = Counter(state.template for state in states)
    template_of = {state.name: state.template for state in states}
    found = Counter((template_of[each.state], each.view.colours, each.view.width) for each in findings)
    heads = [f"{colours}, {width} px" for colours, width in pairs]
    lines = [["page", "states", *heads], ["---", *["---:"] * (1 + len(pairs))]]
    for template in sorted(counted):
        page = f"`{template}`" if template else "the report as a file"
        numbers = [counted[template], *(found[template, *pair] for pair in pairs)]
        lines.append([page, *map(str, numbers)])
    totals = [len(states), *(sum(found[template, *pair] for template in counted) for pair in pairs)]
    lines.append(["**all**", *map(str, totals)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# Faults that are put into a page, and what has to be found then.

PLANTED = {
    "label": "<input id='planted'>",
    "region": "</main><p>Outside of everything</p><main>",
    "label-content-name-mismatch": "<button aria-label='Stop'>End this session</button>",
    "target": "<button style='width:20px;min-height:0;height:20px;padding:0'>x</button>",
    "overflow": "<p style='width:600px'>wide</p>",
    "cut": "<p style='width:90px;overflow:hidden;white-space:nowrap'>What is too long for its place</p>",
    "edge contrast": "<label>Edge <input style='border-color:#eee'></label>",
    "spacing": "<p style='width:13em;overflow:hidden;white-space:nowrap'>Room for this and no more</p>",
    "motion": "<p style='animation:turning 1s'>It moves</p>",
    "text contrast": "<p class='dim'>Too dim where it is dark</p>",
}
DIM = "<style>@media (prefers-color-scheme: dark) { .dim { color: #444 } }</style>"
LARGE = "<p style='width:11rem'>As wide as its text</p>"


async def test_faults_that_are_planted_are_found(collected: Collected, browser: Browser) -> None:
    state = collected.states.named("signed out")
    faults = [planted(state, name, fault) for name, fault in PLANTED.items()]
    faults += [planted(state, "large", LARGE), replace(state, name="refreshed", html=refreshed(state))]
    async with open_eye(browser) as eye:
        found = await eye.judge(faults)
    for name in PLANTED:
        assert name in {each.rule for each in found if each.state == name}, name
    assert {each.view.colours for each in found if each.state == "text contrast"} == {"dark"}
    assert {each.view.width for each in found if each.state == "overflow"} == {320}
    assert {each.view for each in found if each.state == "large"} == {
        View(colours, 320, 200) for colours in ("light", "dark", "forced")
    }
    assert "meta-refresh" in {each.rule for each in found if each.state == "refreshed"}


def planted(state: State, name: str, fault: str) -> State:
    html = state.html.replace("</main>", f"{DIM}{fault}</main>", 1)
    return replace(state, name=name, html=html, policy=state.policy.replace("style-src", "style-src 'unsafe-inline'"))


def refreshed(state: State) -> str:
    return state.html.replace("<title>", '<meta http-equiv="refresh" content="30"><title>')
