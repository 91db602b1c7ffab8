"""Train several recipes and compare them on one test split, or compare models that are trained already.

    python training/compare.py --recipes rus_news_fast default_model --dataset reviews.csv --output_dir runs/compare \\
        [--seeds 1 2 3]
    python training/compare.py --models runs/a runs/b --dataset reviews.csv --output_dir runs/compare

With `--recipes`, options of `bilstm-classifier train` hold for all of them. A run that is finished is not repeated, one
that was interrupted goes on. Macro F1 and accuracy (where labels overlap, macro and micro F1) come with bootstrap
intervals, paired over texts; each pair is tested by McNemar's test (by permutations where labels overlap, or there are
several seeds), with Holm's correction. Writes comparison.md, comparison.json and comparison.png into the folder.
"""

import argparse
import contextlib
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from comparing.figures import compare
from comparing.report import write_report
from comparing.systems import answers_of, find_systems, fingerprint, train_systems
from datasets import disable_progress_bars
from transformers.utils import logging as transformers_logging

from bilstm_classifier.evaluation.significance import RESAMPLES

logger = logging.getLogger("compare")


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    compared = parser.add_mutually_exclusive_group(required=True)
    compared.add_argument("--recipes", nargs="+", metavar="RECIPE", help="names, or YAML files")
    compared.add_argument("--models", nargs="+", metavar="MODEL", help="folders of trained models")
    parser.add_argument("--dataset", help="labelled texts; may be left out where the recipes name them")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/compare"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[], help="train each recipe with each seed")
    options, rest = parser.parse_known_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()  # those of reading and tokenizing, which are soon done
    if options.models and (rest or options.seeds):
        parser.error(
            f"options for a training, but --models are trained already: {' '.join(rest) or '--seeds'}"
        )
    try:
        if len(options.recipes or options.models) < 2:
            raise ValueError("there is one system: expected two or more to compare")
        with contextlib.redirect_stdout(sys.stderr):  # the Trainer's log lines
            if options.recipes:
                data = ["--dataset", options.dataset] if options.dataset else []
                systems = train_systems(options.recipes, options.seeds, options.output_dir, [*data, *rest])
            elif options.dataset:
                systems = find_systems(options.models, options.dataset)
            else:
                raise ValueError("no data: give --dataset (a Hub id, a file or a folder)")
            of_test = fingerprint(systems)
            answers = answers_of(systems)
            results = {
                "command": shlex.join(["python", "training/compare.py", *argv]),
                "dataset": options.dataset or "the recipes",
                "texts": len(answers.true),
                "unread": answers.unread,
                "fingerprint": of_test,
                "labels": answers.labels,
                "resamples": RESAMPLES,
                **compare(answers, RESAMPLES),
            }
        options.output_dir.mkdir(parents=True, exist_ok=True)
        print(write_report(options.output_dir, results))
    except KeyboardInterrupt:
        logger.error("interrupted: the same command goes on")
        return 1
    except (ImportError, OSError, ValueError) as error:
        logger.error("error: %s", " ".join(str(error).split()))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
