"""``python -m tests.hub``: a Hub of one's own until Ctrl-C."""

import argparse
from contextlib import suppress
from pathlib import Path

from .server import TOKEN, LoopbackHub


def main() -> None:
    """Start it, say how to reach it, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/hub"), help="what it keeps; it is found again"
    )
    parser.add_argument("--port", type=int, default=8090)
    arguments = parser.parse_args()
    try:
        server = LoopbackHub(arguments.folder, arguments.port)
    except OSError as error:
        parser.exit(2, f"error: port {arguments.port}, folder {arguments.folder}: {error}\n")
    with suppress(KeyboardInterrupt), server as hub:
        print(f"# A Hugging Face Hub, kept in {arguments.folder}, until Ctrl-C. In another shell:")
        print(f"export HF_ENDPOINT={hub.url}")
        print(f"export HF_TOKEN={TOKEN}")
        print("export HF_HUB_DISABLE_XET=1", flush=True)
        hub.wait()


if __name__ == "__main__":
    main()
