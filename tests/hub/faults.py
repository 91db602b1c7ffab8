"""What the Hub can be told to do wrong: put a ``Fault`` into ``hub.faults``."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "drop", "lost answer", "truncate", "corrupt"]
# HEAD answers have no content that could be harmed, and a pattern that names a file matches both.
NEEDS_CONTENT = ("truncate", "corrupt")


@dataclass
class Fault:
    """One way to fail.

    Args:
        on: Regular expression, searched in "METHOD path", the path as in ``hub.requests``: no slash before, no query.
        kind: "status" answers with ``status`` and ``headers`` and does nothing; "drop" closes the connection after
            ``after`` bytes of the request's body and does nothing; "lost answer" does what was asked and closes the
            connection instead of answering; "truncate" sends ``after`` bytes of the answer, under the right
            Content-Length, and closes the connection; "corrupt" inverts what follows ``after`` bytes of the answer,
            under the right length and ETag. The last two strike GET only.
        times: How often it strikes; None is always.

    Attributes:
        struck: How often it has struck.
        reached: Set when it has struck once; a test can wait for it.
    """

    on: str
    kind: Kind
    times: int | None = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    struck: int = field(default=0, init=False)
    reached: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request fails; that it does is counted."""
        if not re.search(self.on, f"{method} {path}") or (self.kind in NEEDS_CONTENT and method != "GET"):
            return False
        with self._lock:
            if self.times is not None and self.struck >= self.times:
                return False
            self.struck += 1
        self.reached.set()
        return True

    def harm(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The content of an answer as the client gets it."""
        if self.kind not in NEEDS_CONTENT:
            yield from pieces
            return
        left = self.after
        for piece in pieces:
            kept, rest = piece[:left], piece[left:]
            left -= len(kept)
            yield kept
            if rest and self.kind == "truncate":
                return
            if rest:
                yield rest.translate(INVERTED)


INVERTED = bytes(255 - byte for byte in range(256))
