"""Guard: one asset per source, from sealed pages to staged, protected batches.

Keep out: logic.
"""
