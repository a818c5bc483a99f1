# One image for every service; docker-compose.yml says which runs what.
# To pin the base by its digest: docker-compose build --build-arg BASE=python:3.11.15-slim-bookworm@sha256:…
ARG BASE=python:3.11.15-slim-bookworm

FROM ${BASE} AS build
# Compiled files carry a hash in place of a time, and files one time for all: the same sources give the same bytes.
ARG SOURCE_DATE_EPOCH=1767225600
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
# Dependencies first: they change less often than the code, and this layer is kept when they do not.
# EXTRAS is empty, otel (for WIREWATCH_TRACES) or spacy (for WIREWATCH_ENTITIES=spacy:…): each has a lock of its own.
ARG EXTRAS=
COPY requirements/run*.txt requirements/
RUN python -m venv --without-pip /opt/wirewatch \
 && pip --python /opt/wirewatch/bin/python install --quiet --require-hashes -r "requirements/run${EXTRAS:+-$EXTRAS}.txt"
COPY pyproject.toml README.md ./
COPY pipeline pipeline
COPY workers workers
RUN pip --python /opt/wirewatch/bin/python install --quiet --no-deps --no-build-isolation . \
 && pip --python /opt/wirewatch/bin/python uninstall --quiet --yes hatchling editables \
 && find /opt/wirewatch -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
RUN useradd --system --uid 10001 --no-create-home wirewatch \
 && install -d -o wirewatch -g wirewatch /var/lib/wirewatch
COPY --from=build /opt/wirewatch /opt/wirewatch
# Celery and the extractor keep small files in HOME; the rest of the container may be read-only. Threads share two heaps
# (workers/crew.py says why).
ENV PATH=/opt/wirewatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp MALLOC_ARENA_MAX=2
WORKDIR /
USER wirewatch
CMD ["wirewatch", "--help"]
