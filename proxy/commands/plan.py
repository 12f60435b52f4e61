"""The plan: read and check a configuration for the supervisor, in a process of its own, every problem at once.

These checks need no worker: the file, certificates, the master key, texts, local users. The settings are pickled into a
descriptor that only workers read. They never reach a disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import socket
import time
from pathlib import Path

from config.checks import warnings
from config.problems import ConfigurationError
from config.settings import Settings
from proxy.audit.lifetime import changed_tables, tables_of
from proxy.commands.file_checks import load_checked, message_warnings
from proxy.operations.store_errors import StoreError
from proxy.rehearsal.rehearsed import digest_of, rehearsal_key
from proxy.secrets.key_file import KeyFileError, load_keys
from proxy.secrets.keys import Keys
from proxy.ssh.start_checks import load_or_create_host_key_of
from proxy.supervisor.orders import SSH, Outline, Plan, PlanOrder, to_json


def main(text: str) -> int:
    """Write the plan that a `PlanOrder` in JSON asks for, and the settings if they can be used."""
    order = PlanOrder(**json.loads(text))
    plan, settings = make_plan(Path(order.config), rehearsal=order.rehearsal, tables=order.tables)
    if plan.outline is not None and plan.outline.ssh and SSH not in order.opens:
        problem = f"{order.config}: ssh.listen: Gatepost was started before it could do this: restart it once"
        plan, settings = Plan(problems=(problem,)), None
    if settings is not None:
        with os.fdopen(order.settings, "wb") as file:
            pickle.dump(settings, file)
            file.flush()
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    with socket.socket(fileno=order.control) as control:
        control.sendall(to_json(plan).encode())
    return 0


def make_plan(config: Path, *, rehearsal: str | None = None, tables: str | None = None) -> tuple[Plan, Settings | None]:
    """The settings are None if there is a problem. `rehearsal` and `tables` as in `PlanOrder`."""
    try:
        settings, _ = load_checked(config, os.environ)
        ring = load_keys(settings.server, now=time.time())
        if settings.ssh.is_on:
            load_or_create_host_key_of(settings)
    except ConfigurationError as error:
        return Plan(problems=tuple(map(str, error.problems))), None
    except KeyFileError as error:  # it could not be made after all
        return Plan(problems=(f"{config}: {error}",)), None
    server, digest, not_rehearsed = settings.server, "", []
    if rehearsal or (rehearsal is not None and server.reload == "rehearsed"):
        digest = digest_of(settings, key=rehearsal_key(Keys(ring))).hex()
        if digest != rehearsal:
            not_rehearsed = _not_rehearsed(config, settings, digest)
    if rehearsal and not_rehearsed:
        return Plan(problems=tuple(f"{config}: server: reload: {each}" for each in not_rehearsed)), None
    now = tables_of(settings) if tables is not None else ""
    outline = Outline(
        listen=tuple((host, port) for host, port in server.listen),
        redirect=tuple((host, port) for host, port in server.redirect_listen),
        admin=((server.admin_listen.host, server.admin_listen.port),) if server.admin_listen is not None else (),
        workers=server.workers,
        drain_seconds=server.drain_timeout,
        ssh=tuple((host, port) for host, port in settings.ssh.listen),
        rehearsal=digest if server.reload == "rehearsed" else "",
        tables=now,
        changed=tuple(changed_tables(tables, now)) if tables else (),
    )
    told = (*warnings(settings), *message_warnings(settings), *(f"server: reload: {each}" for each in not_rehearsed))
    return Plan(outline=outline, warnings=told), settings


def _not_rehearsed(config: Path, settings: Settings, digest: str) -> list[str]:
    """Why this configuration does not count as rehearsed, in a sentence; none if it does. In doubt it does not."""

    # Not above: they take longer to load than all else here, and few starts ask it.
    import asyncio

    from proxy.store.open import open_store

    async def was_rehearsed() -> bool:
        store = open_store(settings.store)
        try:
            return await store.decisions.was_rehearsed(bytes.fromhex(digest), now=time.time())
        finally:
            await store.close()

    try:
        if asyncio.run(was_rehearsed()):
            return []
    except StoreError as error:
        return [f"whether this configuration was rehearsed is not known: the store cannot be read: {error}"]
    return [
        "nobody has rehearsed this configuration: give the one in force a name of its own, such as OLD.toml in the same"
        f" folder, and run gatepost rehearse {config} --config OLD.toml"
    ]
