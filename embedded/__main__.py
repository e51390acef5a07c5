"""`python -m embedded`: the commands behind `make demo`, `make up`, `make down` and `make status`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from embedded import demo as main_job
from embedded import display, instruct
from embedded.bases import base_of
from embedded.client import GatewayClient, Refused
from embedded.probing import probe
from embedded.processes import Base, Source
from embedded.rows import kind_of
from embedded.suite import Suite, SuiteError, running, start, status, stop, wait_until_ready

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()

DataDir = Annotated[Path, typer.Option(help="Where the suite keeps its data and logs.")]
SourceOption = Annotated[
    str | None,
    typer.Option(
        help="An OpenAI-compatible base URL, `smollm2` for a real instruct model of 135M parameters, or "
        "`vllm` to start a real vLLM on the CPU."
    ),
]
ModelOption = Annotated[str | None, typer.Option(help="The model's name at the source.")]
BaseOption = Annotated[
    str | None,
    typer.Option(help="The model to fine-tune: a folder, or a hub's `<owner>/<model>[@<revision>]`."),
]


@app.command()
def up(
    data_dir: DataDir = Path(".gamut"),
    source: SourceOption = None,
    model: ModelOption = None,
    base: BaseOption = None,
    port: Annotated[int | None, typer.Option(help="The gateway's port.")] = None,
) -> None:
    """Start the suite and leave it running."""
    with _messages():
        suite, _ = _running_or_started(data_dir.resolve(), *_named(source, model, base), port)
        console.print(f"The suite is up: [bold]{suite.url}[/] (API: {suite.url}/docs, logs: {suite.logs})")
        console.print("Stop it with [bold]make down[/].")


@app.command()
def down(data_dir: DataDir = Path(".gamut")) -> None:
    """Stop the suite; its data stays."""
    if running(data_dir.resolve()) is None:
        console.print("No suite is running from here.")
        return
    with console.status("Stopping; workers hand their jobs back …"):
        stop(data_dir.resolve())
    console.print("Stopped. Data and artifacts stay in", str(data_dir))


@app.command(name="status")
def show_status(data_dir: DataDir = Path(".gamut")) -> None:
    """Show the suite's processes."""
    suite = running(data_dir.resolve())
    if suite is None:
        console.print("No suite is running from here; [bold]make up[/] starts one.")
        return
    console.print(f"Gateway: {suite.url}")
    console.print(status(suite.data_dir), end="", markup=False)


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Real rows: {context, completion} or {text}; bundled ones if unset.")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="The held-out test set, of the same kind; a fifth of the rows if unset."),
    ] = None,
    recipe: Annotated[Path, typer.Option(help="The experiment.")] = main_job.RECIPE,
    task: Annotated[
        str | None, typer.Option(help="What the rows are, for the prompts: `questions of customers` …")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of each kind, real and generated; 120 if unset, 48 with smollm2."),
    ] = None,
    source: SourceOption = None,
    model: ModelOption = None,
    base: BaseOption = None,
    data_dir: DataDir = Path(".gamut"),
) -> None:
    """Run the main job: start the suite if need be, post the experiment, follow it, show what came out."""
    with _messages():
        if data is not None:
            kind_of(data)  # a slip costs a second
        suite, started_here = _running_or_started(data_dir.resolve(), *_named(source, model, base), None)
        real, held_out = main_job.files_of(suite.source, data, test)
        try:
            with display.following(console, GatewayClient(suite.url)) as told:
                outcome = main_job.run(
                    GatewayClient(suite.url),
                    real,
                    held_out,
                    recipe,
                    suite.data_dir / "demo",
                    told,
                    main_job.parameters_of(suite.source, suite.base, task, rows, own_rows=data is not None),
                    main_job.levels_of(suite.source),
                )
            display.show(console, outcome)
        finally:
            if started_here:
                with console.status("Stopping what was started …"):
                    stop(suite.data_dir)


def _running_or_started(
    data_dir: Path, source: Source | None, base: Base | None, port: int | None
) -> tuple[Suite, bool]:
    """The suite of this folder, and whether this call started it."""
    suite = running(data_dir)
    if suite:
        if source and (source.base_url or source.started_here) not in (
            suite.source.base_url,
            suite.source.started_here,
        ):
            raise SuiteError("a suite with another source is running: `make down` stops it; then try again")
        if base and base != suite.base:
            raise SuiteError("a suite without that base is running: `make down` stops it; then try again")
        with console.status("Waiting for the suite …") as line:  # it may only be starting
            wait_until_ready(suite, lambda name: line.update(f"Waiting for the suite: {name} …"))
        return suite, False
    with console.status("Starting the suite …") as line:
        suite = start(
            data_dir, source, port, lambda name: line.update(f"Starting the suite: {name} …"), None, base
        )
    return suite, True


def _named(source: str | None, model: str | None, base: str | None) -> tuple[Source | None, Base | None]:
    """The source and the base that a person named; None: the bundled ones."""
    own = base_of(base) if base else None
    if source is None:
        return None, own
    if source == instruct.NAME:
        with console.status(f"Looking for {instruct.MODEL}; it is made where it is not there yet …"):
            found, weights = instruct.smollm2()
        return found, own or weights
    if source == "vllm":
        return Source("", model or "story-generator", "vllm"), own
    if model is None:
        raise typer.BadParameter("name the model that the source serves: MODEL=…")
    return Source(source, model, None, probe(source, model)), own


@contextmanager
def _messages() -> Iterator[None]:
    """Turns what is expected to go wrong into a message and exit code 1, without a traceback."""
    try:
        yield
    except (Refused, SuiteError) as error:
        console.print(f"[bold red]{escape(str(error))}[/]", highlight=False)
        raise typer.Exit(1) from None
    except httpx.TransportError as error:
        said = f"the suite does not answer any more ({error}): `make status` shows its processes"
        console.print(f"[bold red]{escape(said)}[/]", highlight=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
