"""Reads the files that source.toml names.

Keep out: the mapping to record kinds, which stands in the SQL beside this file.
"""

from orchestration.sources.files import pages

__all__ = ["pages"]
