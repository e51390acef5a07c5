"""Tiny real models for the trainer's tests: built here, from real text and random weights; nothing is
downloaded.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

# The opening of "The Snow Man" and "The Flying Trunk" (H. C. Andersen, public domain translations).
TEXT = """It is so delightfully cold, said the Snow Man, that it makes my whole body crackle. This is just the
kind of wind to blow life into one. How that great red thing up there is staring at me! He meant the sun, who
was just setting. It shall not make me wink. I shall manage to keep the pieces. He had two triangular pieces
of tile in his head, instead of eyes. His mouth was made of an old broken rake, and was, of course, furnished
with teeth. He had been brought into existence amidst the joyous shouts of boys, the jingling of sleigh bells,
and the slashing of whips. There was once a merchant, who was so rich that he could pave the whole street with
gold, and even then he would have had enough for a small alley. But he did not do so; he knew the value of
money better than to use it in this way. So clever was he, that every shilling he put out brought him a crown;
and so he continued till he died. His son inherited his wealth, and he lived a merry life with it; he went to
a masquerade every night, made kites out of five pound notes, and threw pieces of gold into the sea instead of
stones, making ducks and drakes of them.
"""

SENTENCES = [sentence.strip() + "." for sentence in TEXT.replace("\n", " ").split(".") if sentence.strip()]


@cache
def tokenizer(vocab: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the text above, with an end token and no pad token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    bpe.train_from_iterator([TEXT], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>", bos_token="<|end|>")


def llama(
    *, layers: int = 2, width: int = 32, heads: int = 4, key_heads: int = 2, seed: int = 0, context: int = 512
) -> PreTrainedModel:
    """A random Llama with grouped-query attention."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=context,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def gpt2(
    *, layers: int = 2, width: int = 32, heads: int = 4, seed: int = 0, context: int = 512
) -> PreTrainedModel:
    """A random GPT-2 (with its usual dropout of 0.1 in the config)."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=400,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        n_positions=context,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


def saved(model: PreTrainedModel, folder: Path) -> Path:
    """The model and its tokenizer as a folder that `from_pretrained` reads."""
    model.save_pretrained(str(folder))
    tokenizer().save_pretrained(str(folder))
    return folder


def stories(count: int) -> list[dict[str, str]]:
    """`completion` rows: one to three sentences as context, the next as completion; lengths are mixed."""
    rows = []
    for index in range(count):
        start, length = index % (len(SENTENCES) - 4), 1 + index % 3
        context = " ".join(SENTENCES[start : start + length])
        rows.append({"id": f"story-{index}", "context": context, "completion": SENTENCES[start + length]})
    return rows


def questions(contexts: int, pairs: int) -> tuple[list[dict[str, str]], dict[str, str]]:
    """`qa` rows on contexts of a few sentences each."""
    texts = {f"c{n}": " ".join(SENTENCES[n % 9 : n % 9 + 5]) for n in range(contexts)}
    rows = [
        {
            "id": f"{key}:{pair}",
            "context_id": key,
            "question": f"What comes {'then ' * (pair % 3)}after {SENTENCES[pair % 12][:20]}?",
            "answer": SENTENCES[(pair + 5) % 12][: 12 + 3 * (pair % 4)].strip(),
        }
        for key in texts
        for pair in range(pairs)
    ]
    return rows, texts
