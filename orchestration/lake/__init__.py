"""The lake: protected batches on disk, committed load by load.

Keep out: how rows were protected, and how they are modelled.
"""
