"""Which pages say who helps: all of them, but those of the help desk itself."""

from __future__ import annotations

import re
from pathlib import Path

import proxy.pages

TEMPLATES = {file.stem: file.read_text() for file in (Path(proxy.pages.__file__).parent / "templates").glob("*.html")}


def test_every_page_says_who_helps_but_those_of_the_help_desk() -> None:
    pages = {name: found[1] for name, text in TEMPLATES.items() if (found := re.search(r'{% extends "(.+?)" %}', text))}
    assert {"sign_in", "passcode", "answer", "message", "password", "factors", "passkey"} <= pages.keys()
    assert set(pages.values()) == {"base.html", "admin.html"}
    assert all(name.startswith("admin_") for name, extended in pages.items() if extended == "admin.html")
    assert [name for name, text in TEMPLATES.items() if "{% block help %}" in text and name != "base"] == ["admin"]
