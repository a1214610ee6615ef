# Two stages: the first installs the locked dependencies and the wheel into /opt/engine, the second has nothing else.
FROM docker.io/library/python:3.12-slim AS build

# `--build-arg EXTRAS=s3`: the image has this extra of pyproject.toml, too
ARG EXTRAS
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-s3.lock requirements-build.lock ./
# /opt/engine has no pip of its own: that of /opt/tools fills it
RUN python3 -m venv /opt/tools \
 && python3 -m venv --without-pip /opt/engine \
 && /opt/tools/bin/pip install --quiet --require-hashes -r requirements-build.lock \
 && /opt/tools/bin/pip --python /opt/engine/bin/python install --quiet --require-hashes -r "requirements${EXTRAS:+-$EXTRAS}.lock"
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY schemas schemas
COPY rules rules
RUN /opt/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/tools/bin/pip --python /opt/engine/bin/python install --quiet --no-deps dist/*.whl

FROM docker.io/library/python:3.12-slim

LABEL org.opencontainers.image.title="ciso-event-engine" \
      org.opencontainers.image.description="Events on a Kafka-compatible topic become authenticated HTTP API requests, by rules written in YAML" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/engine /opt/engine
# what a user mounts over: the configuration, the rules, the event schemas
WORKDIR /etc/engine
COPY config.yaml ./
COPY rules rules
COPY schemas schemas
ENV PATH=/opt/engine/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ENGINE_HTTP_HOST=0.0.0.0
USER 10001:10001
EXPOSE 9108
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python3", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 9108, timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["engine"]
CMD ["run"]
