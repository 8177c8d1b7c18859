# Each target does all its own set-up, in .venv.
PYTHON ?= $(shell command -v python3.12 || command -v python3)
VENV = .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed-$(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_python_version())')

.PHONY: install demo test docs dist conda lowest models slow gpu wheels check clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12) and "hebbsim needs Python 3.12 or newer; name one with make PYTHON=...")'
	@test -e $@ || rm -rf $(VENV)  # that of another Python, with another Brian2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --editable '.[test]'  # shows what it downloads: gigabytes, with torch
	@touch $@

demo: install
	$(BIN)/hebbsim compare

test: install
	$(BIN)/python -m pytest -n auto --dist worksteal

docs: install $(VENV)/documented
	$(BIN)/python -m sphinx --jobs auto --builder html --fail-on-warning --keep-going docs docs/_build/html
	$(BIN)/python -m pytest -n auto tests/test_docs.py tests/test_documentation.py \
		tests/test_documentation_in_browser.py

$(VENV)/documented: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[docs]'
	@touch $@

dist: install
	rm -rf dist $(VENV)-dist
	$(BIN)/python -m hatchling build
	$(PYTHON) -m venv $(VENV)-dist  # a fresh environment, and a folder without the checkout
	$(VENV)-dist/bin/python -m pip install --quiet dist/*.whl
	cd $(VENV)-dist && bin/hebbsim compare --quick --overwrite --output compare

# Built and tested as its recipe says, of packages from CHANNEL.
CHANNEL ?= conda-forge
conda:
	$(PYTHON) -m venv $(VENV)-conda
	$(VENV)-conda/bin/python -m pip install --quiet py-rattler-build
	$(VENV)-conda/bin/python -c 'import rattler_build as conda; \
		tested = conda.ToolConfiguration(test_strategy="native"); \
		recipe = conda.Stage0Recipe.from_file("recipe/recipe.yaml"); \
		print(*recipe.run_build(tool_config=tested, output_dir="dist-conda", channels=["$(CHANNEL)"]))'

# The lowest versions that pyproject.toml allows, and of what they need themselves the newest, which
# may say that it is used in an old way.
lowest:
	rm -rf $(VENV)-lowest
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --quiet --python $(VENV)-lowest/bin/python --compile-bytecode \
		--resolution lowest-direct --editable '.[test]'
	$(VENV)-lowest/bin/python -m pytest -W ignore::DeprecationWarning tests/test_without_torch.py \
		tests/cli tests/geometry tests/rules/test_hebbian.py tests/data tests/bridge \
		tests/synapses/test_update.py tests/networks/test_conv_network.py

models: install
	$(BIN)/python -m pytest -n auto -m slow tests/models

slow: install
	$(BIN)/python -m pytest -m slow

gpu: install
	$(BIN)/hebbsim cuda
	$(BIN)/python -m pytest -m gpu

# What a machine with a GPU and torch, but without a package index, needs for tests/on_gpu.sh.
wheels:
	rm -rf wheels
	$(PYTHON) -m pip wheel --quiet --wheel-dir wheels '.[cuda]' hypothesis pytest pytest-xdist

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV)-conda $(VENV)-dist $(VENV)-lowest dist dist-conda wheels .pytest_cache .ruff_cache .mypy_cache .hypothesis docs/_build docs/api \
		docs/gallery docs/models docs/rules/figures docs/tutorials docs/sg_execution_times.rst
