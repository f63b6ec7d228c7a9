# make run    sets up what is missing and reads emotions from the best source there is
# make test   sets up what the tests need, checks style and types, and runs all tests
# make rigs   runs the tests that take minutes: the service in containers, faults for ten minutes (Debian, root; 20 minutes)
# make lint   style and types alone
# make clean  removes what the others made
# make service-test  installs, breaks and removes the service and its cameras on Debian 12 and 13, in containers (Debian, root;
#                    11 minutes)
# make card-test  counts what the log writes to a card in a day (root; 10 s)
# make device-test  boots an emulated device, lights a Pi 3's pins, takes its power twenty times (Debian, root; 30 minutes)
# make soak  runs an hour with a fault every minute
# make count-arm  counts the instructions of finding and reading a face on a Raspberry Pi's processors, emulated (Debian 12,
#                 root; 4 minutes)

PYTHON ?= python3
ARGS ?=
# The device's dependencies alone; the tests' TensorFlow and torch besides; the older interpreter, which needs NumPy 1.
RUN := .venv
TEST := .venv-test
OLD := .venv-tflite
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: run test rigs lint clean card-test count-arm device-test service-test soak
.DELETE_ON_ERROR:

run: $(RUN)/.ready
	@$(RUN)/bin/fer-edge run $(ARGS)

test: lint $(OLD)/.ready $(TEST)/.broker $(TEST)/.browser $(TEST)/.camera $(TEST)/.arm
	@$(TEST)/bin/python -m pytest $(ARGS)

rigs: $(TEST)/.ready $(TEST)/.broker
	@$(TEST)/bin/python -m pytest -m long $(ARGS)

lint: $(TEST)/.ready
	@$(TEST)/bin/ruff check --quiet .
	@$(TEST)/bin/ruff format --check --quiet .
	@$(TEST)/bin/mypy

card-test: $(RUN)/.ready
	@$(RUN)/bin/python rigs/card_writes.py

soak: $(TEST)/.broker
	@$(TEST)/bin/python rigs/soak.py $(ARGS)

service-test:
	@$(PYTHON) rigs/service.py $(ARGS)

device-test:
	@$(PYTHON) rigs/device.py $(ARGS)

count-arm:
	@$(PYTHON) rigs/count_arm.py $(ARGS)

clean:
	rm -rf $(RUN) $(TEST) $(OLD) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# On a Raspberry Pi, picamera2 and libcamera come from the system's packages, built against the system's NumPy: the
# environment sees them, and pip must not put another NumPy before that one.
$(RUN)/.python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  f"fer-edge needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	@echo "setting up $(RUN)"
	@$(PYTHON) -m venv $$($(PYTHON) -c 'import importlib.util as u; \
	  print("--system-site-packages" if u.find_spec("picamera2") else "")') $(RUN)
	@$(RUN)/bin/python -c 'import importlib.metadata as m, importlib.util as u; \
	  print("numpy==" + m.version("numpy") if u.find_spec("picamera2") else "")' > $@

$(RUN)/.ready: $(RUN)/.python pyproject.toml
	@$(RUN)/bin/python $(PIP) --constraint $(RUN)/.python --editable .
	@touch $@

$(TEST)/.ready: pyproject.toml
	@echo "setting up $(TEST)"
	@$(PYTHON) -m venv $(TEST)
	@$(TEST)/bin/python $(PIP) --editable '.[convert,torch,gpio,kiosk,mqtt,oled,test]'
	@touch $@

# The broker of the MQTT tests, on Debian as root; elsewhere they are skipped where there is none, and say so.
$(TEST)/.broker: $(TEST)/.ready
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq --yes --no-install-recommends mosquitto >/dev/null; \
	fi
	@touch $@

# The browser of the page's tests: the system's, else Playwright's own, else Debian's; without one they are skipped, and say so.
$(TEST)/.browser: $(TEST)/.ready
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null && \
	  ! $(TEST)/bin/python -m playwright install --only-shell chromium >/dev/null 2>&1 && \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null || true; \
	fi
	@touch $@

# The real picamera2, on a camera made of pictures; where it cannot be set up it says why, and its tests are skipped.
$(TEST)/.camera: $(TEST)/.ready rigs/camera.py rigs/debian.py $(wildcard rigs/camera_inside/*)
	@$(TEST)/bin/python rigs/camera.py && touch $@ || true

# A Raspberry Pi's Debian and wheels, emulated (1 GB, Debian, root); where they cannot be had the tests are skipped, and say so.
$(TEST)/.arm: $(TEST)/.ready rigs/arm.py rigs/count_arm.py rigs/debian.py
	@$(TEST)/bin/python rigs/arm.py && \
	  $(TEST)/bin/python rigs/count_arm.py --set-up --runtime ai-edge-litert && touch $@ || true

# tflite-runtime has wheels for Python 3.11 alone; elsewhere its tests are skipped, and say so.
$(OLD)/.ready: pyproject.toml
	@mkdir -p $(OLD)
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
	  $(PYTHON) -m venv $(OLD) && $(OLD)/bin/python $(PIP) \
	    tflite-runtime==2.14.0 'numpy<2' 'opencv-python-headless<4.12' pillow tqdm; \
	fi
	@touch $@
