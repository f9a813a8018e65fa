# Everything a developer does, by name. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
NAME ?= bed
TIER ?= full
CLUSTER ?= drplan-test
BED := PYTHONPATH=tests $(PYTHON) -m bed
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help install fmt lint typecheck test test-fast test-bed test-kind test-differential test-matrix demo demo-failure bench crds chart docs golden recordings \
	test-api test-cluster verify lock image install-bed bed-build bed-up bed-down bed-status bed-shell clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Install the locked dependencies and drplan itself into .venv

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

fmt: install ## Format the code and sort its imports
	$(BIN)/ruff check --fix --select I --quiet .
	$(BIN)/ruff format --quiet .

lint: install ## Check style, docstrings and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: install ## Check all types (mypy --strict)
	$(BIN)/mypy

test: install ## Run all tests, those on real Kubernetes and Argo too (root on Linux; the first time builds both)
	@$(BED) check
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not bed"
	@$(MAKE) --no-print-directory test-bed

test-fast: install ## Run the tests that take seconds and need no cluster
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not long and not bed"

test-bed: install ## Run the tests on real Kubernetes and Argo alone
	@$(BED) check
	@$(BED) build
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-api test-cluster

# Side by side: the ones need the processors, the others wait for pods most of the time.
test-api:
	$(PYTEST) -p pytest_kind -n $(WORKERS) --dist loadfile -m bed --ignore tests/cluster

test-cluster:
	$(PYTEST) -p pytest_kind -m bed tests/cluster

test-kind: install ## Run the tests of a cluster on kind (KIND=/path/to/kind, KUBECTL=/path/to/kubectl)
	@command -v "$(KIND)" >/dev/null || { echo "say which kind: make test-kind KIND=/path/to/kind" >&2; exit 1; }
	$(PYTEST) -p pytest_kind -m bed tests/cluster --cluster-name $(CLUSTER) --kind-bin "$$(command -v $(KIND))" \
		$(if $(KUBECTL),--kind-kubectl-bin "$$(command -v $(KUBECTL))")

test-differential: install ## Run N generated plans on the local engine and on real Argo, and compare the statuses
	@$(BED) check
	$(if $(N),DRPLAN_DIFFERENTIAL=$(N)) $(PYTEST) -p pytest_kind -m bed tests/cluster/test_cluster_differential.py

test-matrix: install ## Kill runners and the syncer at every single write, not at a sample of them
	@$(BED) check
	DRPLAN_MATRIX=all $(PYTEST) -m bed tests/api/test_api_crash_matrix.py tests/api/test_syncer_kills.py

demo: install ## Run a switchover in front of you, show that traffic moved, and revert it
	@$(BIN)/python -m examples.demo

demo-failure: install ## The same with an action that fails, and the partial revert
	@$(BIN)/python -m examples.demo --fail

bench: install ## Measure against peers in one run; fails when a figure is missed
	$(BIN)/python -m benchmarks --check

crds: install ## Write crds/ from compiler/model
	$(BIN)/python -m compiler.crds

chart: crds ## Write the templates of the Helm chart from deploy/syncer and deploy/components
	$(BIN)/python -m deploy.chart

docs: install ## Write the generated tables in docs/
	$(BIN)/python -m docs.generate

golden: install ## Write the golden files anew; review them as a diff
	DRPLAN_REGENERATE=1 $(BIN)/python -m pytest -q tests -k "golden or broken_manifest" -m "not bed"

recordings: install ## Record anew what runs on a real Argo leave behind (root on Linux); then `make golden`
	DRPLAN_RECORD=1 $(BIN)/python -m pytest -q -p pytest_kind -m bed tests/cluster/test_cluster_recordings.py

verify: crds chart docs golden ## Generate everything and fail when something differs from what is committed
	@git diff --exit-code -- crds deploy docs tests/golden tests/recordings || (echo "generated files differ: commit them"; exit 1)
	@test -z "$$(git status --porcelain -- crds deploy docs tests/golden tests/recordings)" || (git status --short -- crds deploy docs tests/golden tests/recordings; exit 1)

image: install ## Build the image of runner and syncer as an OCI archive, without Docker
	$(BIN)/python -m deploy.image

install-bed: ## Install the Debian packages that test bed and image need and that are missing
	@missing=$$($(BED) packages --missing); if [ -n "$$missing" ]; then set -x; \
		apt-get update --quiet; apt-get install --yes --quiet --no-install-recommends $$missing; fi

bed-build: ## Build the test bed's programs that are not in the cache
	@$(BED) build

bed-up: ## Bring up a test bed (NAME=bed, TIER=full or api)
	@$(BED) up --name $(NAME) --tier $(TIER)

bed-down: ## End a test bed and all that belongs to it
	@$(BED) down --name $(NAME)

bed-status: ## Show the test beds that there are
	@$(BED) status

bed-shell: install ## Open a shell in a test bed, with kubectl, argo and drplan
	@PYTHONPATH=tests $(BIN)/python -m bed shell --name $(NAME)

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-header --quiet --constraints requirements.lock --output-file requirements-runtime.lock

clean: ## Remove what was built or run here
	rm -rf $(VENV) .drplan build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
