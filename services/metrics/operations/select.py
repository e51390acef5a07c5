"""The row operations as jobs: `mix`, `sample`, `split`, `filter`, `deduplicate`. Each makes a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.metrics.errors import translated
from services.metrics.operations.stored_rows import StoredRows
from services.metrics.rows.apportioning import as_typed
from services.metrics.rows.filtering import FieldCondition, Selection, keep_passing
from services.metrics.rows.mixing import Mixture, mix, mix_parts
from services.metrics.rows.sampling import sample
from services.metrics.rows.side import Side
from services.metrics.rows.splitting import split
from shared.contracts.datasets import DatasetKind, DatasetSummary
from shared.contracts.mixture import (
    LOSS_WEIGHT,
    PART,
    FilterRequest,
    MixedPart,
    MixtureRequest,
    MixtureSummary,
    SampleRequest,
    SplitRequest,
    SplitSummary,
)
from shared.contracts.problems import FieldError
from shared.datasets import CONTEXTS, REJECTS, ROWS, Row, is_loss_weight, value_at
from shared.errors import InvalidData, InvalidRequest
from shared.jobs.workspace import Workspace


def make_mixture(request: MixtureRequest, workspace: Workspace) -> MixtureSummary:
    """The rows of all parts in one training order. Ids become `NAME/…` by their part: `real/…` and
    `generated/…` in the short form."""
    sides = {name: StoredRows(workspace, dataset) for name, dataset in request.sources.items()}
    _require_one_kind(sides, request)
    workspace.progress(0, None, "rows", note="choosing rows")
    parts = {
        name: stored.side(unit=request.unit, tokenizer=request.tokenizer, stratify_by=request.stratify_by)
        for name, stored in sides.items()
    }
    with translated():
        mixture = _chosen(request, parts)
    weights = _loss_weights(request)
    written = _write(
        _mixed(mixture, sides, request, weights), len(mixture.rows), list(sides.values()), workspace
    )
    return MixtureSummary(
        **written.given(),
        rho=mixture.share,
        unit=request.unit,
        real=mixture.real_amount,
        generated=mixture.generated_amount,
        parts=[
            MixedPart(name=name, dataset=dataset, amount=mixture.amounts[name], loss_weight=weights.get(name))
            for name, dataset in request.sources.items()
        ],
    )


def _require_one_kind(sides: Mapping[str, StoredRows], request: MixtureRequest) -> None:
    (first, kind), *others = ((name, side.kind) for name, side in sides.items())
    for (name, other), pointer in zip(others, list(request.input_artifacts())[1:], strict=True):
        if other is not kind:
            raise InvalidRequest(
                f"{name} is a {other} dataset and {first} a {kind} one: they cannot be mixed",
                [FieldError(pointer=f"/{pointer}", detail=f"must be of kind {kind}")],
            )


def _chosen(request: MixtureRequest, parts: Mapping[str, Side]) -> Mixture:
    if request.rho is not None:
        return mix(
            parts["real"],
            parts["generated"],
            rho=request.rho,
            mode=request.mode,
            unit=request.unit,
            size=request.size,
            seed=request.seed,
        )
    return mix_parts(
        parts,
        tuple(as_typed(part.weight) for part in request.named_parts.values()),
        mode=request.mode,
        unit=request.unit,
        size=request.size,
        seed=request.seed,
    )


def _loss_weights(request: MixtureRequest) -> dict[str, float]:
    """What the rows of each part count in the loss; empty where no part states it."""
    stated = {name: part.loss_weight for name, part in request.named_parts.items()}
    if not any(stated.values()):
        return {}
    return {name: 1.0 if weight is None else weight for name, weight in stated.items()}


def make_sample(request: SampleRequest, workspace: Workspace) -> DatasetSummary:
    """A seeded sample, in seeded order."""
    stored = StoredRows(workspace, request.dataset)
    side = stored.side(unit=request.unit, tokenizer=request.tokenizer, stratify_by=request.stratify_by)
    with translated():
        ids = sample(
            side,
            size=request.size,
            fraction=request.fraction,
            or_all=request.or_all,
            unit=request.unit,
            seed=request.seed,
        )
    return write_rows(stored, ids, workspace)


def make_split(request: SplitRequest, workspace: Workspace) -> SplitSummary:
    """The split that was asked for, in the dataset's order."""
    stored = StoredRows(workspace, request.dataset)
    group_by = request.group_by or ("context_id" if stored.kind is DatasetKind.QA else None)
    groups = [str(value_at(row, group_by)) for row in stored] if group_by else None
    with translated():
        parts = split(stored.ids, request.shares, groups=groups, seed=request.seed)
    written = write_rows(stored, parts[request.take], workspace)
    return SplitSummary(**written.given(), split=request.take)


def make_filtered(request: FilterRequest, workspace: Workspace) -> DatasetSummary:
    """The rows that meet every condition; the others are in `rejects.jsonl` with the one they fail."""
    stored = StoredRows(workspace, request.dataset)
    conditions = [FieldCondition(c.field, c.comparison, c.value) for c in request.conditions]
    needed = {condition.field for condition in conditions}
    tokens = iter(stored.lengths(request.tokenizer)) if "tokens" in needed else None
    rows = [
        {"id": row["id"]}
        | {field: value_at(row, field) for field in needed}
        | ({"tokens": next(tokens)} if tokens else {})
        for row in stored
    ]
    with translated():
        selection = keep_passing(rows, conditions)
    return write_selection(stored, selection, workspace)


def write_selection(stored: StoredRows, selection: Selection, workspace: Workspace) -> DatasetSummary:
    """The kept rows as the dataset, the rejected ones beside it. Raises InvalidData when none is kept."""
    if not selection.kept:
        first = selection.rejected[0].reason if selection.rejected else "the dataset is empty"
        raise InvalidData(f"no row is kept ({first}, and so on): loosen the conditions")
    reasons = {reject.id: reject.reason for reject in selection.rejected}
    rejects = ({"row": row, "reason": reasons[row["id"]]} for row in stored.rows(list(reasons)))
    written = write_rows(stored, selection.kept, workspace)
    return DatasetSummary(**written.given(), rejects=workspace.output.put_rows(REJECTS, rejects))


def write_rows(stored: StoredRows, ids: Iterable[str], workspace: Workspace) -> DatasetSummary:
    """These rows as the dataset, with the contexts they name."""
    wanted = list(ids)
    return _write(stored.rows(wanted), len(wanted), [stored], workspace)


def _mixed(
    mixture: Mixture, sides: Mapping[str, StoredRows], request: MixtureRequest, weights: Mapping[str, float]
) -> Iterator[Row]:
    """Rows of all parts in the mixture's order, each part read by its own cursor."""
    cursors = {name: side.rows(mixture.ids(name)) for name, side in sides.items()}
    for name, row in mixture.rows:
        found: Row = {**next(cursors[name]), "id": f"{name}/{row}"}
        if request.parts is not None:
            found[PART] = name
        if weights:
            found[LOSS_WEIGHT] = weights[name] * _own_weight(found)
        yield found


def _own_weight(row: Row) -> float:
    """1 where the row has none. Raises InvalidData for one that is no weight."""
    own = row.get(LOSS_WEIGHT)
    if own is None:
        return 1.0
    if not is_loss_weight(own):
        raise InvalidData(
            f"row {row['id']} has {own!r} in its field `{LOSS_WEIGHT}`, which is no weight in the loss: make "
            "it a number above 0, or call the column otherwise",
            [FieldError(pointer=f"/rows/{row['id']}", detail=f"`{LOSS_WEIGHT}` is {own!r}")],
        )
    return float(own)


def _write(
    rows: Iterator[Row], total: int, sides: Sequence[StoredRows], workspace: Workspace
) -> DatasetSummary:
    """Write the rows and, of their contexts, those that they name."""
    named: set[str] = set()
    count = workspace.output.put_rows(ROWS, _watched(rows, total, named, workspace))
    kind = sides[0].kind
    if kind is DatasetKind.QA:
        contexts = workspace.output.put_rows(CONTEXTS, _contexts(sides, named))
        return DatasetSummary(kind=kind, rows=count, contexts=contexts)
    return DatasetSummary(kind=kind, rows=count)


def _watched(rows: Iterator[Row], total: int, named: set[str], workspace: Workspace) -> Iterator[Row]:
    for number, row in enumerate(rows):
        workspace.progress(number, total, "rows", note="writing rows")
        named.add(str(row.get("context_id")))
        yield row
    workspace.progress(total, total, "rows")


def _contexts(sides: Sequence[StoredRows], named: set[str]) -> list[Row]:
    """Raises InvalidData when one context has one text here and another there."""
    together: dict[str, str] = {}
    for side in sides:
        for name, text in side.contexts().items():
            if name in named and together.setdefault(name, text) != text:
                raise InvalidData(f"context {name!r} has one text in one dataset and another in the other")
    return [{"id": name, "text": text} for name, text in together.items()]
