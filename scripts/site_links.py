"""A hook of mkdocs (`mkdocs.yml`): one link works on a forge, which shows the repository, and in the site.

Pages link to what stands beside `docs/` as a forge needs it (`../config/example.toml`), and README links to `docs/...`.
Each file of the repository that a page links to becomes part of the site, Markdown as a page. A link to nothing is left
as it is, and mkdocs reports it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?(?=\))")
BESIDE = "repository"
"""The folder of the site for what stands beside `docs/`."""


def on_config(config: MkDocsConfig) -> None:
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug


def slug(heading: str, _separator: str) -> str:
    """A forge's name for the anchor of a heading; Python-Markdown's own differs where signs stand in it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def on_files(files: Files, config: MkDocsConfig) -> None:
    root = Path(config.docs_dir).parent
    waiting = files.documentation_pages()
    while waiting:
        page = waiting.pop()
        for link in LINK.finditer(page.content_string):
            target = in_site(page.src_uri, link["path"])
            file = root / target.removeprefix(f"{BESIDE}/")
            if not target.startswith(f"{BESIDE}/") or files.get_file_from_path(target) or not file.is_file():
                continue
            added = File.generated(config, target, abs_src_path=str(file), inclusion=InclusionLevel.NOT_IN_NAV)
            files.append(added)
            if added.is_documentation_page():
                waiting.append(added)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri

    def as_in_site(link: re.Match[str]) -> str:
        target = in_site(here, link["path"])
        return posixpath.relpath(target, posixpath.dirname(here) or ".") + (link["anchor"] or "")

    return LINK.sub(as_in_site, markdown)


def in_site(page: str, link: str) -> str:
    """Where in the site stands what a page links to; both are paths, the page's one of the site."""
    place = page.removeprefix(f"{BESIDE}/") if page.startswith(f"{BESIDE}/") else f"docs/{page}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
    return target.removeprefix("docs/") if target.startswith("docs/") else f"{BESIDE}/{target}"
