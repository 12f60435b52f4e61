"""The alerts and the board in `deploy/`: they ask for metrics that there are, and alerts fire when they should.

What Prometheus itself can judge is judged by its own `promtool`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from config.addresses import ListenAddress, PublicURL, UpstreamURL
from config.settings import (
    AppSettings,
    LocalDirectorySettings,
    ServerSettings,
    Settings,
    SMTPSettings,
    StoreSettings,
)
from proxy.operations.log import ErrorLines, configure_log
from proxy.server import running
from scripts.site_links import slug
from tests.docs.metrics_in_code import metrics_in_code

ROOT = Path(__file__).parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

KNOWN = {"up": ("gauge", set[str]()), **metrics_in_code()}
ADDED = {"job", "instance", "worker", "le", "alertname", "severity"}
"""Labels that Prometheus, the merging of workers and histograms add."""


def promtool(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What it says; fails the test where it finds fault."""
    found = subprocess.run([str(PROMTOOL), *map(str, arguments)], input=stdin, capture_output=True, check=False)
    assert found.returncode == 0, (found.stdout + found.stderr).decode()
    return (found.stdout + found.stderr).decode()


def alerts() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]:
        yield from group["rules"]


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads((ROOT / "deploy" / "grafana" / "gatepost.json").read_text())["panels"]


def board_queries() -> list[tuple[str, str]]:
    """Each with the words of its legend; the board's variables filled in."""
    targets = [target for panel in panels() for target in panel.get("targets", [])]
    return [
        (each["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*"), each["legendFormat"])
        for each in targets
    ]


def questions() -> list[str]:
    return [*(alert["expr"] for alert in alerts()), *(query for query, _ in board_queries())]


METRIC = re.compile(r"\b(gatepost_\w+|up)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def asked(question: str) -> dict[str, set[str]]:
    """The metrics that a query asks for, with the labels that it selects them by."""
    found: dict[str, set[str]] = {}
    for name, labels in METRIC.findall(question):
        base = re.sub(r"_(bucket|sum|count)\Z", "", name)
        is_part = KNOWN.get(base, ("", ()))[0] == "histogram"
        found.setdefault(base if is_part else name, set()).update(LABEL.findall(labels))
    return found


def grouped(question: str) -> set[str]:
    return {label.strip() for labels in GROUPED.findall(question) for label in labels.split(",")}


def wrong_with(question: str) -> set[str]:
    """The metrics and labels that there are not."""
    metrics = asked(question) or {"no metric": set()}
    known = {name: KNOWN[name][1] | ADDED for name in metrics.keys() & KNOWN.keys()}
    labels = {label for name in known for label in metrics[name] - known[name]}
    return metrics.keys() - known.keys() | labels | grouped(question) - set().union(*known.values())


def test_what_is_asked_for_is_there() -> None:
    assert len(questions()) > 50
    assert {each: wrong for each in questions() if (wrong := wrong_with(each))} == {}


def test_a_metric_or_label_that_is_not_there_is_found() -> None:
    wrong = 'sum by (aps) (rate(gatepost_forwarded_requests_total{ap="Wiki"}[5m])) + gatepost_redy + gatepost_ready_sum'
    assert wrong_with(wrong) == {"aps", "ap", "gatepost_redy", "gatepost_ready_sum"}
    assert wrong_with("vector(1)") == {"no metric"}
    assert wrong_with('sum by (le) (rate(gatepost_send_seconds_bucket{channel="kapow"}[5m]))') == set()


def test_what_alerts_and_legends_say_of_a_series_it_has() -> None:
    for alert in alerts():
        said = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
        assert said <= (grouped(alert["expr"]) or {"instance", "job"}), alert["alert"]
    for query, legend in board_queries():
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= grouped(query), query


def test_each_alert_says_how_bad_it_is_what_it_means_and_where_more_stands() -> None:
    for alert in alerts():
        name, notes = alert["alert"], alert["annotations"]
        assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}, name
        assert set(notes) == {"summary", "description", "runbook"}, name
        assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"}), name
        assert notes["runbook"] == f"docs/alerts.md#{slug(name, '-')}", name


def test_each_alert_has_its_section_which_says_what_people_see_and_what_to_do() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == [alert["alert"] for alert in alerts()]
    for name, section in sections.items():
        assert re.findall(r"^\* \*\*(.+?):\*\*", section, re.MULTILINE) == ["Means", "People see", "Do first"], name


def test_each_alert_is_shown_to_fire() -> None:
    text = "".join(path.read_text() for path in PROMETHEUS.glob("*_test.yml"))
    assert [alert["alert"] for alert in alerts() if f'alertname="{alert["alert"]}"' not in text] == []


@needs_promtool
def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert f"{len(list(alerts()))} rules found" in promtool("check", "rules", "--lint-fatal", PROMETHEUS / "alerts.yml")


@needs_promtool
def test_each_alert_fires_when_it_should_and_at_no_other_time() -> None:
    promtool("test", "rules", *sorted(PROMETHEUS.glob("*_test.yml")))


@needs_promtool
def test_prometheus_can_read_each_query_of_the_board(tmp_path: Path) -> None:
    rules = [{"record": f"board:{number}", "expr": query} for number, (query, _) in enumerate(board_queries())]
    (tmp_path / "board.yml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", tmp_path / "board.yml")


def test_the_board_has_a_row_for_each_subject_and_its_panels_do_not_lie_on_each_other() -> None:
    assert [each["title"] for each in panels() if each["type"] == "row"] == [
        "Sign-ins",
        "Messages",
        "Directories",
        "Apps",
        "Workers",
    ]
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at: dict[str, int] = panel["gridPos"]
        places = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & places
        taken |= places
    assert len({panel["id"] for panel in panels()}) == len(list(panels()))


async def test_a_running_gatepost_tells_metrics_that_prometheus_finds_no_fault_with(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("users = []\n")
    errors = ErrorLines()
    log = configure_log((tmp_path / "log").open("w"), errors=errors)
    settings = Settings(
        server=ServerSettings(
            listen=(ListenAddress("127.0.0.1", 0),),
            admin_listen=ListenAddress("127.0.0.1", 0),
            public_url=PublicURL("http", "signin.localhost", 80),
            key_file=tmp_path / "key",
        ),
        store=StoreSettings(url=f"sqlite:{tmp_path}/state.db"),
        directories=(LocalDirectorySettings(type="local", name="local", file=tmp_path / "users.toml"),),
        smtp=(
            SMTPSettings.model_validate({"host": "127.0.0.1", "port": 1, "security": "none", "from": "a@b.example"}),
        ),
        apps=(AppSettings(name="Wiki", host="wiki.localhost", upstream=UpstreamURL("http", "127.0.0.1", 1, "")),),
    )
    async with running(settings, log=log, errors=errors) as gatepost, aiohttp.ClientSession() as client:
        host, port = gatepost.admin_address or ("", 0)
        log.error("shop.burns")
        async with client.get(f"http://{host}:{port}/metrics") as answer:
            text = await answer.text()
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert told >= {"gatepost_ready", "gatepost_upstream_answer_seconds", "gatepost_relay_up", "gatepost_worker_number"}
    for line in ("gatepost_log_errors_total 1.0", 'gatepost_passcodes_sent_total{outcome="unavailable"} 0.0'):
        assert line in text.splitlines()
    assert 'gatepost_directory_threads{count="all",realm="local"} 2.0' in text
    assert 'gatepost_store_waiting_jobs{queue="writing"}' in text
    if PROMTOOL is not None:
        promtool("check", "metrics", stdin=text.encode())
