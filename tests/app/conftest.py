"""One app around the packaged model, served on this machine, for each process of tests."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext

from bilstm_classifier.app.server import create_app
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings

from .browsing import chromium


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Service:
    return Service.load(Settings())


@pytest.fixture(scope="session")
def served(service) -> Iterator[str]:
    """The address of the app around the packaged model."""
    yield from serving(service)


@pytest.fixture(scope="module")  # no longer: where Playwright runs, asyncio.run does not
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def context(browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB") as context:
        yield context


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
