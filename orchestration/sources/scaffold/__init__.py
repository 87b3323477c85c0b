"""A new source's folder, written from templates: settings, extract.py, one SQL, a made-up fixture and its test.

Keep out: sources themselves.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.errors import ContractError
from orchestration.sources.contract import NAME

WHERE = {"cards.csv": "fixtures/{name}/cards.csv", "test_source.py": "test_{name}.py"}


def write(folder: Path, name: str) -> list[Path]:
    """Write the source `name` into a folder of sources; returns its files.

    Raises ContractError when the name does not do or is taken.
    """
    if not NAME.fullmatch(name):
        raise ContractError(f"'{name}' is no name: lower-case letters, digits and underscores, a letter first")
    if (folder / name).exists():
        raise ContractError(f"there is a folder '{name}' among the sources already")
    templates = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(templates), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    written = []
    for template in sorted(templates.glob("*.jinja")):
        target = folder / name / WHERE.get(template.stem, template.stem).format(name=name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(template.name).render(name=name), encoding="utf-8")
        written.append(target)
    return written
