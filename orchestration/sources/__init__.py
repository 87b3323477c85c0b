"""Sources: one folder each (source.toml, extract.py, one <kind>.sql per kind), found by scanning folders.

Keep out: what happens to a page after it was read.
"""
