"""``python -m tests.fuzz``: see `trials.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does it

from fuzz.trials import main

sys.exit(main())
