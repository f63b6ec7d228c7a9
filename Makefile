# make run    sets up what is missing and reads emotions from the best source there is
# make test   sets up what the tests need, checks style and types, and runs all tests
# make lint   style and types alone
# make clean  removes what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The older interpreter needs NumPy 1 and so an environment of its own; it has wheels for Python 3.11 only.
TFLITE := .venv-tflite
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
ARGS ?=

.PHONY: run test lint clean
.DELETE_ON_ERROR:

run: $(VENV)/.device
	@$(BIN)/fer-edge run $(ARGS)

test: lint $(TFLITE)/.ready
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) $(TFLITE) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# On a Raspberry Pi, picamera2 and libcamera come from the system's packages, built against the system's NumPy: the
# environment sees them, and pip must not put another NumPy before that one.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  f"fer-edge needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $$($(PYTHON) -c 'import importlib.util as u; \
	  print("--system-site-packages" if u.find_spec("picamera2") else "")') $(VENV)
	@$(BIN)/python -c 'import importlib.metadata as m, importlib.util as u; \
	  print("numpy==" + m.version("numpy") if u.find_spec("picamera2") else "")' > $@

$(VENV)/.device: $(VENV)/.python pyproject.toml
	@$(PIP) --constraint $(VENV)/.python --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	@$(PIP) --constraint $(VENV)/.python --editable '.[convert,test]'
	@touch $@ $(VENV)/.device

$(TFLITE)/.ready:
	@mkdir -p $(TFLITE)
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
	  $(PYTHON) -m venv $(TFLITE) && $(TFLITE)/bin/python -m pip install --quiet --disable-pip-version-check \
	    tflite-runtime==2.14.0 'numpy<2' 'opencv-python-headless<4.12' tqdm; \
	fi
	@touch $@
