"""The PowerShell script of proposed repairs, read with a PowerShell grammar: none can be had here to run it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tree_sitter
import tree_sitter_powershell

from proxy.mobile_formats import powershell_form
from tests.commands.test_mobiles import GUID, person, written

GRAMMAR = tree_sitter.Language(tree_sitter_powershell.language())
DOMAINS = {"corp": "corp.example"}
NASTY = "O7400 123456 '; Remove-Item C:\\ #\u2019 $(exit) `n @{ "


def parsed(script: str) -> tree_sitter.Node:
    tree = tree_sitter.Parser(GRAMMAR).parse(script.encode())
    wrong = [node.text for node in walked(tree.root_node) if node.is_error or node.is_missing]
    assert wrong == []
    return tree.root_node


def walked(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from walked(child)


def commands(node: tree_sitter.Node) -> Iterator[tuple[str, tree_sitter.Node]]:
    """Every command that is called, in the order of the script."""
    for each in walked(node):
        if each.type == "command":
            name = each.child_by_field_name("command_name") or each.children[0]
            assert name.text is not None
            yield name.text.decode(), each


def ancestors(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode()


@pytest.fixture(scope="module")
def script() -> str:
    people = [person("O7400 123456", name="Ann"), person(NASTY, name=NASTY), person("n/a"), person("07400 123456")]
    return written(powershell_form.write, *people, person("O7400 123456", realm="local"), domains=DOMAINS)


def test_it_is_powershell_with_and_without_proposals(script: str) -> None:
    parsed(script)
    parsed(written(powershell_form.write, domains=DOMAINS))


def test_each_repairable_person_of_a_domain_is_one_proposal(script: str) -> None:
    changes = [text(node) for name, node in commands(parsed(script)) if name == "Get-Change"]
    before = powershell_form.encoded("O7400 123456")
    assert changes[0] == f"Get-Change 'corp.example' '{GUID}' 'mobile' '{before}' '+447400123456'"
    assert len(changes) == 2


def test_what_people_typed_calls_nothing() -> None:
    people = [
        person(f"O7400 123456 {sign} Stop-Computer", name=NASTY) for sign in ("\n", "';", "\u2019;", "$(", "`n", "#>")
    ]
    whole = written(powershell_form.write, *people, domains=DOMAINS)
    called = {name for name, _ in commands(parsed(whole))}
    assert called <= {
        "Get-Date", "Get-Change", "ConvertTo-Encoded", "ConvertFrom-Encoded", "Test-Unchanged", "Import-Csv",
        "ForEach-Object", "Get-ADUser", "Export-Csv", "Set-ADUser", "Set-StrictMode", "Write-Output", "Write-Warning",
    }  # fmt: skip


def test_nothing_is_written_without_the_switch_and_without_looking_first(script: str) -> None:
    tree = parsed(script)
    found = list(commands(tree))
    (write,) = [node for name, node in found if name == "Set-ADUser"]
    (read,) = [node for name, node in found if name == "Get-ADUser"]
    (undo,) = [node for name, node in found if name == "Export-Csv"]
    between = [
        text(node)
        for node in walked(tree)
        if node.type == "if_statement" and read.end_byte < node.start_byte and node.end_byte < undo.start_byte
    ]
    unlike, rehearsed = [statement for statement in between if "continue" in statement]
    assert "-not (Test-Unchanged $account $change)" in unlike
    assert "-not $Apply" in rehearsed
    assert undo.start_byte < write.start_byte, "the way back is kept before anything is changed"
    kinds = [node.type for node in ancestors(write)]
    assert kinds.index("try_statement") < kinds.index("foreach_statement"), "one error does not end the others"
    assert "-Confirm:$false" in text(write)


def test_the_switch_is_the_scripts_own_parameter_since_preferences_reach_no_proxies(script: str) -> None:
    tree = parsed(script)
    (block,) = [node for node in tree.children if node.type == "param_block"] or [
        node for node in walked(tree) if node.type == "param_block" and "$Apply" in text(node)
    ]
    assert "[switch]$Apply" in text(block)
    assert "WhatIfPreference" not in script


def test_an_account_is_compared_by_the_very_text_that_was_reviewed(script: str) -> None:
    functions = {node: text(node) for node in walked(parsed(script)) if node.type == "function_statement"}
    (compares,) = [body for body in functions.values() if "Test-Unchanged" in body]
    assert "$values.Count -eq 1" in compares
    assert "-ceq $Change.Before" in compares


def test_the_summary_and_the_exit_code_tell_what_failed(script: str) -> None:
    last = script.rstrip().splitlines()[-6:]
    assert any("left alone" in line and "failed" in line for line in last)
    assert last[-1] == "if ($count.Failed -gt 0) { exit 1 }"
