"""Extract: one asset per source, sealed pages into landing.

Keep out: logic.
"""
