"""An engine that writes into a folder of the test's own, by a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import LogCapture

from config.settings import AuditSettings
from proxy.audit.anchors import by_name, public_keys
from proxy.audit.chain_file import ChainFile
from proxy.audit.chain_writer import LineOutlet
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.judging import WrongLine
from proxy.audit.open_audit import ServedAudit, serving_audit
from proxy.audit.person_keys import PersonKeys, box_from_json
from proxy.audit.recording import AuditRecorder, RecordingLimits
from proxy.audit.verifying import judged
from proxy.secrets.keys import Keys
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW

ANNA = AuditedPerson(realm="corp", guid="5f6a1c3e-0000-4000-8000-000000000001", name="anna.arden")
BEN = AuditedPerson(realm="corp", guid="5f6a1c3e-0000-4000-8000-000000000002", name="ben.bright")
LIMITS = RecordingLimits(retry_seconds=0.02)


def signed_in(person: AuditedPerson | None = ANNA, **facts: str | int) -> AuditEvent:
    return AuditEvent(event="sign_in.succeeded", actor=person, address="192.0.2.7", incident="i-1", facts=facts)


class Engine:
    def __init__(self, base: Path, *, most_bytes: int = 1 << 26) -> None:
        self.base = base
        self.most_bytes = most_bytes
        self.now = NOW
        self.store = MemoryStore()
        self.keys = Keys(bytes(range(32)), clock=lambda: self.now)
        self.person_keys = PersonKeys(self.store.person_keys, self.keys)
        self.capture = LogCapture()
        self.log = structlog.wrap_logger(None, processors=[self.capture])

    def replace_keys(self, keys: Keys) -> None:
        self.keys = keys
        self.person_keys = PersonKeys(self.store.person_keys, keys)

    @asynccontextmanager
    async def recording(
        self, *outlets: LineOutlet, limits: RecordingLimits = LIMITS, required: bool = False, kill: bool = False
    ) -> AsyncIterator[AuditRecorder]:
        """`kill`: it ends without a word, and what waits is lost."""
        recorder = AuditRecorder(
            person_keys=self.person_keys,
            keys=self.keys,
            log=self.log,
            clock=lambda: self.now,
            file=ChainFile(self.base, most_bytes=self.most_bytes),
            required=required,
            outlets=outlets,
            limits=limits,
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield recorder
        finally:
            if kill:
                task.cancel()
                await asyncio.wait({task})
            else:
                recorder.end()
                await task
            await recorder.close()

    def serving(self, settings: AuditSettings) -> AbstractAsyncContextManager[ServedAudit]:
        """As a worker opens it."""
        return serving_audit(settings, self.person_keys, self.keys, log=self.log, clock=lambda: self.now, limits=LIMITS)

    async def write(self, *events: AuditEvent, kill: bool = False) -> None:
        """By a process that comes and goes."""
        async with self.recording(kill=kill) as recorder:
            for event in events:
                recorder.record(event)
            await recorder.flushed()

    @property
    def files(self) -> list[Path]:
        return sorted(self.base.parent.glob(f"{self.base.stem}-*"))

    @property
    def lines(self) -> list[bytes]:
        return [line for file in self.files for line in file.read_bytes().splitlines()]

    @property
    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.read]

    def wrong(self) -> list[WrongLine]:
        """As `gatepost audit verify` judges the files."""
        return judged(self.files, by_name(public_keys(self.keys))).wrong()

    async def unsealed(self, box: dict[str, str]) -> bytes | None:
        found = box_from_json(box)
        assert found is not None
        (plain,) = await self.person_keys.unseal_all([found])
        return plain
