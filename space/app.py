"""Serve the app of the wheel beside this file; of the installed bilstm-classifier where there is no wheel."""

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

with TemporaryDirectory(prefix="bilstm-classifier-wheel-") as folder:
    # A Space installs requirements.txt before any other of its files is there, so it cannot install the wheel.
    for wheel in Path(__file__).resolve().parent.glob("bilstm_classifier-*.whl"):
        with ZipFile(wheel) as archive:
            archive.extractall(folder)
        sys.path.insert(0, folder)

    from bilstm_classifier.app.server import serve
    from bilstm_classifier.app.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    serve(Settings.from_environment())
