"""Apps, domain controllers and relays on the admin pages: which server answers, as all workers see it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.portal.admin import SERVERS, admin_stage, signed_in_admin
from tests.portal.stage import Stage


class TwoServers:
    """The pool of an app, one server of which is left out."""

    idle = ()
    in_flight = waiting = 0

    def are_up(self) -> dict[str, bool]:
        return {"http://10.0.0.5:8080": True, "http://10.0.0.6:8080": False}


def watched(stage: Stage) -> None:
    stage.metrics.traffic.watch_pool("Wiki", TwoServers())
    stage.metrics.traffic.of("Wiki").upstream_failures += 3
    stage.metrics.dependencies.watch_relays(lambda: {"smtp.corp.example:587": False})


async def test_each_server_is_shown_with_whether_it_answers(tmp_path: Path) -> None:
    async with admin_stage(tmp_path) as stage:
        watched(stage)
        page = (await (await signed_in_admin(stage)).get(SERVERS)).text
        found = re.findall(r"([a-z0-9:/.]+)(?: |</th><td[^>]*>)<span class=\"mark (yes|no)\">", page)
        assert found == [
            ("http://10.0.0.5:8080", "yes"),
            ("http://10.0.0.6:8080", "no"),
            ("smtp.corp.example:587", "no"),
        ]
        assert re.search(r"Wiki</th>\s*<td[^>]*>3</td>", page)
        assert re.search(r"Forms</th>\s*<td[^>]*>0</td>\s*<td[^>]*>It has one server", page)
