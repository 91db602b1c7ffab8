"""The ``bilstm-classifier`` command: results to stdout, talk to stderr; exit codes 0, 1 (failure), 2 (user error)."""

import argparse
import contextlib
import csv
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from . import __version__
from .recipe import DataSettings, ModelSettings, describe, recipe_names

if TYPE_CHECKING:
    from .predictor import Predictor, TextPrediction

logger = logging.getLogger(__name__)

BAR_WIDTH = 24


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; ``arguments`` are those of the process if left out."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "train":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    for library in ("httpx", "httpcore", "httpx2", "filelock", "datasets", "fsspec"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        options.run(options, rest)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        logger.error("interrupted")
        return 1
    except ImportError as error:
        logger.error("error: %s", _with_extra(error))
        return 2
    except (ValueError, TypeError, OSError) as error:
        logger.error("error: %s", " ".join(str(error).split()))
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bilstm-classifier", description="Classify texts with a BiLSTM over BERT."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., None], text: str, **settings: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, **settings)
        added.set_defaults(run=run)
        return added

    predict = command(
        "predict", _predict, "Classify texts: from the command line, a file, stdin, or one by one."
    )
    predict.add_argument("texts", nargs="*", metavar="TEXT", help="a text; none: one text a line of stdin")
    predict.add_argument("--file", type=Path, help="CSV, TSV, JSONL, Parquet or plain text file to classify")
    predict.add_argument("--text-column", help="column with the text; found by name if left out")
    predict.add_argument("--output", type=Path, help="write here (.csv, .tsv or .jsonl) in place of stdout")
    predict.add_argument("--top-k", type=_positive, default=3, help="how many labels a text (default: 3)")
    predict.add_argument("--json", action="store_true", help="one JSON object a line")
    predict.add_argument("--interactive", action="store_true", help="ask for text after text")
    predict.add_argument(
        "--truncation", choices=("cut", "windows", "error"), default="cut", help="of long texts"
    )
    _add_model(predict)

    train = command(
        "train",
        _train,
        "Train a model by a recipe.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_train_help(),
    )
    train.add_argument("--recipe", help=f"{', '.join(recipe_names())}, or a YAML file")

    evaluate = command("evaluate", _evaluate, "Measure a model on labelled texts.")
    evaluate.add_argument("--dataset", required=True, help="Hub id, file, or folder saved by `datasets`")
    evaluate.add_argument("--split", default="test", help="which split (default: test)")
    evaluate.add_argument(
        "--text-column", action="append", help="column(s) with the text; found by name if left out"
    )
    evaluate.add_argument("--label-column", help="column with the label; found by name if left out")
    evaluate.add_argument("--batch-size", type=_positive, default=64, help="texts a batch (default: 64)")
    evaluate.add_argument("--output", type=Path, help="folder for metrics.json and confusion_matrix.png")
    _add_model(evaluate)

    info = command("info", _info, "Say what a model is.")
    info.add_argument("--vocab", action="store_true", help="print its vocabulary, one token a line")
    _add_model(info)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="folder or Hub id (default: the model in the package)")
    parser.add_argument("--revision", help="branch, tag or commit on the Hub")


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a whole number of 1 or more")
    return number


def _train_help() -> str:
    lines = ["data:", *describe(DataSettings), "", "model:", *describe(ModelSettings), ""]
    lines += [
        "training: every argument of transformers.TrainingArguments, such as --output_dir, --learning_rate,",
        "  --num_train_epochs, --per_device_train_batch_size, --bf16, --seed, --push_to_hub with --hub_model_id",
        "",
        "A run that was interrupted goes on when the same command is given again.",
    ]
    return "\n".join(lines)


# --- predict ---


def _predict(options: argparse.Namespace, rest: list[str]) -> None:
    if options.file and options.texts:
        raise ValueError("texts and --file were both given: choose one")
    rows = _rows_of_file(options.file, options.text_column) if options.file else None
    if options.output is not None:
        _check_output(options.output)
    predictor = _predictor(options)
    if options.interactive:
        _converse(predictor, options)
        return
    if rows is None:
        source = [(index, {"text": text}, text) for index, text in enumerate(options.texts, 1)]
        rows = iter(source) if options.texts else _rows_of_stdin()
    with _sink(options) as write:
        _predict_rows(predictor, rows, write)


def _predict_rows(
    predictor: "Predictor", rows: Iterator[tuple[int, dict[str, Any], str]], write: Callable[..., None]
) -> None:
    from tqdm.auto import tqdm

    pending: list[tuple[int, dict[str, Any], str]] = []  # read, not yet classified: at most a chunk

    def texts() -> Iterator[str]:
        for row in rows:
            pending.append(row)
            yield row[2]

    done = 0
    with tqdm(desc="Classifying", unit="text", disable=None, delay=2, file=sys.stderr) as progress:
        try:
            for prediction in predictor.iter_predict(texts()):
                _, row, text = pending.pop(0)
                write(row, text, prediction)
                done += 1
                progress.update()
        except (ValueError, TypeError) as error:
            raise type(error)(f"{error} ({done} texts before it were classified and written)") from error


def _rows_of_file(path: Path, text_column: str | None) -> Iterator[tuple[int, dict[str, Any], str]]:
    from .columns import find_text_columns
    from .reading import open_table

    table = open_table(path, [text_column] if text_column else [])
    column = find_text_columns(table.columns, text_column)[0]

    def rows() -> Iterator[tuple[int, dict[str, Any], str]]:
        for number, row in table.rows():
            text = row.get(column)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(
                    f"{path}, line {number}: the column {column!r} holds {text!r:.60}, expected a text"
                )
            yield number, row, text

    return rows()


def _rows_of_stdin() -> Iterator[tuple[int, dict[str, Any], str]]:
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("no text: give TEXT, --file, --interactive, or texts on stdin, one a line")
    stream = open(sys.stdin.fileno(), encoding="utf-8", errors="strict", closefd=False)  # noqa: SIM115

    def rows() -> Iterator[tuple[int, dict[str, Any], str]]:
        number = 0
        try:
            for number, line in enumerate(stream, 1):
                if text := line.strip():
                    yield number, {"text": text}, text
        except UnicodeDecodeError as error:
            raise ValueError(
                f"stdin, after line {number}: not UTF-8 ({error.reason}): convert it first"
            ) from error
        if not number:
            raise ValueError("stdin is empty: expected texts, one a line")

    return rows()


@contextlib.contextmanager
def _sink(options: argparse.Namespace) -> Iterator[Callable[[dict[str, Any], str, "TextPrediction"], None]]:
    """A function that writes one prediction where and as the options say."""
    if options.output is None:
        write = _write_json if options.json else _write_block
        yield lambda row, text, prediction: write(sys.stdout, text, prediction, options.top_k)
        return
    # What was classified before a failure is kept, in the partial file; the output itself appears whole.
    partial = options.output.with_name(f"{options.output.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield _table_writer(file, options)
    except BaseException:
        if partial.exists():
            logger.error("what was classified before stands in %s", partial)
        raise
    os.replace(partial, options.output)
    logger.info("written to %s", options.output)


def _table_writer(
    file: IO[str], options: argparse.Namespace
) -> Callable[[dict[str, Any], str, "TextPrediction"], None]:
    suffix = options.output.suffix.lower()
    if options.json or suffix in (".jsonl", ".ndjson", ".json"):
        return lambda row, text, prediction: _write_json(file, text, prediction, options.top_k, row)
    table = csv.writer(file, delimiter="\t" if suffix in (".tsv", ".tab") else ",", lineterminator="\n")
    header: list[str] = []

    def write(row: dict[str, Any], text: str, prediction: "TextPrediction") -> None:
        if not header:
            header.extend(row)
            table.writerow([*header, "prediction", "score"])
        top = prediction.top(1)[0]
        table.writerow([*(row.get(name) for name in header), " ".join(prediction.labels), f"{top.score:.4f}"])

    return write


def _check_output(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--output {path}: expected the name of a file in a folder that exists")
    if path.suffix.lower() not in (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json"):
        raise ValueError(f"--output {path}: expected a name that ends in .csv, .tsv or .jsonl")


def _write_block(file: IO[str], text: str, prediction: "TextPrediction", top_k: int) -> None:
    shown = " ".join(text.split())
    print(shown if len(shown) <= 110 else shown[:107] + "...", file=file)
    for label, score in prediction.top(top_k):
        print(f"  {label:<12} {score:6.1%}  {'█' * round(score * BAR_WIDTH)}", file=file)
    if prediction.tokens_read < prediction.tokens:
        print(f"  ({prediction.tokens_read} of {prediction.tokens} tokens read)", file=file)
    print(file=file)


def _write_json(
    file: IO[str], text: str, prediction: "TextPrediction", top_k: int, row: dict[str, Any] | None = None
) -> None:
    found = {
        "label": prediction.labels[0] if len(prediction.labels) == 1 else list(prediction.labels),
        "top": [{"label": label, "score": round(score, 6)} for label, score in prediction.top(top_k)],
        "tokens": prediction.tokens,
        "tokens_read": prediction.tokens_read,
    }
    print(json.dumps({**(row or {"text": text}), **found}, ensure_ascii=False, default=str), file=file)


def _converse(predictor: "Predictor", options: argparse.Namespace) -> None:
    write = _write_json if options.json else _write_block
    logger.info("Type a text and press Enter; an empty line or Ctrl-D ends.")
    while True:
        try:
            text = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not text.strip():
            return
        try:
            write(sys.stdout, text, predictor.predict([text])[0], options.top_k)
        except ValueError as error:
            logger.error("%s", error)
        sys.stdout.flush()


def _predictor(options: argparse.Namespace) -> "Predictor":
    from .predictor import Predictor

    _quiet_transformers()
    return Predictor.from_pretrained(options.model, revision=options.revision, truncation=options.truncation)


# --- train, evaluate, info ---


def _train(options: argparse.Namespace, rest: list[str]) -> None:
    from .trainer import parse_settings, run_training

    metrics = run_training(*parse_settings(options.recipe, rest))
    print(
        json.dumps(
            {"validation": _overall(metrics["validation"]), "test": _overall(metrics["test"])}, indent=2
        )
    )


def _overall(report: dict[str, Any]) -> dict[str, float]:
    return {name: round(report[name], 4) for name in ("loss", "accuracy", "f1", "f1_macro")}


def _evaluate(options: argparse.Namespace, rest: list[str]) -> None:
    from .data import load_dataset_dict
    from .evaluation import evaluate_model
    from .files import write_text
    from .metrics import format_report
    from .plots import plot_confusion_matrix
    from .predictor import DEFAULT_MODEL

    _quiet_transformers()
    splits = load_dataset_dict(
        options.dataset, text_columns=options.text_column, label_column=options.label_column
    )
    if options.split not in splits:
        raise ValueError(f"there is no split {options.split!r}: the data has {', '.join(splits)}")
    report = evaluate_model(
        options.model or DEFAULT_MODEL,
        splits[options.split],
        revision=options.revision,
        batch_size=options.batch_size,
    )
    names = list(report["per_class"])
    for name, value in report.items():
        if isinstance(value, (int, float)):
            print(f"{name:<20} {value:.4f}")
    print(f"\n{format_report(report, names)}")
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        write_text(options.output / "metrics.json", json.dumps(report, ensure_ascii=False, indent=2))
        plot_confusion_matrix(report["confusion_matrix"], names, options.output / "confusion_matrix.png")
        logger.info("metrics.json and confusion_matrix.png are in %s", options.output)


def _info(options: argparse.Namespace, rest: list[str]) -> None:
    from .hub import load_model
    from .predictor import DEFAULT_MODEL
    from .windows import max_length_of

    _quiet_transformers()
    source = options.model or DEFAULT_MODEL
    model, tokenizer = load_model(source, revision=options.revision)
    if options.vocab:
        for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
            print(token)
        return
    config = model.config
    embedder: Any = config.embedder_config
    kind = "learned" if embedder is None else embedder.model_type
    if model.embedder_is_frozen:
        kind = f"frozen {kind}"
    directions = "bidirectional" if config.bidirectional else "one-way"
    facts = {
        "model": source,
        "labels": ", ".join(config.label_names),
        "problem type": config.problem_type,
        "embedder": f"{kind}, {config.embedding_size} wide",
        "LSTM": f"{config.lstm_num_layers} x {config.lstm_hidden_size}, {directions}",
        "pooling": config.pooling,
        "vocabulary": f"{len(tokenizer):,} tokens",
        "reads": f"{max_length_of(tokenizer, getattr(embedder, 'max_position_embeddings', None))} tokens of a text",
        "weights": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
    }
    for name, value in facts.items():
        print(f"{name + ':':<14} {value}")


def _quiet_transformers() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _with_extra(error: ImportError) -> str:
    if "pip install" in str(error):
        return str(error)
    return f"{error}: training and evaluation need more packages, pip install 'bilstm-classifier[train]'"


if __name__ == "__main__":
    sys.exit(main())
