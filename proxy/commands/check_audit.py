"""What `gatepost check` says of the audit: whether it can be written, and whether its syslog server answers."""

from __future__ import annotations

import os
from pathlib import Path

from config.certificates import client_context
from config.problems import UnusableFile
from config.settings import AuditSettings
from config.system_errors import denied
from directory.directory import CheckResult
from proxy.audit.syslog import wrong_with_server


async def check_audit(audit: AuditSettings) -> list[CheckResult]:
    results = []
    if audit.file is not None:
        wrong = _wrong_with_folder(audit.file.parent)
        results.append(
            CheckResult(subject="audit", ok=wrong is None, detail=wrong or f"can be written to {audit.file.parent}")
        )
    if audit.syslog is not None:
        try:
            wrong = await wrong_with_server(*audit.syslog, client_context(audit.syslog_ca_file))
        except UnusableFile as error:
            wrong = str(error)
        subject = f"audit syslog {audit.syslog.host}:{audit.syslog.port}"
        results.append(
            CheckResult(subject=subject, ok=wrong is None, detail=wrong or "connected, and its certificate is right")
        )
    return results


def _wrong_with_folder(folder: Path) -> str | None:
    """Makes nothing: the folder is made where its own is there."""
    there = folder if folder.exists() else folder.parent
    if not there.is_dir():
        return f"{there} is no folder"
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"{there}: {denied(folder)}"
    return None
