"""How cost grows: what is measured is there, and is shown. No time is asserted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.gatepost import store_sessions
from benchmarks.growth import of_planes
from benchmarks.many_sessions import SESSIONS_EACH, multiply
from benchmarks.plot import Panel, svg
from benchmarks.sizes import APPS, LITTLE, RULES, SOME, Cost, Size, markdown, picture
from config.settings import StoreSettings
from proxy.secrets.tokens import token_digest
from proxy.store.open import open_store

HOST = "app0.localhost"
SVG = "{http://www.w3.org/2000/svg}"


def cost(factor: float) -> Cost:
    return Cost(
        alone=[1e-5], known=[2e-5 * factor, 3e-5 * factor], first=[1e-4], starting=1.5, resting=0.012, memory=2**27
    )


COSTS = {LITTLE: cost(1), Size(10, APPS): cost(2), Size(1000, APPS): cost(3), Size(10, RULES): cost(1)}


def test_few_of_everything_is_the_first_row_of_each() -> None:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown(COSTS).splitlines()]
    assert [line[:2] for line in lines[2:]] == [
        ["apps", "1"],
        ["apps", "10"],
        ["apps", "1,000"],
        ["path rules", "0"],
        ["path rules", "10"],
    ]
    assert lines[3][2:] == ["10.0 µs", "50.0 µs", "100.0 µs", "1.5 s", "1.2%", "128.0 MiB"]


def test_the_picture_has_a_line_for_each_and_names_its_axes() -> None:
    root = ElementTree.fromstring(picture(COSTS))  # our own
    assert len(root.findall(f".//{SVG}polyline")) == 4 * 2
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert texts.count("how many there are") == texts.count("times that with few") == 4
    assert {"apps", "path rules", "1 k"} <= set(texts)


def test_axes_are_logarithmic_and_hold_all_points() -> None:
    lines = {"a <b>": [(1, 1), (10, 1), (1_000_000, 90)], "c": [(1, 1), (10, 0.8)]}
    root = ElementTree.fromstring(svg([Panel(title="t", x_label="x", y_label="y", lines=lines)]))
    first, second = ([tuple(map(float, point.split(","))) for point in (each.get("points") or "").split()]
                     for each in root.iter(f"{SVG}polyline"))  # fmt: skip
    (one, _), (ten, _), (million, _) = first
    assert round(million - one) == round(6 * (ten - one))
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert {"0.5", "1", "10", "100", "a <b>"} <= set(texts)
    grid = [float(each.get("y1") or 0) for each in root.iter(f"{SVG}line")]
    assert all(min(grid) <= y <= max(grid) for line in (first, second) for _, y in line)


async def test_copies_of_a_session_are_found_by_their_cookies(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_store(StoreSettings(url=f"sqlite:{path}"))
    try:
        await store_sessions(store, [HOST], 1, groups=("A",))
        multiply(path, 3 * SESSIONS_EACH, ["first", "second"], HOST)
        for token in ("first", "second"):
            session = await store.sessions.session_by_cookie(token_digest(token), HOST)
            assert session is not None
            assert session.principal.groups == {"A"}
        assert len(await store.sessions.persons()) == 1 + 3
    finally:
        await store.close()
    with closing(sqlite3.connect(path)) as connection:
        (cookies,) = connection.execute("SELECT count(DISTINCT session_id) FROM cookies").fetchone()
    assert cookies == 3 * SESSIONS_EACH + 1


async def test_planes_of_each_size_answer() -> None:
    costs = {size: Cost() for size in SOME if size.count <= 10}
    await of_planes(costs, 1, 3)
    assert all(len(each.alone) == 1 for each in costs.values())
