"""A real Apache as an app behind Gatepost: WebDAV folders (mod_dav), and git repositories by git's own HTTP backend."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.gatepost import free_port

_MODULES = Path("/usr/lib/apache2/modules")
_BACKEND = Path("/usr/lib/git-core/git-http-backend")
IS_THERE = all(path.exists() for path in (_MODULES / "mod_dav_fs.so", _BACKEND, Path("/usr/sbin/apache2")))
STARTS_WITHIN_SECONDS = 20.0

_LOADED = ("mpm_prefork", "authz_core", "alias", "env", "setenvif", "dav", "dav_fs", "cgi", "log_config")
_CONFIGURATION = """\
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
{modules}
{owner}
StartServers 2
MaxRequestWorkers 16
DocumentRoot {folder}/files
DavLockDB {folder}/locks/db
LimitXMLRequestBody 0
<Directory {folder}/files>
    Dav On
    Require all granted
</Directory>
SetEnv GIT_PROJECT_ROOT {folder}/repositories
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnv HOME {folder}
SetEnvIf Remote-User "^(.+)$" REMOTE_USER=$1
ScriptAlias /git/ {backend}/
<Directory {backend_folder}>
    Require all granted
</Directory>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apache:
    port: int
    files: Path
    repositories: Path
    """Bare ones, below ``/git/``."""


@asynccontextmanager
async def running_apache(repository: str = "project.git") -> AsyncIterator[Apache]:
    """It ends with the block, and its folder with it: pytest's own are closed to the user that Apache becomes."""
    with tempfile.TemporaryDirectory(prefix="gatepost-apache-") as folder:
        async with _running(Path(folder), repository) as apache:
            yield apache


@asynccontextmanager
async def _running(folder: Path, repository: str) -> AsyncIterator[Apache]:
    apache = Apache(port=free_port(), files=folder / "files", repositories=folder / "repositories")
    for each in (apache.files, apache.repositories, folder / "locks"):
        each.mkdir()
    bare = apache.repositories / repository
    await asyncio.to_thread(_make_repository, bare)
    is_root = os.geteuid() == 0
    if is_root:
        _give_away(folder)
    configuration = folder / "apache.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=apache.port,
            modules="\n".join(
                f"LoadModule {name}_module {file}" for name in _LOADED if (file := _MODULES / f"mod_{name}.so").exists()
            ),
            owner="User www-data\nGroup www-data" if is_root else "",
            backend=_BACKEND,
            backend_folder=_BACKEND.parent,
        )
    )
    # In a session of its own: at its end Apache signals its whole process group.
    command = ("/usr/sbin/apache2", "-f", str(configuration), "-DFOREGROUND")
    process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    try:
        await _until_it_listens(apache.port)
        yield apache
    finally:
        process.terminate()
        await process.wait()


def _make_repository(bare: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    # It notes who pushed, as far as Apache knows.
    for key in ("http.receivepack", "core.logAllRefUpdates"):
        subprocess.run(["git", "-C", bare, "config", key, "true"], check=True)


def _give_away(folder: Path) -> None:
    """Apache gives up root, and git wants to own what it serves."""
    for each in (folder, *folder.rglob("*")):
        shutil.chown(each, "www-data", pwd.getpwnam("www-data").pw_gid)


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
