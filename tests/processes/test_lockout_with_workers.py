"""Guesses that several workers take at the same moment count as one person's: the account is not locked through us."""

from __future__ import annotations

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode

from tests.processes.house import workers_house
from tests.support.scripted_ldap import ALICE_DN, SERVICE_USER, ScriptedLDAP

GUESSES = 16
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


def guess(address: tuple[str, int], password: str, together: Barrier) -> int:
    """One browser: the page, then, with all others at the same moment, the form."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", SIGN_IN, headers=HOST)
    page = connection.getresponse()
    cookies = "; ".join(each.partition(";")[0] for each in page.headers.get_all("Set-Cookie") or [])
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.read().decode())
    fields = urlencode([*hidden, ("username", "alice"), ("password", password)])
    together.wait(30)
    headers = {**HOST, "Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", SIGN_IN, body=fields, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_parallel_guesses_at_two_workers_stop_at_the_limit(tmp_path: Path) -> None:
    with ScriptedLDAP(tmp_path).running() as domain:
        directory = DIRECTORY.format(url=domain.url, ca_file=domain.ca_file, user=SERVICE_USER)
        with workers_house(tmp_path, more=directory) as house:
            together = Barrier(GUESSES)
            with ThreadPoolExecutor(GUESSES) as threads:
                asked = [threads.submit(guess, house.address, f"wrong-{number}", together) for number in range(GUESSES)]
                statuses = {each.result() for each in asked}
            refusals = [json.loads(line) for line in house.process.log if '"sign_in.refused"' in line]
    assert len(domain.binds(ALICE_DN)) == LIMIT
    assert len(statuses) == 1, "and nobody is told which of them were judged"
    assert len({each["worker"] for each in refusals}) == 2, "both workers took part"
