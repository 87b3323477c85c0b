"""Serve: published marts, exports, the report, and the run's verdict.

Keep out: logic.
"""
