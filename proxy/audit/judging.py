"""Whether the lines of an audit are those that were written: pure, over the lines in the order of the files' names.

A chain is judged by its numbers, its hashes and its anchors. What a syslog server holds is compared with it: a tail
that was cut off, and a whole chain that was removed, show in nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxy.audit.anchors import is_signed
from proxy.audit.lines import ANCHOR, FIRST_HASH, REMOVED, TORN, ChainLine, digest_of, read_line


class LinePlace(NamedTuple):
    """Where a line stands."""

    file: str
    number: int
    """From 1; 0: the file as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLine:
    place: LinePlace
    what: str


@dataclass(slots=True, kw_only=True)
class JudgedChain:
    """A chain as far as it was read."""

    chain: str
    first: ChainLine
    first_place: LinePlace
    last: ChainLine
    last_place: LinePlace
    before: tuple[ChainLine, LinePlace] | None = None
    """The line before the last."""
    signed_until: int = 0
    """The number of the newest anchor whose signature is right."""
    held_outside: int = 0
    """How many of its lines somebody else holds as they stand here."""
    is_foreign: bool = False
    doubted: tuple[LinePlace, LinePlace] | None = None
    """Two lines in a row of which one was changed: the hash in the next line says which."""
    gaps: list[Gap] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Gap:
    """Numbers that are missing before a line, and have not come yet."""

    place: LinePlace
    seq: int
    numbers: set[int]
    count: int


@dataclass(slots=True, kw_only=True)
class Repeated:
    """Lines of a file, one after another, whose numbers were there before."""

    place: LinePlace
    chain: str
    first: int
    last: int

    def goes_on_with(self, line: ChainLine, place: LinePlace) -> bool:
        following = LinePlace(self.place.file, self.place.number + self.last - self.first + 1)
        return place == following and line.chain == self.chain and line.seq == self.last + 1

    @property
    def wrong(self) -> WrongLine:
        if self.first == self.last:
            return WrongLine(place=self.place, what=f"number {self.first} of {self.chain} stands here again")
        what = f"numbers {self.first} to {self.last} of {self.chain} stand here again"
        return WrongLine(place=self.place, what=f"{what} (a copy is verified by itself with --public-key)")


class AuditJudge:
    def __init__(
        self, signers: Mapping[str, Ed25519PublicKey], outside: Mapping[str, Mapping[int, str]] | None = None
    ) -> None:
        """`signers` by their names (`anchors.by_name`). `outside`: hashes of lines by chain and number, as somebody
        else holds them; of chains of this installation alone."""
        self.chains: dict[str, JudgedChain] = {}
        self._signers = signers
        self._outside = outside or {}
        self._wrong: list[tuple[int, WrongLine]] = []
        self._repeated: list[Repeated] = []
        self._unreadable: dict[str, tuple[int, LinePlace]] = {}
        self._removals: list[ChainLine] = []
        self._count = 0
        self._order: dict[LinePlace, int] = {}

    @property
    def lines(self) -> int:
        return self._count

    @property
    def holds_outside(self) -> bool:
        """Whether somebody else holds anything of this installation."""
        return bool(self._outside)

    def take(self, place: LinePlace, text: bytes) -> None:
        """The next line, without its end."""
        self._count += 1
        line = read_line(text)
        if line is None:
            self._unreadable[digest_of(text)] = (self._count, place)
            return
        if line.event == TORN:
            self._forget_torn(line)
        chain = self.chains.get(line.chain)
        if chain is None:
            chain = self.chains[line.chain] = JudgedChain(
                chain=line.chain, first=line, first_place=place, last=line, last_place=place
            )
            if line.seq == 1 and line.hash != FIRST_HASH:
                self._is_wrong(place, "was changed: the first line of a chain follows none")
        elif not self._follows(chain, line, place):
            return
        chain.before = (chain.last, chain.last_place)
        chain.last, chain.last_place = line, place
        self._compare(line, place)
        if line.event == ANCHOR or line.signature:
            self._judge_anchor(chain, line, place)
        if line.event == REMOVED and isinstance(line.facts.get("seq"), int):
            self._removals.append(line)

    def _forget_torn(self, line: ChainLine) -> None:
        """It tells of what was cut off before it, be that a part of a line or a whole one without its end."""
        told = str(line.facts.get("sha256")).split()
        for digest in told:
            self._unreadable.pop(digest, None)
        chain = self.chains.get(line.chain)
        if chain is not None and chain.last.digest in told and chain.before is not None:
            chain.last, chain.last_place = chain.before
            chain.signed_until = min(chain.signed_until, chain.last.seq)

    def _follows(self, chain: JudgedChain, line: ChainLine, place: LinePlace) -> bool:
        """Whether to go on from this line."""
        if line.seq <= chain.last.seq:
            for gap in chain.gaps:
                if line.seq in gap.numbers:
                    gap.numbers.remove(line.seq)
                    return False
            self._note_repeated(line, place)
            return False
        if line.seq > chain.last.seq + 1:
            missing = range(chain.last.seq + 1, line.seq)
            chain.gaps.append(Gap(place=place, seq=line.seq, numbers=set(missing), count=len(missing)))
            self._note(place)
        elif chain.doubted is not None:
            # The line before this one carries a wrong hash of the one before it: either was changed.
            was, then = chain.doubted
            self._is_wrong(was if line.hash == chain.last.digest else then, _CHANGED)
            chain.doubted = None
        elif line.hash != chain.last.digest:
            self._note(chain.last_place)
            self._note(place)
            if chain.last.signature and chain.last.seq == chain.signed_until:
                self._is_wrong(place, _CHANGED)
            else:
                chain.doubted = (chain.last_place, place)
        return True

    def _note_repeated(self, line: ChainLine, place: LinePlace) -> None:
        if self._repeated and self._repeated[-1].goes_on_with(line, place):
            self._repeated[-1].last = line.seq
        else:
            self._note(place)
            self._repeated.append(Repeated(place=place, chain=line.chain, first=line.seq, last=line.seq))

    def _compare(self, line: ChainLine, place: LinePlace) -> None:
        held = self._outside.get(line.chain, {}).get(line.seq)
        if held == line.digest:
            self.chains[line.chain].held_outside += 1
        elif held is not None:
            self._is_wrong(place, f"number {line.seq} of {line.chain} is not the line that the syslog server holds")

    def _judge_anchor(self, chain: JudgedChain, line: ChainLine, place: LinePlace) -> None:
        key = self._signers.get(line.signer)
        if key is None:
            if not chain.is_foreign:
                self._is_wrong(
                    place,
                    f"{chain.chain} is signed by a key that is not of this installation ({line.signer or 'none'}):"
                    " it belongs to another one, or the master key was dropped (then give its --public-key)",
                )
            chain.is_foreign = True
        elif is_signed(line, key):
            chain.signed_until = line.seq
        else:
            self._is_wrong(place, "was changed: its signature is wrong")

    def wrong(self) -> list[WrongLine]:
        """Everything that is wrong, in the order of the lines; what is missing at the ends comes last."""
        found = [*self._wrong, *((self._order.get(each.place, 0), each.wrong) for each in self._repeated)]
        found += [
            (count, WrongLine(place=at, what="is no line of an audit")) for count, at in self._unreadable.values()
        ]
        removed = self._removed()
        for chain in self.chains.values():
            found += [(self._order.get(each.place, 0), each) for each in _wrong_with(chain, removed[chain.chain])]
        return [each for _, each in sorted(found, key=lambda pair: pair[0])] + list(self._missing_ends(removed))

    def _removed(self) -> defaultdict[str, dict[int, str]]:
        """Of each chain, what `keep` has removed: the number and hash of the last line of a file.

        Only what an anchor stands for counts: whoever can write files can add a line to the end of one."""
        removed: defaultdict[str, dict[int, str]] = defaultdict(dict)
        for line in self._removals:
            if line.seq < self.chains[line.chain].signed_until:
                removed[str(line.facts.get("chain"))][int(line.facts["seq"])] = str(line.facts.get("hash"))
        return removed

    def _missing_ends(self, removed: Mapping[str, Mapping[int, str]]) -> Iterator[WrongLine]:
        for name, held in self._outside.items():
            newest = max(held)
            chain = self.chains.get(name)
            if chain is not None:
                if newest > chain.last.seq:
                    what = f"{name} was cut off after this line: the syslog server holds number {newest}"
                    yield WrongLine(place=chain.last_place, what=what)
            elif newest > max(removed.get(name, ()), default=0):
                yield WrongLine(
                    place=LinePlace("the files", 0),
                    what=f"{name} is not there, and the syslog server holds number {newest} of it: it was removed, or"
                    " the files of its node were not named",
                )

    def _is_wrong(self, place: LinePlace, what: str) -> None:
        self._wrong.append((self._order.get(place, self._count), WrongLine(place=place, what=what)))

    def _note(self, place: LinePlace) -> None:
        """Where it comes among all lines: it may turn out to be wrong later."""
        self._order.setdefault(place, self._count)


_CHANGED = "was changed: the hash in the line after it, or in it, is another one"


def _wrong_with(chain: JudgedChain, removed: Mapping[int, str]) -> Iterator[WrongLine]:
    """`removed`: what `keep` has removed of it."""
    if chain.doubted is not None:
        yield WrongLine(place=chain.doubted[0], what=_CHANGED)
    for gap in chain.gaps:
        expected = gap.seq - gap.count
        if gap.numbers:
            what = f"{min(gap.numbers)}" if len(gap.numbers) == 1 else f"{min(gap.numbers)} to {max(gap.numbers)}"
            yield WrongLine(place=gap.place, what=f"number {what} of {chain.chain} was removed before this line")
        else:
            what = f"number {gap.seq} of {chain.chain} stands where {expected} belongs: lines were swapped"
            yield WrongLine(place=gap.place, what=what)
    if chain.first.seq > 1 and removed.get(chain.first.seq - 1) != chain.first.hash:
        yield WrongLine(
            place=chain.first_place,
            what=f"{chain.chain} begins with number {chain.first.seq}: what was before it was removed, and not by"
            " [audit] keep",
        )
    if not chain.signed_until and not chain.is_foreign:
        yield WrongLine(place=chain.last_place, what=f"nothing of {chain.chain} is signed")
