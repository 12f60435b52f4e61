"""Every state of every page, as somebody's browser would be sent it: collected once, then looked at in many ways.

A state is a page and the headers that came with it. `Shown` notes which lines of which templates were rendered
meanwhile: what nobody has collected cannot be called accessible.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import proxy.pages
from tests.portal.stage import Page

TEMPLATES = Path(proxy.pages.__file__).parent / "templates"
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
_NOSCRIPT = re.compile(r"</?noscript>")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    name: str
    status: int
    policy: str
    """The page's Content-Security-Policy."""
    html: str = field(repr=False)
    then: str = ""
    """JavaScript that brings the page from how it arrived to this state."""

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.html, re.DOTALL)
        return "" if found is None else found[1]

    @property
    def main(self) -> str:
        return self.html.partition("<main")[2].partition("</main>")[0]


class States:
    """In the order in which they were collected."""

    def __init__(self) -> None:
        self._all: dict[str, State] = {}

    def __iter__(self) -> Iterator[State]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def named(self, name: str) -> State:
        return self._all[name]

    def add_file(self, name: str, html: str) -> None:
        """A page that is opened from a disk: its policy stands in itself, and lets no script of ours in."""
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
        self._all[name] = State(name=name, status=200, policy="", html=html)

    def add(self, name: str, page: Page, *, then: str = "", plain: bool = False) -> Page:
        """`then`: as in `State`. `plain`: what is shown where scripts do not run is a state too."""
        assert "<title>" in page.text, f"{name}: {page.status} {page.headers.get('Location', page.text[:200])}"
        policy = page.headers["Content-Security-Policy"]
        state = State(name=name, status=page.status, policy=policy, html=page.text, then=then)
        found = [state]
        if plain:
            html = _NOSCRIPT.sub("", _SCRIPT.sub("", page.text))
            found.append(replace(state, name=f"{name}, without scripts", html=html, then=""))
        for each in found:
            assert each.name not in self._all, each.name
            self._all[each.name] = each
        return page


@contextmanager
def templates_watched() -> Iterator[Mapping[str, set[int]]]:
    """Which lines of each template were rendered inside the block, by its name.

    A template is code to Jinja2 with its own file name; its module says which line of the template a line of that code
    is of.
    """
    seen: dict[str, set[int]] = {}
    place = str(TEMPLATES)

    def within(frame: FrameType, event: str, argument: Any) -> Any:
        template = frame.f_globals.get("__jinja_template__")  # None while it is loaded
        if event == "line" and template is not None:
            seen.setdefault(template.name, set()).add(template.get_corresponding_lineno(frame.f_lineno))
        return within

    def begin(frame: FrameType, event: str, argument: Any) -> Any:
        return within if frame.f_code.co_filename.startswith(place) else None

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        yield seen
    finally:
        sys.settrace(before)
