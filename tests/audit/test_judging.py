"""What was done to the lines of an audit is seen, and the first line that is wrong is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.audit.anchors import by_name, public_key_from, public_keys, public_text, sign, signer_name, signing_key
from proxy.audit.event import AuditEvent
from proxy.audit.judging import AuditJudge, LinePlace
from proxy.audit.lines import REMOVED, TORN, AnchorReason, ChainEnd, anchor_line, digest_of, line_of
from proxy.audit.verifying import judged
from proxy.secrets.keys import Keys
from tests.support.people import NOW

KEYS, OTHERS = Keys(bytes(range(32))), Keys(b"\x07" * 32)
SIGNERS = by_name(public_keys(KEYS))


def chain(name: str = "node-1", length: int = 9, *, keys: Keys = KEYS, end: ChainEnd | None = None) -> list[bytes]:
    """Lines of which the first, the fifth and the last are anchors."""
    end, lines = end or ChainEnd(chain=name), []
    key = signing_key(keys)
    for number in range(length):
        if number in (0, 4, length - 1):
            signer = signer_name(key.public_key())
            line = anchor_line(end, AnchorReason.HOUR, signer=signer, sign=lambda text: sign(key, text), time=NOW)
        else:
            line = line_of(end, AuditEvent(event="sign_in.succeeded", facts={"count": number}), {}, time=NOW)
        lines.append(line)
        end = end.after(line)
    return lines


def judge(*files: list[bytes], outside: dict[str, dict[int, str]] | None = None) -> list[tuple[str, int, str]]:
    judging = AuditJudge(SIGNERS, outside)
    for name, lines in zip("abcdef", files, strict=False):
        for number, line in enumerate(lines, 1):
            judging.take(LinePlace(name, number), line)
    return [(*each.place, each.what) for each in judging.wrong()]


def held(lines: list[bytes], name: str = "node-1") -> dict[str, dict[int, str]]:
    return {name: {seq: digest_of(line) for seq, line in enumerate(lines, 1)}}


def after(lines: list[bytes], name: str = "node-1") -> ChainEnd:
    return ChainEnd(chain=name, seq=len(lines), hash=digest_of(lines[-1]))


def test_what_was_written_is_right_in_one_file_or_several() -> None:
    lines = chain()
    assert judge(lines) == []
    assert judge(lines[:4], lines[4:]) == []
    assert judge(lines[:4], chain("node-2"), lines[4:]) == []


def changed(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], lines[at].replace(b'"time":"20', b'"time":"19'), *lines[at + 1 :]]


def swapped(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


LINES = chain()
TAMPERED: dict[str, tuple[Callable[[], list[bytes]], int, str]] = {
    "changed": (lambda: changed(LINES, 2), 3, "was changed"),
    "changed before an anchor": (lambda: changed(LINES, 3), 4, "was changed"),
    "changed after an anchor": (lambda: changed(LINES, 5), 6, "was changed"),
    "an anchor": (lambda: changed(LINES, 4), 5, "was changed"),
    "the last": (lambda: changed(LINES, 8), 9, "its signature is wrong"),
    "the first": (lambda: changed(LINES, 0), 1, "its signature is wrong"),
    "the hash in it": (
        lambda: [*LINES[:2], LINES[2].replace(b'"hash":"', b'"hash":"0')[: len(LINES[2])], *LINES[3:]],
        3,
        "no line",
    ),
    "removed": (lambda: LINES[:2] + LINES[3:], 3, "number 3 of node-1 was removed before this line"),
    "several removed": (lambda: LINES[:2] + LINES[5:], 3, "number 3 to 5 of node-1 was removed"),
    "swapped": (lambda: swapped(LINES, 2), 3, "number 4 of node-1 stands where 3 belongs: lines were swapped"),
    "doubled": (lambda: [*LINES[:3], LINES[2], *LINES[3:]], 4, "number 3 of node-1 stands here again"),
    "doubled later": (lambda: [*LINES[:7], LINES[2], *LINES[7:]], 8, "number 3 of node-1 stands here again"),
    "something else": (lambda: [*LINES[:3], b"2026 nothing of ours", *LINES[3:]], 4, "is no line of an audit"),
    "the beginning cut off": (lambda: LINES[2:], 1, "begins with number 3: what was before it was removed"),
    "another installation's": (lambda: chain(keys=OTHERS), 1, "is signed by a key that is not of this installation"),
    "nothing signed": (lambda: LINES[:1] and chain(length=9)[1:4], 1, "begins with number 2"),
    "part of a line": (lambda: [*LINES[:3], LINES[3][:50]], 4, "is no line of an audit"),
}


@pytest.mark.parametrize("done", TAMPERED)
def test_the_first_wrong_line_is_named(done: str) -> None:
    lines, number, what = TAMPERED[done]
    found = judge(lines())
    assert found, done
    assert (found[0][:2], what in found[0][2]) == (("a", number), True), found


def test_a_copy_is_told_once_and_hides_nothing() -> None:
    once = "numbers 1 to 9 of node-1 stand here again (a copy is verified by itself with --public-key)"
    assert judge(LINES, LINES) == [("b", 1, once)]
    twice = judge(LINES, LINES[:3], [*LINES[5:], LINES[0]])
    assert [(file, number, what.partition(" of ")[0]) for file, number, what in twice] == [
        ("b", 1, "numbers 1 to 3"),
        ("c", 1, "numbers 6 to 9"),
        ("c", 5, "number 1"),
    ]


def test_a_changed_hash_in_a_line_is_told_of_that_line() -> None:
    wrong = LINES[6].replace(b'"hash":"', b'"hash":"0000', 1)
    text = wrong[: wrong.index(b'"hash":"') + 8 + 64] + wrong[wrong.index(b'"hash":"') + 8 + 68 :]
    assert judge([*LINES[:6], text, *LINES[7:]])[0][1] == 7


def test_a_tail_that_was_cut_off_shows_in_what_the_syslog_server_holds() -> None:
    assert judge(LINES[:6]) == []
    assert judge(LINES[:6], outside=held(LINES)) == [
        ("a", 6, "node-1 was cut off after this line: the syslog server holds number 9")
    ]
    assert judge(LINES, outside=held(LINES)) == []


def test_a_chain_that_was_removed_shows_in_what_the_syslog_server_holds() -> None:
    (wrong,) = judge(chain("node-2"), outside=held(LINES))
    assert "node-1 is not there" in wrong[2]


def test_a_chain_that_was_written_again_from_a_cut_shows_in_what_the_syslog_server_holds() -> None:
    again = LINES[:3] + chain(length=6, end=after(LINES[:3]))
    assert judge(again) == []
    assert "is not the line that the syslog server holds" in judge(again, outside=held(LINES))[0][2]


def test_what_is_sent_to_the_syslog_server_later_does_not_replace_what_it_holds(tmp_path: Path) -> None:
    """Whoever wrote a chain again sends it there too: a server may take messages from anybody."""
    again = LINES[:3] + chain(length=6, end=after(LINES[:3]))
    file, outside = tmp_path / "audit", tmp_path / "syslog"
    file.write_bytes(b"\n".join([*again, b""]))
    outside.write_bytes(b"\n".join(b"2027-01-15T08:00:00Z node " + line for line in [*LINES, *again]))
    (wrong, *_) = judged([file], SIGNERS, outside=[outside]).wrong()
    assert (wrong.place.number, "is not the line that the syslog server holds" in wrong.what) == (4, True)


def removed(lines: list[bytes], *, keys: Keys = KEYS, **more: str | int) -> list[bytes]:
    """A chain of its own that says that `lines` went by `keep`."""
    begin = chain("node-2", 1, keys=keys)
    facts = {"file": "x", "chain": "node-1", "seq": len(lines), "hash": digest_of(lines[-1]), **more}
    told = [*begin, line_of(after(begin, "node-2"), AuditEvent(event=REMOVED, facts=facts), {}, time=NOW)]
    return told + chain(length=1, end=after(told, "node-2"))


def test_what_went_by_keep_is_missed_by_nobody() -> None:
    assert judge(LINES[4:], removed(LINES[:4])) == []
    assert judge(removed(LINES), outside=held(LINES)) == []
    assert "begins with number 6" in judge(LINES[5:], removed(LINES[:4]))[0][2]
    assert "begins with number 5" in judge(LINES[4:], removed(LINES[:4], hash="0" * 64))[0][2]


def test_that_a_file_went_by_keep_is_believed_only_where_it_is_signed() -> None:
    """Whoever can write the files can add a line to the end of one, and take another file away."""
    said = removed(LINES[:4])[:-1]
    assert "begins with number 5" in judge(LINES[4:], said)[0][2]
    assert "node-1 is not there" in judge(removed(LINES)[:-1], outside=held(LINES))[0][2]


@pytest.mark.parametrize("more", [b',"seq":9,"hash":"%b"', b',"event":"audit.removed","facts":{}', b" "])
def test_nothing_stands_behind_a_signature(more: bytes) -> None:
    """JSON lets a later field replace an earlier one: an old anchor would speak for any line."""
    text = more.replace(b"%b", digest_of(LINES[7]).encode())
    forged = LINES[4][:-1] + text + b"}"
    found = judge([*LINES[:8], forged] if b"seq" in more else [*LINES[:4], forged])
    assert "its signature is wrong" in found[0][2]


def test_what_was_cut_off_by_a_crash_is_told_by_the_line_after_it() -> None:
    for torn in (LINES[5][:-30], LINES[5]):
        facts: dict[str, str | int] = {"bytes": len(torn), "sha256": digest_of(torn)}
        told = line_of(after(LINES[:5]), AuditEvent(event=TORN, facts=facts), {}, time=NOW)
        rest = chain(length=5, end=after([*LINES[:5], told]))
        assert judge([*LINES[:5], torn, told, *rest]) == []
        assert judge([*LINES[:5], torn], [told, *rest]) == []
        assert judge([*LINES[:5], torn[:-1], told, *rest]) != []


def test_replaced_master_keys_that_are_still_there_verify_what_they_signed() -> None:
    signers = by_name([*public_keys(OTHERS), *(public_key_from(public_text(key)) for key in public_keys(KEYS))])
    judging = AuditJudge(signers)
    for number, line in enumerate([*chain(keys=OTHERS), *chain("node-2")]):
        judging.take(LinePlace("a", number), line)
    assert judging.wrong() == []
    with pytest.raises(ValueError, match="gatepost audit key"):
        public_key_from("ed25519:x")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nothing_can_be_taken_out_moved_or_changed_before_the_last_anchor(seed: int) -> None:
    chance = random.Random(seed)
    lines = list(LINES)
    at = chance.randrange(len(lines) - 1)
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(chance.randrange(len(lines)), lines[at])
        case 2:
            other = chance.choice([each for each in range(len(lines)) if each != at])
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            place = chance.randrange(len(lines[at]))
            new = bytes([chance.choice([each for each in range(32, 127) if each != lines[at][place]])])
            lines[at] = lines[at][:place] + new + lines[at][place + 1 :]
    assert judge(lines) != []
