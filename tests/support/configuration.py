"""A small configuration on disk: local users, one app, and everything that it names on loopback."""

from __future__ import annotations

from pathlib import Path

from argon2 import PasswordHasher

from tests.support.gatepost import free_port

CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:{port}"
[[directories]]
name = "local"
type = "local"
file = "users.toml"
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "wiki.localhost"
upstream = "http://127.0.0.1:{app_port}"
"""
USER = """\
[[users]]
username = "alice"
password_hash = "{hash}"
"""


def written(folder: Path, *, more: str = "", users: str = "", **ports: int) -> Path:
    """`gatepost.toml` in `folder`, with what else it shall hold; without `users` there is one, alice."""
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("x")
    (folder / "users.toml").write_text((users or USER).replace("{hash}", hashed))
    file = folder / "gatepost.toml"
    known = {"port": free_port(), "smtp_port": free_port(), "app_port": free_port(), **ports}
    file.write_text(CONFIGURATION.format(**known) + more)
    return file
