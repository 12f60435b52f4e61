"""`docs/commands.md`, made from the parser of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from proxy.cli import COMMANDS, parser_knowing
from proxy.commands.config_option import USUAL_FILE, VARIABLE

HEAD = """\
# Every command

<!-- Made by `python -m scripts.reference` from the parsers in proxy/cli.py and proxy/commands/: change their help. -->

`gatepost COMMAND --help` shows the same. Every command but {without} takes `--config FILE`, the
configuration. Left out, it is `{variable}`, then `{usual}`. Errors go to stderr, one line each.

| exit code | means |
|---|---|
| 0 | fine |
| 1 | a check failed, or what was asked for did not happen |
| 2 | wrong usage, or a wrong configuration |

If root runs a command that opens the store or changes the key file, the command acts as the owner of that folder.
"""


def page() -> str:
    """The whole page."""
    parsers = {name: _inner(parser_knowing(name))[name] for name in COMMANDS}
    without = [f"`{name}`" for name, parser in parsers.items() if not any(map(_takes_config, _with_inner(parser)))]
    head = HEAD.format(without=_listed(without, "and"), variable=VARIABLE, usual=USUAL_FILE)
    return "\n".join([head, *(part for name, parser in parsers.items() for part in _command(name, parser))])


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}\n"
    yield from _described(f"gatepost {name}", parser, COMMANDS[name])
    helps = {each.dest: each.help or "" for action in _choosing(parser) for each in action._choices_actions}
    for action, inner in _inner(parser).items():
        yield f"### {name} {action}\n"
        yield from _described(f"gatepost {name} {action}", inner, helps[action])


def _described(name: str, parser: argparse.ArgumentParser, help_text: str) -> Iterator[str]:
    """What it does, how it is called, its arguments."""
    arguments = [each for each in parser._actions if _is_shown(each)]
    typed = [_usage(each) for each in arguments if not each.option_strings]
    options = ["[OPTIONS]"] if any(each.option_strings for each in arguments) else []
    actions = ["ACTION"] if _inner(parser) else []
    yield f"{_sentence(parser.description or help_text)}\n"
    yield f"```console\n$ {' '.join([name, *typed, *options, *actions])}\n```\n"
    if arguments:
        yield "| argument | meaning |\n|---|---|"
        yield from (f"| {_spelled(each)} | {_help(each, parser)} |" for each in arguments)
        yield ""
    for group in parser._mutually_exclusive_groups:
        names = [_spelled(each) for each in group._group_actions if _is_shown(each)]
        yield f"Give {'exactly' if group.required else 'at most'} one of {_listed(names, 'and')}.\n"


def _choosing(parser: argparse.ArgumentParser) -> Sequence[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]


def _inner(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {name: inner for action in _choosing(parser) for name, inner in action.choices.items()}


def _with_inner(parser: argparse.ArgumentParser) -> Sequence[argparse.ArgumentParser]:
    return [parser, *_inner(parser).values()]


def _takes_config(parser: argparse.ArgumentParser) -> bool:
    return any("--config" in each.option_strings for each in parser._actions)


def _is_shown(action: argparse.Action) -> bool:
    is_everywhere = isinstance(action, argparse._HelpAction) or "--config" in action.option_strings
    return not is_everywhere and action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)


def _usage(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return {None: name, "?": f"[{name}]", "*": f"[{name}...]", "+": f"{name}..."}.get(action.nargs, name)  # type: ignore[call-overload]


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    choices = "|".join(map(str, action.choices)) if action.choices else None
    value = "" if action.nargs == 0 else f" {action.metavar or choices or action.dest.upper()}"
    return ", ".join(f"`{each}{value}`" for each in action.option_strings).replace("|", "\\|")


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    text = " ".join(((action.help or "") % {**vars(action), "prog": parser.prog}).split())
    needed = "needed: " if action.required and action.option_strings else ""
    return f"{needed}{text}".replace("|", "\\|")


def _sentence(text: str) -> str:
    joined = " ".join(text.split())
    return joined[:1].upper() + joined[1:] + ("" if joined.endswith((".", "?")) else ".")


def _listed(names: Sequence[str], word: str) -> str:
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last
