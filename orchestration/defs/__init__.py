"""Dagster wiring, one folder per step in the order of the flow.

Keep out: how anything is done (orchestration.pipeline and the packages behind it).
"""
