# The environment of `make setup` as a container, from the same lock files:
#   docker build -t anonbench . && docker run --rm -it -v "$PWD:/project" -w /project anonbench snakemake --cores 8
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends git libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /anonbench
COPY requirements.lock requirements-nodeps.lock ./
RUN pip install --no-cache-dir -r requirements.lock \
    && pip install --no-cache-dir --no-deps -r requirements-nodeps.lock

COPY pyproject.toml ./
COPY src src
RUN pip install --no-cache-dir --no-deps .
