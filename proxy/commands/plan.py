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
from proxy.commands.file_checks import load_checked, message_warnings
from proxy.secrets.key_file import KeyFileError, load_keys
from proxy.ssh.start_checks import load_or_create_host_key_of
from proxy.supervisor.orders import SSH, Outline, Plan, PlanOrder, to_json


def main(text: str) -> int:
    """Write the plan that a `PlanOrder` in JSON asks for, and the settings if they can be used."""
    order = PlanOrder(**json.loads(text))
    plan, settings = make_plan(Path(order.config))
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


def make_plan(config: Path) -> tuple[Plan, Settings | None]:
    """The settings are None if there is a problem."""
    try:
        settings, _ = load_checked(config, os.environ)
        load_keys(settings.server, now=time.time())
        if settings.ssh.is_on:
            load_or_create_host_key_of(settings)
    except ConfigurationError as error:
        return Plan(problems=tuple(map(str, error.problems))), None
    except KeyFileError as error:  # it could not be made after all
        return Plan(problems=(f"{config}: {error}",)), None
    server = settings.server
    outline = Outline(
        listen=tuple((host, port) for host, port in server.listen),
        redirect=tuple((host, port) for host, port in server.redirect_listen),
        admin=((server.admin_listen.host, server.admin_listen.port),) if server.admin_listen is not None else (),
        workers=server.workers,
        drain_seconds=server.drain_timeout,
        ssh=tuple((host, port) for host, port in settings.ssh.listen),
    )
    return Plan(outline=outline, warnings=(*warnings(settings), *message_warnings(settings))), settings
