"""Real app servers behind Gatepost: no field of a client makes them answer another request than the one judged."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.config.test_field_kinds import MOVE
from tests.forwarding.outer_proxy import Command, InnerGatepost, ask, inner_gatepost, outer_proxy
from tests.forwarding.stage import ALICE_TOKEN, HOST, Stage, StageMaker, get
from tests.forwarding.test_real_caddy import caddy
from tests.forwarding.test_real_nginx import nginx
from tests.support.raw_http import raw_client
from tests.support.real_apps import REAL_APPS, RealApp, real_app

RULES = ({"path": "/admin/", "groups": ["Wiki Admins"]}, {"path": "/public/", "public": True})
TARGET = "/public/admin/secret"
VALUES = ("/public", "/admin/secret", "DELETE", "evil.example", "on", "1")


@pytest.fixture(params=REAL_APPS.values(), ids=REAL_APPS.keys())
async def started(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[RealApp, tuple[str, int]]]:
    app: RealApp = request.param
    if app.program is None:
        pytest.skip(f"{app.name} is not installed")
    folder = tmp_path / "app"
    folder.mkdir()
    async with real_app(app, folder) as address:
        yield app, address


async def told(stage: Stage, lines: str, *, token: bytes | None = None) -> dict[str, Any]:
    answer = await stage.ask(get(TARGET, token=token, lines=lines))
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_a_stranger_stays_where_the_rules_saw_them(
    staged: StageMaker, started: tuple[RealApp, tuple[str, int]]
) -> None:
    app, address = started
    names = MOVE.split()
    if app.moved_by:
        # So that what follows proves something: without Gatepost this field moves the request.
        async with raw_client(address) as client:
            answer = await client.ask(f"GET {TARGET} HTTP/1.1\r\nHost: {HOST}\r\n{app.moved_by}\r\n\r\n".encode())
        moved = json.loads(answer.body)
        assert (moved["mount"], moved["path"]) != ("", TARGET)
    async with staged(app={"upstream": f"http://{address[0]}:{address[1]}", "rules": RULES}) as stage:
        honest = await told(stage, "")
        assert (honest["method"], honest["mount"], honest["path"], honest["user"]) == ("GET", "", TARGET, "")
        for value in VALUES:
            for spelled in (names, [name.replace("_", "-") for name in names], [n.replace("-", "_") for n in names]):
                compared = [name for name in spelled if is_compared(name)]
                answer = await stage.ask(get(TARGET, token=None, lines=lines_of(compared, value)))
                assert answer.status == 400, "a URL or method override that differs is refused where there are rules"
                for part in parts([name for name in spelled if not is_compared(name)]):
                    assert await told(stage, lines_of(part, value)) == honest
        lines = "Remote_User: root\r\nREMOTE-USER: root\r\nremote.user: root\r\nHTTP_REMOTE_USER: root\r\n"
        assert await told(stage, lines) == honest
        assert await told(stage, lines, token=ALICE_TOKEN) == {**honest, "user": "alice"}
    async with staged(app={"upstream": f"http://{address[0]}:{address[1]}"}) as stage:
        for part in parts(names):
            assert await told(stage, lines_of(part, "DELETE"), token=ALICE_TOKEN) == {**honest, "user": "alice"}


def parts(names: list[str]) -> list[list[str]]:
    """As many as one request may carry, and some room."""
    return [names[first : first + 60] for first in range(0, len(names), 60)]


def lines_of(names: list[str], value: str) -> str:
    return "".join(f"{name}: {value}\r\n" for name in names)


def is_compared(name: str) -> bool:
    folded = name.lower().replace("_", "-")
    urls = (
        "x-original-ur",
        "x-original-path",
        "x-rewrite-ur",
        "x-override-url",
        "x-waws-",
        "unencoded-url",
        "request-uri",
    )
    return folded.startswith(urls)


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InnerGatepost]:
    with inner_gatepost(tmp_path_factory.mktemp("inner")) as inner:
        yield inner


@pytest.mark.parametrize("outer", [nginx, caddy])
@pytest.mark.parametrize("name", ["gunicorn", "express"])
async def test_nor_behind_a_proxy_that_only_asks_gatepost(
    tmp_path: Path, inner: InnerGatepost, outer: Command, name: str
) -> None:
    """The files in `deploy/`, a real nginx and a real Caddy."""
    app = REAL_APPS[name]
    if app.program is None or shutil.which(outer.__name__, path="/usr/sbin:/usr/bin") is None:
        pytest.skip(f"{name} or {outer.__name__} is not installed")
    (tmp_path / "app").mkdir()
    async with real_app(app, tmp_path / "app") as address, outer_proxy(tmp_path, outer, inner, address):
        honest = json.loads((await ask(inner.outer_port, TARGET)).body)
        assert (honest["method"], honest["mount"], honest["path"], honest["user"]) == ("GET", "", TARGET, "")
        moving = [app.moved_by, *(f"{field}: /public" for field in MOVE.split())]
        for line in (*moving, *(line.replace("_", "-") for line in moving)):
            answer = await ask(inner.outer_port, TARGET, line)
            assert answer.status in (200, 400, 500)
            if answer.status == 200:
                assert json.loads(answer.body) == honest


@pytest.mark.skipif(REAL_APPS["express"].program is None, reason="node and express are not installed")
async def test_express_and_the_rules_ignore_case_alike(staged: StageMaker, tmp_path: Path) -> None:
    async with real_app(REAL_APPS["express"], tmp_path) as (host, port):
        app: dict[str, Any] = {"upstream": f"http://{host}:{port}", "rules": RULES}
        async with staged(app=app) as stage:
            # Why the setting is there: Express serves the page that the rule is for.
            answer = await stage.ask(get("/ADMIN/secret"))
            assert json.loads(answer.body)["page"] == "admin"
        async with staged(app={**app, "ignore_case": True}) as stage:
            for target in ("/ADMIN/secret", "/Admin/Secret", "/admin/secret", "/%41dmin/secret", "/ADMIN"):
                assert (await stage.ask(get(target))).status == 403
            assert (await stage.ask(get("/PUBLIC/x", token=None))).status == 200
            assert (await stage.ask(get("/adm%C4%B1n/secret"))).status == 400
