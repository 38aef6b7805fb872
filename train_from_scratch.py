"""Train on the configured database, as the original project's command did: a thin `payrec train`.

Besides the bundle it writes models/model_calibrated.joblib for notebooks; no command or page of payrec ever loads it.
"""

from payrec.cli import main, options, output
from payrec.commands.notebook_model import export_notebook_model


def write_notebook_model() -> None:
    """Write the original's recipe, trained on the configured database, into the folder of the models."""
    settings = options.configured()
    out = settings.models_dir / "model_calibrated.joblib"
    with options.database(None, settings) as engine:
        export_notebook_model(engine, out, progress=output.note, **options.learning(settings, None))
    output.note(f"the original's recipe, for notebooks: {out}")


if __name__ == "__main__":
    write_notebook_model()
    main(["train"])
