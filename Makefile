# make run         sets up what is missing and reads emotions from the best source there is
# make check       style, types and the fast tests, without TensorFlow, browser or broker: for every save (0.8 GB, once)
# make test        style, types and all tests but those of the next two lines (2.8 GB; 18 minutes, set-up and all)
# make test-torch  the tests that need torch (1.6 GB, with CUDA 6 GB; 5 minutes)
# make rigs        what takes minutes: emulated processors and cameras, the service in containers, faults (3 GB, on Debian, as
#                  root; 19 minutes)
# make attack      attacks a service of its own at every door, and says what held, and how long each took
# make lint        style and types alone
# make docs        makes the documentation a site, without a warning, and lists its links elsewhere (0.5 GB, a minute)
# make deb         makes the Debian package of the service, in dist (a minute)
# make clean       removes what the others made
#
# make check-trixie  make check with Debian 13's own Python 3.13, in a container (Debian, root; 3 minutes)
# make service-test  installs, breaks, upgrades and removes the service and its cameras on Debian 12 and 13, in containers
#                    (Debian, root; 13 minutes)
# make stranger      installs in each documented way on fresh systems, as somebody would who has the documentation alone
#                    (Debian, root)
# make container     builds the container's image without a registry, and runs it and compose.yaml (Debian, root; 8 minutes,
#                    later 5)
# make card-test     counts what the log writes to a card in a day (root; 10 s)
# make home-assistant  a real Home Assistant finds the device and shows it (Debian, root; 3 minutes, 10 the first time)
# make prometheus    a real Prometheus scrapes twenty devices, its alerts and the dashboard's queries (Debian, root; 2 minutes)
# make fleet         a hundred devices on a real mosquitto, which is restarted (2 minutes); ARGS="1 10 100 1000
#                    --seconds 600 --interval 2": a table of so many, so long; --broker nats or rabbitmq: a cluster
# make archive       clips a minute of one process, two, and Dask with one and two workers (5 minutes)
# make rollout       rolls signed models out to two devices by Ansible, over ssh, twice (Debian, root; some minutes)
# make device-test   boots an emulated device, lights a Pi 3's pins, takes its power twenty times (Debian, root; 30 minutes)
# make soak          runs an hour with a fault every minute
# make count-arm     counts the instructions of finding and reading a face on a Raspberry Pi's processors, emulated (Debian 12,
#                    root; 4 minutes)
#
# make fuzz          10,000 cases each for what reads logs, cards, settings and addresses
# make update-locks  writes requirements/ again: versions and hashes of what is installed on a device (2 minutes)
# make audit         asks for known vulnerabilities of what they name
# make sbom          writes dist/*.cdx.json, the software bill of materials of a release (CycloneDX)
#
# ARGS goes to what is run: make check ARGS="tests/fer_edge/test_loop.py -k order"

PYTHON ?= python3
ARGS ?=
# One environment a command, and one with the older interpreter, which needs NumPy 1.
RUN := .venv
CHECK := .venv-check
TEST := .venv-test
TORCH := .venv-torch
OLD := .venv-tflite
LOCKS := .venv-locks
DOCS := .venv-docs
DEB := .venv-deb
ANSIBLE := .venv-ansible
PIP := -m pip install --quiet --disable-pip-version-check
# Three processes on two cores, since the fast tests wait for a quarter of their time; two where TensorFlow takes both, and a
# file's tests stay together there, for they share what they set up.
FAST := -p xdist --numprocesses 3 --dist worksteal
FULL := -p xdist --numprocesses 2 --dist loadfile
ONE_CORE := OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1

# Else every run compiles again what pytest rewrites: six seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run check test test-torch rigs lint docs deb clean attack card-test check-trixie count-arm container device-test \
  home-assistant service-test stranger soak update-locks audit sbom fuzz fleet prometheus archive rollout
.DELETE_ON_ERROR:

run: $(RUN)/.ready
	@$(RUN)/bin/fer-edge run $(ARGS)

check: $(CHECK)/.ready
	@$(call lint,$(CHECK))
	@$(ONE_CORE) $(CHECK)/bin/python -m pytest $(FAST) \
	  -m "not process and not browser and not slow and not torch and not long" $(ARGS)

test:
	@$(MAKE) --no-print-directory --jobs 2 $(TEST)/.ready $(OLD)/.ready build/.broker $(TEST)/.browser
	@$(call lint,$(TEST))
	@$(TEST)/bin/python -m pytest $(FULL) --hypothesis-profile thorough $(ARGS)

test-torch: $(TORCH)/.ready
	@$(TORCH)/bin/python -m pytest -m torch $(ARGS)

rigs: $(CHECK)/.ready $(OLD)/.ready build/.broker $(CHECK)/.camera $(CHECK)/.arm
	@$(CHECK)/bin/python -m pytest $(FULL) -m long $(ARGS)

lint: $(CHECK)/.ready
	@$(call lint,$(CHECK))

lint = $1/bin/ruff check --quiet . && $1/bin/ruff format --check --quiet . && $1/bin/mypy

docs: $(DOCS)/.ready
	@$(DOCS)/bin/python docs/build_site.py $(ARGS)

# pip is enough to make the wheel; its files bear the time of the last commit.
deb: $(DEB)/.ready
	@export SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)} && \
	  rm -rf build/wheel && $(DEB)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel . && \
	  packaging/debian/build.sh build/wheel/*.whl

attack: $(CHECK)/.ready
	@cd rigs && ../$(CHECK)/bin/python -m attack

fuzz: $(CHECK)/.ready
	@$(CHECK)/bin/python -m pytest --hypothesis-profile fuzz --timeout 3600 tests/fer_edge/test_hostile_text.py $(ARGS)

card-test: $(RUN)/.ready
	@$(RUN)/bin/python rigs/card_writes.py

soak: $(CHECK)/.ready build/.broker
	@$(CHECK)/bin/python rigs/soak.py $(ARGS)

check-trixie:
	@$(PYTHON) rigs/check_trixie.py $(ARGS)

stranger:
	@$(PYTHON) rigs/stranger.py $(ARGS)

container:
	@$(PYTHON) rigs/container_image.py $(ARGS)

service-test:
	@$(PYTHON) rigs/service.py $(ARGS)
	@$(PYTHON) rigs/service_before.py

home-assistant: $(CHECK)/.ready
	@$(CHECK)/bin/python rigs/home_assistant.py

prometheus: $(CHECK)/.ready
	@$(CHECK)/bin/python rigs/prometheus.py $(ARGS)

fleet: $(CHECK)/.ready build/.broker
	@$(CHECK)/bin/python rigs/fleet.py $(or $(ARGS),100)

rollout: $(ANSIBLE)/.ready
	@PATH="$(CURDIR)/$(ANSIBLE)/bin:$$PATH" $(ANSIBLE)/bin/python rigs/rollout.py

archive: $(TEST)/.ready
	@$(TEST)/bin/python rigs/archive.py $(ARGS)

device-test:
	@$(PYTHON) rigs/device.py $(ARGS)

count-arm:
	@$(PYTHON) rigs/count_arm.py $(ARGS)

update-locks: $(LOCKS)/.ready
	@$(LOCKS)/bin/python requirements/update.py $(ARGS)

audit: $(LOCKS)/.ready
	@$(LOCKS)/bin/python requirements/audit.py

sbom: $(LOCKS)/.ready
	@$(LOCKS)/bin/python requirements/sbom.py $(ARGS)

clean:
	rm -rf $(RUN) $(CHECK) $(TEST) $(TORCH) $(OLD) $(LOCKS) $(DOCS) $(DEB) $(ANSIBLE) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Makes the environment $1, with options $2.
define venv
$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
  f"fer-edge needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
  echo "$(PYTHON): makes no environments (no module ensurepip); fix it with: sudo apt install python3-venv" >&2; exit 1; }
$(PYTHON) -m venv $2 $1
endef

# On a Raspberry Pi, picamera2 and libcamera come from the system's packages, built against the system's NumPy: the
# environment sees them, and requirements/install.py puts no other NumPy before that one.
$(RUN)/.python:
	@echo "setting up $(RUN): OpenCV, NumPy, a TFLite interpreter, the page (0.4 GB, half a minute)"
	@$(call venv,$(RUN),$$($(PYTHON) -c 'import importlib.util as u; \
	  print("--system-site-packages" if u.find_spec("picamera2") else "")'))
	@touch $@

$(RUN)/.ready: $(RUN)/.python pyproject.toml $(wildcard requirements/*.* requirements/numpy1/*)
	@$(RUN)/bin/python requirements/install.py --with kiosk --editable .
	@touch $@

$(LOCKS)/.ready: Makefile
	@$(call venv,$(LOCKS))
	@$(LOCKS)/bin/python $(PIP) 'uv>=0.9,<1' 'pip-audit>=2.9,<3' 'cyclonedx-bom>=7,<8'
	@touch $@

$(CHECK)/.ready: pyproject.toml
	@echo "setting up $(CHECK): fer-edge with its outputs, scikit-learn, pytest, mypy, ruff (0.8 GB, a minute)"
	@$(call venv,$(CHECK))
	@$(CHECK)/bin/python $(PIP) --editable '.[check]'
	@$(CHECK)/bin/mypy >/dev/null || true  # fills its cache: 20 s, the first time
	@touch $@

# Most of the modules are never imported, and so not compiled; TensorFlow's headers are for those who compile against it.
$(TEST)/.ready: pyproject.toml
	@echo "setting up $(TEST), 1 of 2: fer-edge with its outputs, scikit-learn, pytest, mypy, ruff (0.8 GB, a minute)"
	@$(call venv,$(TEST))
	@$(TEST)/bin/python $(PIP) --no-compile --editable '.[check]'
	@echo "setting up $(TEST), 2 of 2: TensorFlow, Keras, Playwright, schemathesis (1.5 GB, two minutes)"
	@$(TEST)/bin/python $(PIP) --no-compile --editable '.[test]'
	@rm -rf $(TEST)/lib/python3.*/site-packages/tensorflow/include
	@touch $@

$(DOCS)/.ready: pyproject.toml
	@echo "setting up $(DOCS): fer-edge, Sphinx (0.5 GB, a minute)"
	@$(call venv,$(DOCS))
	@$(DOCS)/bin/python $(PIP) --editable '.[docs]'
	@touch $@

$(ANSIBLE)/.ready: Makefile
	@echo "setting up $(ANSIBLE): Ansible and its linter (0.2 GB, half a minute)"
	@$(call venv,$(ANSIBLE))
	@$(ANSIBLE)/bin/python $(PIP) 'ansible-core>=2.17,<3' 'ansible-lint>=25,<27'
	@touch $@

$(DEB)/.ready:
	@$(call venv,$(DEB))
	@touch $@

$(TORCH)/.ready: pyproject.toml
	@echo "setting up $(TORCH): torch, Keras and what make check needs (1.6 GB, with CUDA 6 GB; minutes)"
	@$(call venv,$(TORCH))
	@$(TORCH)/bin/python $(PIP) --editable '.[test-torch]'
	@touch $@

# tflite-runtime has wheels for Python 3.11 alone; elsewhere its tests are skipped, and say so.
$(OLD)/.ready: pyproject.toml
	@mkdir -p $(OLD)
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
	  echo "setting up $(OLD): the older interpreter with its NumPy 1 (0.3 GB, half a minute)"; \
	  $(PYTHON) -m venv $(OLD) && $(OLD)/bin/python $(PIP) \
	    tflite-runtime==2.14.0 'numpy<2' 'opencv-python-headless<4.12' pillow tqdm; \
	fi
	@touch $@

# The broker of the MQTT tests, on Debian as root; elsewhere they are skipped where there is none, and say so.
build/.broker:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null; then \
	  echo "installing mosquitto, the broker of the MQTT tests (apt, 5 MB)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq --yes --no-install-recommends mosquitto >/dev/null; \
	fi
	@mkdir -p build && touch $@

# A browser that has been seen to start; without one the page's tests are skipped, and say why.
$(TEST)/.browser: $(TEST)/.ready rigs/chromium.py rigs/debian.py | build/.broker
	@echo "looking for a browser that starts (where there is none: 0.4 GB, a minute)"
	@$(TEST)/bin/python rigs/chromium.py && touch $@ || true

# The real picamera2, on a camera made of pictures; where it cannot be set up it says why, and its tests are skipped.
$(CHECK)/.camera: $(CHECK)/.ready rigs/camera.py rigs/debian.py $(wildcard rigs/camera_inside/*)
	@echo "setting up build/camera: Debian's libcamera, picamera2 (0.4 GB, a minute)"
	@$(CHECK)/bin/python rigs/camera.py && touch $@ || true

# A Raspberry Pi's Debian and wheels, emulated; where they cannot be had the tests are skipped, and say so.
$(CHECK)/.arm: $(CHECK)/.ready rigs/arm.py rigs/count_arm.py rigs/debian.py
	@echo "setting up build/arm: a Raspberry Pi's Debian and wheels, emulated (1 GB, two minutes)"
	@$(CHECK)/bin/python rigs/arm.py && \
	  $(CHECK)/bin/python rigs/count_arm.py --set-up --runtime ai-edge-litert && touch $@ || true
