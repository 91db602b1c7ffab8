"""What an operator may set, by environment variables, read in this one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How the app is run. Each field is read from the environment variable of the same name in capitals.

    Attributes:
        model_id: Folder or Hub id of the model; empty is the one in the package.
        model_revision: Branch, tag or commit of a model on the Hub; empty is its main branch.
        compare_models: Further models that visitors may compare with, folders or Hub ids; none hides the comparison.
        max_characters: The longest text that is taken.
        max_texts: Texts that a program may send in one call.
        max_rows: Rows of an uploaded file that are taken.
        max_file_mb: Size of an uploaded file that is taken, in megabytes.
        queue_size: Requests that may wait; more are turned away.
        keep_minutes: Minutes after which uploaded and result files are deleted.
        gradio_server_name: Address to listen on; ``0.0.0.0`` is all of the machine's.
        gradio_server_port: Port to listen on.
    """

    model_id: str = ""
    model_revision: str = ""
    compare_models: tuple[str, ...] = ()
    max_characters: int = 100_000
    max_texts: int = 1_000
    max_rows: int = 100_000
    max_file_mb: int = 200
    queue_size: int = 500
    keep_minutes: int = 10
    gradio_server_name: str = "127.0.0.1"
    gradio_server_port: int = 7860

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> "Settings":
        """The settings of ``environment``; what is ``given`` (and not ``None``) stands in their place.

        Raises:
            ValueError: a number that is none, or is below 1.
        """
        values: dict[str, Any] = {}
        if environment.get("SPACE_ID"):  # Hugging Face reaches a Space from outside its machine
            values["gradio_server_name"] = "0.0.0.0"
        for field in fields(cls):
            name = field.name.upper()
            if not (text := environment.get(name, "").strip()):
                continue
            if isinstance(field.default, int):
                values[field.name] = _number(name, text)
            elif isinstance(field.default, tuple):
                values[field.name] = tuple(part.strip() for part in text.split(",") if part.strip())
            else:
                values[field.name] = text
        return cls(**values | {name: value for name, value in given.items() if value is not None})


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError(f"the environment variable {name} is {text!r}: expected a whole number of 1 or more")
    return int(text)
