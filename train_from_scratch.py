"""Train on the configured database, as the original project's command did: a thin `payrec train`.

Besides the bundle it writes models/model_calibrated.joblib for notebooks; no command or page of payrec ever loads it.
"""

from payrec.cli.model import train_from_scratch

if __name__ == "__main__":
    train_from_scratch()
