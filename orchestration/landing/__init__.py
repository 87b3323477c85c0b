"""Landing: pages as they came, sealed before a disk is touched, until the gate has read them.

Keep out: what pages mean.
"""
