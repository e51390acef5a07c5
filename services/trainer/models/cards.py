"""A model's card: what it was made from and how to load it, as hubs read it."""

from __future__ import annotations

import yaml

from services.trainer.loop.training import Trained
from services.trainer.models.resolving import ModelFiles
from shared.contracts.training.requests import TrainingRequest

_PEFT = """```python
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```
"""
_WHOLE = (
    _PEFT.replace("from peft import AutoPeftModelForCausalLM\n", "")
    .replace("import AutoTokenizer", "import AutoModelForCausalLM, AutoTokenizer")
    .replace("AutoPeftModel", "AutoModel")
)

_BY_HAND = """
`AutoPeftModelForCausalLM` finds this base by its name only where a folder of that name lies: it was a folder
of the trainer's machine. Load the base by hand otherwise, and put the adapter on it with
`PeftModel.from_pretrained`.
"""


def card(request: TrainingRequest, files: ModelFiles, trained: Trained) -> str:
    """Markdown with the front matter that model hubs read."""
    is_adapter = request.settings.method == "lora"
    front = {
        "base_model": files.loaded_by,
        "library_name": "peft" if is_adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["gamut", request.settings.method],
    }
    if request.settings.method == "pretrain":
        del front["base_model"]
    revision = f" at revision `{files.revision}`" if files.revision else ""
    unknown = "" if files.hub or not is_adapter else _BY_HAND
    return (
        f"---\n{yaml.safe_dump(front, sort_keys=True)}---\n\n"
        f"# {'Adapter' if is_adapter else 'Model'} trained with Gamut\n\n"
        f"- base: `{files.loaded_by}`{revision}\n"
        f"- SHA-256 of the base's config and weights: `{files.digest}`\n"
        f"- rows: dataset `{request.dataset}`\n"
        f"- method: {request.settings.method}, {trained.steps} steps of "
        f"{request.settings.rows_per_step} rows, "
        f"learning rate {request.settings.learning_rate}, seed {request.seed}\n"
        f"- chat template: {_template(request)}\n\n"
        f"{_PEFT if is_adapter else _WHOLE}{unknown}"
    )


def _template(request: TrainingRequest) -> str:
    rendering = request.settings.rendering
    if rendering.template is not None:
        return "the request's own (in this folder's tokenizer)"
    return "the tokenizer's, for chats" + (" and all other rows" if rendering.chat_template else " only")
