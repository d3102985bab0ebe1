"""The built pages: every link leads somewhere, and no block of code goes unrun. Build them first."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import EVALUATORS

from nogd.plugins.manager import plugins
from pages import task_pictures

DOCS = Path(__file__).parent
SITE = DOCS.parent / "build" / "docs"
WRITTEN = [path for path in sorted(DOCS.rglob("*.md")) if "reference" not in path.relative_to(DOCS).parts]
# pycon is for hooks' docstrings, which run as doctests; a directive is Sphinx's business.
NOT_RUN = {"text", "{toctree}", "{raw}", "{eval-rst}"}
LEFT_OUT = re.compile(r"^% skip: next \"(.+)\"$", re.MULTILINE)


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> frozenset[str]:
    return frozenset(str(tag["id"]) for tag in soup(page).find_all(id=True))


def broken(page: Path) -> list[str]:
    """Links within the site, to files or to places in pages, that lead nowhere."""
    links = [
        str(tag.get("href") or tag.get("src")) for tag in soup(page).select("a[href], link[href], [src]")
    ]
    return [link for link in links if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    if urlsplit(link).scheme or link in {"#", ""}:
        return True
    address, anchor = urldefrag(link)
    target = (page.parent / unquote(urlsplit(address).path)).resolve() if address else page
    if not target.is_file():
        return False
    return not anchor or target.suffix != ".html" or unquote(anchor) in anchors(target)


def pages() -> list[Path]:
    return sorted(SITE.rglob("*.html"))


def test_there_is_a_site():
    assert (SITE / "index.html").is_file()
    assert len(pages()) > len(WRITTEN)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(SITE)))
def test_every_link_leads_somewhere(page):
    assert broken(page) == []


def test_the_check_of_links_can_fail(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<h1 id="here"></h1><a href="#here"></a><a href="#there"></a><img src="no.png">')
    assert broken(page) == ["#there", "no.png"]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_block_is_run_or_no_code(page):
    languages = set(
        re.findall(r"^ *(?:`{3,}|:{3,}|~{3,})(\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert languages <= {*EVALUATORS, *NOT_RUN}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_is_left_out_has_a_reason(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("skip: ") == len(LEFT_OUT.findall(text))


@pytest.mark.parametrize("entry", plugins().tasks, ids=lambda entry: entry.name)
def test_every_task_whose_data_are_here_has_a_picture_and_says_its_reference(entry):
    page = soup(SITE / "reference" / "tasks" / f"{entry.name}.html")
    here = task_pictures.NEEDS_FILES not in task_pictures.task_of(entry).tags
    assert bool(page.select(".picture svg")) == here
    assert bool(page.find(id="the-frozen-reference")) == here
