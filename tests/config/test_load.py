"""Loading the configuration: what is read, and that everything wrong is told at once and without secrets."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.factors import Factor
from config.load import load_settings
from config.problems import ConfigurationError, ConfigurationProblem
from config.settings import Settings
from config.tables.store import SQLiteFile
from proxy.sessions.session_store import NOTICE_SECONDS

SECRET = "hunter2-Zebra"

GOOD = """
[server]
public_url = "https://signin.corp.example"

[[directories]]
type = "active_directory"
name = "corp"
domain = "corp.example"
bind_user = "svc@corp.example"
bind_password = "hunter2-Zebra"

[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"

[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
"""

Load = Callable[..., Settings]
Problems = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str = GOOD, **environ: str) -> Settings:
        (tmp_path / "gatepost.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
        return load_settings(tmp_path / "gatepost.toml", environ)

    return load


@pytest.fixture
def problems(load: Load) -> Problems:
    """The table, key and message of each problem; no problem ever shows the secret."""

    def problems(text: str = GOOD, **environ: str) -> list[tuple[str, str, str]]:
        with pytest.raises(ConfigurationError) as caught:
            load(text, **environ)
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.problems)
        assert len(str(caught.value).splitlines()) == len(caught.value.problems)
        return [(problem.table, problem.key, problem.message) for problem in caught.value.problems]

    return problems


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_small_file_is_enough(load: Load) -> None:
    loaded = load()
    assert loaded.smtp[0].host == "smtp.corp.example"
    assert loaded.schemes[0].factors == ((Factor.PASSWORD,), (Factor.SMS,))
    assert loaded.passcode.lifetime == 300


def test_several_relays_and_a_single_one_are_both_lists(load: Load) -> None:
    second = '[[smtp]]\nhost = "b.corp.example"\nfrom = "otp@corp.example"\n'
    assert [relay.host for relay in load(changed("[smtp]", "[[smtp]]") + second).smtp] == [
        "smtp.corp.example",
        "b.corp.example",
    ]


def test_paths_start_at_the_folder_of_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("")
    loaded = load(GOOD + '[[directories]]\ntype = "local"\nname = "local"\nfile = "users.toml"\n')
    assert loaded.server.key_file == tmp_path / "gatepost.key"
    assert loaded.store.url == SQLiteFile(tmp_path / "state.db")
    assert loaded.directories[1].file == tmp_path / "users.toml"
    assert load(GOOD + '[store]\nurl = "sqlite:/var/lib/x.db"\n').store.url == SQLiteFile(Path("/var/lib/x.db"))


def test_the_groups_that_are_named_are_known(load: Load) -> None:
    loaded = load(GOOD + 'groups = ["A"]\n[[schemes]]\nname = "s"\nfactors = ["password"]\ngroups = ["B", "A"]\n')
    assert loaded.group_names == {"A", "B"}


# Secrets


def test_a_secret_can_stand_in_a_file_of_its_own(load: Load, tmp_path: Path) -> None:
    text = changed('bind_password = "hunter2-Zebra"', 'bind_password_file = "secret"')
    for content in ("  spaced out ", "  spaced out \n", "  spaced out \r\n"):
        (tmp_path / "secret").write_bytes(content.encode())
        assert load(text).directories[0].bind_password.get_secret_value() == "  spaced out "


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "secret cannot be read: there is no such file"),
        (b"", "secret is empty"),
        (b"\n", "secret is empty"),
        (b"\xff" + SECRET.encode(), "secret is not UTF-8 text"),
        (SECRET.encode() + b"\nmore", "secret holds more than one line, or control characters"),
        (SECRET.encode() * 1000, "secret is longer than 4096 bytes: is it the right file?"),
    ],
)
def test_a_secret_file_that_is_no_secret_is_a_problem(
    problems: Problems, tmp_path: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    text = changed('bind_password = "hunter2-Zebra"', 'bind_password_file = "secret"')
    assert problems(text) == [('directories[0] ("corp")', "bind_password_file", expected)]


def test_a_secret_is_given_once_or_not_at_all(problems: Problems) -> None:
    given_twice = changed('bind_password = "', 'bind_password_file = "x"\nbind_password = "')
    place = 'directories[0] ("corp")'
    assert problems(given_twice) == [(place, "bind_password_file", "bind_password is given too: keep one of them")]
    missing = changed('bind_password = "hunter2-Zebra"', "")
    assert problems(missing) == [(place, "bind_password", "is missing (or give bind_password_file)")]
    assert problems(changed('"hunter2-Zebra"', '""')) == [(place, "bind_password", "is empty")]
    assert problems(changed('"hunter2-Zebra"', '["hunter2-Zebra"]')) == [(place, "bind_password", "must be a string")]


def test_a_secret_does_not_show_in_the_settings(load: Load) -> None:
    assert SECRET not in repr(load())
    assert SECRET not in load().model_dump_json()


# Problems


def test_everything_wrong_is_told_in_one_go(problems: Problems) -> None:
    text = """
        colour = "red"
        [server]
        listen = ["nowhere"]
        worker = 2
        tls_key = "absent.key"
        [store]
        url = "redis://redis.corp.example"
        [[directories]]
        type = "ldap"
        [[directories]]
        name = "x"
        [smtp]
        host = "smtp.corp.example"
        port = "25"
        security = "ssl"
        from = "Gatepost <otp@corp.example>"
        timeout = 5
        [passcode]
        digits = 4
        lifetime = "1h"
        [[apps]]
        name = "Wiki"
        host = "https://wiki.corp.example"
        upstream = "10.0.0.5"
        groups = []
        [[apps]]
        name = "Mail"
        host = "mail.corp.example"
        upstream = "http://a"
        all_groups = 1
        [[apps]]
        name = "Post"
        host = "mail.corp.example"
        upstream = "http://b"
        [schemes]
        name = "x"
    """
    found = problems(text)
    assert [(table, key) for table, key, _ in found] == [
        ("colour", ""),
        ("server", "tls_key"),
        ("server", "listen[0]"),
        ("server", "public_url"),
        ("server", "worker"),
        ("directories[0]", "type"),
        ('directories[1] ("x")', "type"),
        ("smtp", "port"),
        ("smtp", "security"),
        ("smtp", "from"),
        ("smtp", "timeout"),
        ("passcode", "digits"),
        ("passcode", "lifetime"),
        ("schemes", ""),
        ('apps[0] ("Wiki")', "host"),
        ('apps[0] ("Wiki")', "upstream"),
        ('apps[0] ("Wiki")', "groups"),
        ('apps[1] ("Mail")', "all_groups"),
        ("store", "url"),
        ('apps[2] ("Post")', "host"),
    ]
    messages = {f"{table}.{key}": message for table, key, message in found}
    assert messages["server.worker"] == 'unknown key; did you mean "workers"?'
    assert messages["smtp.port"] == "must be a whole number"
    assert messages["smtp.security"] == "must be 'tls', 'starttls' or 'none'"
    assert messages["passcode.lifetime"] == 'must be at most "10m"'
    assert messages["schemes."] == "must be a list of tables: write [[schemes]]"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[server]", "[sever]", 'unknown table; did you mean "server"?'),
        ("[[apps]]", "[apps]", "must be a list of tables: write [[apps]]"),
        ("[server]", "[[server]]", "must be a table: write [server]"),
        ('from = "', 'form = "', 'unknown key; did you mean "from"?'),
        ("bind_password =", "bind_pasword_file =", 'unknown key; did you mean "bind_password_file"?'),
        ('upstream = "http:', 'groups = "Admins"\nupstream = "http:', "must be a list"),
        ('upstream = "http:', 'groups = [" "]\nupstream = "http:', "must not be blank nor hold control characters"),
        ('upstream = "http:', 'connect_timeout = 5.0\nupstream = "http:', "not a duration: write a string such as"),
        ('upstream = "http:', 'connect_timeout = "0s"\nupstream = "http:', 'must be more than "0s"'),
        ("[smtp]", '[mobile]\nhome_region = "UK"\n[smtp]', "not a country: write its two capital letters"),
        ("[smtp]", '[mobile]\nallowed_countries = ["GB", "*"]\n[smtp]', '"*" stands alone'),
        ("[smtp]", "[mobile]\nallowed_countries = []\n[smtp]", "an empty list could mean all or nothing"),
        ("[smtp]", '[mobile]\nextra_ranges = ["07700"]\n[smtp]', "not the beginning of a number"),
        ("[smtp]", '[sms]\ntext = "Hello {app}"\n[smtp]', "must contain {passcode}"),
        ("[smtp]", '[sms]\ntext = "{passcode} {app.__class__}"\n[smtp]', "has the unknown placeholder {app.__class__}"),
        ("[smtp]", '[sms]\ntext = "{passcode!r:>9}"\n[smtp]', "has the unknown placeholder {passcode!r:>9}"),
        ("[smtp]", '[sms]\ntext = "{passcode} {passcode}"\n[smtp]', "must contain {passcode}, once"),
        ("[smtp]", '[sms]\ntext = "{passcode} {"\n[smtp]', "has an unmatched brace"),
        ("[smtp]", '[sms]\ntext = "{passcode}\\nx"\n[smtp]', "must be a single line"),
        ('from = "otp@', 'from = "a@b.example,otp@', "not a plain e-mail address"),
        ('from = "otp@', 'from = "otp\\r\\nBcc: x@', "not a plain e-mail address"),
        ("bind_user", 'servers = ["http://dc1"]\nbind_user', "not an LDAP server"),
        ("bind_user", 'servers = ["ldaps://dc1/x"]\nbind_user', "must hold only a host and, if need be, a port"),
        ("bind_user", 'servers = ["ldaps://dc1:99999"]\nbind_user', "port (0 to 65535)"),
        ("[smtp]", "[server.x]\n[smtp]", "unknown key"),
        ("public_url", 'trusted_proxies = ["10.0.0.1/8"]\npublic_url', "its host part must be zero"),
        ("public_url", "trusted_proxies = [10]\npublic_url", "not a network"),
        ("signin.corp", "signin\\tcorp", "not a URL: it holds spaces"),
    ],
)
def test_a_problem_says_what_to_do(problems: Problems, old: str, new: str, expected: str) -> None:
    found = problems(changed(old, new))
    assert any(expected in message for _, _, message in found), found


def test_a_file_that_is_no_toml_names_the_line(problems: Problems) -> None:
    [(_, _, message)] = problems(f'[smtp]\npassword = "{SECRET}" x')
    assert message.startswith("is not TOML: ")
    assert "line 2" in message


def test_a_file_that_is_not_there_or_no_text_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name in ("absent", "bytes", "."):
        with pytest.raises(ConfigurationError) as caught:
            load_settings(tmp_path / name, {})
        assert len(caught.value.problems) == 1
        assert caught.value.problems[0].file == str(tmp_path / name)


@pytest.mark.parametrize("grace", ["0s", "0.5s", "2h"])
def test_a_grace_is_no_shorter_than_an_end_waits_to_be_heard_of_and_no_longer_than_an_hour(
    load: Load, problems: Problems, grace: str
) -> None:
    ((table, key, _),) = problems(GOOD + f'[sessions]\nstore_grace = "{grace}"\n')
    assert (table, key) == ("sessions", "store_grace")
    assert load(GOOD + '[sessions]\nstore_grace = "1s"\n').sessions.store_grace == NOTICE_SECONDS


def test_a_problem_is_one_line_whatever_it_holds() -> None:
    problem = ConfigurationProblem("a.toml", 'apps[0] ("x\ny")', "\u202e", "message")
    assert str(problem) == 'a.toml: apps[0] ("x\\ny"): \\u202e: message'


def test_files_that_must_be_there_are_looked_for(problems: Problems) -> None:
    assert problems(changed("bind_user", 'ca_file = "ca.pem"\nbind_user')) == [
        ('directories[0] ("corp")', "ca_file", "ca.pem cannot be read: there is no such file")
    ]


# Environment


def test_the_environment_overrides_any_key(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    loaded = load(
        GATEPOST_SMTP__HOST="12",
        GATEPOST_SMTP__0__PORT="2525",
        GATEPOST_SMTP__USERNAME='"quoted"',
        GATEPOST_SMTP__PASSWORD="0123",
        GATEPOST_SERVER__LISTEN='["127.0.0.1:1", "[::1]:2"]',
        GATEPOST_APPS__0__UPSTREAM="http://10.0.0.6",
        GATEPOST_APPS__0__PRESERVE_HOST="false",
        GATEPOST_DIRECTORIES__0__BIND_PASSWORD_FILE="secret",
        GATEPOST_PASSCODE__LIFETIME="1m",
        PATH="/bin",
    )
    assert (loaded.smtp[0].host, loaded.smtp[0].port, loaded.smtp[0].username) == ("12", 2525, "quoted")
    assert loaded.smtp[0].password is not None
    assert loaded.smtp[0].password.get_secret_value() == "0123"
    assert loaded.server.listen == (("127.0.0.1", 1), ("::1", 2))
    assert loaded.apps[0].upstream.host == "10.0.0.6"
    assert not loaded.apps[0].preserve_host
    assert loaded.directories[0].bind_password.get_secret_value() == "from a file"
    assert loaded.passcode.lifetime == 60


def test_the_environment_can_add_the_next_table(load: Load, problems: Problems) -> None:
    app = {"NAME": "Mail", "HOST": "mail.corp.example", "UPSTREAM": "http://mail"}
    loaded = load(**{f"GATEPOST_APPS__1__{key}": value for key, value in app.items()})
    assert [each.name for each in loaded.apps] == ["Wiki", "Mail"]
    assert problems(GATEPOST_APPS__2__NAME="x") == [("", "", "there is no apps[2], nor is it the next one")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GATEPOST_SMTP__HOTS", 'unknown setting; did you mean "GATEPOST_SMTP__HOST"?'),
        ("GATEPOST_SMPT__HOST", 'unknown setting; did you mean "GATEPOST_SMTP__HOST"?'),
        ("GATEPOST_APPS__0__UPSTREM", 'unknown setting; did you mean "GATEPOST_APPS__0__UPSTREAM"?'),
        ("GATEPOST_", "unknown setting"),
        ("GATEPOST_SMTP", "unknown setting"),
        ("GATEPOST_SMTP__HOST__X", "unknown setting"),
    ],
)
def test_an_unknown_setting_of_the_environment_is_a_problem(problems: Problems, name: str, expected: str) -> None:
    [(_, _, message)] = problems(**{name: SECRET})
    assert message.startswith(expected)


def test_a_wrong_value_of_the_environment_names_its_variable(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(GATEPOST_SMTP__PORT="many")
    assert str(caught.value) == "GATEPOST_SMTP__PORT: smtp: port: must be a whole number"


def test_the_same_setting_twice_in_the_environment_is_a_problem(problems: Problems) -> None:
    [(_, _, message)] = problems(GATEPOST_SMTP__HOST="a", GATEPOST_SMTP__0__HOST="b")
    assert message.startswith("says the same as GATEPOST_SMTP__")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["server", "store", "directories", "mobile", "smtp", "sms", "schemes", "apps", "x"]),
        st.recursive(
            st.one_of(st.booleans(), st.integers(), st.text("ab\0\n"), st.just([])),
            lambda inner: st.one_of(
                st.lists(inner, max_size=2),
                st.dictionaries(
                    st.sampled_from(["name", "type", "file", "url", "password", "password_file", "groups", "key_file"]),
                    inner,
                ),
            ),
            max_leaves=6,
        ),
    ),
    st.dictionaries(st.sampled_from(["GATEPOST_SMTP__HOST", "GATEPOST_APPS__0__NAME"]), st.text('a[]"\n=')),
)
def test_whatever_the_file_holds_is_a_problem_or_settings(
    tmp_path: Path, tree: dict[str, object], environ: Mapping[str, str]
) -> None:
    path = tmp_path / "gatepost.toml"
    path.write_text("".join(f"{key} = {as_toml(value)}\n" for key, value in tree.items()))
    with pytest.raises(ConfigurationError):
        load_settings(path, environ)


def as_toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return '"' + "".join(f"\\u{ord(char):04x}" for char in value) + '"'
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {as_toml(each)}' for key, each in value.items())}}}"
    raise AssertionError(value)
