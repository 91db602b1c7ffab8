"""One app around the packaged model, served on this machine, for each process of tests."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from bilstm_classifier.app.server import create_app
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Service:
    return Service.load(Settings())


@pytest.fixture(scope="session")
def served(service) -> Iterator[str]:
    """The address of the app around the packaged model."""
    yield from serving(service)


def serving(service: Service) -> Iterator[str]:
    """Serve an app in a thread of this process; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(service), log_level="warning", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
