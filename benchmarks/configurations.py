"""The configuration files of the measured proxies: each does the same, and is set up as its makers advise.

All of them keep connections to the upstreams open, stream bodies both ways and write no access log. nginx gets
buffers large enough that nothing is spooled to its disk.
"""

from __future__ import annotations

from pathlib import Path

from argon2 import PasswordHasher

from benchmarks.gatepost import GROUP

FILES, ECHO, SIGN_IN, CLIENTS = "files.localhost", "echo.localhost", "signin.localhost", "clients.localhost"
"""Hosts: nginx serving files; the upstream for uploads and WebSockets; the sign-in pages; the files for tokens too."""
USERNAME, PASSWORD = "alice", "Open-the-gate-7"
SMALL_BYTES = 95

_NGINX = """\
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}-error.log; {user}
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off; server_tokens off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; tcp_nopush on;
  client_max_body_size 0; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
{servers}}}
"""

_UPSTREAM_SERVERS = """\
  types {{ text/plain txt; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; root {root};
    location = /small {{ default_type text/plain; return 200 "{small}"; }}
    location = /ok {{ return 204; }}
  }}
"""

_PROXY_SERVERS = """\
  proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
  proxy_request_buffering off; proxy_buffer_size 16k; proxy_buffers 16 32k; proxy_max_temp_file_size 0;
  proxy_read_timeout 600s; proxy_send_timeout 600s;
  ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
  map $http_upgrade $connection_field {{ default upgrade; "" ""; }}
  upstream files {{ server 127.0.0.1:{files_port}; keepalive 64; keepalive_requests 1000000000; }}
  upstream echo {{ server 127.0.0.1:{echo_port}; keepalive 64; keepalive_requests 1000000000; }}
"""
_PROXY_SERVER = """\
  server {{ listen 127.0.0.1:{port}{backlog}; listen 127.0.0.1:{tls_port} ssl; server_name {host};
    location / {{ {auth}proxy_pass http://{upstream};
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_field; }}
    location = /.auth-here {{ internal; return 204; }}
    location = /.auth-there {{ internal; proxy_pass http://files/ok; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_set_header Connection "";
      proxy_set_header X-Original-URI $request_uri; }}
  }}
"""

_HAPROXY = """\
global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 3600s
  option forwardfor
  http-reuse always
frontend all
  bind 127.0.0.1:{port} backlog 4096
  bind 127.0.0.1:{tls_port} ssl crt {pem}
  use_backend echo if {{ hdr(host) -i {echo_host} }}
  default_backend files
backend files
  server files 127.0.0.1:{files_port}
backend echo
  server echo 127.0.0.1:{echo_port}
"""

_GATEPOST = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "{scheme}://{sign_in}:{port}"
max_connections_per_address = 1000000
{tls}
[store]
url = "sqlite:state.db"

{directory}
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"

[mobile]
extra_ranges = ["+447700900"]

[throttle]                       # one person signs in over and over here
passwords_per_address = 1000000
sends_per_person = 1000000
sends_per_number = 1000000
sends_per_address = 1000000
sends_per_day = 1000000

[[apps]]
name = "Files"
host = "{files}"
upstream = "http://127.0.0.1:{files_port}"
groups = ["{group}"]

[[apps]]
name = "Echo"
host = "{echo}"
upstream = "http://127.0.0.1:{echo_port}"
groups = ["{group}"]

[[apps]]
name = "Clients"
host = "{clients}"
upstream = "http://127.0.0.1:{files_port}"
groups = ["{group}"]
clients = ["browser", "bearer"]
"""

DIRECTORIES = """\
[[directories]]
name = "local"
type = "local"
file = "users.toml"

[[directories]]                  # of the sessions that are put in: away, and so nobody is ended by what it says
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["ldaps://127.0.0.1:9"]
bind_user = "svc-gatepost@corp.example"
bind_password = "not used"
"""


def write_nginx_upstream(folder: Path, *, port: int, user: str, files: int) -> Path:
    servers = _UPSTREAM_SERVERS.format(port=port, root=folder, small="x" * SMALL_BYTES)
    return _write_nginx(folder, "upstream", servers, user=user, files=files)


def write_nginx_proxies(
    folder: Path,
    *,
    ports: dict[str, tuple[int, int]],
    files_port: int,
    echo_port: int,
    certificate: Path,
    key: Path,
    user: str,
    files: int,
) -> Path:
    """`ports`: for "", "here" and "there" (where `auth_request` is answered) the ports without and with TLS."""
    servers = _PROXY_SERVERS.format(certificate=certificate, key=key, files_port=files_port, echo_port=echo_port)
    for auth, (port, tls_port) in ports.items():
        for host, upstream in ((FILES, "files"), (ECHO, "echo")):
            servers += _PROXY_SERVER.format(
                port=port,
                tls_port=tls_port,
                host=host,
                upstream=upstream,
                backlog=" backlog=4096" if host == FILES else "",  # nginx wants it only once
                auth=f"auth_request /.auth-{auth}; " if auth else "",
            )
    return _write_nginx(folder, "proxies", servers, user=user, files=files)


# Twice as many connections as files: with less than a sixteenth of them free, nginx closes young ones.
def _write_nginx(folder: Path, name: str, servers: str, *, user: str, files: int) -> Path:
    path = folder / f"{name}.conf"
    path.write_text(
        _NGINX.format(folder=folder, name=name, user=user, files=files, connections=2 * files, servers=servers)
    )
    return path


def write_haproxy(
    folder: Path, *, port: int, tls_port: int, files_port: int, echo_port: int, pem: Path, connections: int
) -> Path:
    path = folder / "haproxy.cfg"
    path.write_text(
        _HAPROXY.format(
            port=port,
            tls_port=tls_port,
            files_port=files_port,
            echo_port=echo_port,
            pem=pem,
            echo_host=ECHO,
            connections=connections,
        )
    )
    return path


def write_gatepost(
    folder: Path,
    *,
    port: int,
    files_port: int,
    echo_port: int,
    smtp_port: int = 25,
    tls: tuple[Path, Path] | None = None,
    directory: str | None = None,
) -> Path:
    """A folder with `gatepost.toml` and, unless `directory` is given, one local user whose hash costs nothing."""
    folder.mkdir(exist_ok=True)
    if directory is None:
        digest = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        (folder / "users.toml").write_text(
            f'[[users]]\nusername = "{USERNAME}"\npassword_hash = "{digest}"\ndisplay_name = "Alice Example"\n'
            f'mail = "alice@corp.example"\nmobile = "07700 900123"\ngroups = ["{GROUP}"]\n'
        )
    path = folder / "gatepost.toml"
    path.write_text(
        _GATEPOST.format(
            port=port,
            scheme="http" if tls is None else "https",
            tls="" if tls is None else f'tls_certificate = "{tls[0]}"\ntls_key = "{tls[1]}"\n',
            sign_in=SIGN_IN,
            directory=DIRECTORIES if directory is None else directory,
            smtp_port=smtp_port,
            files=FILES,
            echo=ECHO,
            clients=CLIENTS,
            files_port=files_port,
            echo_port=echo_port,
            group=GROUP,
        )
    )
    return path
