"""What a caller's template may compute: everything it reads, loops over and writes is counted, and bounded.

Jinja's sandbox keeps a template from reaching what is not its own, and not from working for ever: loops
within loops, a text that is doubled forty times, `"%999999999d" % 1`. So its tree is rewritten before it is
compiled: what a loop goes through, what a filter or a comparison reads and what is written out passes a
filter of ours that counts it first. What cannot be counted (blocks that are captured, macros, containers of
computed values) is refused when the template is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import Undefined
from jinja2.utils import htmlsafe_json_dumps
from jinja2.visitor import NodeTransformer

MOST = 4_000_000
"""Characters read, looped over and written by one rendering: twice the longest prompt."""
LABORIOUS = 16
"""How often a filter that works thing by thing is counted."""
MAX_NUMBER = 10**12
_left: ContextVar[list[int]] = ContextVar("left")

ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.With,
    nodes.Name, nodes.NSRef, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat, nodes.BinExpr,
    nodes.UnaryExpr, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.Call,
)  # fmt: skip


class ComputesTooMuch(SecurityError):
    """The template does what it may not, or more of it than it may."""


def start_metering() -> None:
    """A rendering begins: the filters count down from `MOST`. (Every prompt comes through here: a context
    manager would cost it more than the rest of its bookkeeping.)"""
    _left.set([MOST])


def _charge(amount: int) -> None:
    left = _left.get()
    left[0] -= amount
    if left[0] < 0:
        raise ComputesTooMuch(f"it reads, loops over or writes more than {MOST} characters")


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return 1 + sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(map(_size, value))
    return 1


def _listed(value: Any) -> Any:
    """What `select` and its like give is made whole, so that it can be counted."""
    sized = isinstance(value, str | Mapping | list | tuple | int | float | Undefined) or value is None
    return value if sized else list(value)


def _read(value: Any, times: int = 1) -> Any:
    value = _listed(value)
    _charge(_size(value) * times)
    return value


def _each(value: Any, written: int) -> Any:
    """What a loop goes through, `written` fixed characters in each turn."""
    value = _listed(value)
    if not isinstance(value, Undefined) and hasattr(value, "__len__"):
        _charge(len(value) * (1 + written))
    return value


def _text(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        raise ComputesTooMuch("lists and mappings are written by a loop, join or tojson")
    text = str(value)
    _charge(len(text))
    return text


def _written(value: Any) -> str:
    return _text(_listed(value))


def _together(values: list[Any]) -> str:
    return "".join(map(_written, values))


def _join(value: Any, separator: Any = "", attribute: str | None = None) -> str:
    items = list(_read(value))
    between = _text(separator)
    _charge(len(between) * len(items))
    return between.join(_text(item[attribute] if attribute is not None else item) for item in items)


def _replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = _text(value), _text(old), _text(new)
    _charge((text.count(old) if old else len(text) + 1) * len(new))
    return text.replace(old, new, count)


def _round(value: Any, precision: int = 0) -> float:
    if type(precision) is not int or not 0 <= precision <= 15:
        raise ComputesTooMuch("numbers are rounded to 0 to 15 places")
    return round(float(value), precision)


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not (type(indent) is int and 0 <= indent <= 8):
        raise ComputesTooMuch("JSON is indented by 0 to 8")
    return str(htmlsafe_json_dumps(_read(value), sort_keys=True, indent=indent))


OWN: dict[str, Callable[..., Any]] = {"join": _join, "replace": _replace, "round": _round, "tojson": _tojson}
"""Filters that count for themselves, their arguments too."""
METERED: dict[str, Callable[..., Any]] = OWN | {
    "metered_read": _read,
    "metered_each": _each,
    "metered_written": _written,
    "metered_together": _together,
}


def computed(sign: str, left: Any, right: Any) -> Any:
    """Arithmetic on numbers, and texts put together. Raises `ComputesTooMuch` for anything else."""
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return _text(left) + _text(right)
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers or sign == "**" or max(abs(left), abs(right)) > MAX_NUMBER:
        raise ComputesTooMuch(f"templates may not compute with {sign} here")
    return _ARITHMETIC[sign](left, right)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def metered(tree: nodes.Template) -> nodes.Template:
    """The template's tree with the counting filters in it. Raises TemplateSyntaxError for what is refused."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, ALLOWED):
            _refuse(f"templates may not use {type(node).__name__.lower()}", node)
        if isinstance(node, nodes.List | nodes.Dict) or (
            isinstance(node, nodes.Tuple) and node.ctx == "load"
        ):
            parts = node.iter_child_nodes()
            if any(not isinstance(part, nodes.Const | nodes.Pair) for part in parts):
                _refuse("lists and mappings in templates hold fixed values only", node)
        if isinstance(node, nodes.Pair) and not isinstance(node.value, nodes.Const):
            _refuse("lists and mappings in templates hold fixed values only", node)
    return _Metering().visit(tree)  # type: ignore[no-any-return]  # a transformer gives what it is given


def _refuse(why: str, node: nodes.Node) -> None:
    raise TemplateSyntaxError(why, node.lineno)


def _through(node: nodes.Node, name: str, *constants: int) -> nodes.Filter:
    arguments = [nodes.Const(constant) for constant in constants]
    return nodes.Filter(node, name, arguments, [], None, None, lineno=node.lineno)


class _Metering(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        fixed = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        node.iter = _through(cast(nodes.Expr, node.iter), "metered_each", fixed)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [
            part if isinstance(part, nodes.TemplateData) else _through(part, "metered_written")
            for part in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through(nodes.List(node.nodes, lineno=node.lineno), "metered_together")

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _through(node.expr, "metered_read")
        for operand in node.ops:
            operand.expr = _through(operand.expr, "metered_read")
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._counted(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return node if node.name in ("defined", "undefined") else self._counted(node)

    def _counted(self, node: nodes.Filter | nodes.Test) -> nodes.Node:
        """With arguments each thing that is read is read that many times (`trim`, `select("in", …)`)."""
        if isinstance(node, nodes.Filter) and node.name in OWN:
            return node
        arguments = [*node.args, *(pair.value for pair in node.kwargs)]
        if node.dyn_args or node.dyn_kwargs or any(not isinstance(a, nodes.Const) for a in arguments):
            _refuse(f"{node.name} takes fixed arguments only", node)
        if node.node is not None:
            each = (
                LABORIOUS if node.name in ("sort", "unique", "select", "reject", "title", "wordcount") else 1
            )
            constants = [argument for argument in arguments if isinstance(argument, nodes.Const)]
            long = each + sum(len(str(constant.value)) for constant in constants)
            node.node = _through(node.node, "metered_read", long)
        return node
