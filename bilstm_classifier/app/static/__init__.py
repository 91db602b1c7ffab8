"""Scripts and styles of the page."""

from importlib import resources


def read(name: str) -> str:
    """A file of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
