# Debian's own first: it is built with optimizations that others often lack, and Ansible takes most of the tests' time
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$python)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# apt is asked only when something is missing; everything else runs as the caller
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEMO := -i inventory/demo
# prints a shell line that lets docker and Ansible find the test bed's engine
ENGINE := $(BIN)/python tests/testbed/testbed.py engine env
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-deploy demo-host demo-migrate demo-rollback demo-status demo-down test lint sanity unit integration molecule variants docs clean

help: ## this list
	@echo 'Needed: Debian 12 or newer, Python 3.11 or newer, make. Root or sudo, for apt and for a Docker engine where none runs.'
	@echo
	@sed 's/^lint sanity unit integration:/lint|sanity|…:/' $(MAKEFILE_LIST) | awk -F ':.*## ' '/^[a-z|…-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }'

demo: demo-host demo-migrate ## build a host with a running legacy deployment, migrate it, leave it up to look around
	@echo
	@echo "The host is up. To look around in it:  $$($(ENGINE) | sed 's/^export //;s/^unset .*//') docker exec -it llmops-demo bash"
	@echo '  there: docker ps; cat /var/lib/llmops-litellm/report.md; ls -l /opt/litellm'
	@echo 'To run the migration once more, which changes nothing:  make demo-migrate'
	@echo 'To see where it stands, and to bring it back:  make demo-status demo-rollback'
	@echo 'To remove it:  make demo-down'

demo-host: venv ## the host of the demo alone, before the migration
	@$(BIN)/python tests/testbed/testbed.py up
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook $(DEMO) molecule/shared/create.yml molecule/shared/prepare.yml

demo-migrate: venv ## migrate.yml on the demo's host
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook $(DEMO) playbooks/migrate.yml

demo-rollback: venv ## rollback.yml on the demo's host
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook $(DEMO) playbooks/rollback.yml

demo-deploy: venv ## build a host without LiteLLM, deploy one there, leave it up to look around
	@$(BIN)/python tests/testbed/testbed.py up
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook -i inventory/demo-deploy molecule/shared/create.yml molecule/deploy/prepare.yml
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook -i inventory/demo-deploy playbooks/deploy.yml
	@echo
	@echo "The host is up. To look around in it:  $$($(ENGINE) | sed 's/^export //;s/^unset .*//') docker exec -it llmops-demo-deploy bash"
	@echo 'To run it once more, which changes nothing:  make demo-deploy'
	@echo 'To change something: edit inventory/demo-deploy/group_vars/litellm.yml, then make demo-deploy'
	@echo 'To remove it:  make demo-down'

demo-status: venv ## status.yml on the demo's host: where it stands, on one screen
	@eval "$$($(ENGINE))" && $(BIN)/ansible-playbook $(DEMO) playbooks/status.yml

demo-down: venv ## remove the demo's host and all of the test bed that runs; images stay for the next time
	@$(BIN)/python tests/testbed/testbed.py down

test: venv ## every test: lint, ansible-test sanity, unit, integration, and Molecule scenarios on real hosts
	@$(BIN)/python tests/run.py

lint sanity unit integration: venv ## one step of the tests alone
	@$(BIN)/python tests/run.py $@

molecule: venv ## the scenarios alone, or one: make molecule SCENARIO=migrate
	@$(BIN)/python tests/run.py molecule $(if $(SCENARIO),--scenario $(SCENARIO))

variants: venv ## hosts as other people have them, which the scenarios have not: make variants VARIANT=images
	@$(BIN)/python tests/testbed/testbed.py up
	@$(BIN)/python tests/testbed/testbed.py build litellm-nobody postgres-alpine-18
	@eval "$$($(ENGINE))" && $(BIN)/python -m pytest -q tests/variants $(if $(VARIANT),-k $(VARIANT))

docs: venv ## write the generated parts of the roles' READMEs again
	@$(BIN)/python docs/generate.py

clean: ## remove .venv, caches and test output of this checkout
	rm -rf $(VENV) .cache test-output .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis

venv: $(VENV)/.ready ## .venv with Ansible, Molecule, pytest, and this checkout linked into it

# Debian's python3 may come without ensurepip. The link makes roles, modules and playbooks of a plain checkout known by
# their full names.
$(VENV)/.ready: requirements.txt requirements-test.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ $(SUDO) apt-get -qq update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv; }
	@echo 'making $(VENV): one or two minutes the first time'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@link="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ansible_collections/llmops/litellm" && \
		mkdir -p "$$(dirname "$$link")" && ln -sfn "$(CURDIR)" "$$link"
	@touch $@
