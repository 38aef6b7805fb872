"""Each command as one function, which does the work; ``payrec`` exports it, the command line and the app call it.

One module holds one command. What several of them share: ``build`` (the layers that a command needs),
``scoring`` (features and a model → the ranked list) and ``policies`` (the policy file, validated).
"""

from __future__ import annotations

HORIZON_DAYS = 30
SEED = 20_260_101
MAX_ROWS = 2_000_000
