"""`POST /v1/completions`: what any source must honour."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.sources.streams import counts, stream

Body = dict[str, Any]
PATH = "/v1/completions"


def ask(client: httpx.Client, body: Body) -> Body:
    response = client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


def texts(answer: Body) -> list[str]:
    return [choice["text"] for choice in answer["choices"]]


def test_an_answer_has_the_api_s_shape(client: httpx.Client, completion: Body) -> None:
    answer = ask(client, completion)
    assert answer["object"] == "text_completion"
    assert answer["model"] == completion["model"]
    assert answer["id"]
    assert isinstance(answer["created"], int)
    [choice] = answer["choices"]
    assert choice["index"] == 0
    assert choice["text"]
    assert choice["logprobs"] is None


def test_usage_counts_prompt_and_completion(client: httpx.Client, completion: Body) -> None:
    usage = ask(client, completion)["usage"]
    assert usage["prompt_tokens"] > 4
    assert usage["completion_tokens"] == completion["max_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_limit_ends_a_text_with_length(client: httpx.Client, completion: Body) -> None:
    [choice] = ask(client, completion | {"max_tokens": 3})["choices"]
    assert choice["finish_reason"] == "length"


def test_the_default_limit_is_sixteen_tokens(client: httpx.Client, completion: Body) -> None:
    del completion["max_tokens"]
    assert ask(client, completion)["usage"]["completion_tokens"] == 16


def test_a_story_ends_by_itself_with_stop(client: httpx.Client, completion: Body) -> None:
    [choice] = ask(client, completion | {"max_tokens": 250, "temperature": 0})["choices"]
    assert choice["finish_reason"] == "stop"
    assert "<|" not in choice["text"], "the end token is not text"


def test_the_end_token_can_be_ignored(client: httpx.Client, completion: Body) -> None:
    """vLLM's extension, for texts of a known length."""
    answer = ask(client, completion | {"max_tokens": 300, "temperature": 0, "ignore_eos": True})
    assert answer["usage"]["completion_tokens"] == 300


def test_n_choices_come_numbered_and_differ(client: httpx.Client, completion: Body) -> None:
    answer = ask(client, completion | {"n": 6, "temperature": 1.0})
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    assert len(set(texts(answer))) == 6
    assert answer["usage"]["completion_tokens"] == 6 * 24


def test_several_prompts_in_one_request(client: httpx.Client, completion: Body) -> None:
    prompts = ["Topic: chess\nStory: ", "Topic: oasis\nStory: "]
    answer = ask(client, completion | {"prompt": prompts, "n": 2})
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert answer["usage"]["completion_tokens"] == 4 * 24


def test_several_prompts_are_answered_in_order(client: httpx.Client, completion: Body) -> None:
    prompts = ["Topic: chess\nStory: ", "Topic: oasis\nStory: "]
    greedy = completion | {"temperature": 0, "max_tokens": 60}
    each = [texts(ask(client, greedy | {"prompt": prompt}))[0] for prompt in prompts]
    assert texts(ask(client, greedy | {"prompt": prompts})) == each


def test_a_prompt_may_be_token_ids(client: httpx.Client, completion: Body) -> None:
    answer = ask(client, completion | {"prompt": [40, 41, 42]})
    assert answer["usage"]["prompt_tokens"] == 3


def test_the_same_seed_gives_the_same_text(client: httpx.Client, completion: Body) -> None:
    assert texts(ask(client, completion)) == texts(ask(client, completion))


def test_another_seed_gives_another_text(client: httpx.Client, completion: Body) -> None:
    drawn = {texts(ask(client, completion | {"seed": seed}))[0] for seed in range(5)}
    assert len(drawn) > 1


def test_without_a_seed_texts_differ(client: httpx.Client, completion: Body) -> None:
    del completion["seed"]
    drawn = {texts(ask(client, completion))[0] for _ in range(5)}
    assert len(drawn) > 1


def test_temperature_zero_is_greedy_whatever_the_seed(client: httpx.Client, completion: Body) -> None:
    drawn = {texts(ask(client, completion | {"temperature": 0, "seed": seed}))[0] for seed in (1, 2, 3)}
    assert len(drawn) == 1


def test_a_tiny_nucleus_is_greedy(client: httpx.Client, completion: Body) -> None:
    greedy = ask(client, completion | {"temperature": 0})
    assert texts(ask(client, completion | {"temperature": 1.5, "top_p": 1e-6})) == texts(greedy)


def test_a_seeded_text_does_not_depend_on_its_company(client: httpx.Client, completion: Body) -> None:
    alone = [texts(ask(client, completion | {"seed": seed}))[0] for seed in range(8)]
    with ThreadPoolExecutor(16) as pool:
        crowd = [
            pool.submit(ask, client, completion | {"prompt": f"Topic: {'very ' * i}old clock\nStory: "})
            for i in range(8)
        ]
        among = [pool.submit(ask, client, completion | {"seed": seed}) for seed in range(8)]
        together = [texts(future.result())[0] for future in among]
        assert all(future.result() for future in crowd)
    assert together == alone


@pytest.mark.parametrize("as_list", [False, True])
def test_a_stop_string_ends_the_text_before_it(client: httpx.Client, completion: Body, as_list: bool) -> None:
    greedy = completion | {"temperature": 0, "max_tokens": 120}
    [whole] = texts(ask(client, greedy))
    stop = whole.split(".")[1][-6:] + "."  # straddles tokens
    [choice] = ask(client, greedy | {"stop": ["@@never@@", stop] if as_list else stop})["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["text"] == whole[: whole.index(stop)]


def test_echo_puts_the_prompt_first(client: httpx.Client, completion: Body) -> None:
    [text] = texts(ask(client, completion | {"echo": True, "temperature": 0}))
    [bare] = texts(ask(client, completion | {"temperature": 0}))
    assert text == str(completion["prompt"]) + bare


def test_a_stream_says_what_the_whole_answer_says(client: httpx.Client, completion: Body) -> None:
    body = completion | {"n": 2, "stop": ["zq"], "max_tokens": 60}
    whole = ask(client, body)
    chunks = stream(client, PATH, body)
    for choice in whole["choices"]:
        mine = [c for chunk in chunks for c in chunk["choices"] if c["index"] == choice["index"]]
        assert "".join(c["text"] for c in mine) == choice["text"]
        assert [c["finish_reason"] for c in mine if c["finish_reason"]] == [choice["finish_reason"]]
    assert len(chunks) > 4, "a stream comes in pieces"
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_a_stream_never_shows_a_stop_string(client: httpx.Client, completion: Body) -> None:
    greedy = completion | {"temperature": 0, "max_tokens": 120}
    [whole] = texts(ask(client, greedy))
    stop = whole.split(".")[1][-6:] + "."
    chunks = stream(client, PATH, greedy | {"stop": stop})
    assert "".join(c["text"] for chunk in chunks for c in chunk["choices"]) == whole[: whole.index(stop)]


def test_a_stream_ends_with_usage_when_asked(client: httpx.Client, completion: Body) -> None:
    chunks = stream(client, PATH, completion | {"stream_options": {"include_usage": True}})
    assert chunks[-1]["choices"] == []
    assert counts(chunks[-1]["usage"]) == counts(ask(client, completion)["usage"])
    assert all(chunk.get("usage") is None for chunk in chunks[:-1])
