"""Prompt templates: Jinja files of our own, or the caller's text, in a sandbox that can do nothing but write.

A caller's template may read the variables of its strategy, loop over them, branch on them and use the
filters listed here. It may not call anything or reach into objects: so it cannot read what is not its own.
What it loops over, joins, replaces and writes is counted (`metering`): so it cannot be made to run for ever
or to fill the memory. A variable that the strategy does not have is refused before anything is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.generator.calls.call import Message
from services.generator.strategies.metering import METERED, computed, metered, start_metering

FOLDER = Path(__file__).parent.parent / "templates"
FILTERS = (
    "capitalize", "first", "int", "join", "last", "length", "lower", "reject", "replace", "round", "select",
    "sort", "string", "title", "tojson", "trim", "unique", "upper", "wordcount",
)  # fmt: skip
MAX_PROMPT_CHARACTERS = 2_000_000


class BadTemplate(ValueError):
    """A template that cannot be used: what is wrong with it, in words for its author."""


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A column before anything else that a mapping has: rows may have one that is called `items`."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Fields of mappings, and what Jinja's own `loop` shows; no methods, no inner life of objects."""
        return not callable(value) and not attr.startswith("_")

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def call_binop(self, context: Any, operator_name: str, left: Any, right: Any) -> Any:
        return computed(operator_name, left, right)


class _Metered(_Sandbox):
    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return metered(super()._parse(source, name, filename))


@lru_cache(maxsize=2)
def _environment(*, trusted: bool) -> _Sandbox:
    environment = (_Sandbox if trusted else _Metered)(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    if not trusted:
        environment.filters |= METERED
    return environment


def compile_template(text: str, variables: frozenset[str], what: str, *, trusted: bool = False) -> Template:
    """The template, checked; of one that is `trusted` (ours) nothing is counted. Raises `BadTemplate`."""
    environment = _environment(trusted=trusted)
    try:
        unknown = meta.find_undeclared_variables(environment.parse(text)) - variables
        if unknown:
            raise BadTemplate(
                f"the {what} template uses {', '.join(sorted(unknown))}, which this strategy does not have; "
                f"it has {', '.join(sorted(variables))}"
            )
        start_metering()  # what is constant is computed now
        template = environment.from_string(text)
        template.globals = {}  # there are none, and looking through them costs every rendering
        return template
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:  # such as a thousand brackets
        raise BadTemplate(f"the {what} template cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Prompts:
    """A system and a user template; `render` gives what a call carries."""

    system: Template | None
    user: Template

    def render(self, variables: Mapping[str, Any], *, chat: bool) -> str | tuple[Message, ...]:
        """For a chat server messages, for a completions server one text. Raises `BadTemplate`."""
        try:
            start_metering()
            system = self.system.render(variables) if self.system else ""
            user = self.user.render(variables)
        except (TemplateError, TypeError, LookupError, ArithmeticError, ValueError) as error:
            raise BadTemplate(f"the template cannot be rendered: {error}") from error
        if len(system) + len(user) > MAX_PROMPT_CHARACTERS:
            raise BadTemplate(f"the prompt has more than {MAX_PROMPT_CHARACTERS} characters")
        if not chat:
            return f"{system}\n\n{user}" if system else user
        head = (Message("system", system),) if system else ()
        return (*head, Message("user", user))


def load_prompts(
    format_name: str,
    name: str,
    variables: frozenset[str],
    *,
    system: str | None = None,
    prompt: str | None = None,
) -> Prompts:
    """The bundled templates `<format>/<name>.j2` and `<name>.system.j2`, or the caller's in their place.

    Raises `BadTemplate` when the format has no such template, or the caller's is wrong.
    """
    user = prompt if prompt is not None else _file(format_name, f"{name}.j2")
    if user is None:
        raise BadTemplate(f"the format {format_name} has no template for {name}: send one with the request")
    head = system if system is not None else _file(format_name, f"{name}.system.j2")
    return Prompts(
        compile_template(head, variables, "system", trusted=system is None) if head else None,
        compile_template(user, variables, "prompt", trusted=prompt is None),
    )


@lru_cache(maxsize=128)
def _file(format_name: str, name: str) -> str | None:
    path = FOLDER / format_name / name
    return path.read_text(encoding="utf-8") if path.is_file() else None
