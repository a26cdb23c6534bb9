# The environment of `make setup` as a container, from the same lock files:
#   docker build -t anonbench . && docker run --rm -it -v "$PWD:/project" -w /project anonbench snakemake --cores 8
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends git libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /anonbench
COPY requirements.lock requirements-nodeps.lock ./
RUN pip install --no-cache-dir -r requirements.lock \
    && pip install --no-cache-dir --no-deps --ignore-requires-python -r requirements-nodeps.lock

COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-deps .

# Each pod of Kubernetes asks pip for the storage plugin: it finds the one of the lock here, and nothing else.
RUN grep storage-plugin requirements-nodeps.lock >plugins.lock \
    && pip download --no-cache-dir --no-deps --dest /plugins -r plugins.lock
ENV PIP_NO_INDEX=1 PIP_NO_DEPS=1 PIP_FIND_LINKS=/plugins

# The workflow, for a Snakemake that runs in a pod itself
COPY Snakefile config.yaml ./
COPY config config
COPY workflow workflow
COPY envs envs
COPY profiles profiles
