"""What goes wrong on purpose, and how often: the sample company's late, double, corrected and broken records.

Keep out: the records that are right. Every number here is exact and comes back in the truth's counts.
"""

# Broken records, appended to the files of wave 1. By source and stream: (reason of the gate, field, how many).
BROKEN_JSON_LINES = {("crm", "customers"): 3, ("social", "posts"): 2}
WITHOUT_ID = {("crm", "customers"): 2, ("web_shop", "orders"): 4, ("store_tablet", "answers"): 2}
UNPARSABLE_DATES = {("web_shop", "orders"): 7, ("store_tablet", "answers"): 5}
UNPARSABLE_AMOUNTS = {("web_shop", "orders"): 3}
UNKNOWN_TYPES = {("web_shop", "orders"): 2}
TORN_ROWS = {("reviews", "reviews"): 3}
UNKNOWN_LABELS = {("survey_forms", "responses"): 4}
OUT_OF_RANGE_SCORES = {("survey_forms", "responses"): 3}
NEGATIVE_WAITS = {("telephony", "calls"): 2}

# A batch that no single row gives away: since its newest version the app asks for ten stars, and its export still says
# that five are the most. By source and kind: (rule of the suite that stops it, rows, of which some are possible).
QUARANTINED = {("mobile_app", "review"): ("rating is not above the best rating", 40)}

# Shares of wave 1 rows that come in wave 2: for the first time, again unchanged, or corrected.
LATE = 0.004
DOUBLE = 0.004
CORRECTED = 0.004
