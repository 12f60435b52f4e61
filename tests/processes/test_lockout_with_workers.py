"""Guesses that several workers take at the same moment count as one person's: the account is not locked through us."""

from __future__ import annotations

import http.client
import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode

from tests.processes.house import WorkersHouse, workers_house
from tests.support.gatepost import gatepost
from tests.support.scripted_ldap import ALICE_DN, BIND, SERVICE_USER, Request, ScriptedLDAP, bind_answer, usual

GUESSES = 16
ENOUGH = 3
"""Of them, at each worker."""
LIMIT = 3
"""From addresses where the person never signed in: throttle.passwords_per_person (4), less what is kept for them."""
DIRECTORY = """
[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
default = true
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{user}"
bind_password = "service"
lockout_threshold = 10
"""
SIGN_IN = "/.gatepost/sign-in"
HOST = {"Host": "signin.localhost"}


class Browser:
    """One that has the sign-in form open, on a connection to the worker that happened to take it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.connection = http.client.HTTPConnection(*address, timeout=30)
        self.connection.request("GET", SIGN_IN, headers=HOST)
        page = self.connection.getresponse()
        self.cookies = "; ".join(each.partition(";")[0] for each in page.headers.get_all("Set-Cookie") or [])
        self.hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.read().decode())

    def guess(self, password: str, together: Barrier) -> int:
        """The form, at the same moment as all others send theirs."""
        fields = urlencode([*self.hidden, ("username", "alice"), ("password", password)])
        headers = {**HOST, "Cookie": self.cookies, "Content-Type": "application/x-www-form-urlencoded"}
        together.wait(30)
        self.connection.request("POST", SIGN_IN, body=fields, headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def connections_by_worker(house: WorkersHouse) -> list[int]:
    with urllib.request.urlopen("http://{}:{}/metrics".format(*house.admin), timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return [int(float(line.split()[1])) for line in lines if line.startswith("gatepost_client_connections{")]


def browsers_at_each_worker(house: WorkersHouse, stack: ExitStack) -> list[Browser]:
    """Whichever worker is quicker takes a connection: so many are opened that each has enough of them."""
    browsers: list[Browser] = []
    while len(browsers) < GUESSES or min(connections_by_worker(house)) < ENOUGH:
        assert len(browsers) < 20 * GUESSES, "one worker takes all connections"
        browsers.append(Browser(house.address))
        stack.callback(browsers[-1].connection.close)
    return browsers


def test_parallel_guesses_at_two_workers_stop_at_the_limit(tmp_path: Path) -> None:
    with ScriptedLDAP(tmp_path).running() as domain, ExitStack() as stack:
        directory = DIRECTORY.format(url=domain.url, ca_file=domain.ca_file, user=SERVICE_USER)
        house = stack.enter_context(workers_house(tmp_path, more=directory))
        browsers = browsers_at_each_worker(house, stack)
        together = Barrier(len(browsers))
        with ThreadPoolExecutor(len(browsers)) as threads:
            asked = [
                threads.submit(browser.guess, f"wrong-{number}", together) for number, browser in enumerate(browsers)
            ]
            statuses = {each.result() for each in asked}
        refused_by = [json.loads(house.process.wait_for_log('"sign_in.refused"'))["worker"] for _ in browsers]
    assert len(domain.binds(ALICE_DN)) == LIMIT
    assert statuses == {401}, "and nobody is told which of them were judged"
    assert len(set(refused_by)) == 2, "both workers took part"


def refusing(request: Request) -> list[bytes] | None:
    if request.kind != BIND:
        return None
    return [bind_answer(49, "80090308: comment: AcceptSecurityContext error, data 52e, v1")]


def test_a_wrong_password_of_the_service_account_is_sent_once_by_two_workers(tmp_path: Path) -> None:
    """And by both again once `gatepost check` has found it right."""
    with ScriptedLDAP(tmp_path, refusing).running() as domain, ExitStack() as stack:
        directory = DIRECTORY.format(url=domain.url, ca_file=domain.ca_file, user=SERVICE_USER)
        house = stack.enter_context(workers_house(tmp_path, more=directory))
        browsers = browsers_at_each_worker(house, stack)
        together = Barrier(len(browsers))
        with ThreadPoolExecutor(len(browsers)) as threads:
            asked = [threads.submit(browser.guess, "whatever", together) for browser in browsers]
            statuses = {each.result() for each in asked}
        assert statuses == {503}
        assert len(domain.binds(SERVICE_USER)) == 1
        domain.script = usual
        checked = gatepost("check", "--config", str(house.config))
        assert "service account: signed in" in checked.stdout
        again = Barrier(1)
        assert {browser.guess("whatever", again) for browser in browsers} == {401}
