"""Measure a classifier: `python training/evaluation.py --model runs/x --dataset data/news11 --split test`.

The same as `bilstm-classifier evaluate`; `--help` lists the options.
"""

import sys

from bilstm_classifier.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
