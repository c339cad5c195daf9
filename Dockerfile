# The exporter, and every other command of sigyn. docker-compose.yml says how it is meant to run.

FROM python:3.11.15-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /usr/local/sigyn
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY analytics analytics
COPY exporter exporter
# The cache mount keeps downloads out of the layer and in the next build.
RUN --mount=type=cache,target=/root/.cache/pip /usr/local/sigyn/bin/pip install --constraint constraints.txt '.[postgresql]'

FROM python:3.11.15-slim-bookworm
COPY --from=build /usr/local/sigyn /usr/local/sigyn
# By number, so that an orchestrator can see that it is not root. The volumes take over the folders' owners:
# state is the exporter's own; Alertmanager's configuration is written and read by Alertmanager's user, 65534.
RUN groupadd --gid 10001 sigyn \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/sigyn --create-home --shell /usr/sbin/nologin sigyn \
    && install --directory --owner=65534 --group=65534 --mode=0700 /etc/alertmanager
ENV PATH=/usr/local/sigyn/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/sigyn
EXPOSE 9847
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9847/-/healthy', timeout=3)"]
ENTRYPOINT ["sigyn"]
CMD ["serve", "--config", "/etc/sigyn/config.yml"]
