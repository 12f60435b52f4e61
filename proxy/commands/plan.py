"""`python -m proxy.commands.plan ORDER`: read and check a configuration for the supervisor, every problem at once.

What is checked here needs no worker: the file, certificates, the master key, texts, local users. The settings go,
pickled, into a descriptor that workers read: never to a disk, and to nobody else.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import socket
import sys
import time
from pathlib import Path

from config.authorities import UnusableAuthorities
from config.checks import warnings
from config.errors import ConfigurationError
from config.load import load_settings
from config.settings import LocalDirectorySettings, Settings
from directory.active_directory.connection import create_tls_context
from directory.users_file import read_users
from proxy.delivery.bounces.create_bounces import wrong_with_bounces
from proxy.delivery.create_channels import create_channels, delivery_warnings
from proxy.delivery.misconfigured import DeliveryMisconfigured
from proxy.forwarding.public_tls import UnusableCertificate, load_certificates
from proxy.secrets.key_file import KeyFileError, load_keys
from proxy.supervisor.orders import Outline, Plan, PlanOrder


def main(order: PlanOrder) -> int:
    """Write the plan, and the settings if they can be used."""
    plan, settings = make_plan(Path(order.config))
    if settings is not None:
        with os.fdopen(order.settings, "wb") as file:
            pickle.dump(settings, file)
            file.flush()
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    with socket.socket(fileno=order.control) as control:
        control.sendall(plan.to_json().encode())
    return 0


def make_plan(config: Path) -> tuple[Plan, Settings | None]:
    """The settings are None if there is a problem."""
    try:
        settings = load_settings(config, os.environ)
    except ConfigurationError as error:
        return Plan(problems=tuple(map(str, error.problems))), None
    problems = [problem if problem.startswith(str(config)) else f"{config}: {problem}" for problem in _wrong(settings)]
    if problems:
        return Plan(problems=tuple(problems)), None
    server = settings.server
    outline = Outline(
        listen=tuple((host, port) for host, port in server.listen),
        redirect=tuple((host, port) for host, port in server.redirect_listen),
        admin=((server.admin_listen.host, server.admin_listen.port),) if server.admin_listen is not None else (),
        workers=server.workers,
        drain_seconds=server.drain_timeout,
    )
    return Plan(outline=outline, warnings=(*warnings(settings), *delivery_warnings(settings))), settings


def _wrong(settings: Settings) -> list[str]:
    """What the values do not show: files that are there and cannot be used, texts that are no SMS."""
    found = []
    if settings.server.certificate_pairs:
        try:
            load_certificates(settings.server.certificate_pairs)
        except UnusableCertificate as error:
            found.append(f"server.certificates: {error}")
    try:
        load_keys(settings.server, now=time.time())
    except KeyFileError as error:
        found.append(str(error))
    try:
        create_channels(settings)
    except DeliveryMisconfigured as error:
        found += error.problems
    found += wrong_with_bounces(settings)
    for directory in settings.directories:
        if isinstance(directory, LocalDirectorySettings):
            try:
                read_users(directory.file, directory.name)
            except ConfigurationError as error:
                found += map(str, error.problems)
        else:
            try:
                create_tls_context(directory.ca_file)
            except UnusableAuthorities as error:
                found.append(f"directory {directory.name!r}: ca_file: {error}")
    return found


if __name__ == "__main__":
    sys.exit(main(PlanOrder.from_json(sys.argv[1])))
