"""Every state of every page, as somebody's browser would be sent it: collected once, then looked at in many ways.

A state is a page and the policy that came with it. `Rendered` notes which lines of which templates were used meanwhile:
what nobody has collected cannot be called accessible.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
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
_OWN_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    name: str
    template: str
    """The file's name; empty: it is of no template of the pages."""
    policy: str
    """The page's Content-Security-Policy."""
    html: str = field(repr=False)
    then: str = ""
    """JavaScript that brings the page from how it arrived to this state."""


class Rendered:
    """What was made of templates so far.

    A template is code to Jinja2, in a file of its own name; its module says which line of the template a line of that
    code is of.
    """

    def __init__(self) -> None:
        self.page = ""
        """The template of the page that was made last."""
        self.lines: dict[str, set[int]] = {}
        """By template."""
        self.all_lines: dict[str, set[int]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._begin)
        try:
            yield
        finally:
            sys.settrace(before)

    def _begin(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._within if frame.f_code.co_filename.startswith(_PLACE) else None

    def _within(self, frame: FrameType, event: str, argument: Any) -> Any:
        template = frame.f_globals.get("__jinja_template__")  # None while it is loaded
        if event != "line" or template is None:
            return self._within
        if template.name not in self.lines:
            self.lines[template.name] = set()
            self.all_lines[template.name] = {line for line, _ in template.debug_info}
        self.lines[template.name].add(template.get_corresponding_lineno(frame.f_lineno))
        # Neither what it extends nor what it imports: those are not made by `render`.
        if frame.f_code.co_name == "root" and frame.f_back is not None and frame.f_back.f_code.co_name == "render":
            self.page = template.name
        return self._within


_PLACE = str(TEMPLATES)


class States:
    """In the order in which they were collected."""

    def __init__(self, rendered: Rendered) -> None:
        self._all: dict[str, State] = {}
        self._rendered = rendered

    def __iter__(self) -> Iterator[State]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def named(self, name: str) -> State:
        return self._all[name]

    def add(self, name: str, page: Page, *, then: str = "", plain: bool = False) -> Page:
        """`page` is what was asked for last. `then`: as in `State`. `plain`: it is a state without scripts too."""
        assert "<title>" in page.text, f"{name}: {page.status} {page.headers.get('Location', page.text[:200])}"
        policy = page.headers["Content-Security-Policy"]
        state = State(name=name, template=self._rendered.page, policy=policy, html=page.text, then=then)
        self._put(state)
        if plain:
            html = _NOSCRIPT.sub("", _SCRIPT.sub("", page.text))
            self._put(replace(state, name=f"{name}, without scripts", html=html, then=""))
        return page

    def add_file(self, name: str, html: str) -> None:
        """A page that is opened from a disk. Its policy stands in itself and would keep us out."""
        self._put(State(name=name, template="", policy="", html=_OWN_POLICY.sub("", html)))

    def _put(self, state: State) -> None:
        assert state.name not in self._all, state.name
        self._all[state.name] = state
