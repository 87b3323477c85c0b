"""What leaves the house: published marts, the restricted file, exports and the report.

Keep out: deciding what may be published (privacy/disclosure.py) and computing it (dbt).
"""
