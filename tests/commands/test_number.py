"""`gatepost number`: one line per text, plain or JSON, whatever the text holds."""

import argparse
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli import main
from proxy.commands import number
from proxy.commands.config_option import add_config_option


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    number.add_arguments(parser)
    add_config_option(parser)
    out = io.StringIO()
    return number.run(parser.parse_args(arguments), io.StringIO(stdin), out), out.getvalue()


def test_each_text_is_a_line_with_its_number_or_reason() -> None:
    assert run("07912 345678", "n/a", "", "+33 612345678") == (
        1,
        "07912 345678\t+447912345678\nn/a\t!letters\n\t!empty\n+33 612345678\t!country\n",
    )


def test_home_region_countries_and_extra_ranges_can_be_given() -> None:
    assert run("--home-region", "FR", "--allow", "FR", "06 12 34 56 78")[1] == "06 12 34 56 78\t+33612345678\n"
    assert run("--allow", "*", "+33 612345678")[1].endswith("\t+33612345678\n")
    assert run("--allow", "GB FR", "+33 612345678")[1].endswith("\t+33612345678\n")
    assert run("--extra-range", "+447700900", "07700 900123")[1].endswith("\t+447700900123\n")


def test_both_readings_of_an_ambiguous_number_are_told_in_json() -> None:
    american = ("--home-region", "US", "--allow", "US NO")
    assert run(*american, "(479) 212-3456")[1] == "(479) 212-3456\t+14792123456\n"
    assert run(*american, "4792123456")[1] == "4792123456\t!ambiguous\n"
    told = json.loads(run(*american, "--json", "4792123456")[1])
    assert told == {"text": "4792123456", "reason": "ambiguous", "readings": ["+14792123456", "+4792123456"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--home-region", "UK", "1"],
        ["--allow", "", "1"],
        ["--allow", "GB UK", "1"],
        ["--allow", "* GB", "1"],
        ["--extra-range", "077", "1"],
        [],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2


def test_json_objects_are_printed_for_texts_and_for_lines() -> None:
    expected = '{"text": "07912\\u00a0345678", "e164": "+447912345678"}\n{"text": "x", "reason": "letters"}\n'
    assert run("--json", "07912\u00a0345678", "x") == (1, expected)
    assert run("--json", "-", stdin='"07912\\u00a0345678"\n"x"') == (1, expected)
    assert run("--json", "-") == (0, "")
    assert run("-") == (1, "-\t!empty\n")


def test_the_exit_code_tells_whether_every_number_can_be_used() -> None:
    assert run("07912 345678", "+44 7912 345678")[0] == 0
    assert run("07912 345678", "+33 612345678")[0] == 1


MOBILE = '[mobile]\nhome_region = "FR"\nallowed_countries = ["FR"]\n'


def test_the_configuration_says_what_may_be_sent_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gatepost.toml"
    # The rest of it is not judged: its secrets cannot be read by everybody, and are not needed.
    file.write_text('[[smtp]]\npassword_file = "nowhere"\n' + MOBILE)
    french = (0, "06 12 34 56 78\t+33612345678\n")
    assert run("--config", str(file), "06 12 34 56 78") == french
    monkeypatch.setenv("GATEPOST_CONFIG", str(file))
    assert run("06 12 34 56 78") == french
    assert run("--home-region", "GB", "06 12 34 56 78")[0] == 1
    monkeypatch.setenv("GATEPOST_MOBILE__ALLOWED_COUNTRIES", '["GB"]')
    assert run("06 12 34 56 78") == (1, "06 12 34 56 78\t!country\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [('[mobile]\nhome_region = "UK"\n', "mobile: home_region"), ("[mobile", "TOML"), (None, "no such")],
)
def test_an_unusable_configuration_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    file = tmp_path / "gatepost.toml"
    if content is not None:
        file.write_text(content)
    assert main(["number", "--config", str(file), "07912 345678"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize(
    "line", ["", "5", "null", '["07912 345678"]', '"open', "07912 345678", "[" * 100_000, '"a" "b"', '"a\tb"']
)
def test_a_line_that_is_no_json_string_is_named(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run("--json", "-", stdin=f'"x"\n{line}\n"y"\n')
    assert code == 2
    assert out == '{"text": "x", "reason": "letters"}\n'
    assert "line 2 is not" in capsys.readouterr().err


def test_input_that_is_no_text_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    number.add_arguments(parser)
    add_config_option(parser)
    stdin = io.TextIOWrapper(io.BytesIO(b'"\xff"\n'), encoding="utf-8")
    assert number.run(parser.parse_args(["--json", "-"]), stdin, io.StringIO()) == 2
    assert "not UTF-8" in capsys.readouterr().err


@given(st.text(st.characters()))
def test_a_plain_line_stays_one_line_of_two_fields(text: str) -> None:
    code, out = run("--", text)
    assert code == ("\t!" in out)
    assert len(out.splitlines()) == 1
    assert out.count("\t") == 1
    out.encode()


@given(st.text(st.characters()))
def test_a_json_line_gives_the_text_back(text: str) -> None:
    code, out = run("--json", "-", stdin=json.dumps(text) + "\n")
    assert code == ("e164" not in json.loads(out))
    assert json.loads(out)["text"] == text
    assert len(out.splitlines()) == 1
