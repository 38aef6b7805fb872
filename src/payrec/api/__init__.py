"""The commands as functions, in the words of the command line; ``import payrec`` gives all of them.

preparing  simulate, build, check, features, sql      load    transactions, events, fx
learning   train, backtest, report                    models  list, show, promote, rollback
deciding   score, score_file, explain, run, worklist, monitor, demo

They hold no logic: they fill in what the pipeline asks for. Nothing here reads the clock: where the present matters,
``now`` says what time it is (UTC, without zone), and None takes the end of the observed data for it.
"""
