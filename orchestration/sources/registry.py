"""Finding sources: the folders configured, scanned. A house's own folder goes before a built-in one of the same name.

Keep out: what a source does.
"""

import sys
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from orchestration.errors import ContractError, VoicehouseError
from orchestration.home import Home
from orchestration.records import KINDS
from orchestration.settings import refuse_unknown
from orchestration.sources.contract import Page, Settings, Window, read_settings

BUILT_IN = Path(__file__).parent
OF_ANY = {"case_link": None}  # options of whatever source: where its cases are to be seen (voicehouse worklist)

Pages = Callable[[Settings, dict[str, Any], Window], Iterator[Page]]


def folders(home: Home) -> list[Path]:
    """Folders of sources: the built-in one, then those the home names."""
    configured = [Path(p) for p in home.house.sources]
    for folder in configured:
        if not folder.is_dir():
            raise ContractError(f"a folder of sources is not there: {folder.name} (house.toml, or VOICEHOUSE_SOURCES)")
    return [BUILT_IN, *configured]


def discover(
    home: Home, active_only: bool = True, broken: MutableMapping[str, str] | None = None
) -> dict[str, Settings]:
    """Every source by name. `broken` is given the sources whose settings cannot be read, each with its reason.

    Raises ContractError when two folders share a name, and without `broken` for settings that cannot be read.
    """
    found: dict[str, Settings] = {}
    for folder in folders(home):
        for path in source_folders(folder):
            if path.name in found and found[path.name].folder.parent != BUILT_IN:
                raise ContractError(f"two source folders are called '{path.name}'")
            try:
                settings = replace(read_settings(path), home=home.root)
                unknown = set(settings.kinds) - set(KINDS)
                if unknown:
                    raise ContractError(f"{path.name}: no record kind is called {sorted(unknown)}")
            except VoicehouseError as error:
                if broken is None:
                    raise
                found.pop(path.name, None)  # the built-in one of its name does not come back for it
                broken[path.name] = str(error)
                continue
            found[path.name] = replace(settings, is_active=settings.is_active and _has_something(settings))
    return {name: s for name, s in found.items() if s.is_active or not active_only}


def source_folders(folder: Path) -> list[Path]:
    """The sources of a folder; one that this user may not look into is among them."""
    found = []
    for path in sorted(folder.iterdir()):
        try:
            (path / "source.toml").lstat()
        except PermissionError:
            pass
        except OSError:
            continue
        found.append(path)
    return found


def _has_something(settings: Settings) -> bool:
    """A source that reads nothing but files of the home waits, switched off, for the first of them."""
    patterns = [str(s.files) for s in settings.streams.values()]
    in_home = all(p.startswith("~") for p in patterns)
    return not in_home or any(True for p in patterns for _ in settings.home.glob(p[1:]))


def extractor(settings: Settings) -> Pages:
    """The `pages` function of a source's extract.py.

    Raises ContractError when there is none, or for an [options] key that is none of its `OPTIONS`, where whoever wrote
    it names them.
    """
    path = settings.folder / "extract.py"
    spec = spec_from_file_location(f"voicehouse_source_{settings.name}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise ContractError(f"{settings.name}: extract.py is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: Pages = module.pages
    known = getattr(sys.modules.get(pages.__module__, module), "OPTIONS", None)
    if known is not None:
        refuse_unknown(settings.options, {**OF_ANY, **known}, f"{settings.name}: source.toml [options]")
    return pages
