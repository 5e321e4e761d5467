"""What do the results say?

Read `results` first (figures within a round), then `page` (what is written where). `tables` and `pictures` show the
figures; `plots` draws.
"""
