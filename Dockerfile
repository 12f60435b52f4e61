# syntax=docker/dockerfile:1
# Run it with a read-only root file system; only /var/lib/gatepost (sessions, master key) is written:
#   docker run --read-only --tmpfs /tmp -v gatepost:/var/lib/gatepost -v ./gatepost.toml:/etc/gatepost/gatepost.toml:ro \
#       --cap-drop ALL --security-opt no-new-privileges -p 443:8443 gatepost
# In gatepost.toml: store.url = "sqlite:/var/lib/gatepost/state.db", server.key_file = "/var/lib/gatepost/gatepost.key",
# server.admin_listen = "127.0.0.1:9090" (what the health check asks).

# The same Python with a compiler, for the modules that are compiled (setup.py); what compiles them stays behind.
FROM python:3.11-bookworm AS built
COPY deploy/requirements.txt /requirements.txt
RUN python -m venv /opt/gatepost \
    && /opt/gatepost/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt
WORKDIR /srv/gatepost
COPY setup.py pyproject.toml README.md ./
COPY config config
COPY directory directory
COPY proxy proxy
RUN /opt/gatepost/bin/python setup.py --quiet build_ext --inplace \
    && rm -rf build setup.py pyproject.toml README.md \
    && /opt/gatepost/bin/pip uninstall --yes cython

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/gatepost --create-home --shell /usr/sbin/nologin gatepost
COPY --from=built /opt/gatepost /opt/gatepost
COPY --from=built /srv/gatepost /srv/gatepost
ENV PATH=/opt/gatepost/bin:$PATH \
    PYTHONPATH=/srv/gatepost \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/gatepost
VOLUME /var/lib/gatepost
EXPOSE 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "proxy"]
CMD ["run", "--config", "/etc/gatepost/gatepost.toml"]
