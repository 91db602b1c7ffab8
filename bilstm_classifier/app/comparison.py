"""Models to compare with the one in use: those that the operator listed, loaded when they are first asked."""

import logging
import threading
import time
from collections.abc import Sequence

from .messages import Language, say
from .service import Service

logger = logging.getLogger(__name__)

KEPT = 2  # models in memory beside the one in use
AT_ONCE = 2  # comparisons that are computed at a time
PAUSE = 60  # seconds: a Hub that does not answer is not waited for by one visitor after another


class NoModel(ValueError):
    """A model that is not offered or cannot be had; the message is for whoever asked, in their language."""


class Comparison:
    """The models that may be compared. Safe to share between threads.

    Attributes:
        names: What they are called, that of the model in use first.
    """

    def __init__(self, service: Service):
        self.names: Sequence[str] = list(dict.fromkeys([service.name, *service.settings.compare_models]))
        self._in_use = service
        self._loaded: dict[str, Service] = {}  # the one used last is last
        self._failed: dict[str, float] = {}  # when
        self._state, self._loading = threading.Lock(), threading.Lock()

    def check(self, name: object, language: Language) -> str:
        """``name`` if it is that of a model that is offered.

        Raises:
            NoModel: it is not.
        """
        if name not in self.names:
            raise NoModel(say("unknown_model", language, found=str(name)[:80], known=", ".join(self.names)))
        return str(name)

    def model(self, name: str, language: Language) -> Service:
        """The model ``name``, ready for texts; the first time it is loaded, one model at a time.

        Raises:
            NoModel: it is not offered, or cannot be loaded.
        """
        self.check(name, language)
        if found := self._in_memory(name):
            return found
        with self._loading:
            if found := self._in_memory(name):
                return found
            if time.monotonic() - self._failed.get(name, -PAUSE) >= PAUSE:
                try:
                    return self._load(name)
                except (OSError, ValueError) as error:
                    logger.warning("the model %s cannot be compared with: %s", name, error)
                    self._failed[name] = time.monotonic()
        raise NoModel(say("compare_absent", language, model=name))

    def _in_memory(self, name: str) -> Service | None:
        if name == self._in_use.name:
            return self._in_use
        with self._state:
            if found := self._loaded.pop(name, None):
                self._loaded[name] = found
            return found

    def _load(self, name: str) -> Service:
        with self._state:  # at first, for there may be no room for one more
            for longest_unused in list(self._loaded)[: len(self._loaded) - KEPT + 1]:
                del self._loaded[longest_unused]
        service = Service.load_named(name, self._in_use.settings)
        with self._state:
            self._loaded[name] = service
        return service
