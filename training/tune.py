"""Search for better settings of a recipe.

    python training/tune.py --recipe default_model --trials 20 --dataset reviews.csv --output_dir runs/tune-reviews
    bilstm-classifier train --recipe runs/tune-reviews/best.yaml --output_dir runs/reviews

Takes the options of `bilstm-classifier train` too. Each trial is a training (TPE proposes its settings; Bergstra et al.
2011), judged on the validation split by metric_for_best_model (the loss, if load_best_model_at_end
stands alone; macro F1, if neither does); one that is worse than the
median of the others at the same evaluation is stopped. What varies is in training/tuning/space.yaml; `--space` names
another such file. The study is kept: the same command goes on to `--trials` in all.

Writes study.db, trials.csv, best.yaml, history.png and importance.png into the folder. Needs
`pip install 'bilstm-classifier[train,tune]'`.
"""

import argparse
import contextlib
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from datasets import disable_progress_bars
from transformers.utils import logging as transformers_logging
from tuning.results import write_results
from tuning.search import Objective, run_search
from tuning.space import DEFAULT_SPACE, load_space

from bilstm_classifier.training.trainer import parse_settings

logger = logging.getLogger("tune")


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--recipe", help="a recipe of the package, or a YAML file")
    parser.add_argument("--trials", type=int, required=True, help="trials in all, earlier ones counted in")
    parser.add_argument("--minutes", type=float, help="start no further trial after this time")
    parser.add_argument("--space", type=Path, default=DEFAULT_SPACE, help="YAML file: what varies")
    options, rest = parser.parse_known_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()  # those of reading and tokenizing, which are soon done
    try:
        if options.trials < 1:
            raise ValueError(f"--trials is {options.trials}: expected a whole number of 1 or more")
        if options.minutes is not None and options.minutes <= 0:
            raise ValueError(f"--minutes is {options.minutes:g}: expected a number above 0")
        folder = f"runs/tune-{Path(options.recipe).stem if options.recipe else 'model'}"
        settings = parse_settings(options.recipe, ["--output_dir", folder, *rest])
        _, model, args, _ = settings
        metric, output_dir = Objective(args).metric, Path(args.output_dir)
        parameters = load_space(options.space, model)
        with contextlib.redirect_stdout(sys.stderr):  # the Trainer's log lines
            study = run_search(settings, parameters, trials=options.trials, minutes=options.minutes)
            command = shlex.join(["python", "training/tune.py", *argv])
            write_results(output_dir, study, parameters, metric, command)
    except KeyboardInterrupt:
        logger.error("interrupted: the trials that came to an end are kept, the same command goes on")
        return 1
    except (ImportError, OSError, ValueError) as error:
        logger.error("error: %s", " ".join(str(error).split()))
        return 2
    logger.info("the best is in %s: bilstm-classifier train --recipe %s", *[output_dir / "best.yaml"] * 2)
    best = study.best_trial
    print(json.dumps({"trial": best.number, metric: best.value, **best.params}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
