"""What somebody tries who wants to know who is who: each attack beside a control that shows it at work.

Keep out: fixtures.
"""
