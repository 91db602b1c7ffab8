"""What a visitor asked before: kept, shown and exported by the browser (``history.js``), unknown to the server."""

import json

import gradio as gr

from ..messages import messages


def history_tab() -> None:
    """Fill the tab with the frame that the script fills."""
    gr.HTML('<div id="history"></div>', js_on_load="showHistory(element)")


def history_texts() -> str:
    """What the script says, in both languages, with the names of labels: a JavaScript statement."""
    label = "label_"
    texts = {
        "say": {key: text for key, text in messages().items() if key.startswith("history_")},
        "labels": {
            key.removeprefix(label): text for key, text in messages().items() if key.startswith(label)
        },
    }
    # within a script element "<" might end it
    return f"window.historyTexts = {json.dumps(texts, ensure_ascii=False)};".replace("<", "\\u003c")
