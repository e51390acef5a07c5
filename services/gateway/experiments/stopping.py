"""A study that ends itself: a report after each seed, and gates before the next one.

Everything of it is known before it runs, as everything of a plan is: the reports of the first seeds and of
one more each (the looks), and that the steps of a seed wait for the look at those before. What a look says is
its report's `decided`, read by a gate like any other's measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from services.gateway.experiments.graph import Fault, Graph
from services.gateway.experiments.plan import DECIDED, Gate, Node
from shared.contracts.experiment import ExperimentRequest, StopIf, axis_values


def stop_faults(recipe: ExperimentRequest) -> Iterator[Fault]:
    if recipe.stop is None:
        return
    axis = recipe.stop.axis
    if axis not in recipe.sweep:
        yield ("stop", "axis"), f"there is no axis {axis!r}: name the one that only repeats"
    elif len(axis_values(recipe.sweep[axis])) <= recipe.stop.first:
        yield (
            ("sweep", axis),
            f"the first look is after {recipe.stop.first} of its values, and there are no more: list the "
            "seeds that may be trained at most, or take `stop` away",
        )


def looks_of(graph: Graph) -> list[tuple[str, ...]]:
    """The seeds that each look has before it, from the first look on; none without `stop`."""
    if graph.recipe.stop is None:
        return []
    labels = tuple(graph.values[graph.recipe.stop.axis])
    return [labels[:count] for count in range(graph.recipe.stop.first, len(labels))]


def with_gates(nodes: Mapping[str, Node], looks: Sequence[Node], graph: Graph) -> dict[str, Node]:
    """The nodes and the looks, each after those it depends on. The steps of a seed, and the look at it, wait
    for the look at those before it; a step with a gate of its own keeps that, and waits for what it needs."""
    assert graph.recipe.stop is not None
    axis, first = graph.recipe.stop.axis, graph.recipe.stop.first
    before = dict(zip(list(graph.values[axis])[first:], looks, strict=True))
    gated = dict(nodes)
    for key, node in nodes.items():
        look = before.get(node.labels.get(axis, ""))
        if look is not None and node.gate is None:
            gated[key] = _after(look, node)
    for look, following in zip(looks, [*looks[1:], None], strict=True):
        gated.setdefault(look.key, look)
        if following is not None:
            gated[following.key] = _after(look, following)
    order = TopologicalSorter({key: sorted(node.needs | node.gathers) for key, node in gated.items()})
    return {key: gated[key] for key in order.static_order()}


def _after(look: Node, node: Node) -> Node:
    gate = Gate(StopIf(of=look.step, metric=DECIDED, above=0.5), look.key)
    return replace(node, gate=gate, needs=node.needs | {look.key})
