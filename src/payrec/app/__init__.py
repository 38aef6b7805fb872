"""The web app: what is published, for people who look. Reads the published folder and never the pipeline's own tables.

access   who may enter                          source   where the published lists are
listing  filters and capacity → rows and sums   story    one order: events, past probabilities, reasons, the likes of it
upload   a file → a list of its own             trail    every export is written down
shown    money, shares, words                   state    what a session remembers
parts    pieces of pages that several share     views    the pages, without logic
main     navigation
"""
