"""`gatepost check` and `gatepost run` tell everything that is wrong in one go: every kind, and each with its place."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from proxy.cli import main
from proxy.commands.plan import make_plan
from tests.support.gatepost import gatepost, gatepost_here

AUTHORITY = trustme.CA()
SOUND = """\
[server]
listen = ["127.0.0.1:0"]
public_url = "https://signin.corp.example"
{server}
[store]
{store}
[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["ldaps://127.0.0.1:1"]
bind_user = "svc@corp.example"
{corp}
[[directories]]
name = "local"
type = "local"
file = "users.toml"
{local}
[mobile]
{mobile}
[[smtp]]
host = "127.0.0.1"
security = "starttls"
from = "otp@corp.example"
{smtp}
[[smtp]]
host = "127.0.0.2"
from = "otp@corp.example"
{second_smtp}
[sms]
{sms}
[sms.http.provider]
{provider}
[sms.gateways.modem]
address = "{{number}}@sms.example"
{modem}
[second_factor]
channels = ["kapow", "provider"]
{second_factor}
[passcode]
{passcode}
[sessions]
{sessions}
[bounces]
{bounces}
[admin]
{admin}
[[schemes]]
name = "browser"
factors = ["password", "sms"]
{scheme}
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
{wiki}
[[apps]]
name = "Mail"
host = "mail.corp.example"
{mail}
"""
WHERE_NOTHING_IS_WRONG = {
    "corp": 'bind_password = "x"',
    "provider": 'url = "https://sms.example/"\nbody = \'{"to": "{number}", "text": "{text}"}\'',
    "wiki": 'upstream = "https://127.0.0.1:1"',
    "mail": 'upstream = "http://127.0.0.1:1"',
}
USER = """\
[[users]]
username = "alice"
password_hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
"""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of problem: what brings it into a file, and where it is told."""

    table: str
    """As told, and after it the key."""
    key: str
    lines: str = ""
    """What stands in the part of `SOUND` that `part` names; with a key that is sound there, in place of that."""
    part: str = ""
    message: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda folder: None
    file: str = "gatepost.toml"


def put(name: str, content: bytes | str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def pair(name: str, *hosts: str, is_swapped: bool = False) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        issued = AUTHORITY.issue_cert(*hosts)
        certificate, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
        for suffix, content in zip(
            (".pem", ".key"), (key, certificate) if is_swapped else (certificate, key), strict=True
        ):
            (folder / f"{name}{suffix}").write_bytes(content)

    return write


def both(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        for step in steps:
            step(folder)

    return prepare


CORP, LOCAL, WIKI, MAIL = 'directories[0] ("corp")', 'directories[1] ("local")', 'apps[0] ("Wiki")', 'apps[1] ("Mail")'
SMTP, SECOND = 'smtp[0] ("127.0.0.1")', 'smtp[1] ("127.0.0.2")'
KINDS = {
    # One value that is wrong by itself, in every table.
    "unknown key": Kind(part="server", lines="worker = 2", table="server", key="worker", message='"workers"'),
    "no duration": Kind(part="mobile", lines="changed_within = 5", table="mobile", key="changed_within"),
    "unknown table": Kind(part="sms", lines="[colour]", table="colour", key="", message="unknown table"),
    "missing key": Kind(part="corp", lines="", table=CORP, key="bind_password", message="bind_password_file"),
    "wrong inner table": Kind(
        part="wiki", lines='upstream = "https://a"\n[[apps.rules]]\npath = "x"', table=WIKI, key="rules[0].path"
    ),
    "wrong named table": Kind(
        part="modem", lines='number_format = "x"', table="sms", key="gateways.modem.number_format"
    ),
    # Values that disagree, within a table and between tables.
    "half a login": Kind(part="second_smtp", lines='username = "x"', table=SECOND, key="password"),
    "too long a wait": Kind(part="passcode", lines='lifetime = "30s"', table="passcode", key="resend_after"),
    "idle over absolute": Kind(part="sessions", lines='idle = "13h"', table="sessions", key="idle"),
    "no such scheme": Kind(part="admin", lines='groups = ["A"]\nscheme = "x"', table="admin", key="scheme"),
    "no such app": Kind(
        part="scheme", lines='apps = ["Wiki", "Mail", "Mial"]', table='schemes[0] ("browser")', key="apps"
    ),
    "needs mail": Kind(part="second_factor", lines="email_for_sms = true", table="second_factor", key="email_for_sms"),
    "useless key": Kind(part="mail", lines='upstream = "http://a"\nsticky = true', table=MAIL, key="sticky"),
    "two defaults": Kind(
        part="local",
        lines="default = true",
        environ={"GATEPOST_DIRECTORIES__0__DEFAULT": "true"},
        table=LOCAL,
        key="default",
    ),
    # Files that are named.
    "secret not there": Kind(
        part="smtp", lines='username = "x"\npassword_file = "no"', table=SMTP, key="password_file"
    ),
    "secret in an inner table": Kind(
        part="provider",
        lines=WHERE_NOTHING_IS_WRONG["provider"] + '\ntoken_file = "no"',
        table="sms",
        key="http.provider.token_file",
    ),
    "server's pair": Kind(
        part="server",
        lines='tls_certificate = "s.pem"\ntls_key = "s.key"',
        prepare=pair("s", "a", is_swapped=True),
        table="server",
        key="tls_certificate",
        message="exchange the two",
    ),
    "further pair": Kind(
        part="server",
        lines='certificates = [{certificate = "f.pem", key = "g.key"}]',
        prepare=both(pair("f", "a"), pair("g", "b")),
        table="server",
        key="certificates[0].certificate",
        message="belong",
    ),
    "key file": Kind(
        part="server",
        lines='key_file = "k.key"',
        prepare=put("k.key", "whatever"),
        table="server",
        key="key_file",
        message="chmod 600",
    ),
    "key": Kind(part="server", lines='key = "x"', table="server", key="key"),
    "directory's authorities": Kind(
        part="corp",
        lines='bind_password = "x"\nca_file = "c.pem"',
        prepare=put("c.pem", "none"),
        table=CORP,
        key="ca_file",
    ),
    "relay's authorities": Kind(
        part="smtp", lines='ca_file = "r.pem"', prepare=put("r.pem", ""), table=SMTP, key="ca_file"
    ),
    "gateway's authorities": Kind(
        part="provider",
        lines=WHERE_NOTHING_IS_WRONG["provider"] + '\nca_file = "p.pem"',
        prepare=put("p.pem", ""),
        table="sms",
        key="http.provider.ca_file",
    ),
    "app's authorities": Kind(
        part="wiki",
        lines='upstream = "https://a"\nca_file = "w.pem"',
        prepare=put("w.pem", ""),
        table=WIKI,
        key="ca_file",
    ),
    "app's pair": Kind(
        part="wiki",
        lines='upstream = "https://a"\nclient_certificate = "x.pem"\nclient_key = "x.key"',
        prepare=both(put("x.pem", "none"), put("x.key", "")),
        table=WIKI,
        key="client_certificate",
    ),
    "mailbox's authorities": Kind(
        part="bounces",
        lines='inbox = "imap"\nhost = "m"\nusername = "x"\npassword = "x"\nca_file = "b.pem"',
        prepare=put("b.pem", ""),
        table="bounces",
        key="ca_file",
    ),
    "store's authorities": Kind(
        part="store",
        lines='url = "rediss://r.corp.example"\nca_file = "d.pem"',
        prepare=put("d.pem", ""),
        table="store",
        key="ca_file",
    ),
    "store's folder": Kind(
        part="store", lines='url = "sqlite:no/state.db"', table="store", key="url", message="folder"
    ),
    "keytab": Kind(
        part="corp",
        lines='bind_password = "x"\nkerberos_keytab = "h.keytab"',
        prepare=put("h.keytab", "none"),
        environ={"GATEPOST_SCHEMES__1__NAME": "tickets", "GATEPOST_SCHEMES__1__FACTORS": '["kerberos"]'},
        table=CORP,
        key="kerberos_keytab",
    ),
    "text": Kind(part="sms", lines=f'text = "{{passcode}} {"x" * 160}"', table="sms", key="text", message="too long"),
    "user": Kind(
        table='users[0] ("alice")',
        key="password_hash",
        file="users.toml",
        prepare=put("users.toml", '[[users]]\nusername = "alice"\npassword_hash = "x"\n'),
    ),
    "same user": Kind(
        table='users[1] ("Alice")',
        key="username",
        file="users.toml",
        prepare=put("users.toml", USER + USER.replace("alice", "Alice") + 'mobil = "x"'),
    ),
    "user's key": Kind(
        table='users[1] ("Alice")',
        key="mobil",
        file="users.toml",
        prepare=put("users.toml", USER + USER.replace("alice", "Alice") + 'mobil = "x"'),
    ),
    # The environment.
    "unknown variable": Kind(environ={"GATEPOST_SMPT__HOST": "x"}, file="GATEPOST_SMPT__HOST", table="", key=""),
    "wrong variable": Kind(
        environ={"GATEPOST_SERVER__WORKERS": "many"}, file="GATEPOST_SERVER__WORKERS", table="server", key="workers"
    ),
    "no such table": Kind(environ={"GATEPOST_APPS__7__NAME": "x"}, file="GATEPOST_APPS__7__NAME", table="", key=""),
}


def keys_of(kind: Kind) -> dict[str, str]:
    """Its lines by their keys; what is a table stands under its header."""
    first, *rest = re.split(r"(?m)^(?=\[)", kind.lines)
    found = {line.partition(" = ")[0].removesuffix("_file"): line for line in first.splitlines()}
    return found | {table.partition("\n")[0]: table for table in rest}


def agree(one: Kind, other: Kind) -> bool:
    """Whether both can stand in one file."""
    if one.file == "users.toml" == other.file:
        return False
    if one.part != other.part or not one.part:
        return True
    ours, theirs = keys_of(one), keys_of(other)
    return bool(ours and theirs) and all(theirs.get(key, line) == line for key, line in ours.items())


def together(order: random.Random) -> list[list[str]]:
    """Every kind once, in as few files as hold them."""
    files: list[list[str]] = []
    for name in order.sample(sorted(KINDS), len(KINDS)):
        found = (names for names in files if all(agree(KINDS[name], KINDS[each]) for each in names))
        names = next(found, None)
        if names is None:
            files.append(names := [])
        names.append(name)
    return files


def written(folder: Path, names: list[str]) -> tuple[Path, dict[str, str]]:
    folder.mkdir(parents=True)
    (folder / "users.toml").write_text(USER)
    parts = dict.fromkeys(re.findall(r"(?m)^\{([a-z_]+)\}$", SOUND), "") | WHERE_NOTHING_IS_WRONG
    lines = {part: keys_of(Kind(table="", key="", lines=sound)) for part, sound in parts.items()}
    environ: dict[str, str] = {}
    for name in names:
        kind = KINDS[name]
        kind.prepare(folder)
        environ |= kind.environ
        if kind.part:
            lines[kind.part] = lines[kind.part] | keys_of(kind) if kind.lines else {}
    if (folder / "k.key").exists():
        (folder / "k.key").chmod(0o644)
    file = folder / "gatepost.toml"
    in_order = {part: sorted(keys.values(), key=lambda line: line.startswith("[")) for part, keys in lines.items()}
    file.write_text(SOUND.format(**{part: "\n".join(each) for part, each in in_order.items()}))
    return file, environ


def place_of(kind: Kind, folder: Path) -> str:
    origin = kind.file if kind.file.isupper() else str(folder / kind.file)
    return ": ".join(filter(None, (origin, kind.table, kind.key))) + ": "


def missing(told: list[str], file: Path, names: list[str]) -> list[str]:
    """The kinds that are not told with their file, table and key."""
    return [
        name
        for name in names
        if not any(line.startswith(place_of(KINDS[name], file.parent)) and KINDS[name].message in line for line in told)
    ]


def checked(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["check", "--config", str(file)]) == 2
    return capsys.readouterr().err.splitlines()


def planned(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `gatepost run` prints, and a reload logs."""
    return list(make_plan(file)[0].problems)


@pytest.mark.parametrize("tell", [checked, planned])
@pytest.mark.parametrize("seed", range(2))
def test_problems_of_every_kind_are_told_in_one_go(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tell: Callable[[Path, pytest.CaptureFixture[str]], list[str]],
    seed: int,
) -> None:
    for number, names in enumerate(together(random.Random(seed))):
        file, environ = written(tmp_path / str(number), names)
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            told = tell(file, capsys)
        assert missing(told, file, names) == [], told
        assert len(set(told)) == len(told)
        places = tuple(place_of(KINDS[name], file.parent) for name in (*names, "same user", "user's key"))
        assert [line for line in told if not line.startswith(places)] == []  # and nothing that is right


def test_both_commands_print_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = max(together(random.Random(0)), key=len)
    file, environ = written(tmp_path / "0", names)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    results = [call(command, "--config", str(file)) for call, command in ((gatepost_here, "check"), (gatepost, "run"))]
    assert [result.returncode for result in results] == [2, 2]
    for result in results:
        assert missing(result.stderr.splitlines(), file, names) == []
    assert sorted(results[0].stderr.splitlines()) == sorted(results[1].stderr.splitlines())
