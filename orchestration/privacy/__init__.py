"""The gate: what personal data may pass, and in which form.

Keep out: reading sources, storing batches, Dagster.
"""
