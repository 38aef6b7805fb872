"""The web app: pages over published lists; it never reads the tables that a run works on.

access       who may enter                        list_source  where the published lists are
list_query   filters and capacity → rows, sums    order_query  one order: events, features, similar past orders
list_view    a list on a page                     months       billing months on a page
upload       a file → a list of its own           export_log   who downloaded what
formatting   money, shares, codes in words        state        what a session keeps, and what all share
parts        what several pages draw              views        the pages
"""
