"""Ctrl-C that takes effect between two steps of a training."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback


class StopOnInterrupt(TrainerCallback):
    """Raises KeyboardInterrupt at the end of the step in which Ctrl-C came: amid Optuna's writing it would be lost."""

    def __init__(self) -> None:
        self._asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, the first Ctrl-C waits for the end of the step; the second does not."""

        def ask(number: int, frame: Any) -> None:
            self._asked = True
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a training step."""
        if self._asked:
            raise KeyboardInterrupt

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a batch of the validation split."""
        self.on_step_end(args, state, control)
