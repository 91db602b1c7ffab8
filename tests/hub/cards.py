"""What the Hub checks of a card before it takes it, and when someone asks ``POST /api/validate-yaml``.

The wording follows the Hub's own messages where they are known. An error refuses the card; a warning, such as that of
an unknown task, does not.
"""

import re
from pathlib import Path
from typing import Any

import yaml

# as huggingface_hub's repocard.py has it, which keeps it as on the Hub
YAML_BLOCK = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")

VALUES = yaml.safe_load(Path(__file__).with_name("card_values.yaml").read_text())
LICENSES, TASKS, SIZES = VALUES["licenses"], VALUES["tasks"], VALUES["sizes"]
LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
HUB_ID = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*", re.ASCII)
DATASET_TYPE = re.compile(r"(?:[\w-]+/)?[\w.-]+", re.ASCII)
SDKS = ("gradio", "docker", "static")
COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
MISSING = object()


def front_matter(content: str) -> dict[str, Any]:
    """The YAML before a card's text.

    Raises:
        ValueError: It is no YAML, or no mapping.
    """
    block = YAML_BLOCK.search(content)
    try:
        found = yaml.safe_load(block.group(2)) if block else None
    except yaml.YAMLError as error:
        raise ValueError(f"YAML Metadata Error: {str(error).splitlines()[0]}") from error
    if not isinstance(found or {}, dict):
        raise ValueError('"value" must be of type object')
    return found or {}


def check_card(content: str, kind: str) -> dict[str, list[dict[str, str]]]:
    """``{"errors": [{"message"}], "warnings": [{"message"}]}`` of a README.md; ``kind`` as in ``KINDS``."""
    check = _Check()
    try:
        card = front_matter(content)
    except ValueError as error:
        check.error(str(error))
        card = None
    if card == {}:
        check.warning("empty or missing yaml metadata in repo card")
    elif card is not None:
        check.common(card)
        if kind == "models":
            check.model(card)
        if kind == "datasets":
            check.data_set(card)
        if kind == "spaces":
            check.space(card)
    return {"errors": check.errors, "warnings": check.warnings}


class _Check:
    """Collects what is wrong; each method looks at one part of the card."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []
        self.warnings: list[dict[str, str]] = []

    def error(self, message: str) -> None:
        self.errors.append({"message": message})

    def warning(self, message: str) -> None:
        self.warnings.append({"message": message})

    def common(self, card: dict[str, Any]) -> None:
        for name, license in self._values(card, "license", alone=True):
            if license not in LICENSES:
                self.error(f'"{name}" must be one of [{", ".join(LICENSES)}, array]')
        for name, language in self._values(card, "language", alone=True):
            if not LANGUAGE.fullmatch(language):
                self.error(
                    f'"{name}" with value "{language}" is not valid. It must be an ISO 639-1, 639-2 or 639-3 code '
                    '(two/three letters), or a special value like "code", "multilingual". If you want to use BCP-47 '
                    "identifiers, you can specify them in language_bcp47."
                )
        self._values(card, "tags")

    def model(self, card: dict[str, Any]) -> None:
        self._values(card, "metrics")
        for field, page in (("datasets", "datasets"), ("base_model", "models")):
            for name, value in self._values(card, field, alone=True):
                if not HUB_ID.fullmatch(value):
                    self.error(
                        f'"{name}" with value "{value}" is not valid. '
                        f"Use a {page.removesuffix('s')} id from https://hf.co/{page}."
                    )
        self._task(card.get("pipeline_tag", MISSING), "pipeline_tag", "pipeline tag")
        for name in ("library_name", "pipeline_tag"):
            self._text(card, name, required=False)
        for path, entry in self._mappings(card, "model-index"):
            self._text(entry, "name", path)
            for result_path, result in self._mappings(entry, "results", path, required=True):
                self._result(result, result_path)

    def _result(self, result: dict[str, Any], path: str) -> None:
        task = self._mapping(result, "task", path)
        if task is not None:
            self._text(task, "type", f"{path}.task")
        dataset = self._mapping(result, "dataset", path)
        if dataset is not None:
            self._text(dataset, "name", f"{path}.dataset")
            kind = self._text(dataset, "type", f"{path}.dataset")
            if kind is not None and not DATASET_TYPE.fullmatch(kind):
                self.error(
                    f'"{path}.dataset.type" with value "{kind}" fails to match the required pattern: '
                    r"/^(?:[\w-]+\/)?[\w-.]+$/"
                )
        for metric_path, metric in self._mappings(result, "metrics", path, required=True):
            self._text(metric, "type", metric_path)
            if metric.get("value") is None:
                self.error(f'"{metric_path}.value" is required')

    def data_set(self, card: dict[str, Any]) -> None:
        for name, task in self._values(card, "task_categories"):
            self._task(task, name, "task_categories")
        for name, size in self._values(card, "size_categories", alone=True):
            if size not in SIZES:
                self.error(f'"{name}" must be one of [{", ".join(SIZES)}]')
        for path, config in self._mappings(card, "configs"):
            self._text(config, "config_name", path)
            files = config.get("data_files")
            if isinstance(files, list) and all(isinstance(one, dict) for one in files):
                for place, one in enumerate(files):
                    self._text(one, "split", f"{path}.data_files[{place}]")
                    if not isinstance(one.get("path"), str | list):
                        self.error(f'"{path}.data_files[{place}].path" is required')

    def space(self, card: dict[str, Any]) -> None:
        self._text(card, "title", required=False)
        sdk = self._text(card, "sdk", required=False)
        if sdk is not None and sdk not in SDKS:
            self.error(f'"sdk" must be one of [{", ".join(SDKS)}]')
        for name in ("colorFrom", "colorTo"):
            if card.get(name, COLORS[0]) not in COLORS:
                self.error(f'"{name}" must be one of [{", ".join(COLORS)}]')
        if len(self._text(card, "short_description", required=False) or "") > 60:
            self.error('"short_description" length must be less than or equal to 60 characters long')
        for name in ("models", "preload_from_hub"):
            self._values(card, name)

    def _task(self, task: Any, name: str, shown: str) -> None:
        if isinstance(task, str) and task not in TASKS:
            self.warning(f'The {shown} "{task}" is not in the official list: {", ".join(TASKS)}')

    def _values(self, card: dict[str, Any], name: str, alone: bool = False) -> list[tuple[str, str]]:
        """The texts of a list, each with its place; with ``alone``, one text may stand for a list of it."""
        found = card.get(name)
        if found is None:
            return []
        if alone and isinstance(found, str):
            return [(name, found)]
        if not isinstance(found, list):
            self.error(f'"{name}" must be an array')
            return []
        for place, value in enumerate(found):
            if not isinstance(value, str):
                self.error(f'"{name}[{place}]" must be a string')
        return [(f"{name}[{place}]", value) for place, value in enumerate(found) if isinstance(value, str)]

    def _mappings(
        self, owner: dict[str, Any], name: str, path: str = "", required: bool = False
    ) -> list[tuple[str, dict[str, Any]]]:
        """The mappings of a list, each with its place."""
        path, found = _joined(path, name), owner.get(name)
        if found is None and not required:
            return []
        if not isinstance(found, list):
            self.error(f'"{path}" is required' if found is None else f'"{path}" must be an array')
            return []
        for place, value in enumerate(found):
            if not isinstance(value, dict):
                self.error(f'"{path}[{place}]" must be of type object')
        return [(f"{path}[{place}]", value) for place, value in enumerate(found) if isinstance(value, dict)]

    def _mapping(self, owner: dict[str, Any], name: str, path: str) -> dict[str, Any] | None:
        found = owner.get(name)
        if isinstance(found, dict):
            return found
        place = f'"{_joined(path, name)}"'
        self.error(f"{place} is required" if found is None else f"{place} must be of type object")
        return None

    def _text(self, owner: dict[str, Any], name: str, path: str = "", required: bool = True) -> str | None:
        found = owner.get(name)
        if isinstance(found, str):
            return found
        if found is not None:
            self.error(f'"{_joined(path, name)}" must be a string')
        elif required:
            self.error(f'"{_joined(path, name)}" is required')
        return None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
