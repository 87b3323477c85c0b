"""Model: dbt's models as assets, their tests as checks.

Keep out: logic.
"""
