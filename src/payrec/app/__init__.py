"""The web app: pages over published lists; it never reads the tables that a run works on.

access          who may enter                         list_source  where the published lists and actions are
list_query      filters, capacity → orders, sums      list_view    the list of orders on a page
customer_query  the same → customers                  customer_view  the list of customers on a page
work_table      customers as rows with buttons        sidebar      capacity and filters
order_query     one order: events, features, similar past orders
upload          files that were uploaded              upload_score  these files → a list of their own
export_log      who downloaded what
months          billing months on a page              state        what a session keeps, and what all share
formatting      money, shares, codes in words         parts        what several pages draw
views           the pages
"""
