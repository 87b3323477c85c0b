"""What happens when things break: deaths, sources that are down, figures that fail.

Keep out: what works (elsewhere).
"""
