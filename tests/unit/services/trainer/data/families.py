"""Chat templates after those of twelve families of models, with the special tokens that they write."""

from __future__ import annotations

SPECIAL = (
    *("<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "[/INST]"),
    *("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
)
_SHORT = {
    "EACH": "{% for m in messages %}",
    "ASSISTANT?": "{% if m['role'] == 'assistant' %}",
    "USER?": "{% if m['role'] == 'user' %}",
    "LAST?": "{% if m['role'] == 'assistant' and loop.last %}",
    "ELSE": "{% else %}",
    "FI": "{% endif %}",
    "END": "{% endfor %}",
    "TURN": "{% if add_generation_prompt %}",
    "ROLE": "{{ m['role'] }}",
    "SAYS": "{{ m['content'] }}",
    "TRIMMED": "{{ m['content'] | trim }}",
    "ANSWER": "{{ m['content'].split('</think>')[-1] }}",
    "THOUGHT": "{{ m.get('reasoning_content', '') }}",
    "EOS": "{{ eos_token }}",
    "LINE": "{{ '\\n' }}",  # one behind a block is taken off
    "GENERATED": "{% generation %}",
    "DONE": "{% endgeneration %}",
    "PARTS": "{% for p in m['content'] %}{{ p['text'] }}{% endfor %}",
}


def template(*words: str) -> str:
    """A chat template of words of `_SHORT`, and of what is written as it stands."""
    return "".join(_SHORT.get(word, word) for word in words)


def chatml(says: str = "SAYS") -> str:
    """ChatML, in which a message says this."""
    return template(
        *("EACH", "<|im_start|>", "ROLE", "\n", says, "<|im_end|>\n", "END"),
        *("TURN", "<|im_start|>assistant\n", "FI"),
    )


def deepseek(opening: str = "") -> str:
    """R1's: thoughts are left out, and the prompt may open one."""
    return template(
        *("EACH", "ASSISTANT?", "<|assistant|>", "ANSWER", "</s>", "ELSE", "<|user|>", "SAYS", "FI", "END"),
        *("TURN", "<|assistant|>", opening, "FI"),
    )


FAMILIES = {
    "ChatML": chatml(),
    "Llama 2": template(
        "EACH", "USER?", "<s>[INST] ", "SAYS", " [/INST]", "ELSE", " ", "SAYS", " </s>", "FI", "END"
    ),
    "Llama 3": template(
        *("<s>", "EACH", "<|im_start|>", "ROLE", "<|im_end|>\n\n", "TRIMMED", "</s>", "END"),
        *("TURN", "<|im_start|>assistant<|im_end|>\n\n", "FI"),
    ),
    "Mistral": template(
        "<s>", "EACH", "USER?", "[INST] ", "SAYS", "[/INST]", "ELSE", " ", "TRIMMED", "</s>", "FI", "END"
    ),
    "Phi-3": template(
        "EACH", "<|", "ROLE", "|>\n", "SAYS", "<|end|>\n", "END", "TURN", "<|assistant|>\n", "FI"
    ),
    "Zephyr": template(
        "EACH", "<|", "ROLE", "|>\n", "SAYS", "EOS", "\n", "END", "TURN", "<|assistant|>\n", "FI"
    ),
    "Gemma": template(
        *("<s>", "EACH", "<|im_start|>", "ASSISTANT?", "model", "ELSE", "user", "FI", "LINE", "TRIMMED"),
        *("<|im_end|>\n", "END", "TURN", "<|im_start|>model\n", "FI"),
    ),
    "OLMo": template(
        *("<s>", "EACH", "<|", "ROLE", "|>\n", "SAYS", "ASSISTANT?", "EOS", "FI", "\n", "END"),
        *("TURN", "<|assistant|>\n", "FI"),
    ),
    "Vicuna": template(
        *("EACH", "USER?", "USER: ", "SAYS", " ", "ELSE", "ASSISTANT: ", "SAYS", "EOS", "FI", "END"),
        *("TURN", "ASSISTANT:", "FI"),
    ),
    "Qwen3": template(
        *(
            "EACH",
            "<|im_start|>",
            "ROLE",
            "\n",
            "LAST?",
            "<think>\n",
            "THOUGHT",
            "\n</think>\n\n",
            "FI",
            "SAYS",
        ),
        *("<|im_end|>\n", "END", "TURN", "<|im_start|>assistant\n", "FI"),
    ),
    "DeepSeek": deepseek(),
    "marked": template(
        *(
            "EACH",
            "<|im_start|>",
            "ROLE",
            "\n",
            "ASSISTANT?",
            "GENERATED",
            "SAYS",
            "<|im_end|>",
            "DONE",
            "\n",
        ),
        *("ELSE", "SAYS", "<|im_end|>\n", "FI", "END", "TURN", "<|im_start|>assistant\n", "FI"),
    ),
}
ENDS = {
    **dict.fromkeys(("Llama 2", "Llama 3", "Mistral", "Zephyr", "OLMo", "Vicuna", "DeepSeek"), "</s>"),
    "Phi-3": "<|end|>",
}
"""What ends a turn; ChatML's `<|im_end|>` elsewhere."""
