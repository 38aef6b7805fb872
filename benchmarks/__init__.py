"""What payrec costs and how good it is, beside what one could use instead: ``python -m benchmarks``.

    __main__.py   which measurements, each in a process of its own; the table, the JSON, docs/benchmarks.md
    inputs.py     made portfolios (seed 1), loaded and built, kept in out/bench
    measure.py    CPU seconds and memory
    building.py   the feature view by payrec on DuckDB
    with_pandas.py, with_polars.py  the same columns without payrec; same.py says what differs
    original_view.py  the view that most projects have: less, and it peeks
    scoring.py    rows per CPU second, from Arrow to probabilities
    reading.py    a million feature rows out of PostgreSQL
    quality.py    recipes and other learners against the truth of the simulation
    nightly.py    payrec run, again, and writing back to PostgreSQL
    page.py       results → docs/benchmarks.md

Programs of their own: python -m benchmarks.real_data (the real sets), python -m benchmarks.app (the web app).
"""
