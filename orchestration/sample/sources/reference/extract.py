"""Reads the files of the sample company's source `reference` from the inbox.

Keep out: what their columns mean (the SQL beside this file).
"""

from orchestration.sources.files import pages

__all__ = ["pages"]
