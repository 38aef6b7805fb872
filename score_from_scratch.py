"""Score the configured database into a timestamped CSV, as the original project's command did: `payrec score`."""

import sys

from payrec.cli import main

if __name__ == "__main__":
    main(["score", *sys.argv[1:]])
