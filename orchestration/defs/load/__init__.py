"""Load: one asset per record kind, audited and committed to the lake.

Keep out: logic.
"""
