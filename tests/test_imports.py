"""Every public name can be the first thing that a fresh Python imports, and the model is registered whichever it is."""

import subprocess
import sys

import pytest

import bilstm_classifier

STATEMENTS = [
    *(f"from bilstm_classifier import {name}" for name in bilstm_classifier.__all__),
    "from bilstm_classifier import *",
    "import bilstm_classifier.configuration",
    "import bilstm_classifier.modeling",
    "import transformers; from bilstm_classifier import *",
    "from transformers import AutoConfig; from bilstm_classifier import BiLSTMForSequenceClassification",
]
REGISTERED = """
from transformers import AutoConfig, AutoModelForSequenceClassification as Auto
from bilstm_classifier import BiLSTMConfig, BiLSTMForSequenceClassification
assert type(AutoConfig.for_model("bilstm_classifier")) is BiLSTMConfig
assert Auto._model_mapping[BiLSTMConfig] is BiLSTMForSequenceClassification
"""


@pytest.mark.slow
@pytest.mark.parametrize("statement", STATEMENTS)
def test_first_import_of_a_fresh_python(statement):
    subprocess.run([sys.executable, "-c", statement + REGISTERED], check=True)


@pytest.mark.parametrize("name", ["BiLSTMConfig", "BiLSTMForSequenceClassification"])
def test_first_import_of_config_and_model(name):
    subprocess.run([sys.executable, "-c", f"from bilstm_classifier import {name}"], check=True)
