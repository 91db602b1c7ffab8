"""The ``bilstm-classifier`` command: results to stdout, talk to stderr; exit codes 0, 1 (failure), 2 (user error)."""

import argparse
import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .commands.app import add_app_commands
from .commands.hub import add_hub_commands, add_hub_options, hub_options
from .commands.predict import run_predict
from .recipe import CardSettings, DataSettings, ModelSettings, describe, recipe_names

if TYPE_CHECKING:
    from .predictor import Predictor

logger = logging.getLogger(__name__)

# What training tells of each split when it ends.
SINGLE_LABEL_FIGURES = ("loss", "accuracy", "f1", "f1_macro")
OVERLAPPING_FIGURES = (
    "loss",
    "f1_micro",
    "f1_macro",
    "average_precision_macro",
    "subset_accuracy",
    "hamming_loss",
)
ORDERED_FIGURES = ("mean_absolute_error", "quadratic_kappa")
# Packages of the extra `train`, as their import errors name them.
OF_TRAINING = ("accelerate", "datasets", "evaluate", "matplotlib", "pyarrow", "sklearn", "scipy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; ``arguments`` are those of the process if left out."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "train":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    for library in ("httpx", "httpcore", "httpx2", "filelock", "datasets", "fsspec"):
        logging.getLogger(library).setLevel(logging.WARNING)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What it cannot show, such as a lone surrogate, it spells out.
        sys.stdout.reconfigure(errors="backslashreplace")
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
        logger.error("error: %s", " ".join(str(error).splitlines()))
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
    predict.add_argument(
        "--text-column", help="column with the text; if left out, those of the model, or found by name"
    )
    predict.add_argument(
        "--label-column",
        help="column with the true label, to compare with; if left out, one of a usual name that holds labels of the "
        "model",
    )
    predict.add_argument("--output", type=Path, help="write here (.csv, .tsv or .jsonl) in place of stdout")
    predict.add_argument(
        "--top-k", type=_positive, help="how many labels a text (default: 3, with --interactive 10)"
    )
    predict.add_argument("--json", action="store_true", help="one JSON object a line")
    predict.add_argument("--interactive", action="store_true", help="ask for text after text")
    predict.add_argument(
        "--truncation",
        choices=("cut", "windows", "error"),
        default="cut",
        help="of long texts: read the beginning, read all in windows, or refuse (default: cut)",
    )
    predict.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="bfloat16 is faster on processors with units for it (default: float32)",
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
    evaluate.add_argument(
        "--split",
        default="test",
        help="which split, cut as in the model's training if it had to be; or `all` (default: test)",
    )
    evaluate.add_argument(
        "--text_columns",
        "--text-column",
        nargs="+",
        help="column(s) with the text; found by name if left out",
    )
    evaluate.add_argument(
        "--label_column", "--label-column", help="column with the label; found by name if left out"
    )
    evaluate.add_argument(
        "--label_columns",
        "--label-columns",
        nargs="+",
        help="for overlapping labels in a column each, called after them: those columns",
    )
    evaluate.add_argument("--batch-size", type=_positive, default=64, help="texts a batch (default: 64)")
    evaluate.add_argument("--output", type=Path, help="folder for metrics.json and a picture")
    _add_model(evaluate)

    add_hub_commands(command)
    add_app_commands(command)

    info = command("info", _info, "Say what a model is.")
    info.add_argument("--vocab", action="store_true", help="print its vocabulary, one token a line")
    _add_model(info)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="folder or Hub id (default: the model in the package)")
    add_hub_options(parser)


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number of 1 or more")
    return int(value)


def _train_help() -> str:
    sections = {"data": DataSettings, "model": ModelSettings, "card": CardSettings}
    lines = [line for name, kind in sections.items() for line in (f"{name}:", *describe(kind), "")]
    lines += [
        "training: every argument of transformers.TrainingArguments, such as --output_dir, --learning_rate,",
        "  --num_train_epochs, --per_device_train_batch_size, --bf16, --seed, --push_to_hub with --hub_model_id",
        "",
        "A run that was interrupted goes on when the same command is given again.",
    ]
    return "\n".join(lines)


# --- commands ---


def _predict(options: argparse.Namespace, rest: list[str]) -> None:
    run_predict(options, lambda: _predictor(options))


def _predictor(options: argparse.Namespace) -> "Predictor":
    from .predictor import Predictor

    _quiet_transformers()
    return Predictor.from_pretrained(
        options.model, dtype=options.dtype, truncation=options.truncation, **hub_options(options)
    )


def _train(options: argparse.Namespace, rest: list[str]) -> None:
    from datasets import disable_progress_bars

    from .training.trainer import parse_settings, run_training

    disable_progress_bars()  # those of reading and tokenizing, which are soon done
    settings = parse_settings(options.recipe, rest)
    with contextlib.redirect_stdout(sys.stderr):  # the Trainer's log lines
        metrics = run_training(*settings)
    print(json.dumps({split: _overall(metrics[split]) for split in ("validation", "test")}, indent=2))


def _overall(report: dict[str, Any]) -> dict[str, float | None]:
    told = SINGLE_LABEL_FIGURES if "accuracy" in report else OVERLAPPING_FIGURES
    names = [name for name in (*told, *ORDERED_FIGURES) if name in report]
    # what is not defined, such as a kappa where all is of one class, stays null
    return {name: None if report[name] is None else round(report[name], 4) for name in names}


def _evaluate(options: argparse.Namespace, rest: list[str]) -> None:
    from datasets import concatenate_datasets

    from .evaluation.metrics import format_report
    from .evaluation.multi_label_metrics import format_multi_label_report
    from .evaluation.reporting import draw_report, evaluate_model
    from .files import write_text
    from .model_folder import load_config
    from .predictor import DEFAULT_MODEL
    from .training.preparation import load_splits
    from .training.runs import data_settings

    _quiet_transformers()
    if options.output is not None and options.output.exists() and not options.output.is_dir():
        raise ValueError(f"--output {options.output} is a file: expected a folder, made if need be")
    source = str(DEFAULT_MODEL if options.model is None else options.model)
    config = load_config(_folder_of(source, "config.json", options), source)
    data = data_settings(options.model, options.dataset, config, **hub_options(options))
    data.text_columns = options.text_columns or data.text_columns
    if options.label_column or options.label_columns:
        data.label_column, data.label_columns = options.label_column, options.label_columns or []
    if options.split == "all":
        data.test_size = data.validation_size = 0.0
    splits = load_splits(data, **hub_options(options))
    if options.split != "all" and options.split not in splits:
        raise ValueError(f"there is no split {options.split!r}: the data has {', '.join(splits)}, and all")
    report = evaluate_model(
        source,
        concatenate_datasets(list(splits.values())) if options.split == "all" else splits[options.split],
        batch_size=options.batch_size,
        **hub_options(options),
    )
    names = list(report["per_class"])
    figures = {name: value for name, value in report.items() if isinstance(value, (int, float))}
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}} {value:.4f}")
    print()
    overlapping = config.problem_type == "multi_label_classification"
    print(format_multi_label_report(report, names) if overlapping else format_report(report, names))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        write_text(options.output / "metrics.json", json.dumps(report, ensure_ascii=False, indent=2))
        draw_report(report, names, options.output)
        picture = "co_occurrence.png" if overlapping else "confusion_matrix.png"
        logger.info("metrics.json and %s are in %s", picture, options.output)


def _info(options: argparse.Namespace, rest: list[str]) -> None:
    from .commands.model_facts import facts_of
    from .model_folder import load_model
    from .predictor import DEFAULT_MODEL

    _quiet_transformers()
    source = str(DEFAULT_MODEL if options.model is None else options.model)
    model, tokenizer = load_model(source, **hub_options(options))
    if options.vocab:
        for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
            print(token if token.isprintable() else repr(token)[1:-1])  # a line break is a token to some
        return
    facts = {"model": source, **facts_of(model, tokenizer), **_measured(_place_of_figures(source, options))}
    for name, value in facts.items():
        print(f"{name + ':':<14} {value}")


def _measured(folder: Path) -> dict[str, str]:
    """What `metrics.json` in the model's folder says of each test, a line a test."""
    from .commands.model_facts import summary
    from .hub.measured import read_metrics, reports

    facts = {}
    for name, found in reports(read_metrics(folder)).items():
        if name.startswith("test"):
            facts[name.replace("_", ", ")] = summary(found)
    return facts


def _place_of_figures(source: str, options: argparse.Namespace) -> Path:
    with contextlib.suppress(OSError):  # they may be neither in the cache nor to be had: the model is
        return _folder_of(source, "metrics.json", options)
    return Path(source).expanduser()


def _folder_of(source: str, needed: str, options: argparse.Namespace) -> Path:
    """The folder of a model, of which a file is ``needed``."""
    from .hub.transport import download
    from .model_folder import looks_like_path

    if looks_like_path(source):
        return Path(source).expanduser()
    return download(source, [needed], **hub_options(options))


def _quiet_transformers() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _with_extra(error: ImportError) -> str:
    if "bilstm-classifier[" in str(error):
        return str(error)
    while isinstance(error.__cause__, ImportError):  # transformers hides which package is missing
        error = error.__cause__
    if not any(package in str(error).lower() for package in OF_TRAINING):
        return str(error)
    cause = str(error).strip().splitlines()[0].partition(":")[0]  # some go on with advice of their own
    return f"{cause}: training and evaluation need more packages, pip install 'bilstm-classifier[train]'"


if __name__ == "__main__":
    sys.exit(main())
