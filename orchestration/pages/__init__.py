"""What all pages share: how templates are read, and `style.css`, which each page carries inside."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(templates: Path) -> Environment:
    """Return a Jinja environment over the folder of a page's templates and the shared style.

    Values are escaped, and a name that is not given is an error rather than a gap in the page.
    """
    return Environment(
        loader=FileSystemLoader([templates, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
