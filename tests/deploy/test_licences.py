"""What the images and `make setup` install is under permissive licences, by what each package says of itself.

Read from installed metadata: SPDX expression, classifiers, and the `License` field where it is a name and not
a text. Libraries that wheels bundle (SciPy's Fortran runtime, say) are not in there.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

from tests.deploy.closure import installed

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (
    "gateway",
    "generator",
    "metrics",
    "embeddings",
    "trainer",
    "telemetry",
    "ray",
    "embedded",
    "chrf",
    "smollm2",
)
NEVER_SHIPPED = ("harness",)  # lm-evaluation-harness brings chardet 6 (LGPL)
COPYLEFT = re.compile(r"\b(?:[AL]?GPL|SSPL|GNU|Affero)", re.IGNORECASE)
LONGEST_NAME = 100  # characters: a longer `License` is the licence's own text


@pytest.mark.parametrize("extra", SHIPPED)
def test_nothing_shipped_is_copyleft(extra: str) -> None:
    found = installed(extra)
    assert len(found) > 10, "the extra is not installed here"
    assert {name: said for name in found if copyleft(said := licences(name))} == {}


@pytest.mark.parametrize("extra", SHIPPED)
def test_everything_shipped_says_what_its_licence_is(extra: str) -> None:
    assert [name for name in installed(extra) if not licences(name)] == []


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (["LGPL-2.1-or-later"], True),
        (["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"], True),
        (["AGPL-3.0-only AND MIT"], True),
        (["MIT OR GPL-2.0-or-later"], False),
        (["MPL-2.0 AND MIT"], False),
        (["Apache-2.0"], False),
    ],
)
def test_copyleft_is_told_from_permissive(said: list[str], refused: bool) -> None:
    assert bool(copyleft(said)) == refused


def test_every_extra_is_shipped_or_said_not_to_be() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*project["optional-dependencies"]} == {*SHIPPED, *NEVER_SHIPPED, "dev"}


def test_nothing_installs_what_is_not_shipped() -> None:
    files = [ROOT / "Makefile", ROOT / "compose.yaml", *ROOT.glob("services/*/Dockerfile")]
    assert len(files) == 6
    for path in files:
        for listed in re.findall(r"\[([\w,]+)\]", path.read_text()):
            assert not {*listed.split(",")} & {*NEVER_SHIPPED}, path


def licences(name: str) -> list[str]:
    """Every name of a licence that a package gives itself."""
    told = metadata(name)
    classified = [c for c in told.get_all("Classifier") or [] if c.startswith("License ::")]
    named = told.get("License") or ""
    whole = named.strip().splitlines()[0] if named.strip() else ""
    found = [told.get("License-Expression"), *classified, whole if len(whole) <= LONGEST_NAME else None]
    return [said for said in found if said]


def copyleft(said: list[str]) -> list[str]:
    """What of it binds whoever ships the package; a choice (`MIT OR GPL-2.0`) does not."""
    return [one for one in said if all(COPYLEFT.search(part) for part in re.split(r"\bOR\b", one))]
