"""The log as the second net: masked, escaped, one line per event, no matter who wrote it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.operations.incidents import INCIDENT_ALPHABET, new_incident_id
from proxy.operations.log import MASK, configure_log, mask_number, redact


@pytest.fixture(autouse=True)
def _restored_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name in ("aiohttp.access", "mail.log"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(**values: Any) -> dict[str, Any]:
    stream = io.StringIO()
    configure_log(stream).info("something", **values)
    (line,) = stream.getvalue().splitlines()
    event: dict[str, Any] = json.loads(line)
    return event


def test_an_event_is_one_json_line_with_level_and_utc_time() -> None:
    event = logged(realm="corp")
    assert (event["event"], event["realm"], event["level"]) == ("something", "corp", "info")
    assert event["timestamp"].endswith("Z")


def test_a_terminal_gets_words() -> None:
    stream = io.StringIO()
    configure_log(stream, human=True).warning("relay down", relay="smtp:587")
    assert "relay down" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(
    "key",
    ["password", "passcode", "bind_password", "Set-Cookie", "cookie", "ticket", "subject", "sms_number", "mobile",
     "authorization", "session_id", "csrf_token", "Authorization", "recipient"],
)  # fmt: skip
def test_what_stands_under_a_secret_name_is_masked(key: str) -> None:
    assert logged(**{key: "hunter2-493817"})[key] == MASK
    assert logged(inner=[{key: b"hunter2"}])["inner"][0][key] == MASK
    assert logged(**{key: 493817})[key] == MASK


@pytest.mark.parametrize("key", ["passcode_outcome", "password_file", "ticket_age", "tokens_left"])
def test_names_that_only_contain_such_a_word_stay_readable(key: str) -> None:
    assert logged(**{key: "fine"})[key] == "fine"


@pytest.mark.parametrize(
    "text",
    ["sent to +447400123456", "+44 7400 123 456", "+44 (0)7400-123456", "<447400123456@kapow.co.uk> unknown",
     ("tuple", "+447400123456"), b"+447400123456", ValueError("bad +447400123456")],
)  # fmt: skip
def test_a_number_anywhere_is_masked_but_for_its_end(text: object) -> None:
    line = json.dumps(logged(note=text)["note"])
    assert "0123" not in line.replace(" ", "").replace("-", "").replace("0.123", "")
    assert "456" in line


@given(st.from_regex(r"\+[0-9]{7,15}", fullmatch=True))
def test_every_e164_number_is_masked(number: str) -> None:
    event = redact(None, "info", {"event": f"x {number} y"})
    assert number not in event["event"]
    assert event["event"] == f"x {mask_number(number)} y"


@given(st.text())
def test_no_text_can_forge_a_line_or_steer_a_terminal(text: str) -> None:
    event = redact(None, "info", {"event": text})["event"]
    assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 or each in "\u2028\u2029\u202e" for each in event)


def test_the_terminal_form_cannot_be_steered_either() -> None:
    stream = io.StringIO()
    configure_log(stream, human=True).info("x", name="\x1b[2Jgone\r\nforged line")
    assert "\x1b[2J" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("human", [True, False])
def test_a_traceback_shows_no_local_variables_and_no_number(human: bool) -> None:
    stream = io.StringIO()
    log = configure_log(stream, human=human)

    def fails(typed: str) -> None:
        raise ValueError("no such mobile +447400123456")

    try:
        fails("hunter2" + "-typed")
    except ValueError:
        log.exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "fails" in stream.getvalue()
    assert "hunter2-typed" not in stream.getvalue()
    assert "7400123" not in stream.getvalue()


def test_the_standard_library_runs_through_the_same_processors() -> None:
    stream = io.StringIO()
    configure_log(stream)
    logging.getLogger("aiohttp.server").error("Error handling %s", "+447400123456\nforged")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["logger"] == "aiohttp.server"
    assert event["event"] == "Error handling +*********456\\nforged"


def test_access_lines_and_received_mails_are_not_logged() -> None:
    stream = io.StringIO()
    configure_log(stream)
    logging.getLogger("aiohttp.access").error("GET /.gatepost/ticket?ticket=abc")
    logging.getLogger("mail.log").error("Subject: 493817")
    assert stream.getvalue() == ""


def test_debug_is_not_written() -> None:
    stream = io.StringIO()
    configure_log(stream).debug("details")
    logging.getLogger("asyncio").info("details")
    assert stream.getvalue() == ""


def test_incident_ids_are_short_unambiguous_and_random() -> None:
    ids = {new_incident_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 11 and set(each) <= set(INCIDENT_ALPHABET) | {"-"} for each in ids)
    assert not set("0O1IL") & set(INCIDENT_ALPHABET)
