# anonbench: two commands do all set-up on a fresh machine, `make demo` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES ?= all
RESOURCES ?= gpu=4
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --resources $(RESOURCES)
# what is never imported is never compiled
INSTALL := $(BIN)/python -m pip install -qq --no-compile
# each process of tests has one thread: together they have as many as there are cores
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PAPER_LAYOUTS := build/paper-layouts
BENCH := build/bench-venv
OPPONENTS := build/opponents-venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1
# sources are compiled once, not by every job anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint lint-sources format docs site dev plan-paper bench bench-setup opponents clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## the environment in .venv, from the pinned versions

$(READY): requirements.lock requirements-nodeps.lock pyproject.toml
	@python=$$(tools/find-python $(PYTHON)) || exit 1; \
		echo "making the environment in $(VENV) (a few minutes, about 3 GB), with $$python"; \
		$$python -m venv $(VENV)
	@$(INSTALL) -r requirements.lock
	@$(INSTALL) --no-deps --ignore-requires-python -r requirements-nodeps.lock
	@$(INSTALL) --no-deps --editable .
	@tools/system-libraries $(BIN)/python
	@touch $@

demo: $(READY) ## the whole experiment on generated data, with the report at its end
	@$(SNAKEMAKE)
	@echo "The report: $(CURDIR)/results/report.html"

test: $(READY) ## the whole test suite, on all cores, four at most
	@$(PYTEST)

check: lint-sources ## for everyday work: lint but for snakemake --lint, and the quick tests
	@$(PYTEST) -m 'not (slow or workflow or browser or cluster)'

lint: lint-sources ## ruff, mypy, import contracts, snakefmt, snakemake --lint
	@$(BIN)/snakemake --workflow-profile none --lint

lint-sources: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/snakefmt --check Snakefile workflow

format: $(READY) ## ruff and snakefmt, in place
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@$(BIN)/snakefmt Snakefile workflow

docs: $(READY) ## what is written from code: default config, schema, conda environment, reference, gallery
	@$(BIN)/anonbench config
	@$(BIN)/anonbench environments
	@$(BIN)/python tools/site/reference.py
	@$(BIN)/python tools/site/gallery.py

site: $(READY) ## the documentation as a site that opens offline, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "The site: $(CURDIR)/build/site/index.html"

dev: $(READY) ## pre-commit's hook in this clone
	@$(BIN)/pre-commit install

plan-paper: $(READY) ## plan the paper's full experiment, without its images
	@$(BIN)/python tools/paper_lists.py $(PAPER_LAYOUTS)
	@$(BIN)/anonbench plan --configfile config/paper.yaml --config \
		'datasets={celeba: {path: $(PAPER_LAYOUTS)/celeba}, rvl_cdip: {path: $(PAPER_LAYOUTS)/rvl_cdip}, dokiq: {path: $(PAPER_LAYOUTS)/dokiq/images.csv}}'

bench-setup: $(READY) ## the peers that benchmarks compare with, in an environment of their own
	@test -d $(BENCH) || $(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install -qq -r benchmarks/requirements.txt
	@cd $(BENCH)/lib/python3.*/site-packages && \
		echo "import site; site.addsitedir('$$(echo $(CURDIR)/$(VENV)/lib/python3.*/site-packages)')" > anonbench.pth

bench: bench-setup ## all benchmarks, one JSON object each
	@failed=; for bench in benchmarks/bench_*.py; do \
		OMP_NUM_THREADS=1 $(BENCH)/bin/python $$bench || failed="$$failed $$bench"; done; \
		test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

opponents: $(READY) ## deface, presidio and EgoBlur's blur beside anonbench on real images (needs tesseract)
	@test -d $(OPPONENTS) || $(BIN)/python -m venv $(OPPONENTS)
	@$(OPPONENTS)/bin/python -m pip install -qq -r benchmarks/opponents.txt
	@$(OPPONENTS)/bin/python -m pip install -qq --no-deps --ignore-requires-python -r benchmarks/opponents-nodeps.txt
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/opponents.py
	@$(BIN)/python tools/site/opponents.py

clean: ## remove results and generated data, not the environment
	rm -rf results data/demo build .snakemake
