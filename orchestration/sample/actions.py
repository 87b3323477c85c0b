"""What the sample company does about feedback: improvements, commitments, and follow-ups of answers that ask for one.

Keep out: how the programme exports them.
"""

import numpy as np
import pandas as pd

from orchestration.sample.clock import ABSENT, DAY, END
from orchestration.sample.world import World

KINDS = ("improvement", "commitment", "follow_up")
FOLLOW_UP = KINDS.index("follow_up")
EVERY = 40  # resolved cases to one action
ZONE_OFFSET = 8 * 3600


def build(world: World) -> None:
    """Create action, and action_answer: the answers that each of them answers."""
    solved = world.frame(
        f"""
        select "case", resolved, category, agent, product from case_
        where source = 'helpdesk' and resolved <> {ABSENT} and not is_deleted order by resolved, "case"
        """
    )
    chosen = solved.iloc[EVERY - 1 :: EVERY].reset_index(drop=True)
    number = np.arange(len(chosen)) + 1
    kind = number % len(KINDS)
    days = np.where(kind == FOLLOW_UP, 1 + number % 20, 30 + number % 30)
    # Shipped is told as a day: it counts from that day's midnight.
    shipped = (chosen["resolved"].to_numpy() + ZONE_OFFSET) // DAY * DAY - ZONE_OFFSET + days * DAY
    is_shipped = (number % 4 < 3) & (shipped < END)
    actions = chosen.assign(
        action=number,
        kind=np.array(KINDS, dtype=object)[kind],
        decided=chosen["resolved"],
        shipped=np.where(is_shipped, shipped, ABSENT),
    )
    world.add("action", actions)
    asking = world.frame("select r.response, r.at from response as r where wants_contact order by r.at, r.response")
    follow_ups = actions[kind == FOLLOW_UP]
    nearest = np.searchsorted(follow_ups["decided"].to_numpy(), asking["at"].to_numpy())
    named = nearest < len(follow_ups)
    followed = pd.DataFrame(
        {"action": follow_ups["action"].to_numpy()[nearest[named]], "response": asking["response"][named]}
    )
    world.add("followed_up", followed)
    world.sql(
        """
        create table action_answer as
        select action, response, question from followed_up join answer using (response) where not is_declined
        union all
        select action, response, 'comment' from followed_up join answer_text on slot = response
        union all
        -- what is improved answers purchases that were rated, none in particular
        select action, (select max(response) from response where survey = 'csat_purchase'), 'overall' from action
        where kind <> 'follow_up'
        """
    )
