# One image for every service; docker-compose.yml says which runs what.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
# Dependencies first: they change less often than the code, and this layer is kept when they do not.
COPY requirements/run.txt requirements/run.txt
RUN pip install --quiet --require-hashes -r requirements/run.txt

COPY pyproject.toml README.md ./
COPY pipeline pipeline
COPY workers workers
RUN pip install --quiet --no-deps --no-build-isolation . \
 && python -m compileall -q /app/pipeline /app/workers \
 && useradd --system --uid 10001 --no-create-home wirewatch \
 && install -d -o wirewatch -g wirewatch /var/lib/wirewatch

USER wirewatch
# Celery and the extractor keep small files here; the rest of the container may be read-only.
ENV HOME=/tmp
CMD ["wirewatch", "--help"]
