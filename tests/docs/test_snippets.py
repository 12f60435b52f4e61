"""What the pages show to be copied can be used: configurations load, scripts and commands are well-formed.

A ```toml block with server, people and apps is a whole file, and loads as it stands. Any other is a part: it loads when
it is put into the file of `docs/install.md`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from config import checks
from config.load import load_settings
from config.settings import Settings
from proxy.cli import main
from proxy.delivery.settings_checks import sms_text_problems

ROOT = Path(__file__).parents[2]
PAGES = {page.name: page.read_text() for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
WHOLE = {"server", "directories", "apps"}
MORE = """
[sms.http.kapow_http]
username = "corp"
password_file = "kapow-password"
[second_factor]
channels = ["kapow", "kapow_http", "email"]
[admin]
groups = ["Gatepost Admins"]
[[directories]]
name = "local"
type = "local"
file = "/var/lib/gatepost/people/users.toml"
[[apps]]
name = "Canteen"
host = "canteen.corp.example"
upstream = "http://10.0.0.6:8080"
"""
"""What parts need of each other, beside the file of `docs/install.md`."""
CONTENTS = {
    **dict.fromkeys(("tls_certificate", "certificate", "client_certificate", "ca_file"), "certificate"),
    **dict.fromkeys(("tls_key", "key", "client_key"), "key"),
    "logo_file": "logo",
    "file": "users",
}
"""Which file of the house's holds what such a key names."""
WITHOUT_CONFIGURATION = ("demo", "hash-password", "connect", "--version", "--help", "number")

NOT_OURS = {
    "gatepost: command not found",
    "ensurepip is not available",
    "connection: connection refused",
    "(Hostname mismatch ...)",
    "=?utf-8?...",
    "TLS: tlsv1 alert unknown ca",
    "certificate unknown",
    "CSRF failed",
    "Failed to export spans",
    "encountered while exporting",
    "PermissionError: ... '/opt/gatepost/bin/python3'",
}
"""Symptoms in the words of other programs."""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.DOTALL | re.MULTILINE)


def is_whole(block: str) -> bool:
    return tomllib.loads(block).keys() >= WHOLE


def joined(base: Any, part: Any) -> Any:
    """`part` in its place in `base`: a key replaces its like, and so does one of several tables with its name."""
    if isinstance(base, dict) and isinstance(part, dict):
        return base | {key: joined(base[key], value) if key in base else value for key, value in part.items()}
    if isinstance(base, list) and isinstance(part, dict):  # [[apps.rules]]: of the app above
        return [*base[:-1], joined(base[-1], part)]
    if isinstance(base, list) and all(isinstance(each, dict) for each in [*base, *part]):
        added = {each.get("name", base[0].get("name")): each for each in part}
        return [joined(each, added.pop(each.get("name"), {})) for each in base] + list(added.values())
    return part


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)


def values(tree: Any) -> Iterator[tuple[str, str]]:
    """Every key whose value is a text, at any depth."""
    for key, value in tree.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from values(each)
            elif isinstance(each, str):
                yield key, each


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, a logo and a users file."""
    folder = tmp_path_factory.mktemp("house")
    certificate = trustme.CA().issue_cert("signin.corp.example", "*.corp.example")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate")
    certificate.private_key_pem.write_to_path(folder / "key")
    (folder / "users").touch()
    (folder / "logo").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"/>')
    return folder


def loaded(tree: dict[str, Any], house: Path) -> Settings:
    """The settings of this file, with what it names beside it."""
    text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in tree.items())
    text = re.sub("/(etc|var/lib)/gatepost/", f"{house}/", text)
    for key, value in values(tomllib.loads(text)):
        if key in CONTENTS or key.endswith(("password_file", "secret_file", "keytab")):
            named = house / value
            named.parent.mkdir(exist_ok=True)
            named.write_bytes((house / CONTENTS[key]).read_bytes() if key in CONTENTS else b"-\n")
            named.chmod(0o600)
        if key == "catalogues":
            (house / value).mkdir(exist_ok=True)
    file = house / "gatepost.toml"
    file.write_text(text)
    return load_settings(file, {}, sms_text_problems)


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_whole, blocks(page, "toml")))])
def test_a_whole_configuration_loads_without_a_warning(page: str, house: Path) -> None:
    for block in filter(is_whole, blocks(page, "toml")):
        settings = loaded(tomllib.loads(block), house)
        assert list(checks.warnings(settings)) == []
        assert settings.apps[0].takes_credentials is (page in ("git-webdav-calendars.md", "service-tokens.md"))


@pytest.mark.parametrize("page", [page for page in PAGES if not all(map(is_whole, blocks(page, "toml")))])
def test_a_part_of_a_configuration_loads_in_the_file_of_the_installation(page: str, house: Path) -> None:
    base = tomllib.loads(next(filter(is_whole, blocks("install.md", "toml"))) + MORE)
    for block in blocks(page, "toml"):
        if not is_whole(block):
            assert loaded(joined(base, tomllib.loads(block)), house).apps


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")])
def test_the_commands_for_a_shell_are_well_formed(page: str) -> None:
    script = "\n".join(blocks(page, "sh"))
    result = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (result.returncode, result.stderr) == (0, "")


CHECKED_BY = {
    "nginx": ["nginx", "-t", "-q", "-p", "{folder}", "-c", "{file}"],
    "haproxy": ["haproxy", "-c", "-q", "-f", "{file}"],
    "caddyfile": ["caddy", "validate", "--adapter", "caddyfile", "--config", "{file}"],
}
AROUND = {"nginx": "pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {block} }}"}


@pytest.mark.parametrize("language", CHECKED_BY)
def test_a_front_proxy_takes_the_configurations_for_it(language: str, house: Path) -> None:
    command, *arguments = CHECKED_BY[language]
    if shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"{command} is not installed")
    found = [block for page in PAGES for block in blocks(page, language)]
    assert found
    both = (house / "certificate").read_text() + (house / "key").read_text()
    for name in ("corp.pem", "corp.key"):
        (house / name).write_text(both)
        (house / name).chmod(0o600)
    for block in found:
        own = re.sub(r"/etc/(?:nginx/tls|haproxy)/", f"{house}/", block).replace("listen 443", "listen 127.0.0.1:8443")
        file = house / "front.conf"
        file.write_text(AROUND.get(language, "{block}").format(folder=house, block=own))
        filled = [each.format(folder=house, file=file) for each in arguments]
        environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(house)}
        result = subprocess.run([command, *filled], env=environ, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr


def test_gatepost_has_the_commands_that_the_pages_show(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {
        line
        for page in PAGES
        for block in blocks(page, "sh")
        for line in re.findall(r"^gatepost ([a-z].*?)(?: *[#|>&;].*)?$", block, re.MULTILINE)
    }
    assert len(shown) > 5
    for line in shown:
        if line.split()[0] not in WITHOUT_CONFIGURATION:
            try:
                main([*shlex.split(line), "--config", "/nowhere/gatepost.toml"])
            except SystemExit:
                pytest.fail(f"gatepost {line}: {capsys.readouterr().err}")


def test_the_symptoms_are_what_gatepost_says() -> None:
    """Three words in a row of each message stand in the code, or all of a shorter one. Names and numbers may differ."""
    files = [file for folder in ("config", "directory", "proxy") for file in (ROOT / folder).rglob("*.py")]
    said = re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in files))
    first_cells = re.findall(r"^\| (.+?) \|", PAGES["troubleshooting.md"], re.MULTILINE)
    messages = [message for cell in first_cells for message in re.findall("`([^`]+)`", cell)]
    assert len(messages) > 50
    assert [message for message in messages if message not in NOT_OURS and not is_said(message, said)] == []


def is_said(message: str, said: str) -> bool:
    words = message.removeprefix("FAIL").split()
    runs = (" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2)))
    return any(run.rstrip(".:;") in said for run in runs)


def test_the_smoke_test_finds_the_install_commands() -> None:
    """It runs them word for word, with the oldest Python that is about."""
    section = PAGES["install.md"].partition("## 1. Install the program")[2].partition("\n```\n")[0]
    commands = [line for line in section.splitlines() if "-m venv" in line or "pip install" in line]
    assert len(commands) == 3
    assert commands[0].startswith("/usr/bin/python3 -m venv /opt/gatepost")
