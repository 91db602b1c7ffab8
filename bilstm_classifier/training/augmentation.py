"""Damage as real texts have it: typing errors, for training that shall bear them and for measuring who does."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

# Neighbours on the Russian and the Latin keyboard: most wrong letters are the next key.
_KEYBOARDS = (("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"), ("qwertyuiop", "asdfghjkl", "zxcvbnm"))
NEIGHBOURS = {
    key: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for rows in _KEYBOARDS
    for row in rows
    for place, key in enumerate(row)
}
# Cyrillic to Latin, as pages that dodge a filter write them
LOOK_ALIKES = str.maketrans("асеорхуАВСЕНКМОРТХУ", "aceopxyABCEHKMOPTXY")


def damage(text: str, rate: float, generator: random.Random) -> str:
    """``text`` with about ``rate`` of its characters replaced by a neighbouring key, dropped, or swapped with the next.

    The three kinds are equally likely. What has no neighbouring key (spaces, digits, marks) is dropped or swapped.
    """
    characters = list(text)
    place = 0
    while place < len(characters):
        if generator.random() < rate:
            kind = generator.randrange(3)
            near = NEIGHBOURS.get(characters[place].lower())
            if kind == 0 and near:
                new = generator.choice(near)
                characters[place] = new.upper() if characters[place].isupper() else new
            elif kind == 1 and place + 1 < len(characters):
                characters[place], characters[place + 1] = characters[place + 1], characters[place]
                place += 1
            else:
                characters[place] = ""
        place += 1
    return "".join(characters)


def damaged(texts: Sequence[str], rate: float, seed: int) -> list[str]:
    """Each of ``texts`` as :func:`damage` leaves it, but none blank; equal seeds give equal damage."""
    generator = random.Random(seed)
    copies = [damage(text, rate, generator) for text in texts]
    return [copy if copy.strip() else text for copy, text in zip(copies, texts, strict=True)]


def with_damaged_copies(train: "Dataset", share: float, rate: float, seed: int) -> "Dataset":
    """``train`` and, of ``share`` of its rows chosen at random, a damaged copy each."""
    from datasets import Dataset, concatenate_datasets

    chosen = sorted(random.Random(seed).sample(range(len(train)), round(share * len(train))))
    rows = train.select(chosen)
    columns = {name: rows[name] for name in rows.column_names} | {"text": damaged(rows["text"], rate, seed)}
    return concatenate_datasets([train, Dataset.from_dict(columns, features=train.features)])
