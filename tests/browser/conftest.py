"""Where the browser's tests find the made-up house of the unit tests.

Keep out: fixtures.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit"))
