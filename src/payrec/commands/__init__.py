"""The steps in the order in which the data walks through them, composed; the command line and the API call these.

layers    raw tables → staging → snapshots → features, labels; the audit
learning  features → a tested, calibrated model → a version in the store, the champion if it passes the gate
deciding  features + champion → probabilities → the ranked list
night     all of it, every night: build, check, score, decide, publish, monitor
replaying a past list, made again and compared
policies  the policy file, validated
privacy   one customer's data, handed over or taken out
"""

from payrec.commands.deciding import Decided, Question, decide, explain, score, score_file
from payrec.commands.layers import Progress, build, check, ensure_built, parameters, require_safe
from payrec.commands.learning import Learning, Trained, backtest, train
from payrec.commands.night import Night, Report, night, question
from payrec.commands.policies import read_policy
from payrec.commands.replaying import replayed

__all__ = [
    "Decided",
    "Learning",
    "Night",
    "Progress",
    "Question",
    "Report",
    "Trained",
    "backtest",
    "build",
    "check",
    "decide",
    "ensure_built",
    "explain",
    "night",
    "parameters",
    "question",
    "read_policy",
    "replayed",
    "require_safe",
    "score",
    "score_file",
    "train",
]
