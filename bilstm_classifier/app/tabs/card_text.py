"""A model's card as it may stand on the page: without its metadata, pictures and markup."""

import re
from collections.abc import Callable

METADATA = re.compile(r"\A\s*---[ \t]*\n.*?^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
# What is no prose: a comment, a fenced block, or a span between equal runs of backticks within a paragraph.
COMMENT_OR_CODE = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))"
    r"|^ {0,3}(?P<fence>```+|~~~+)[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\](?:\((?P<target>[^()]*(?:\([^()]*\)[^()]*)*)\)|\[[^\]]*\])?")
NO_LINK = r"(?!(?:https?://|mailto:)[^<>\s]+>)"
MARKUP = re.compile(rf"<{NO_LINK}/?[a-z][^<>]*>", re.IGNORECASE)
MARKUP_BEGINS = re.compile(rf"<{NO_LINK}(?=[a-z/!?])", re.IGNORECASE)


def card_text(card: str) -> str:
    """The Markdown of ``card`` that can be shown.

    Pictures in the model's folder cannot be reached from the page, and those elsewhere would tell another host of the
    visitor: of these their description is left. HTML is taken out, its text stays.
    """
    text = METADATA.sub("", card.replace("\r\n", "\n"), count=1)
    return _in_prose(text, _plain).strip()


def _in_prose(text: str, change: Callable[[str], str]) -> str:
    """``text`` with its prose changed, its code as it was, and its comments gone."""
    pieces, end = [], 0
    for other in COMMENT_OR_CODE.finditer(text):
        pieces += [change(text[end : other.start()]), "" if other["comment"] else other.group()]
        end = other.end()
    return "".join([*pieces, change(text[end:])])


def _plain(text: str) -> str:
    text = MARKUP.sub("", PICTURE.sub(_described, text))
    return MARKUP_BEGINS.sub("&lt;", text)  # what is left of damaged markup


def _described(picture: re.Match[str]) -> str:
    target = (picture["target"] or "").strip()
    return picture["alt"] if re.match(r"<?(?:https?:)?//", target) else ""
