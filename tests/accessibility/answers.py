"""The states of what Gatepost answers by itself, whatever went wrong."""

from __future__ import annotations

from proxy.http.problem import Problem
from proxy.pages.answers import Answer, render
from tests.accessibility.states import States
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Page


def collect(states: States) -> None:
    for problem in Problem:
        states.add(f"error: {problem.value}", _shown(Answer(problem=problem, incident="4f1c09a2b7e5d380")))
    more = Answer(
        problem=Problem.UPSTREAM_UNREACHABLE,
        app="Holiday planner",
        detail="One sentence more.",
        again_href="https://holiday.corp.example/",
        incident="4f1c09a2b7e5d380",
    )
    states.add("error of an app, which may be asked for again", _shown(more))
    states.add("error of an app, where no time is known", _shown(more, now=None))
    tab = Answer(problem=Problem.SIGNED_OUT, app="Holiday planner", tab_href=f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
    states.add("error with a link to a tab of its own", _shown(tab))


def _shown(answer: Answer, now: float | None = NOW) -> Page:
    headers, body = render(answer, page=True, sign_in_origin=SIGN_IN_ORIGIN, now=now)
    return Page(answer.status, {name.decode(): value.decode() for name, value in headers}, body.decode())
