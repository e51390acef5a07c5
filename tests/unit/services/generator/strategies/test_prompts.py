"""Templates: ours are whole, the caller's can do nothing but write."""

from __future__ import annotations

import itertools

import pytest

from services.generator.calls.call import Message
from services.generator.strategies import answers, paraphrase, styles, topic_guided
from services.generator.strategies.prompts import FOLDER, BadTemplate, Prompts, compile_template, load_prompts
from services.generator.topics import pool

VARIABLES = {
    "topics": pool.VARIABLES,
    "completion": topic_guided.VARIABLES,
    "text": topic_guided.VARIABLES,
    "qa": topic_guided.QA_VARIABLES,
    "paraphrase": paraphrase.VARIABLES,
    "answer": answers.VARIABLES,
    "styles": styles.VARIABLES,
}
NAMES = frozenset({"topic", "examples"})


@pytest.mark.parametrize(("format_name", "name"), itertools.product(["plain", "instruct"], VARIABLES))
def test_the_bundled_templates_use_only_what_their_strategy_has(format_name: str, name: str) -> None:
    if (FOLDER / format_name / f"{name}.j2").exists():
        load_prompts(format_name, name, VARIABLES[name])


def test_the_plain_format_is_what_the_stand_in_was_trained_on() -> None:
    prompts = load_prompts("plain", "completion", VARIABLES["completion"])
    shown = [{"text": "A fox ran."}, {"text": "A hen sat."}]
    variables = {"task": "", "topic": "a boat", "examples": shown, "length": 0, "sentences": 5}
    assert prompts.render(variables, chat=False) == (
        "Story: A fox ran.\n\nStory: A hen sat.\n\nTopic: a boat\nStory: "
    )
    topics = load_prompts("plain", "topics", VARIABLES["topics"])
    listed = {"count": 20, "task": "", "area": "", "shown": ["a boat", "a fox"], "max_words": 9}
    assert topics.render(listed, chat=False) == "Topics:\n- a boat\n- a fox\n- "


def test_a_chat_server_gets_messages() -> None:
    prompts = load_prompts("instruct", "text", VARIABLES["text"], prompt="About {{ topic }}")
    rendered = prompts.render({"topic": "a boat"}, chat=True)
    assert [message.role for message in rendered if isinstance(message, Message)] == ["system", "user"]
    assert rendered[-1] == Message("user", "About a boat")


@pytest.mark.parametrize("trusted", [False, True])
def test_a_column_may_be_called_what_mappings_have_too(trusted: bool) -> None:
    template = compile_template("{{ examples[0].items }}", NAMES, "prompt", trusted=trusted)
    rendered = Prompts(None, template).render({"examples": [{"items": "three"}]}, chat=False)
    assert rendered == "three"
    with pytest.raises(BadTemplate):
        Prompts(None, template).render({"examples": [{"text": "no such column"}]}, chat=False)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ topik }}", "topik"),
        ("{% for e in examples %}{{ e.text }}", "cannot be read"),
        ("{% include 'secrets' %}", "cannot be read|rendered"),
        ("{{ topic | attr('x') }}", "No filter"),
        ("{{ topic | format }}", "No filter"),
        ("{{ range(10**9) }}", "range"),
        ("{{ lipsum() }}", "lipsum"),
        ("{{ self.__init__.__globals__ }}", "self|rendered"),
    ],
)
def test_a_bad_template_is_refused_with_its_fault(template: str, why: str) -> None:
    with pytest.raises(BadTemplate, match=why):
        Prompts(None, compile_template(template, NAMES, "prompt")).render(
            {"topic": "t", "examples": []}, chat=False
        )


@pytest.mark.parametrize(
    "template",
    [
        "{{ topic.__class__.__mro__ }}",
        "{{ topic.format(1) }}",
        "{{ topic.upper() }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ topic * 1000000000 }}",
        "{{ 10 ** 100000000 }}",
        "{{ examples[0].missing }}",
        "{{ examples.__class__ }}",
        "{{ (examples | first).text.replace('a', 'b') }}",
        "{{ 'x' * 9 }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(template: str) -> None:
    prompts = Prompts(None, compile_template(template, NAMES, "prompt"))
    with pytest.raises(BadTemplate, match="cannot be rendered"):
        prompts.render({"topic": "t", "examples": [{"text": "x"}]}, chat=False)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in topic %}{% for b in topic %}{% for c in topic %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in topic %}" + "fixed words " * 500 + "{% endfor %}",
        "{% for a in topic %}{{ topic }}{% endfor %}",
        "{% for a in topic %}{% if topic in topic %}{% endif %}{% endfor %}",
        "{% for a in topic %}{% if topic is in('abc') %}{% endif %}{% endfor %}",
        "{% for a in topic %}{% set b = topic | sort | last %}{% endfor %}",
        "{% set a = topic %}" + "{% set a = a ~ a %}" * 60,
        "{% set a = topic %}" + "{% set a = a + a %}" * 60,
        "{% set a = topic %}" + "{% set a = a | replace('a', a) %}" * 60,
        "{% set a = topic %}" + "{% set a = a | join(a) %}" * 60,
        "{{ topic | join(topic) | join(topic) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 1.5 | round(999999999) }}",
        "{{ 5 | round(-999999999) }}",
        "{{ examples | tojson(indent=999999999) }}",
        "{{ examples }}",
        "{{ examples + examples }}",
        "{% for a in topic recursive %}{{ loop(topic) }}{% endfor %}",
    ],
)
def test_a_template_that_would_work_for_ever_or_fill_the_memory_is_stopped(template: str) -> None:
    prompts = Prompts(None, compile_template(template, NAMES, "prompt"))
    with pytest.raises(BadTemplate, match="cannot be rendered"):
        prompts.render({"topic": "a" * 3_000, "examples": [{"text": "x" * 3_000}] * 3}, chat=False)


@pytest.mark.parametrize(
    "template",
    [
        "{% set a %}{{ topic }}{{ topic }}{% endset %}",
        "{% filter upper %}{{ topic }}{% endfilter %}",
        "{% macro m() %}{{ topic }}{% endmacro %}",
        "{% set a = [topic, topic] %}",
        "{% set a = {'a': topic} %}",
        "{{ topic | trim(topic) }}",
        "{{ 1.5 | round(2, 'ceil') }}{% block b %}{% endblock %}",
        "{{ " + "(" * 5_000 + "topic" + ")" * 5_000 + " }}",
        "{% for a in topic %}" * 60 + "{% endfor %}" * 60,
    ],
)
def test_what_cannot_be_counted_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate, match="cannot be read"):
        compile_template(template, NAMES, "prompt")


def test_what_people_write_is_written_as_jinja_does() -> None:
    text = (
        "{% set name = topic | trim | title %}{{ name ~ '!' }} {{ 1 + 2 * 3 }} {{ 7 % 4 }}"
        " {{ 2.567 | round(1) }}"
        "{% if topic in ['a boat', 'a fox'] and topic is defined %} {{ 'x' + 'y' }}{% endif %}"
        "{% for e in examples if e.text != 'b' %} {{ loop.index }}/{{ loop.length }}:{{ e['text'] | upper }}"
        "{% else %}none{% endfor %} {{ examples | join(', ', attribute='text') }}"
        "{{ ' long' if topic | length > 3 else '' }} {{ examples | tojson }}"
    )
    prompts = Prompts(None, compile_template(text, NAMES, "prompt"))
    assert prompts.render({"topic": "a boat", "examples": [{"text": "a"}, {"text": "b"}]}, chat=False) == (
        'A Boat! 7 3 2.6 xy 1/1:A a, b long [{"text": "a"}, {"text": "b"}]'
    )


def test_a_template_may_loop_branch_and_filter() -> None:
    text = (
        "{% for e in examples %}{{ loop.index * 2 }}:{{ e.text | upper }}"
        "{% if not loop.last %},{% endif %}{% endfor %}"
    )
    prompts = Prompts(None, compile_template(text, NAMES, "prompt"))
    assert prompts.render({"topic": "", "examples": [{"text": "a"}, {"text": "b"}]}, chat=False) == "2:A,4:B"


def test_a_format_without_the_template_says_so() -> None:
    with pytest.raises(BadTemplate, match="the format plain has no template for styles"):
        load_prompts("plain", "styles", VARIABLES["styles"])
