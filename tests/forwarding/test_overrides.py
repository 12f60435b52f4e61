"""Fields that name a second path, method or host beside the request's own, at an app with rules."""

from __future__ import annotations

import pytest

from tests.forwarding.stage import HOST, StageMaker, get
from tests.forwarding.test_authorize import TRUSTED, caddy

RULES = (
    {"path": "/admin/", "groups": ["Wiki Admins"]},
    {"path": "/drop/", "public": True},
    {"path": "/inbox/", "methods": ["PUT"], "groups": ["Wiki Admins"]},
)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("/b", 200),
        (f"http://{HOST}/b", 200),
        ("http://other.example/b", 200),
        ("http://other.example/admin/b", 400),
        (f"http://x@{HOST}/admin/b", 400),
        (f"dav://{HOST}/b", 400),
        ("/admin/b", 400),
        ("/ADMIN/../admin/b", 400),
        ("/%61dmin/b", 400),
        (f"http://{HOST}/admin/b", 400),
        (f"HTTPS://{HOST.upper()}:443/admin/b", 400),
        (f"http://{HOST}", 200),
        ("/drop/b", 400),
        ("/inbox/b", 400),
        ("admin/b", 400),
        ("", 400),
    ],
)
async def test_nobody_writes_to_where_another_rule_decides(
    staged: StageMaker, method: str, destination: str, status: int
) -> None:
    lines = f"destination: {destination}\r\n"
    async with staged(app={"rules": RULES}) as stage:
        assert (await stage.ask(get("/a", method=method, lines=lines), method.encode())).status == status
        assert len(stage.upstream.requests) == (status == 200)
        # Only these two write to it.
        assert (await stage.ask(get("/a", lines=lines))).status == 200
    async with staged() as stage:
        assert (await stage.ask(get("/a", method=method, lines=lines), method.encode())).status == 200


async def test_one_of_several_destinations_is_enough(staged: StageMaker) -> None:
    lines = "Destination: /b\r\nDestination: /admin/b\r\n"
    async with staged(app={"rules": RULES}) as stage:
        assert (await stage.ask(get("/a", method="MOVE", lines=lines), b"MOVE")).status == 400


async def test_within_one_rule_a_file_may_be_moved_by_those_whom_it_admits(staged: StageMaker) -> None:
    lines = "Destination: /drop/b\r\n"
    async with staged(app={"rules": RULES}) as stage:
        assert (await stage.ask(get("/drop/a", method="MOVE", token=None, lines=lines), b"MOVE")).status == 200


async def test_the_authorize_endpoint_judges_the_destination_too(staged: StageMaker) -> None:
    async with staged(server=TRUSTED, app={"rules": RULES}) as stage:
        assert (await stage.ask(caddy("/a", "MOVE", more="Destination: /admin/b\r\n"))).status == 400
        assert (await stage.ask(caddy("/a", "MOVE", more="Destination: /b\r\n"))).status == 200


async def test_a_question_in_which_connection_takes_a_field_out_is_refused(staged: StageMaker) -> None:
    """Whether the proxy that asks takes it out too, nobody knows here."""
    more = "X-Script-Name: /public\r\nConnection: X-Script-Name\r\n"
    async with staged(server=TRUSTED) as stage:
        assert (await stage.ask(caddy("/page", more=more))).status == 400


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("POST", "_method=DELETE", 400),
        ("POST", "a=1&_method=put", 400),
        ("POST", "%5Fm%65thod=DELETE", 400),
        ("POST", "_method=POST&_method=DELETE", 400),
        ("POST", "_method=post", 200),
        ("POST", "_method=", 200),
        ("POST", "a_method=DELETE", 200),
        ("GET", "_method=DELETE", 400),  # as WordPress reads it
        ("GET", "_method=get", 200),
        ("PUT", "_method=DELETE", 400),
        ("POST", ".method=DELETE", 400),  # as PHP names it, and in the next ones
        ("POST", "+_method=DELETE", 400),
        ("POST", "_method%00x=DELETE", 400),
        ("POST", "_METHOD=DELETE", 400),
        ("POST", "_method=%20", 200),
    ],
)
async def test_a_method_in_the_query_is_refused_where_rules_name_methods(
    staged: StageMaker, method: str, query: str, status: int
) -> None:
    request, kind = get(f"/a?{query}", method=method), method.encode()
    async with staged(app={"rules": RULES}) as stage:
        assert (await stage.ask(request, kind)).status == status
    async with staged(app={"rules": RULES[:2]}) as stage:
        assert (await stage.ask(request, kind)).status == 200
