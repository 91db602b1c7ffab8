"""As many training rows of every category as asked for: rows left out, or repeated.

`load_dataset_dict` keeps one row of each text, so repeated rows reach only a training that reads the folder
as it is; with the package's own trainer the setting `class_weights` of a recipe does what repeating does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from news.stories import NewsRow, seeded_hash

NONE = "none"


def check_balance(balance: str) -> None:
    """Raise ValueError where `balance` is not none, down, up or a positive number."""
    if balance not in (NONE, "down", "up") and not (balance.isdecimal() and int(balance) > 0):
        raise ValueError(f"balance is {balance!r}: expected none, down, up or a number of rows above 0")


def balance_rows(
    rows: Sequence[NewsRow], balance: str, seed: int
) -> tuple[list[NewsRow], dict[str, dict[str, int]]]:
    """Return `rows` with an equal number of every category, and what was done with each.

    `down` cuts every category to the smallest, `up` repeats rows up to the largest, a number does both. The
    seed chooses the rows; a repeated row keeps its id. What was done: rows before, after, left out, repeated.

    Raises:
        ValueError: `balance` is none of these.
    """
    check_balance(balance)
    sizes = Counter(row.category for row in rows)
    if balance == NONE or not sizes:
        return list(rows), {}
    wanted = {"down": min, "up": max}[balance](sizes.values()) if not balance.isdecimal() else int(balance)
    by_category: dict[str, list[NewsRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: seeded_hash(row.id, seed)):
        by_category[row.category].append(row)
    chosen: list[tuple[str, NewsRow]] = []
    done = {}
    for category, ordered in sorted(by_category.items()):
        for number in range(wanted):
            turn, place = divmod(number, len(ordered))
            row = ordered[place]
            # the turn is hashed too: a row's copies are strewn over the split
            chosen.append((seeded_hash(f"{row.id} {turn}" if turn else row.id, seed), row))
        done[category] = {
            "before": len(ordered),
            "after": wanted,
            "left out": max(0, len(ordered) - wanted),
            "repeated": max(0, wanted - len(ordered)),
        }
    return [row for _, row in sorted(chosen, key=lambda pair: pair[0])], done
