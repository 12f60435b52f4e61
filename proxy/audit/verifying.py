"""Has the files of an audit judged, with what a syslog server holds of it. All of it blocks, and raises `OSError`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxy.audit.anchors import is_signed
from proxy.audit.judging import AuditJudge, LinePlace
from proxy.audit.lines import ChainLine, read_line

_BEGIN = b'{"time":'


def judged(
    files: Iterable[Path],
    signers: Mapping[str, Ed25519PublicKey],
    *,
    outside: Iterable[Path] = (),
    since: float = 0.0,
) -> AuditJudge:
    """`outside`: files that hold lines of the audit, each with anything before it. Those from before `since` may be
    gone here."""
    judge = AuditJudge(signers, _held(outside, signers, since))
    for path in sorted({path.resolve() for path in files}, key=lambda path: (path.name, path)):
        for number, text in enumerate(_texts(path), 1):
            judge.take(LinePlace(str(path), number), text)
    return judge


def _held(
    outside: Iterable[Path], signers: Mapping[str, Ed25519PublicKey], since: float
) -> Mapping[str, Mapping[int, str]]:
    """Hashes by chain and number, of those chains of which an anchor there is ours: a server may serve others, too."""
    held: defaultdict[str, dict[int, str]] = defaultdict(dict)
    ours = set()
    for line in (line for path in outside for line in lines_within(_texts(path))):
        key = signers.get(line.signer)
        if key is not None and is_signed(line, key):
            ours.add(line.chain)
        if line.time >= since:
            held[line.chain].setdefault(line.seq, line.digest)  # whoever sends another one later changes nothing
    return {chain: hashes for chain, hashes in held.items() if chain in ours}


def lines_within(texts: Iterable[bytes]) -> Iterator[ChainLine]:
    """Lines of the audit that stand at the end of lines of other text. Pure."""
    for text in texts:
        begin = text.find(_BEGIN)
        line = read_line(text[begin:].rstrip()) if begin >= 0 else None
        if line is not None:
            yield line


def _texts(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for text in file:
            yield text.removesuffix(b"\n")
