"""What programs are answered, by gradio_client and by HTTP: the same as in Python, whoever else asks."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from bilstm_classifier import TextPrediction, get_predictions, load_sample_news
from bilstm_classifier.app.endpoints import BATCH
from bilstm_classifier.app.service import BadText, Service

from .calling import Refused, call, function_number, hear, join, read, send
from .conftest import serving

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
BANK = "Банк снизил ставку по вкладам, и рубль подешевел"
ARTICLE = "Тренер объявил состав команды на решающий матч сезона, который пройдёт в субботу. " * 40
ODD_TEXTS = {
    "NUL": "Сборная\x00 выиграла \x00матч",
    "script": "<script>alert('матч')</script> & <b>сборная</b>",
    "a surrogate alone": "Сборная \ud83d выиграла матч \udfff",
    "white space of all kinds": "\u2028Сборная\t\r\n выиграла\u00a0матч\u200b",
    "right to left": "\u202eСборная выиграла матч",
    "emoji": "Сборная выиграла матч 🏆👨‍👩‍👧",
    "one character": "я",
    "an article": ARTICLE,
}


@pytest.fixture(scope="module")
def client(served) -> Client:
    return Client(served, verbose=False)


class Held(Service):
    """A service whose first call waits, so that the requests after it are there together."""

    def hold(self) -> None:
        self.__dict__.update(sizes=[], asked=threading.Event(), go_on=threading.Event())

    def classify(self, texts: Sequence[object], languages: Sequence) -> list[TextPrediction | BadText]:
        if "sizes" not in self.__dict__:  # while the page is made
            return super().classify(texts, languages)
        self.sizes.append(len(texts))
        self.asked.set()
        assert self.go_on.wait(timeout=60)
        return super().classify(texts, languages)


@pytest.fixture(scope="module")
def held(service) -> Iterator[tuple[str, Held]]:
    """An app of its own, and its service."""
    held = Held(service.predictor, service.name, service.folder, service.settings)
    for url in serving(held):
        yield url, held


@contextmanager
def waiting(held: Held, first: Callable[[], object]) -> Iterator[None]:
    """Requests that are sent here wait until its end, after ``first``."""
    held.hold()
    try:
        first()
        assert held.asked.wait(timeout=60)
        yield
    finally:
        held.go_on.set()


def same(answer: dict, found: TextPrediction) -> bool:
    return (
        answer["label"] == found.labels[0]
        and answer["probabilities"] == pytest.approx(found.probabilities, abs=1e-5)
        and [answer["tokens"], answer["tokens_read"], answer["unsure"]]
        == [found.tokens, found.tokens_read, found.unsure]
    )


# --- the same answers ---


def test_a_text_by_three_ways(served, client, service):
    (found,) = service.predictor.predict([MATCH])
    ways = [
        client.predict(MATCH, api_name="/classify"),
        client.predict(text=MATCH, language="ru", api_name="/classify"),
        call(served, "classify", [MATCH, "en"]),
        call(served, "classify", {"text": MATCH}),
    ]
    assert all(same(answer, found) for answer in ways)
    assert ways[0]["label"] == get_predictions(MATCH) == "sports"
    expected = get_predictions(MATCH, return_probabilities=True)
    assert ways[0]["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert ways[0]["hardly_russian"] is False
    assert call(served, "classify", ["The team has won the match", "en"])["hardly_russian"] is True


@pytest.mark.parametrize("kind", ODD_TEXTS)
def test_odd_texts(served, service, kind):
    text = ODD_TEXTS[kind]
    (found,) = service.predictor.predict([text])
    assert same(call(served, "classify", [text, "en"]), found)
    assert same(call(served, "classify_many", [[text], "en"])[0], found)
    explained, expected = call(served, "explain", [text, None, "en"]), service.predictor.explain(text)
    assert explained["label"] == expected.label
    places = [(word["start"], word["end"]) for word in explained["words"]]
    assert places == [(word.start, word.end) for word in expected.words]


def test_many_texts_with_some_that_cannot_be_read(served, client, service):
    texts = [MATCH, "", BANK, " \n", "\x00", "т" * 100_001, ARTICLE]
    answers = call(served, "classify_many", [texts, "ru"])
    found = iter(service.predictor.predict([MATCH, BANK, ARTICLE]))
    for number in (0, 2, 6):
        assert same(answers[number], next(found))
    for number in (1, 3, 4):
        assert answers[number]["error"].startswith("В этом тексте нечего читать")
    assert "больше 100\u00a0000 знаков" in answers[5]["error"]
    assert (
        call(served, "classify_many", [[5, None, {"a": [MATCH]}, [MATCH]], "en"])
        == [{"error": "A text was expected."}] * 4
    )
    both = client.predict([MATCH, BANK], api_name="/classify_many")
    assert all(map(same, both, service.predictor.predict([MATCH, BANK])))
    assert call(served, "classify_many", [[], "en"]) == []


def test_more_texts_than_are_classified_at_a_time(served, service):
    texts = load_sample_news()[0]
    answers = call(served, "classify_many", [texts, "en"])
    assert len(texts) == len(answers) > 200
    assert all(map(same, answers, service.predictor.predict(texts)))


@pytest.mark.parametrize("label", [None, "economy"])
def test_an_explanation(served, client, service, label):
    expected = asdict(service.predictor.explain(BANK, label))
    for answer in (
        call(served, "explain", [BANK, label, "en"]),
        call(served, "explain", {"text": BANK} | ({"label": label} if label else {})),
        client.predict(BANK, label, api_name="/explain"),
    ):
        assert answer.keys() == expected.keys()
        for word, wanted in zip(answer.pop("words"), expected["words"], strict=True):
            assert word == {**wanted, "score": pytest.approx(wanted["score"], abs=1e-4)}
        for name in ("probability", "log_odds", "baseline"):
            assert answer.pop(name) == pytest.approx(expected[name], abs=1e-4)
        assert answer == {name: expected[name] for name in ("label", "tokens", "tokens_read")}


def test_about(served, client, service):
    about = call(served, "about", [])
    assert about == client.predict(api_name="/about") == service.facts()
    assert about["labels"] == service.labels
    assert about["model"] == "bilstm-classifier"
    assert about["metrics"]["test"] == {
        name: service.metrics["test"][name] for name in ("accuracy", "f1_macro")
    }


# --- the company of others ---


def test_requests_that_wait_are_answered_together(held, service):
    url, service_of_it = held
    texts = load_sample_news()[0][: BATCH + 8]
    sent: list[httpx.Response] = []
    with ThreadPoolExecutor(8) as pool:
        with waiting(service_of_it, lambda: sent.append(send(url, "classify", [texts[0], "en"]))):
            sent += pool.map(lambda text: send(url, "classify", {"text": text}), texts[1:])
        answers = list(pool.map(lambda response: hear(url, "classify", response), sent))
    assert service_of_it.sizes == [1, BATCH, 7]
    assert all(map(same, answers, service.predictor.predict(texts)))


def test_a_bad_request_is_nobody_elses_trouble(held, service):
    url, service_of_it = held
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    bad = {
        "empty": ["", "en"],
        "no text": [None, "en"],
        "a number": [5, "ru"],
        "too long": ["т" * 100_001, "en"],
        "no language": [MATCH, None],
        "unknown language": [MATCH, "fr"],
        "language of no type": [MATCH, 7],
        "nothing": [],
        "too little": [MATCH],
        "a list": [[MATCH], "en"],
        "a list of languages": [MATCH, ["en"]],
        "a file": [file, "en"],
        "a file of another host": [{**file, "path": "http://127.0.0.1:9/"}, "en"],
        "half a file": [{"path": "x", "meta": "y"}, "en"],
    }
    sent: list[httpx.Response] = []
    with waiting(service_of_it, lambda: sent.append(send(url, "classify", [MATCH, "en"]))):
        for data in bad.values():
            sent += [send(url, "classify", [BANK, "en"]), send(url, "classify", data)]
    answers = []
    for response in sent:
        try:
            answers.append(hear(url, "classify", response))
        except Refused as error:
            answers.append({"error": str(error)})
    match, bank = service.predictor.predict([MATCH, BANK])
    assert service_of_it.sizes[0] == 1
    assert max(service_of_it.sizes) > 2 * len(bad) - 10  # together, but for those that were refused at once
    assert same(answers[0], match)
    assert all(same(answer, bank) for answer in answers[1::2])
    told = dict(zip(bad, answers[2::2], strict=True))
    assert told["empty"]["error"].startswith("There is nothing to read")
    assert told["no text"] == {"error": "A text was expected."}
    assert told["a number"] == {"error": "Ожидался текст."}
    assert "more than 100,000 characters" in told["too long"]["error"]
    assert same(told["no language"], match)
    assert same(told["unknown language"], match)
    assert same(told["language of no type"], match)
    assert told["nothing"] == {"error": "data has 0 values: 2 were expected (text, language)"}
    assert told["too little"] == {"error": "data has 1 values: 2 were expected (text, language)"}
    assert (
        told["a list"] == told["a list of languages"] == {"error": "a value is a list: a text was expected"}
    )
    assert told["a file"] == told["a file of another host"] == told["half a file"]
    assert told["a file"] == {"error": "a value is a file: a text was expected"}


def test_a_bad_request_of_a_page_is_not_other_visitors_trouble(held, service):
    url, service_of_it = held
    show = function_number(url, "show")
    with waiting(service_of_it, lambda: join(url, show, [BANK, "ru"], "first")):
        assert join(url, show, [MATCH, "ru"], "good").is_success
        assert join(url, show, ["т" * 200_000, "ru"], "long").is_success
        refused = [
            join(url, show, data, "bad")
            for data in ([MATCH, "fr"], [MATCH], [MATCH, ["ru"]], [[MATCH], "ru"])
        ]
        assert join(url, show, [MATCH, "en"], "other").is_success
    assert [response.status_code for response in refused] == [400] * 4
    (good,), (other,), (long,) = read(url, "good"), read(url, "other"), read(url, "long")
    assert good["output"]["data"][0]["label"] == "спорт"
    assert other["output"]["data"][0]["label"] == "sports"
    assert "Сократите его" in long["output"]["data"][1]


# --- mistakes ---


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "explain",
            [MATCH, "weather", "en"],
            "There is no category 'weather'. There are: climate, conflicts",
        ),
        ("explain", [MATCH, "погода", "ru"], "Нет категории 'погода'. Есть: climate"),
        ("explain", [MATCH, 5, "fr"], "There is no category"),
        ("explain", [MATCH, ["sports"], "en"], "There is no category"),
        ("explain", [None, None, "ru"], "Ожидался текст."),
        ("explain", ["\x00", None, "en"], "There is nothing to read"),
        ("explain", [MATCH], "data has 1 values: 3 were expected (text, label, language)"),
        ("explain", {"label": "sports"}, "the parameter 'text' is missing"),
        (
            "explain",
            {"text": MATCH, "labels": "sports"},
            "there is no parameter 'labels': there are text, label",
        ),
        ("classify", {}, "the parameter 'text' is missing"),
        ("classify_many", [MATCH, "en"], "A list of at most 1,000 texts was expected, found str"),
        ("classify_many", [None, "ru"], "Ожидался список"),
        ("classify_many", [[MATCH] * 1_001, "en"], "found 1,001"),
        ("about", {"text": MATCH}, "there is no parameter 'text': there are none"),
        ("weather", [MATCH], "there is no endpoint 'weather': there are classify, classify_many, explain"),
    ],
)
def test_a_mistake_is_told(served, name, data, message):
    with pytest.raises(Refused) as told:
        call(served, name, data)
    assert message in str(told.value)
    assert call(served, "classify", [MATCH, "en"])["label"] == "sports"


def test_a_mistake_is_told_by_gradio_client(client):
    with pytest.raises(AppError, match="There is no category 'weather'"):
        client.predict(MATCH, "weather", api_name="/explain")
    assert client.predict(MATCH, api_name="/classify")["label"] == "sports"


def test_ten_megabytes(served):
    text = "Sbornaya vyigrala match. " * 401_000
    assert len(text) > 10_000_000
    message = "The text has more than 100,000 characters, which is the most that is taken."
    assert call(served, "classify", [text, "en"])["error"].startswith(message)
    with pytest.raises(Refused, match="more than 100,000 characters"):
        call(served, "explain", {"text": text})
    assert call(served, "classify", [MATCH, "en"])["label"] == "sports"


# --- what is there to call ---


def test_every_endpoint_is_described(served):
    info = httpx.get(f"{served}/gradio_api/info").json()
    assert info["unnamed_endpoints"] == {}
    endpoints = info["named_endpoints"]
    assert set(endpoints) == {"/classify", "/classify_many", "/explain", "/about", "/classify_file"}
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 20
        assert all(parameter["type"] for parameter in endpoint["parameters"])
        assert all(returned["type"] for returned in endpoint["returns"])
    types = {
        name: {parameter["parameter_name"]: parameter["type"] for parameter in endpoint["parameters"]}
        for name, endpoint in endpoints.items()
    }
    language = {"enum": ["en", "ru"]}
    assert types["/classify"] == {"text": {"type": "string"}, "language": language}
    texts = {"type": "array", "items": {"type": "string"}}
    assert types["/classify_many"] == {"texts": texts, "language": language}
    assert types["/explain"]["language"] == language
    assert types["/about"] == {}
    optional = [
        parameter["parameter_name"]
        for parameter in endpoints["/explain"]["parameters"]
        if parameter["parameter_has_default"]
    ]
    assert optional == ["label", "language"]


def test_what_is_the_pages_own_cannot_be_called(served, client):
    names = [
        function["api_name"]
        for function in httpx.get(f"{served}/config").json()["dependencies"]
        if function["api_visibility"] == "private"
    ]
    assert "show" in names
    for name in names:
        for data in ([MATCH, "en"], {"text": MATCH}):
            assert send(served, name, data).status_code == 404
        assert httpx.post(f"{served}/gradio_api/run/{name}", json={"data": [MATCH, "en"]}).status_code == 404
        with pytest.raises(ValueError, match="Cannot find a function"):
            client.predict(MATCH, "en", api_name=f"/{name}")
