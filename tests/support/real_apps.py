"""Real app servers, each with an app that answers how it was asked: method, mount point, path, host, user.

Each is configured as people do who trust the proxy before it, so that a field that the proxy let through would count.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

WSGI = """\
import json


def application(environ, start_response):
    said = {
        "method": environ["REQUEST_METHOD"],
        "mount": environ.get("SCRIPT_NAME", ""),
        "path": environ["PATH_INFO"],
        "host": environ.get("HTTP_HOST", ""),
        "user": environ.get("HTTP_REMOTE_USER", ""),
    }
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]
"""
FLASK = """\
from flask import Flask, jsonify, request
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST", "DELETE"])
@app.route("/<path:path>", methods=["GET", "POST", "DELETE"])
def say(path):
    user = request.headers.get("Remote-User", "")
    return jsonify(method=request.method, mount=request.script_root, path=request.path, host=request.host, user=user)


app.run("127.0.0.1", PORT, threaded=True)
"""
ASGI = """\
import json


async def app(scope, receive, send):
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    said = {
        "method": scope["method"],
        "mount": scope.get("root_path", ""),
        "path": scope["path"],
        "host": fields.get("host", ""),
        "user": fields.get("remote-user", ""),
    }
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})
"""
WEBSOCKET = """\
from urllib.parse import unquote


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        return await send({"type": "http.response.body"})
    fields = dict(scope["headers"])
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": unquote(fields.get(b"remote-name", b"nobody").decode("ascii"))})
    await receive()
"""
EXPRESS = """\
const express = require("express");
const app = express();
app.set("trust proxy", true);
// What the packages method-override and express-urlrewrite, and IIS's iisnode, do.
app.use((request, response, next) => {
  const sent = (...names) => names.map((name) => request.get(name)).find(Boolean);
  const method = sent("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override");
  if (method) request.method = method.toUpperCase();
  const url = sent("X-Original-URL", "X-Rewrite-URL");
  if (url) request.url = url;
  next();
});
const say = (page) => (request, response) => response.json({
  page, method: request.method, mount: request.baseUrl, path: request.path, host: request.hostname,
  user: request.get("Remote-User") || "",
});
app.all("/admin/secret", say("admin"));
app.use(say("other"));
app.listen(PORT, "127.0.0.1");
"""
APACHE = """\
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
WSGIScriptAlias / {folder}/told.py
WSGITrustedProxyHeaders X-Script-Name X-Forwarded-Script-Name X-Forwarded-Host X-Forwarded-Proto X-Host
WSGITrustedProxies 127.0.0.1
<Directory {folder}>
    Require all granted
</Directory>
"""


@dataclass(frozen=True, kw_only=True)
class RealApp:
    """How one is started, and a field by which its path, mount point or method is moved when nobody removes it."""

    name: str
    program: str | None
    """What has to be there; None: it is not."""
    command: Callable[[Path, int], list[str]]
    moved_by: str = ""


def _python(folder: Path, name: str, text: str, port: int) -> str:
    (folder / name).write_text(text.replace("PORT", str(port)))
    return str(folder / name)


def _gunicorn(folder: Path, port: int) -> list[str]:
    _python(folder, "told.py", WSGI, port)
    return [sys.executable, "-m", "gunicorn", "--chdir", str(folder), "--bind", f"127.0.0.1:{port}", "told"]


def _uwsgi(folder: Path, port: int) -> list[str]:
    file = _python(folder, "told.py", WSGI, port)
    return [
        "uwsgi-core", "--plugin", "python3", "--http-socket", f"127.0.0.1:{port}", "--wsgi-file", file,
        "--die-on-term", "--need-app",
    ]  # fmt: skip


def _mod_wsgi(folder: Path, port: int) -> list[str]:
    _python(folder, "told.py", WSGI, port)
    (folder / "apache.conf").write_text(APACHE.format(folder=folder, port=port))
    return ["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-X"]


def _waitress(folder: Path, port: int) -> list[str]:
    _python(folder, "told.py", WSGI, port)
    headers = "x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto"
    return [
        sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--trusted-proxy=127.0.0.1",
        f"--trusted-proxy-headers={headers}", "told:application",
    ]  # fmt: skip


def _uvicorn(folder: Path, port: int) -> list[str]:
    _python(folder, "told_async.py", ASGI, port)
    return [
        sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "--port", str(port), "--forwarded-allow-ips", "*",
        "told_async:app",
    ]  # fmt: skip


def _websockets(folder: Path, port: int) -> list[str]:
    _python(folder, "told_socket.py", WEBSOCKET, port)
    return [
        sys.executable, "-W", "ignore", "-m", "uvicorn", "--app-dir", str(folder), "--port", str(port),
        "--ws", "websockets", "told_socket:app",
    ]  # fmt: skip


def _flask(folder: Path, port: int) -> list[str]:
    return [sys.executable, _python(folder, "flask_app.py", FLASK, port)]


def _express(folder: Path, port: int) -> list[str]:
    return ["node", _python(folder, "express.js", EXPRESS, port)]


def _found(program: str, *files: str) -> str | None:
    is_there = all(Path(file).exists() for file in files)
    return shutil.which(program, path="/usr/sbin:/usr/bin:/bin:/usr/local/bin") if is_there else None


REAL_APPS = {
    app.name: app
    for app in (
        RealApp(name="gunicorn", program=sys.executable, command=_gunicorn, moved_by="SCRIPT_NAME: /public"),
        RealApp(
            name="uwsgi",
            program=_found("uwsgi-core", "/usr/lib/uwsgi/plugins/python3_plugin.so"),
            command=_uwsgi,
        ),
        RealApp(
            name="mod_wsgi",
            program=_found("apache2", "/usr/lib/apache2/modules/mod_wsgi.so"),
            command=_mod_wsgi,
            moved_by="X-Script-Name: /public",
        ),
        RealApp(name="uvicorn", program=sys.executable, command=_uvicorn),
        RealApp(name="waitress", program=sys.executable, command=_waitress),
        RealApp(name="flask", program=sys.executable, command=_flask, moved_by="X-Forwarded-Prefix: /public"),
        RealApp(
            name="express",
            program=_found("node", "/usr/share/nodejs/express"),
            command=_express,
            moved_by="X-Original-URL: /admin/secret",
        ),
    )
}

WEBSOCKETS = RealApp(name="uvicorn with websockets", program=sys.executable, command=_websockets)


@asynccontextmanager
async def real_app(app: RealApp, folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Start it in `folder`; yields where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin", "PYTHONPATH": str(folder)}
    environ["NODE_PATH"] = "/usr/share/nodejs"
    process = await asyncio.to_thread(_start, app.command(folder, port), folder, environ)
    try:
        await _until_listening(port, process)
        yield "127.0.0.1", port
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # at once, with its workers
        await asyncio.to_thread(process.wait, 20)


def _start(command: list[str], folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "app.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, start_new_session=True
        )


async def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.poll() is None, "it ended: see app.log in its folder"
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
