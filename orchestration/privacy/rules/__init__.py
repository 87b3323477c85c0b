"""The redaction rules, found by looking into this folder: one kind of identifier a file.

Keep out: lists of rules; a file with a `RULE` is one.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from orchestration.privacy.rules.rule import Rule

__all__ = ["Rule", "all_rules"]


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of the folder, in the order in which they run."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return tuple(sorted((m.RULE for m in modules if hasattr(m, "RULE")), key=lambda rule: (rule.order, rule.name)))
