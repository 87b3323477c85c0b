"""简道云 (Jiandaoyun, abroad Jodoo): survey and case forms read through its v5 API.

Keep out: what other form products do.
"""
