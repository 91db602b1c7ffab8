"""What surrounds the words of a post in a social network: links, calls to subscribe, signs."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\)")
_ADDRESS = re.compile(r"(?:https?://|t\.me/|www\.)\S+|(?<!\w)@\w+")
_EMPHASIS = re.compile(r"\*\*|__|~~|`")
_CALL = re.compile(
    r"подпи(?:шись|шитесь|саться|сывай)|(?:прислать|предложить|присылай\w*) новост|следить за новостями"
    r"|прямой эфир|наш (?:дзен|чат|канал)",
    re.IGNORECASE,
)
CALL_LENGTH = 80  # characters; a longer line that calls to subscribe says something else as well


def post_lines(text: str) -> list[str]:
    """The lines of a post in plain characters, without addresses, emphasis, and lines that call to subscribe."""
    text = _EMPHASIS.sub("", _ADDRESS.sub(" ", _LINK.sub(r"\1", unicodedata.normalize("NFC", text))))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [
        line
        for line in lines
        if any(map(str.isalnum, line)) and not (len(line) <= CALL_LENGTH and _CALL.search(line))
    ]


def without_signs(line: str) -> str:
    """`line` without emoji and other pictures, and what joins or colours them."""
    kept = [" " if unicodedata.category(sign) in ("So", "Sk", "Cf", "Co", "Cn") else sign for sign in line]
    return " ".join("".join(kept).replace("\ufe0f", " ").split())
