"""Quality: the checks that stand between the exact marts and the public.

Keep out: logic.
"""
