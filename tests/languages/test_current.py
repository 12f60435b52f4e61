"""The words of a request are in its own language, whatever others ask for meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from gettext import NullTranslations

from jinja2 import DictLoader

from proxy.languages.current import Language, current_language, gettext, in_language, ngettext
from proxy.pages.template import page_environment


class Shouting(NullTranslations):
    def gettext(self, message: str) -> str:
        return message.upper().replace("%(NAME)S", "%(name)s")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{n % 10}: {super().ngettext(msgid1, msgid2, n)}"


LOUD = Language(tag="xx", name="Loud", translations=Shouting())


def test_a_message_is_english_where_nobody_chose() -> None:
    assert gettext("Hello %(name)s, 5 %%", name="Ann") == "Hello Ann, 5 %"
    assert ngettext("one try", "%(num)d tries of %(name)s", 3, name="Ann") == "3 tries of Ann"
    assert ngettext("one try", "%(num)d tries", 1) == "one try"


def test_a_message_is_said_in_the_language_in_use_and_no_longer() -> None:
    with in_language(LOUD):
        assert gettext("Hello %(name)s", name="Ann") == "HELLO Ann"
        assert ngettext("one try", "%(num)d tries", 12) == "2: 12 tries"
    assert gettext("Hello") == "Hello"


def test_a_template_says_its_messages_in_the_language_in_use_and_escapes_all_of_them() -> None:
    source = """{{ _("a < %(name)s", name=name) }}, {{ ngettext("%(num)d <", "%(num)d <<", 2) }}"""
    template = page_environment(DictLoader({"page": source})).get_template("page")
    assert template.render(name="<b>") == "a &lt; &lt;b&gt;, 2 &lt;&lt;"
    with in_language(LOUD):
        assert template.render(name="<b>") == "A &lt; &lt;b&gt;, 2: 2 &lt;&lt;"


async def test_tasks_do_not_meet_each_others_language() -> None:
    met = asyncio.Barrier(2)

    async def one(language: Language | None) -> str:
        with nullcontext() if language is None else in_language(language):
            await met.wait()
            return current_language().tag

    assert await asyncio.gather(asyncio.create_task(one(LOUD)), asyncio.create_task(one(None))) == ["xx", "en"]
