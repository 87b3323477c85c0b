"""Shares and durations of the sample company, each measured on a public data set or said to be chosen.

Keep out: drawing anything. The data sets stay where they are; only these figures were taken from them.
"""

# Women's clothing e-commerce reviews (23,486 rows): share of each rating 1-5, and share recommending by rating.
REVIEW_RATINGS = (0.0359, 0.0666, 0.1222, 0.2162, 0.5591)
RECOMMENDED_BY_RATING = (0.019, 0.060, 0.414, 0.967, 0.998)
REVIEW_WITHOUT_TEXT = 0.036

# Firefox for Android replies on Google Play (1,407 + 490 rows): median reply 1,249 h after submission in experiment 1,
# p25 870 h, p75 2,064 h: a campaign that answered old reviews. Nearly all had been edited at some time.
APP_REPLY_MEDIAN_HOURS = 1249.0
APP_REPLY_SIGMA = 0.64
# Ratings of reviews that got a reply: 67 % one star, 32 % two. Chosen: low ratings are answered first.
REPLIED_BY_RATING = (0.80, 0.70, 0.45, 0.30, 0.25)
# Chosen: the shop's own review desk answers within days.
SHOP_REPLY_MEDIAN_HOURS = 20.0
SHOP_REPLY_SIGMA = 1.2

# SFO airport passenger survey 2017: NETPRO 0-10 (n 2,746) and overall satisfaction Q7ALL 1-5.
NPS_SCORES = (0.0062, 0.0022, 0.0029, 0.0069, 0.0066, 0.0524, 0.0473, 0.1060, 0.2465, 0.2054, 0.3176)
CSAT_SCORES = (0.0022, 0.0119, 0.1652, 0.5606, 0.2601)
# Chosen: no public set has a customer effort score.
CES_SCORES = (0.02, 0.03, 0.06, 0.11, 0.20, 0.33, 0.25)

# UCI incident log (24,918 incidents): never resolved 6.2 %, resolved in 22 h at the median, 148 h at p75, 382 h at
# p90; 1.1 % reopened; closed 120 h after resolution at the median; made_sla true for 63.4 % of incidents.
CASE_UNRESOLVED = 0.062
CASE_REOPENED = 0.011
CASE_CLOSE_AFTER_HOURS = 120.0
# Chosen in business minutes so that calendar time comes near the incident log's quartiles.
FIRST_REPLY_MEDIAN_BUSINESS_MINUTES = 45.0
FIRST_REPLY_SIGMA = 1.3
RESOLUTION_MEDIAN_BUSINESS_MINUTES = 520.0
RESOLUTION_SIGMA = 1.9

# CDNOW (23,570 customers, 69,659 purchases): 50.5 % buy once, 2.96 purchases a head, gap between purchase days 34 days
# at the median and 72.2 on average, 26 USD a purchase at the median.
BUY_ONCE = 0.505
FURTHER_PURCHASES_MEAN = 3.96  # given more than one
PURCHASE_GAP_MEAN_DAYS = 72.2
PURCHASE_MEDIAN = {"CNY": 188.0, "EUR": 24.0, "USD": 26.0}
PURCHASE_SIGMA = 0.83  # ln(43.70 / 25.98) / 0.6745 of p75 to the median, rounded up for the tail

# IBM telco customers: 26.5 % churned; month-to-month 42.7 %, of 55 % of all.
CHURNED = 0.265
MONTHLY_OF_CHURNED = 0.886  # share of month-to-month contracts among those who churned, and among the others
MONTHLY_OF_KEPT = 0.429
# Chosen: a monthly hazard that loses about that share in a year.
SUBSCRIPTION_MONTHLY_CHURN = 0.026

# Chosen.
MINORS = 0.02
WITHOUT_PHONE = 0.15
CASES_PER_CUSTOMER = 1.1
CALLS_PER_CUSTOMER = 1.5
MENTIONS_PER_CUSTOMER = 0.4
REVIEWS_PER_CUSTOMER = 0.7
NOTES_PER_CUSTOMER = 0.12
STORE_ANSWERS_PER_CUSTOMER = 1.2
COMPLETION_RATE = 0.29
BOUNCE_RATE = 0.035
TEXTS_WITH_IDENTITIES = 0.12
