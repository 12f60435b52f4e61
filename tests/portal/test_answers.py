"""Gatepost's own answers: each problem has its status and words, as a page and as JSON."""

import json

import pytest

from proxy.http.problem import Problem
from proxy.pages.amounts import duration
from proxy.pages.answers import Answer, render, wants_page
from proxy.pages.problem_texts import problem_words

ORIGIN = "https://signin.corp.example"


@pytest.mark.parametrize("problem", list(Problem))
def test_every_problem_is_told_as_page_and_as_json(problem: Problem) -> None:
    answer = Answer(problem=problem, detail="<Wiki Users>", app="Wiki", incident="i1")
    assert 400 <= answer.status < 600
    headers, page = render(answer, page=True, sign_in_origin=ORIGIN)
    assert b"&lt;Wiki Users&gt;" in page
    assert b"i1" in page
    assert (b"Content-Type", b"text/html; charset=utf-8") in headers
    headers, body = render(answer, page=False, sign_in_origin=ORIGIN)
    content = json.loads(body)
    assert content["error"] == problem.value
    assert content["incident"] == "i1"
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert b"Content-Security-Policy" in names
    assert (b"Retry-After" in names) == (answer.status in (429, 503))
    assert (b"WWW-Authenticate" in names) == (answer.status == 401)
    assert (b"Cache-Control", b"no-store") in headers


def test_there_are_words_for_every_problem() -> None:
    assert all(problem_words(problem.value).text for problem in Problem)


def test_an_unknown_host_borrows_the_style_sheet() -> None:
    _, page = render(Answer(problem=Problem.UNKNOWN_HOST), page=True, sign_in_origin=ORIGIN)
    assert f'href="{ORIGIN}/.gatepost/static/'.encode() in page
    _, page = render(Answer(problem=Problem.NOT_ALLOWED), page=True, sign_in_origin=ORIGIN)
    assert b'href="/.gatepost/static/' in page


@pytest.mark.parametrize(
    "problem", [Problem.NOT_FOUND, Problem.METHOD_NOT_ALLOWED, Problem.BAD_FORM, Problem.NOT_ALLOWED]
)
def test_a_page_that_leads_nowhere_shows_the_way_to_the_start_page(problem: Problem) -> None:
    _, page = render(Answer(problem=problem), page=True, sign_in_origin=ORIGIN)
    assert f'href="{ORIGIN}/"'.encode() in page


def test_a_stated_wait_is_used() -> None:
    answer = Answer(problem=Problem.THROTTLED, retry_after_seconds=90)
    headers, page = render(answer, page=True, sign_in_origin=ORIGIN)
    assert (b"Retry-After", b"90") in headers
    assert b"90 seconds" in page


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_work_later_has_a_way_on_and_an_instant(status: int) -> None:
    problems = [problem for problem in Problem if Answer(problem=problem).status == status]
    assert problems
    for problem in problems:
        answer = Answer(problem=problem, again_href='https://wiki.corp.example/a?b="&c=<d>')
        _, page = render(answer, page=True, sign_in_origin=ORIGIN, now=1_800_014_400.0)
        assert b'href="https://wiki.corp.example/a?b=&#34;&amp;c=&lt;d&gt;"' in page
        assert (b'<time datetime="2027-01-15T12:0' in page) == (status != 500)
        assert b"moment" not in page
        assert b"a little" not in page


def test_what_does_not_work_later_has_no_link_to_itself() -> None:
    for problem in (Problem.NOT_ALLOWED, Problem.NOT_FOUND, Problem.BODY_TOO_LARGE):
        answer = Answer(problem=problem, again_href="https://wiki.corp.example/x")
        _, page = render(answer, page=True, sign_in_origin=ORIGIN)
        assert b"wiki.corp.example" not in page


@pytest.mark.parametrize(
    ("accept", "mode", "dest", "method", "page"),
    [
        (b"text/html,*/*", None, None, b"GET", True),
        (b"text/html", b"navigate", b"document", b"GET", True),
        (b"*/*", b"navigate", b"document", b"HEAD", True),
        (b"text/html", b"cors", b"empty", b"GET", False),
        (b"text/html", b"no-cors", b"image", b"GET", False),
        (b"text/html", b"navigate", b"document", b"POST", False),
        (b"application/json", None, None, b"GET", False),
        (None, None, None, b"GET", False),
        (b"*/*", None, None, b"GET", False),
    ],
)
def test_who_waits_for_a_page(
    accept: bytes | None, mode: bytes | None, dest: bytes | None, method: bytes, page: bool
) -> None:
    assert wants_page(accept, mode, dest, method) is page


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 second"), (90, "90 seconds"), (91, "2 minutes"), (60 * 30, "30 minutes")]
)
def test_waiting_times_in_words(seconds: int, words: str) -> None:
    assert duration(seconds) == words
