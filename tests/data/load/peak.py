"""Load files, each in a process of its own; print the name of each that was refused, and its peak of memory in MB.

python -m tests.data.load.peak FILE…
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from payrec.common.errors import DataRefused
from payrec.data import load
from tests.data.load.files import NOW


def main() -> None:
    """Fork for each file; one that loads, or fails otherwise, is not printed."""
    for path in map(Path, sys.argv[1:]):
        child = os.fork()
        if child == 0:
            os._exit(_refused(path))
        _, status, used = os.wait4(child, 0)
        if status == 0:
            print(f"{path.name}\t{used.ru_maxrss // 1024}")


def _refused(path: Path) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with load.parse(path, "transactions", now=NOW):
            return 1
    except DataRefused:
        return 0
    except BaseException as error:
        print(f"{path.name}: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    main()
