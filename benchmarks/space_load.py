"""The app under load, next to an app that classifies one text at a time: answers a second, latency, memory; Markdown.

    python benchmarks/space_load.py --seconds 60 | tee benchmarks/results/space_load.md

Each client keeps a session as a browser does: it sends a text to the queue, reads the answer from the event stream, and
sends the next. Nine texts of ten are the package's sample news as they are, one is an article joined from them
(synthetic). "One text at a time" is what the original's demo does: a `gr.Interface` of a text box and a label around a
function that classifies one text, here with the same packaged model.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from measuring import HEADLINE_CHARACTERS, machine
from prediction_speed import articles

from bilstm_classifier import load_sample_news

SECONDS_TO_START = 120
SECONDS_TO_ANSWER = 60
ARTICLE_EVERY = 10
TYPED = 100  # texts whose answer a single visitor waits for

ABOUT = """# The app under load

    {command} | tee benchmarks/results/space_load.md

printed this; what it measures is said at the top of that file. Each row is {seconds:g} seconds of so many clients at
once. CPU is what the server worked for an answer, on all cores together: unlike the other figures it hardly depends on
what else the machine does. Memory is what the server occupies (resident), before the clients of the row and after them.
Server and clients are processes of their own and share the cores.

{machine}; load average before the start: {load:.1f}
"""
SINGLE = f"""
## A single visitor

Milliseconds until the answer has come, of {TYPED} texts that new visitors of "this app" send one after another.
"""


# --- the two apps, each in a process of its own ---


def serve_ours(port: int) -> None:
    from bilstm_classifier.app.server import serve
    from bilstm_classifier.app.settings import Settings

    serve(Settings(gradio_server_port=port))


def serve_one_at_a_time(port: int) -> None:
    import gradio as gr
    import torch

    from bilstm_classifier import Predictor

    packaged = Predictor.from_pretrained()
    model, tokenizer, names = packaged.model, packaged.tokenizer, packaged.labels

    @torch.no_grad()
    def classify(text: str) -> dict[str, float]:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=packaged.max_length)
        scores = model(inputs["input_ids"], inputs["attention_mask"]).logits[0].softmax(dim=0)
        return dict(zip(names, scores.tolist(), strict=True))

    page = gr.Interface(classify, gr.Textbox(), gr.Label(), api_name="classify", analytics_enabled=False)
    page.launch(server_name="127.0.0.1", server_port=port, quiet=True)


APPS = {"this app": serve_ours, "one text at a time": serve_one_at_a_time}
# App, function of it, what it takes beside the text.
ASKED: list[tuple[str, str, list[Any]]] = [
    ("this app", "classify", ["en"]),
    ("this app", "explain", [None, "en"]),
    ("one text at a time", "classify", []),
]


class Server:
    """An app on ``port``, in another process."""

    def __init__(self, app: str, port: int):
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, __file__, "--serve", app, "--port", str(port)]
        self.process = subprocess.Popen(command, env=os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"})
        until = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{app!r} did not start on port {port}: is it free?")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/config").is_success
        except httpx.TransportError:
            return False

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        (line,) = (line for line in self._proc("status").splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """Time that its threads worked so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()


@contextmanager
def served(app: str, port: int) -> Iterator[Server]:
    """The app while it is served."""
    server = Server(app, port)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(timeout=30)


# --- clients ---


@dataclass(frozen=True)
class Load:
    """What some clients met with: seconds of each request answered, requests failed, seconds it all took."""

    latencies: list[float]
    failed: int
    seconds: float

    def percentiles(self, *wanted: int) -> list[str]:
        if not self.latencies:
            return ["" for _ in wanted]
        return [f"{1000 * value:.0f}" for value in np.percentile(self.latencies, wanted)]


class Clients:
    """Clients of a served app that ask a function of it."""

    def __init__(self, client: httpx.AsyncClient, function: int):
        self.client = client
        self.function = function

    async def ask(self, data: Sequence[Any], session: str) -> Any:
        """One request by way of the queue, as a page makes it; its answer.

        Raises:
            httpx.HTTPError: it was refused.
            ValueError: it came to no answer.
        """
        body = {"data": data, "fn_index": self.function, "session_hash": session}
        joined = await self.client.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        event = joined.json()["event_id"]
        listening = {"session_hash": session}
        async with self.client.stream("GET", "/gradio_api/queue/data", params=listening) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed" and message["event_id"] == event:
                    if not message["success"]:
                        raise ValueError(f"the request failed: {message['output']}")
                    return message["output"]["data"][0]
        raise ValueError("the stream ended without an answer")

    async def visit(self, texts: Sequence[Sequence[Any]], until: float) -> tuple[list[float], int]:
        """One session's requests, one after another; seconds of each that was answered, and how many failed."""
        session, latencies, failed = uuid.uuid4().hex, [], 0
        for data in itertools.cycle(texts):
            started = time.perf_counter()
            if started >= until:
                break
            try:
                await self.ask(data, session)
            except (httpx.HTTPError, ValueError) as error:
                failed += 1
                print(f"failed: {error!r}", file=sys.stderr)
            else:
                latencies.append(time.perf_counter() - started)
        return latencies, failed


async def clients_of(address: str, name: str, client: httpx.AsyncClient) -> Clients:
    config = (await client.get(f"{address}/config")).json()
    return Clients(
        client, next(function["id"] for function in config["dependencies"] if function["api_name"] == name)
    )


def connections(address: str) -> httpx.AsyncClient:
    # Shorter than a server keeps an idle connection, or some would be used just when it closes them.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2)
    return httpx.AsyncClient(base_url=address, timeout=SECONDS_TO_ANSWER, limits=limits)


async def load(address: str, name: str, count: int, seconds: float, texts: list[list[Any]]) -> Load:
    """``count`` clients that ask for one answer after another during ``seconds``."""
    async with connections(address) as client:
        clients = await clients_of(address, name, client)
        started = time.perf_counter()
        visits = await asyncio.gather(
            *(clients.visit(texts[7 * number :] + texts, started + seconds) for number in range(count))
        )
        taken = time.perf_counter() - started
    latencies = [latency for visit, _ in visits for latency in visit]
    return Load(latencies, sum(failed for _, failed in visits), taken)


async def one_by_one(address: str, name: str, texts: list[list[Any]]) -> Load:
    """A new visitor for each text."""
    async with connections(address) as client:
        clients = await clients_of(address, name, client)
        await clients.ask(texts[0], uuid.uuid4().hex)
        latencies = []
        for data in texts:
            started = time.perf_counter()
            await clients.ask(data, uuid.uuid4().hex)
            latencies.append(time.perf_counter() - started)
    return Load(latencies, 0, sum(latencies))


# --- texts and tables ---


def sample_texts() -> list[str]:
    """Headlines and leads of the package, and an article after every nine of them."""
    texts, _ = load_sample_news()
    shuffled = random.Random(0).sample(texts, len(texts))
    long = articles(shuffled, len(texts))
    return [
        long[number] if number % ARTICLE_EVERY == ARTICLE_EVERY - 1 else text
        for number, text in enumerate(shuffled)
    ]


def row(*cells: Any) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def heading(*names: str) -> None:
    row(*names)
    row(*["---"] * len(names))


def under_load(port: int, counts: Sequence[int], seconds: float) -> None:
    texts = sample_texts()
    names = ["app", "asked to", "clients", "answers/s", "p50, ms", "p95, ms", "p99, ms", "failed"]
    heading(*names, "CPU, ms", "memory, MB")
    for app, name, more in ASKED:
        data = [[text, *more] for text in texts]
        with served(app, port) as server:
            asyncio.run(load(server.address, name, 2, 3, data))  # the first answers take longer
            for count in counts:
                memory, worked = server.megabytes, server.cpu_seconds
                found = asyncio.run(load(server.address, name, count, seconds, data))
                cpu = 1000 * (server.cpu_seconds - worked) / max(1, len(found.latencies))
                rate = len(found.latencies) / found.seconds
                cells = [f"{rate:.1f}", *found.percentiles(50, 95, 99), found.failed, f"{cpu:.1f}"]
                row(app, name, count, *cells, f"{memory:.0f} → {server.megabytes:.0f}")


def single_visitor(port: int) -> None:
    texts, _ = load_sample_news()
    kinds = {
        "headline": [text for text in texts if len(text) <= HEADLINE_CHARACTERS][:TYPED],
        "article": articles(texts, TYPED),
    }
    heading("text", "asked to", "p50, ms", "p95, ms")
    with served("this app", port) as server:
        for name, more in [(name, more) for app, name, more in ASKED if app == "this app"]:
            for kind, some in kinds.items():
                found = asyncio.run(one_by_one(server.address, name, [[text, *more] for text in some]))
                row(kind, name, *found.percentiles(50, 95))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20, help="for each row")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--port", type=int, default=7875)
    parser.add_argument("--serve", choices=APPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        APPS[options.serve](options.port)
        return
    command = " ".join(["python benchmarks/space_load.py", *sys.argv[1:]])
    about = {"command": command, "seconds": options.seconds, "machine": machine(), "load": os.getloadavg()[0]}
    print(ABOUT.format(**about), flush=True)
    under_load(options.port, options.clients, options.seconds)
    print(SINGLE)
    single_visitor(options.port)


if __name__ == "__main__":
    main()
