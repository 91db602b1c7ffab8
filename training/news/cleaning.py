"""Cleaning of scraped news text, and the key under which two texts count as one."""

from __future__ import annotations

import html
import re
import unicodedata

_AGENCIES = r"(?:РИА\s+\w+|ТАСС|Интерфакс|Россия\s+сегодня|Радио\s+Sputnik|Reuters|AP|AFP)"
# «МОСКВА, 12 янв - РИА Новости, Имя Фамилия.» and «МОСКВА, 12 января. /ТАСС/.» open an agency's text
_DATELINE = re.compile(
    r"^[«\"]?[А-ЯЁ][\w.\-() ]{1,60}(?:/[\w.\-() ]{1,40})?(?:,[^,.–—]{1,40})?,\s*\d{1,2}\s+[а-яё]{3,8}\.?\s*"
    rf"[-–—/]\s*(?:Корр\.\s*)?{_AGENCIES}(?:\s*/)?(?:,[^.]{{1,60}})?\.?\s+"
)
_BARE_DATELINE = re.compile(rf"^/?{_AGENCIES}/?\s*[.:–—-]\s+")
_CREDIT_WORD = r"(?:Фото|Кадр|Видео|Скриншот|Изображение|Иллюстрация)"
_CREDIT_IN_BRACKETS = re.compile(rf"\(\s*{_CREDIT_WORD}\s*:[^()]{{0,120}}\)")
_CREDIT_LINE = re.compile(rf"^{_CREDIT_WORD}\s*:.{{0,120}}(?<![.!?…])$")
_PHOTO_AGENCIES = (
    r"(?:Reuters|AP|AFP|Getty Images|Globallookpress(?:\.com)?|Global Look Press|Unsplash|Pixabay"
    r"|Depositphotos|Shutterstock(?:/FOTODOM)?|Legion-Media|Zuma(?:press)?|Facebook|Instagram|Twitter|YouTube"
    r"|Telegram|«?ВКонтакте»?|@\w+|[\w-]+\.(?:com|ru)|ИА \w+|пресс-служба \w+|РИА Новости|ТАСС|РБК|URA\.RU"
    r"|(?:фильм|сериал|видео) «[^»]{1,60}»|«?\s*Коммерсантъ\s*»?|«?\s*Лента\.ру\s*»?|«?\s*Известия\s*»?"
    r"|АГН «?Москва»?)"
)
# a credit inside a line: «Фото: Имя Фамилия / Агентство Текст…»; at the start a caption may stand before it
_CREDIT_INLINE = (
    rf"{_CREDIT_WORD}:\s*(?:[^.:/]{{0,60}}/\s*)?{_PHOTO_AGENCIES}(?:\s*/\s*(?:@[\w.]+|{_PHOTO_AGENCIES}))*\s*"
)
_CREDIT_AT_START = re.compile(rf"^(?:[^.:]{{0,80}}\s)?{_CREDIT_INLINE}")
_CREDIT_ANYWHERE = re.compile(_CREDIT_INLINE)
# what a site adds under every article; found at the end of the text only
_TAILS = re.compile(
    r"(?:\s*(?:Такого Telegram-канала, как у нас, нет ни у кого\. Он для тех, кто хочет делать выводы сам\.?"
    r"|Что думаешь\? Оцени!?"
    r"|Подписывайтесь на [^.!]{0,80}[.!]?"
    r"|Читайте также:?[^.]{0,200}))+$"
)
_LINK_BOX = re.compile(r"Материалы по теме:?\s*")
# what is left where a link was cut out of a page
_SPACE_BEFORE_MARK = re.compile(r"\s+([.,;:!?])(?=\s|$)")
_SENTENCE_END = (".", "!", "?", "…", "»", '"', ")")
_SHORT_LINE = 100


def normalise_text(text: str) -> str:
    """Return `text` as one line of plain NFC characters.

    HTML entities and tags, non-breaking and zero-width spaces, soft hyphens, control characters and lone
    surrogates go; every run of white space becomes one space.
    """
    return " ".join(_plain_characters(text).split())


def clean_body(text: str) -> str:
    """Return an article's body without dateline, photo credits, captions, link boxes and closing lines.

    A body of several lines loses its short lines without a closing mark: on a scraped page these are
    headings, captions and links, not sentences.
    """
    lines = _CREDIT_IN_BRACKETS.sub(" ", _plain_characters(text)).splitlines()
    lines = [" ".join(line.split()) for line in lines]
    lines = [line for line in lines if line and not _CREDIT_LINE.match(line)]
    if len(lines) > 1:
        lines = [line for line in lines if line.endswith(_SENTENCE_END) or len(line) >= _SHORT_LINE]
    body = _CREDIT_AT_START.sub("", " ".join(lines))
    body = _CREDIT_ANYWHERE.sub(" ", body)
    body = _DATELINE.sub("", body)
    body = _BARE_DATELINE.sub("", body)
    body = _LINK_BOX.sub("", body)
    body = _SPACE_BEFORE_MARK.sub(r"\1", body)
    return " ".join(_TAILS.sub("", body).split())


def join_title_and_body(title: str, body: str) -> str:
    """Return «title. body», with one closing mark between them; either part may be empty."""
    if not title or not body:
        return title or body
    return f"{title} {body}" if title.endswith(_SENTENCE_END[:4]) else f"{title}. {body}"


def text_key(text: str) -> str:
    """Return the letters and digits of `text`, casefolded, «ё» as «е»: equal keys mean the same text."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("ё", "е")
    return "".join(character for character in folded if character.isalnum())


def _plain_characters(text: str) -> str:
    # twice: feeds escape text that was escaped already («&amp;quot;»)
    text = html.unescape(html.unescape(text))
    text = re.sub(r"<br\s*/?>|</p>", "\n", text)
    text = re.sub(r"</?[A-Za-z][^<>]{0,300}>", " ", text)
    text = unicodedata.normalize("NFC", text).replace('«"', '"')
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if character in "\n\r\u2028\u2029":
            kept.append("\n")
        elif category.startswith("Z") or character == "\t":
            kept.append(" ")
        elif category not in ("Cc", "Cf", "Cs"):
            kept.append(character)
    return "".join(kept)
