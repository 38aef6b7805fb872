"""Exports of providers and accounting programs → files of orders, events and customers, loaded like any other file.

    packs         source.toml + SQL in a folder of their own → Pack
    export_files  a file → header and rows of text; which input of a pack it is
    conversion    rows → left out with a reason, or orders, events and customers
    recognition   a file → the source it comes from, with the reasons

A pack decides what an order is: the obligation (invoice, else payment), never an attempt.
"""
