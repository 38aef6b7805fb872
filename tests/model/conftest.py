"""Made rows, shared by the tests of the model."""

from __future__ import annotations

import sys
from pathlib import Path

# the tests are imported from their files, so the folder of the shared generator is named here
sys.path.insert(0, str(Path(__file__).parent))
