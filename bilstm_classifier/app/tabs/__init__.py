"""The tabs of the page: each module fills one, or helps to."""

from typing import Any

# Settings of an event that is the page's own: no endpoint for programs, and nothing that moves while it runs.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
