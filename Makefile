# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Needs make, git and Python 3.11 or newer; each target makes the rest itself, once, under ~/.cache/community.che.
# The work is done by tests/tools/, so that it can be run without make as well.

RUN := tests/tools/run-tests
VENV = $$(tests/tools/venv)

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint unit sanity docs-lint integration molecule runner benchmarks \
	cluster-up cluster-down cluster-status format changelog constraints

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Back up a stand-in Che, destroy it, restore it, and prove that it is the same
	@tests/tools/with-cluster tests/demo/demo

test: ## Run everything; the last line is 'N passed, N failed'
	@$(RUN)

soak: ## Run the long tests and write docs/soak.md
	@$(RUN) --soak

lint: ## Run the static checks: ruff, mypy, import-linter, ansible-lint, docs, changelog, galaxy, sanity
	@$(RUN) lint

unit: ## Run the tests that need no cluster
	@$(RUN) unit

sanity: ## Run ansible-test sanity on an export of the checkout
	@tests/tools/sanity

docs-lint: ## Check the documentation of modules and roles with antsibull-docs
	@tests/tools/check docs

integration: ## Run the tests against the test cluster, or against the one that KUBECONFIG names
	@$(RUN) integration

molecule: ## Run molecule's default scenario: the round trip through the roles
	@$(RUN) molecule

runner: ## Run the playbooks through ansible-runner, the way AWX does
	@$(RUN) runner

benchmarks: ## Measure against the floors by hand and write the table in the docs (about an hour)
	@tests/tools/with-cluster tests/benchmarks/run

cluster-up: ## Start the one-node test cluster (the first time it is built, which takes about 12 minutes)
	@tests/cluster/cluster up

cluster-down: ## Stop it
	@tests/cluster/cluster down

cluster-status: ## Tell whether it runs
	@tests/cluster/cluster status

format: ## Lay out and sort the imports of the Python files
	@$(VENV)/bin/ruff check --select I --fix . && $(VENV)/bin/ruff format .

changelog: ## Write CHANGELOG.rst of the version in galaxy.yml from changelogs/fragments
	@tests/tools/changelog

constraints: ## Pin the environment as it is now in tests/constraints.txt
	@tests/tools/constraints
