"""`server.reload = "rehearsed"`: a reload is refused until somebody rehearsed the configuration; a restart is not."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from proxy.cli import main
from proxy.commands.plan import make_plan
from proxy.secrets.key_file import load_or_create_keys
from proxy.supervisor.orders import Plan, to_json
from tests.processes.house import WorkersHouse, workers_house
from tests.processes.signed_in import APP, MORE, PASSWORD, sign_in
from tests.processes.test_reload import refused_problems
from tests.support.configuration import USER, written

NOT_REHEARSED = "server: reload: nobody has rehearsed this configuration"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    load_or_create_keys(tmp_path / "gatepost.key", now=time.time())
    file = written(tmp_path)
    file.write_text(file.read_text().replace("[server]", '[server]\nreload = "rehearsed"'))
    return file


def rehearse(new: Path, in_force: Path, *options: str) -> int:
    return main(["rehearse", str(new), *options, "--config", str(in_force)])


async def signed_in_once(house: WorkersHouse) -> None:
    """With a page of the app, whose server is away."""
    browser = await sign_in(house.address)
    assert (await browser.get(APP + "/")).status == 502


def changed(config: Path, before: str = "wiki.localhost", after: str = "docs.localhost") -> Path:
    new = config.with_name("new.toml")
    new.write_text(config.read_text().replace(before, after))
    return new


def outline_of(plan: Plan) -> str:
    """The digest that the next plan is asked with."""
    assert plan.outline is not None, plan.problems
    return plan.outline.rehearsal


def test_a_start_is_warned_of_and_never_refused(config: Path) -> None:
    plan, settings = make_plan(config, rehearsal="")
    assert settings is not None
    assert outline_of(plan)
    assert any(each.startswith(NOT_REHEARSED) for each in plan.warnings)


def test_a_reload_needs_a_rehearsal_of_the_very_configuration(config: Path) -> None:
    in_force = outline_of(make_plan(config, rehearsal="")[0])
    new = changed(config)
    plan, settings = make_plan(new, rehearsal=in_force)
    assert settings is None
    (problem,) = plan.problems
    assert problem.startswith(f"{new}: {NOT_REHEARSED}")
    assert f"gatepost rehearse {new} --config OLD.toml" in problem
    assert rehearse(new, config) == 0
    plan, settings = make_plan(new, rehearsal=in_force)
    assert settings is not None
    assert plan.warnings == ()
    assert outline_of(plan) not in ("", in_force)
    other = changed(config, after="forms.localhost")
    assert make_plan(other, rehearsal=in_force)[1] is None


def test_the_configuration_in_force_can_be_read_again(config: Path) -> None:
    in_force = outline_of(make_plan(config, rehearsal="")[0])
    plan, settings = make_plan(config, rehearsal=in_force)
    assert settings is not None
    assert (plan.warnings, outline_of(plan)) == ((), in_force)


def test_what_the_new_configuration_says_of_it_does_not_count(config: Path) -> None:
    in_force = outline_of(make_plan(config, rehearsal="")[0])
    new = changed(config, 'reload = "rehearsed"', 'reload = "checked"')
    assert make_plan(new, rehearsal=in_force)[1] is None
    assert rehearse(new, config) == 0
    assert outline_of(make_plan(new, rehearsal=in_force)[0]) == ""
    assert make_plan(config, rehearsal="")[1] is not None


def test_a_secret_that_changed_has_to_be_rehearsed_too(config: Path) -> None:
    secret = config.with_name("relay-password")
    secret.write_text("first")
    config.write_text(config.read_text().replace("[smtp]", f'[smtp]\nusername = "otp"\npassword_file = "{secret}"'))
    in_force = outline_of(make_plan(config, rehearsal="")[0])
    secret.write_text("second")
    assert make_plan(config, rehearsal=in_force)[1] is None


def test_in_doubt_a_reload_is_refused(config: Path) -> None:
    in_force = outline_of(make_plan(config, rehearsal="")[0])
    config.with_name("state.db").write_bytes(b"no database" * 1000)
    (problem,) = make_plan(changed(config), rehearsal=in_force)[0].problems
    assert "is not known: the store cannot be read" in problem


def test_a_supervisor_from_before_is_told_nothing_that_it_does_not_know(config: Path) -> None:
    plan, settings = make_plan(config)
    assert settings is not None
    assert not any(field in to_json(plan) for field in ("rehearsal", "tables", "changed"))
    assert plan.warnings == ()


def test_a_plan_tells_which_tables_differ_from_those_in_force_and_no_secret(tmp_path: Path) -> None:
    load_or_create_keys(tmp_path / "gatepost.key", now=time.time())
    config = written(tmp_path)
    first = make_plan(config, tables="")[0].outline
    assert first is not None
    assert first.changed == ()
    again = make_plan(config, tables=first.tables)[0].outline
    assert again == first
    other = changed(config)
    other.write_text(other.read_text() + '[sms]\ntext = "{passcode} is it"\n')
    plan, _ = make_plan(other, tables=first.tables)
    assert plan.outline is not None
    assert plan.outline.changed == ("apps", "sms")
    assert Plan.from_json(to_json(plan)) == plan


def test_a_running_gatepost_keeps_what_it_decided_and_takes_what_was_rehearsed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = MORE.format(upstream="http://127.0.0.1:1")
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    users = USER.replace("{hash}", hashed)
    with workers_house(tmp_path, workers=1, drain="1s", server='reload = "rehearsed"', more=more, users=users) as house:
        asyncio.run(signed_in_once(house))
        in_force = Path(shutil.copy(house.config, tmp_path / "old.toml"))
        house.write(server="", host="docs.localhost")
        (problem,) = refused_problems(house)
        assert NOT_REHEARSED in problem
        assert rehearse(house.config, in_force) == 0
        house.hang_up()
        house.wait_for("server.reloaded")
    capsys.readouterr()
    house.write(more=more.replace('name = "Intranet"', 'name = "Intranet"\ngroups = ["Staff"]'))
    assert rehearse(house.config, in_force, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["since"] is not None
    assert answer["decisions"] == 2  # the sign-in and the app
    assert [(each["effect"], each["app"], each["why"]) for each in answer["changes"]] == [
        ("loses", "Intranet", "is for Staff")
    ]
    assert [one["username"] for one in answer["changes"][0]["people"]] == ["alice"]
