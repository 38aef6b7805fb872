"""payrec sql: the SQL of the layers and checks."""

from __future__ import annotations

from payrec.common.errors import UsageError
from payrec.data import layers, promises


def sql(name: str | None = None) -> dict[str, str]:
    """Return the SQL of the layers and checks by file name, in the order of running; ``name`` picks one.

    >>> next(iter(payrec.sql()))
    '01_schema.sql'
    >>> list(payrec.sql("features"))
    ['33_features.sql']
    """
    files = dict(layers.layers()) | {f"checks/{n}.sql": text for n, text in promises.check_files()}
    if name is None:
        return files
    for file, text in files.items():
        if name in (file, file.removesuffix(".sql"), file.split("_", 1)[-1].removesuffix(".sql")):
            return {file: text}
    raise UsageError(f"found no SQL file {name!r}, expected one of {', '.join(files)}")
