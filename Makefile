# Two commands do everything, set-up included: `make run` and `make test`.

PYTHON ?= python3
NEWS_SOURCE ?= ../shared/data
BIN := .venv/bin

.PHONY: run test test-all test-lowest lint fix train data bench leaderboard clean

run: .venv/.installed
	@$(BIN)/bilstm-classifier predict \
		"В Париже завершилась церемония завершения Олимпийских игр" \
		"Центробанк повысил ключевую ставку: кредиты подорожают уже в декабре" \
		"Учёные научили нейросеть находить экзопланеты по снимкам телескопа" \
		"Врач объяснил, почему зимой полезно спать с открытым окном" \
		"Авиакомпания отменила рейсы в Стамбул, туристы ночевали в аэропорту"

test: .venv/.installed-dev
	$(BIN)/pytest -n 2 -m "not slow"

test-all: .venv/.installed-dev
	$(BIN)/pytest -n 2

# The lowest versions that pyproject.toml admits, in an environment of their own.
test-lowest: .venv-lowest/.installed
	.venv-lowest/bin/pytest -n 2 -m "not slow"

lint: .venv/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fix: .venv/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

data: .venv/.installed-dev
	$(BIN)/python training/prepare_news.py --source $(NEWS_SOURCE) --output data/news11

train: .venv/.installed-dev
	$(BIN)/python training/train.py --recipe default_model --dataset data/news11 --output_dir runs/default_model

# The packaged model next to TF-IDF + SVM, an MLP and fastText on the frozen corpus; needs a C++ compiler for the latter.
leaderboard: data
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/leaderboard.py --dataset data/news11

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/prediction_speed.py

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache

.venv-lowest/.installed: pyproject.toml .venv/.installed-dev
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --extra dev pyproject.toml \
		| grep -vE "^(nvidia|cuda|triton)" > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/constraints.txt --editable ".[dev]"
	touch $@

.venv/.installed: pyproject.toml constraints.txt
	@echo "Setting up .venv, once; this takes a minute or more"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@ .venv/.installed
