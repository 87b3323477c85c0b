"""Reads the company's reference data from the home's folder `reference`.

Keep out: what the columns mean; the contracts say it, and the files use their names.
"""

from orchestration.sources.files import pages

__all__ = ["pages"]
