"""Train a classifier: `python training/train.py --recipe default_model --dataset data/news11 --output_dir runs/x`.

The same as `bilstm-classifier train`; `--help` lists the options.
"""

import sys

from bilstm_classifier.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
