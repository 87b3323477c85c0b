"""Every KPI of the first marts, in every period and breakdown, computed in numpy, to compare the marts with.

Keep out: SQL of any mart, and what the models make of it. Rows that the gate refuses or that were deleted are left out
here by the people's own story. Definitions: the registry of metrics; times in the reporting zone.
"""

import pandas as pd

from orchestration.sample.kpis import cases, contacts, customers, handling, surveys
from orchestration.sample.kpis.cells import table
from orchestration.sample.kpis.view import View
from orchestration.sample.world import World

__all__ = ["View", "compute"]


def compute(world: World, view: View) -> pd.DataFrame:
    """One row per metric, variant, period and cell; the columns of kpis.cells.COLUMNS."""
    return table(
        [
            *surveys.blocks(world, view),
            *cases.blocks(world, view),
            *handling.blocks(world, view),
            *customers.blocks(world, view),
            *contacts.blocks(world, view),
        ]
    )
