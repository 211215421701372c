# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
PHOTO ?= docs/photos/room_drum_table.jpg
OUT ?= out
# What a wheel is made of; not how the embedded network was trained.
SOURCES := $(shell find src python -type f -not -name '*.so' -not -name '*.pyc' 2>/dev/null) \
    models/catalog.toml models/pocket/pocket.safetensors Cargo.toml Cargo.lock pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test test-rust test-python test-hosts test-slow generate lint bench wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## build, then turn a photo into depth, heat map, normal map, stereo and mesh (PHOTO=... OUT=...)
	@$(BIN)/rilievo run "$(PHOTO)" -o "$(OUT)" --combine --output-depth-both --heatmap --normalmap --stereo --mesh

test: lint test-rust test-python test-hosts ## everything: lint, cargo tests, pytest, the WebUI extension and its panel

test-rust: ## the Rust tests
	cargo test --release

test-python: $(VENV)/.installed $(VENV)/.tools $(VENV)/webui/.installed ## the Python tests, on the built wheel
	$(PY) -m pytest
	$(VENV)/webui/$(notdir $(BIN))/python -m pytest tests/python/test_api.py

test-hosts: $(VENV)/.tools .build/gradio ## the WebUI extension, and its panel in Chromium under Gradio 3, 4 and 5
	for version in 3 4; do .build/gradio-$$version/$(notdir $(BIN))/python -W ignore -m pytest -p no:cacheprovider tests/hosts || exit 1; done
	@if [ -n "$$CI" ] || command -v chromium chromium-browser >/dev/null; then $(PY) -m pytest tests/browser; \
	else echo "The panel was not looked at: there is no \`chromium\` on PATH; install it, then \`make test-hosts\`."; fi

test-slow: $(VENV)/.installed $(VENV)/.tools ## what takes minutes or 3 GB: large pictures, large networks, a minute of each fuzz target
	$(PY) -m pytest -m slow
	RILIEVO_FUZZ=300 $(PY) -m pytest tests/python/test_api_fuzz.py
	cargo test --release --test rust -- --ignored --test-threads 1 --skip devices:: --skip fetch_from_nowhere
	@if ! cargo +nightly fuzz --version >/dev/null 2>&1; then \
	    echo "Fuzzing was left out: it needs a nightly toolchain and cargo-fuzz, see fuzz/README.md"; exit 0; fi; \
	cd fuzz && for target in $$(cargo +nightly fuzz list); do mkdir -p corpus/$$target && cargo +nightly fuzz run \
	    $$target corpus/$$target ../tests/attacks -- -max_total_time=60 -rss_limit_mb=2048 || exit 1; done

generate: $(VENV)/.installed ## write what is made from the options: types for editors, docs/options.md
	$(PY) docs/generate.py

lint: $(VENV)/.installed $(VENV)/.tools ## formatting, clippy, ruff, mypy, stubs, and that `make generate` has nothing to write
	cargo fmt --check
	cargo clippy --release --all-targets --features python -- -D warnings
	$(BIN)/ruff check __init__.py python docs tests benches models scripts install.py example_workflows
	$(BIN)/ruff format --check __init__.py python docs tests benches models scripts install.py example_workflows
	$(BIN)/mypy
	$(BIN)/stubtest rilievo._native --allowlist tests/stubtest.txt
	$(PY) docs/generate.py --check

bench: $(VENV)/.installed ## the criterion benches (side-by-side peers: see benches/peers/README.md)
	cargo bench

wheel: $(VENV)/.maturin ## the wheel that ships, in dist/: the profile dist of Cargo.toml
	$(BIN)/maturin build --profile dist --out dist

clean: ## remove everything that was built
	cargo clean
	rm -rf $(VENV) dist out .mypy_cache .ruff_cache .pytest_cache .build

$(PY):
	$(PYTHON) -m venv $(VENV)

$(VENV)/.maturin: $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	@touch $@

$(VENV)/.tools: $(PY) pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check 'pytest>=8' 'ruff>=0.8' 'mypy>=1.11' types-tqdm \
	    'fastapi>=0.94' 'uvicorn>=0.20' 'python-multipart>=0.0.6' 'httpx>=0.24' 'schemathesis>=4' 'playwright>=1.49'
	@touch $@

# The HTTP packages that AUTOMATIC1111's WebUI 1.10 pins: pydantic 1 and the FastAPI of its time.
$(VENV)/webui/.installed: $(VENV)/.installed
	@test -d $(VENV)/webui || $(PYTHON) -m venv $(VENV)/webui
	$(VENV)/webui/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check 'fastapi==0.94.0' \
	    'starlette==0.26.1' 'pydantic==1.10.27' 'httpx==0.24.1' 'httpcore==0.15.0' 'anyio==3.7.1' \
	    python-multipart 'pytest>=8' numpy Pillow tqdm
	$(VENV)/webui/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
	    $(VENV)/wheel/*.whl
	@touch $@

# The versions of Gradio that the hosts bring, and the newest for `rilievo ui`, each in an environment of its own.
.PHONY: .build/gradio
.SECONDARY:
.build/gradio: .build/gradio-3/.installed .build/gradio-4/.installed .build/gradio-5/.installed

.build/gradio-%/.packages: tests/browser/gradio-%.txt
	$(PYTHON) -m venv .build/gradio-$*
	.build/gradio-$*/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.build/gradio-%/.installed: .build/gradio-%/.packages $(VENV)/.installed
	.build/gradio-$*/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(VENV)/wheel/*.whl
	@touch $@

# The very wheel that users get, not an editable install.
$(VENV)/.installed: $(VENV)/.maturin $(SOURCES)
	@rm -rf $(VENV)/wheel
	$(BIN)/maturin build --release --quiet --out $(VENV)/wheel
	$(PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(VENV)/wheel/*.whl
	$(PY) -m pip install --quiet --disable-pip-version-check $(VENV)/wheel/*.whl
	@touch $@
