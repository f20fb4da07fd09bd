"""References in the code to benchmarks/DECISIONS.md lead to a section of that page."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = "benchmarks/DECISIONS.md"
TITLES = re.findall(r"(?m)^## (.+)$", (ROOT / PAGE).read_text(encoding="utf-8"))
FILES = [
    path
    for folder in ("estimator", "service", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if PAGE in path.read_text(encoding="utf-8")
]


def cited_titles(text: str) -> list[str]:
    """Return the quoted titles after each mention of the page; they may continue on the next line."""
    text = re.sub(r"\s+(?:# )?\s*", " ", text)
    lists = re.findall(re.escape(PAGE) + r',((?:(?:,| and)? "[^"]+")+)', text)
    return [title for titles in lists for title in re.findall(r'"([^"]+)"', titles)]


def test_titles_are_found_across_lines() -> None:
    one = 'Chosen so. See benchmarks/DECISIONS.md, "Number of\n    networks".'
    several = '# See benchmarks/DECISIONS.md, "Patience", "Width of\n    # the networks" and "Members".'
    assert cited_titles(one) == ["Number of networks"]
    assert cited_titles(several) == ["Patience", "Width of the networks", "Members"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_cited_titles_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cited = cited_titles(text)
    assert len(cited) >= text.count(PAGE), "a mention of the page without a title"
    assert set(cited) <= set(TITLES)


def test_titles_are_unique() -> None:
    assert len(set(TITLES)) == len(TITLES)
