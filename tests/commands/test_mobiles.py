"""`gatepost mobiles`: its five forms, its exit codes, and that nothing a person typed becomes code in any of them."""

import argparse
import csv
import io
import json
import logging
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import MobileSettings, Settings
from directory.mobile import UsableNumber, normalise
from directory.mobile_repairs import Repair
from directory.mobile_report import Field, Finding, Status, SweptPerson
from directory.mobile_sweep import Findings, Rules
from proxy.commands import mobiles
from proxy.mobile_formats import csv_form, html_form, json_form, powershell_form, table_form
from proxy.mobile_formats.words import needs_a_look, one_line
from tests.support.browser import chromium

NOW = 1_800_000_000.0
HASH = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NASTY = st.sampled_from(
    ["</script><script>alert(1)</script>", "'; Remove-Item x #", "\u2019;exit", "=1+1", "\x1b[2J", "a\nb"]
)
SEPARATED = st.builds(
    "".join,
    st.lists(st.sampled_from([";", "\t", "\n", '"', " ", "\ufeff", "'", ",", "=", "+", "-", "@", "x"]), max_size=8),
)
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def person(text: str | None, *, name: str = "Ann", realm: str = "corp", disabled: bool = False) -> SweptPerson:
    return SweptPerson(
        realm=realm,
        guid=GUID,
        username="ann",
        display_name=name,
        container="London/Sales",
        department=name,
        is_disabled=disabled,
        fields=() if text is None else (Field(attribute="mobile", text=text),),
        changed_at=NOW - 5,
    )


def written(write: Callable[..., None], *persons: SweptPerson, **more: object) -> str:
    rules = Rules(mobile=MobileSettings(), now=NOW, changed_within_seconds=60.0)
    with Findings(rules) as findings:
        for each in persons:
            findings.add(each)
        out = io.StringIO(newline="")
        write(findings, out, **more)
        return out.getvalue()


# How PowerShell reads one line of what is written, as its language says (about_Quoting_Rules, about_Comments):
# a verbatim string ends at the first of five quotation marks that another one does not follow.
_QUOTE = "['\u2018\u2019\u201a\u201b]"
_VERBATIM = f"{_QUOTE}(?:[^'\u2018\u2019\u201a\u201b]|{_QUOTE}{{2}})*{_QUOTE}"


@given(ANYTHING | NASTY)
def test_a_quoted_text_is_one_verbatim_string_and_means_the_text(text: str) -> None:
    if not text.isprintable():
        with pytest.raises(ValueError, match="printable"):
            powershell_form.quoted(text)
        return
    quoted = powershell_form.quoted(text)
    assert re.fullmatch(_VERBATIM, quoted)
    assert re.sub("(['\u2018\u2019\u201a\u201b])['\u2018\u2019\u201a\u201b]", r"\1", quoted[1:-1]) == text


@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_no_text_leaves_its_comment_and_code_is_ascii(name: str, text: str) -> None:
    finding = Finding(
        person=person(text, name=name),
        status=Status.REPAIRABLE,
        found=Field(attribute="mobile", text=text),
        proposed="+447400123456",
        repair=Repair.NOTES,
    )
    *comments, command = powershell_form.lines(finding, "corp.example").splitlines()
    assert len(comments) == 2
    assert all(line.startswith("# ") for line in comments)
    before = powershell_form.encoded(text)
    assert command == f"Get-Change 'corp.example' '{GUID}' 'mobile' '{before}' '+447400123456'"
    assert command.isascii()
    assert b64decode(before).decode("utf-16-le") == text


@given(ANYTHING | NASTY | st.builds(lambda sign, rest: sign + rest, st.sampled_from("=+-@\t\r＝ "), ANYTHING))
def test_no_cell_can_become_a_formula_and_its_text_stays(text: str) -> None:
    cell = csv_form.cell(text)
    assert cell[:1] not in set("=+-@\t\r＝＋－＠")
    assert cell.strip()[:1] not in set("=+-@＝＋－＠")
    assert cell.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("unseen", ["\0", "\x0b", "\x1f", "\x7f", "\xad", "\u2003", "\u200e", "\u202e", "\u2060"])
def test_what_does_not_show_hides_no_formula(unseen: str) -> None:
    assert csv_form.cell(f"{unseen}=1+1") == f"'{unseen}=1+1"
    assert csv_form.cell(f"a;{unseen}=1+1") == f"a;'{unseen}=1+1"
    assert csv_form.cell(f"{unseen}a=1") == f"{unseen}a=1"


@given(ANYTHING | NASTY | SEPARATED, ANYTHING | NASTY | SEPARATED)
def test_no_cell_can_become_a_formula_where_semicolons_separate_them(name: str, text: str) -> None:
    table = written(csv_form.write, person(text, name=name))
    # Quotation marks or not, a spreadsheet may take the wrong ones for its own.
    assert not re.search(r'[;\t\r\n][\s"\ufeff]*[=+\-@]', table.replace("\r\n", ""))


@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_csv_has_one_row_a_person_and_reads_back(name: str, text: str) -> None:
    table = written(csv_form.write, person(text, name=name), person("07400 123456"))
    head, first, second = csv.reader(io.StringIO(table, newline=""))
    assert tuple(head) == csv_form.COLUMNS
    assert first[head.index("name")].replace("'", "") == name.replace("'", "")
    assert second[head.index("number")] == "'+447400123456"
    assert all(cell[:1] not in set("=+-@\t\r") for cell in (*first, *second))


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["GB", "US", "NO", "CN"]))
def test_what_is_for_the_directory_is_no_number_to_a_spreadsheet_and_reads_back(region: str, home: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    text = csv_form.for_ad(e164)
    assert csv_form.cell(text) == text
    assert re.fullmatch(r"\(\+[0-9]+\) [0-9]+", text)
    read = normalise(text, MobileSettings(home_region=home, allowed_countries=("*",), extra_ranges=()))
    assert isinstance(read, UsableNumber)
    assert read.e164 == e164


def test_the_csv_has_the_number_or_the_proposal_for_the_directory() -> None:
    table = written(csv_form.write, person("07400 123456"), person("O7400 123456"), person("n/a"))
    head, *rows = csv.reader(io.StringIO(table, newline=""))
    assert [row[head.index("for_ad")] for row in rows] == ["(+44) 7400123456", "(+44) 7400123456", ""]


@pytest.mark.parametrize("write", [table_form.write, json_form.write, csv_form.write, html_form.write])
def test_service_accounts_are_set_apart(write: Callable[..., None]) -> None:
    service = replace(person(None, name="Backup"), is_service=True)
    text = written(write, person("07400 123456"), service)
    if write is json_form.write:
        tree = json.loads(text)
        assert (tree["totals"]["persons"], tree["totals"]["service_accounts"]) == (1, 1)
        assert [each["service_account"] for each in tree["persons"]] == [False, True]
    elif write is csv_form.write:
        head, *rows = csv.reader(io.StringIO(text, newline=""))
        assert [row[head.index("service_account")] for row in rows] == ["no", "yes"]
    elif write is html_form.write:
        assert "1 of 1 people can receive a passcode" in text
        assert "1 service accounts apart" in text
    else:
        assert text.startswith("100.0% can receive a passcode: 1 of 1.")
        assert re.search(r"service accounts, apart +1\n", text)
        assert "Backup" not in text.partition("PROPOSED")[2]


def test_numbers_that_changed_recently_do_not_flood_the_list() -> None:
    assert not needs_a_look(replace(finding_of_good_number(), is_changed_recently=True))
    table = written(table_form.write, person("07400 123456", name="Everybody"))
    assert re.search(r"changed recently +1\n", table)
    assert "PROPOSED" not in table


def finding_of_good_number() -> Finding:
    return Finding(person=person("07400 123456"), status=Status.GOOD, number="+447400123456")


@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_json_gives_every_text_back(name: str, text: str) -> None:
    tree = json.loads(written(json_form.write, person(text, name=name), person(None)))
    assert [each["name"] for each in tree["persons"]] == [name, "Ann"]
    assert [each["value"] for each in tree["persons"]] == [text, None]
    assert tree["totals"]["persons"] == 2
    assert json.loads(written(json_form.write))["persons"] == []


@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_the_table_stays_in_its_lines_and_prints_no_control_characters(name: str, text: str) -> None:
    table = written(table_form.write, person(text, name=name))
    assert all(line.isprintable() for line in table.split("\n"))
    assert len(table.split("\n")) == len(written(table_form.write, person("n/a")).split("\n"))
    assert one_line(one_line(name)) == one_line(name)


@given(ANYTHING | NASTY, ANYTHING | NASTY)
def test_texts_are_data_in_the_page_and_nothing_is_loaded(name: str, text: str) -> None:
    page = written(html_form.write, person(text, name=name))
    assert page.count("<script") == page.count("</script") == 3
    assert not re.search(r"<(?:link|img|iframe|object|base|a)\b|\ssrc=|@import|url\(", page.partition("<body>")[0])
    data = re.search(r'<script id="persons" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    (row,) = json.loads(data[1])
    assert (row[0], row[5]) == (name, text)


async def test_the_page_works_under_its_own_policy_and_sorts_and_filters(tmp_path: Path) -> None:
    people = [person("n/a", name="Zed <b>"), person("O7400 123456", name="Bea"), person("07400 123456", name="Cy")]
    file = tmp_path / "report.html"
    file.write_text(written(html_form.write, *people), encoding="utf-8")
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 390, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(file.as_uri())
        names = page.locator("#rows td:first-child")
        assert [(await names.nth(at).inner_text()).split("\n")[0] for at in range(2)] == ["Bea", "Zed <b>"]
        await page.click("[data-filter=good]")
        assert await names.count() == 3
        await page.fill("#search", "zed")
        assert await names.count() == 1
        await page.fill("#search", "")
        await page.set_viewport_size({"width": 1200, "height": 800})
        await page.click("#columns button:text('Name')")
        assert (await names.nth(2).inner_text()).startswith("Zed <b>")
        assert await page.evaluate("document.documentElement.scrollWidth") == 1200
        assert complaints == []
        await page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: '/x.png'}))")
        await page.evaluate("document.body.setAttribute('style', 'color: red')")
        assert sum("Content Security Policy" in each for each in complaints) == 2


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    users = [("ann", "07400 123456", False), ("bob", "7400 654321", False), ("gone", "n/a", True)]
    (tmp_path / "users.toml").write_text(
        "".join(
            f'[[users]]\nusername = "{name}"\npassword_hash = "{HASH}"\nmobile = "{mobile}"\n'
            f"disabled = {str(disabled).lower()}\n"
            for name, mobile, disabled in users
        )
    )
    tree = {
        "server": {"public_url": "http://signin.localhost:8080"},
        "directories": [{"type": "local", "name": "local", "file": str(tmp_path / "users.toml")}],
        "smtp": [{"host": "127.0.0.1", "security": "none", "from": "otp@corp.example"}],
        "apps": [{"name": "Wiki", "host": "wiki.localhost", "upstream": "http://127.0.0.1:1"}],
    }
    return Settings.model_validate(tree)


def run(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    mobiles.add_arguments(parser)
    out, err = io.StringIO(), io.StringIO()
    return (
        mobiles.run(parser.parse_args(arguments), settings, out, err, clock=lambda: NOW),
        out.getvalue(),
        err.getvalue(),
    )


def test_disabled_accounts_count_only_when_asked_for(settings: Settings) -> None:
    assert run(settings)[1].startswith("50.0% can receive a passcode: 1 of 2.")
    assert run(settings, "--include-disabled")[1].startswith("33.3% can receive a passcode: 1 of 3.")


def test_at_least_decides_the_exit_code(settings: Settings) -> None:
    assert run(settings, "--at-least", "50")[0] == 0
    code, out, err = run(settings, "--at-least", "50.1%", "--format", "json")
    assert code == 1
    assert json.loads(out)["totals"]["can_receive_percent"] == 50.0
    assert err == "gatepost mobiles: 50.0% can receive a passcode: 1 of 2. Wanted: 50.1%.\n"


def test_a_file_appears_whole_and_only_for_its_owner(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "report.ps1"
    assert run(settings, "--format", "powershell", "--output", str(file))[:2] == (0, "")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf# Proposals")
    assert file.stat().st_mode & 0o777 == 0o600
    code, _, err = run(settings, "--output", str(tmp_path / "nowhere" / "x"))
    assert code == 1
    assert "cannot write" in err
    assert not list(tmp_path.glob(".*"))


def test_wrong_usage_is_exit_code_2(settings: Settings) -> None:
    assert run(settings, "--directory", "corp")[0] == 2
    assert run(settings, "--base", "OU=x")[0] == 2
    for wrong in (["--at-least", "101"], ["--at-least", "x"], ["--at-least", "nan"], ["--changed-within", "x"]):
        with pytest.raises(SystemExit) as caught:
            run(settings, *wrong)
        assert caught.value.code == 2


def test_progress_is_for_terminals_only_and_nothing_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    caplog.set_level(logging.DEBUG)
    assert run(settings)[2] == ""
    parser = argparse.ArgumentParser()
    mobiles.add_arguments(parser)
    err = Terminal()
    assert mobiles.run(parser.parse_args([]), settings, io.StringIO(), err) == 0
    assert "local: 1 persons" in err.getvalue()
    assert caplog.text == ""
