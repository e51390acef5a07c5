"""The committed OpenAPI documents are the code's own; nothing in them breaks the last release's clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from clients.changes import released_breaks
from clients.documents import FOLDER, PREVIOUS, SERVICES, Document, documents, read, written

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built() -> dict[str, Document]:
    return documents()


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_document_is_current(built: dict[str, Document], service: str) -> None:
    committed = (FOLDER / f"{service}.json").read_text()
    assert written(built[service]) == committed, "run `make openapi` and commit what it writes"


def test_the_clients_of_the_last_release_go_on_working(built: dict[str, Document]) -> None:
    found = released_breaks(read(PREVIOUS), built)
    assert [str(fault) for faults in found.values() for fault in faults] == []


def test_another_process_writes_the_same_bytes(built: dict[str, Document], tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from clients.documents import documents, written\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for service, document in documents().items(): (folder / service).write_text(written(document))\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, env=environment, check=True)
    assert {service: (tmp_path / service).read_text() for service in SERVICES} == {
        service: written(built[service]) for service in SERVICES
    }


@pytest.mark.parametrize("service", SERVICES)
def test_names_and_schemas_are_fit_for_generated_clients(built: dict[str, Document], service: str) -> None:
    document = built[service]
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name == name.lower() for name in names)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_leads_to_a_schema_of_the_document(built: dict[str, Document], service: str) -> None:
    document = built[service]
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_references(document)) <= there


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
