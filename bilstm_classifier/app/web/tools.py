"""The endpoints as tools of the Model Context Protocol: Gradio offers them, with answers as Python writes them."""

import json
from typing import Any

from gradio import Blocks
from gradio.data_classes import is_file_obj_with_meta
from gradio.processing_utils import add_root_url


def answer_in_json(page: Blocks) -> None:
    """Have the tools of ``page``, which is mounted, answer in JSON, which every client can read."""
    if (tools := page.mcp_server_obj) is None:
        return
    as_content = tools.postprocess_output_data

    def in_json(data: Any, root_url: str) -> list[Any]:
        answers = [
            json.dumps(answer, ensure_ascii=False)
            if isinstance(answer, dict | list) and not is_file_obj_with_meta(answer)
            else answer
            for answer in add_root_url(data, root_url, None)
        ]
        return as_content(answers, root_url)

    tools.postprocess_output_data = in_json  # type: ignore[method-assign]
