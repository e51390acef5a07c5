"""The loss curve as a file a person or a program reads: JSON, CSV, PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from shared.contracts.training.results import CurvePoint

COLUMNS = tuple(CurvePoint.model_fields)


def curve_csv(curve: Sequence[CurvePoint]) -> bytes:
    """One line per optimiser step."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(point.model_dump() for point in curve)
    return text.getvalue().encode()


def curve_png(curve: Sequence[CurvePoint]) -> bytes:
    """Training loss against steps, with the validation losses where there are any."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([point.step for point in curve], [point.loss for point in curve], linewidth=1, label="training")
    checked = [(point.step, point.validation_loss) for point in curve if point.validation_loss is not None]
    if checked:
        axes.plot(*zip(*checked, strict=True), marker="o", label="validation")
        axes.legend(frameon=False)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss (nats per token)")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120, metadata={"Software": None})
    return image.getvalue()
