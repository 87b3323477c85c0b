"""Who is who: which accounts and numbers belong to one subject, as far as anything proves it.

Keep out: how the gate finds out. Here the answer comes from the people themselves, by connected components.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from orchestration.sample.clock import CUT
from orchestration.sample.people import SHARED_MAILBOX, SHARED_SWITCHBOARD
from orchestration.sample.world import World


def identifiers(world: World) -> pd.DataFrame:
    """Every identifier of every account.

    Person, source, account, type, value as written, normal form, proving from wave.
    proves_from: 1 or 2, 0 for never (unverified address, American number, shared mailbox or switchboard).
    """
    accounts = world.frame(
        f"""
        select person, source, account, s.email_written, lower(s.email) as email, s.verified_from, s.phone_written, a.phone,
            coalesce(s.country, '') as country,
            case when s.source = 'helpdesk_eu' and first.opened >= {CUT} then 2 else 1 end as known_from
        from account_spelling as s join account as a using (person, source, account)
        left join (select source, person, min(opened) as opened from case_ group by all) as first using (source, person)
        order by source, person
        """
    )
    base = accounts[["person", "source", "account"]]
    proved = accounts["verified_from"].clip(lower=0).where(accounts["email"] != SHARED_MAILBOX[0], 0)
    parts = [
        base.assign(
            type="account",
            written=accounts["account"],
            value=accounts["source"] + "/" + accounts["account"],
            proves_from=1,
        ),
        base.assign(type="email", written=accounts["email_written"], value=accounts["email"], proves_from=proved),
        base.assign(
            type="phone",
            written=accounts["phone_written"],
            value=accounts["phone"],
            proves_from=((accounts["country"] != "US") & (accounts["phone"] != SHARED_SWITCHBOARD[0])).astype(int),
        ),
    ]
    found = pd.concat(parts, ignore_index=True)
    known_from = pd.concat([accounts["known_from"]] * len(parts), ignore_index=True)
    found["proves_from"] = found["proves_from"].mask(
        found["proves_from"] > 0, np.maximum(found["proves_from"], known_from)
    )
    return found[found["value"].notna()].reset_index(drop=True)


def subjects(found: pd.DataFrame, wave: int) -> pd.DataFrame:
    """One row per account, and per mobile number: the subject it belongs to once the waves up to `wave` are known.

    Columns source, account, person, subject; a number stands with source 'phone' and itself as account.
    """
    proving = found[(found["proves_from"] > 0) & (found["proves_from"] <= wave)]
    nodes, _ = pd.factorize(
        pd.concat([proving["source"] + "/" + proving["account"], proving["type"] + ":" + proving["value"]])
    )
    n = len(proving)
    size = int(nodes.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(n, dtype=np.int8), (nodes[:n], nodes[n:])), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    accounts = proving[["source", "account", "person"]].assign(subject=component[nodes[:n]])
    phones = proving[proving["type"] == "phone"]
    numbers = pd.DataFrame(
        {
            "source": "phone",
            "account": phones["value"],
            "person": phones["person"],
            "subject": component[nodes[n:]][(proving["type"] == "phone").to_numpy()],
        }
    )
    return (
        pd.concat([accounts, numbers], ignore_index=True).drop_duplicates(["source", "account"]).reset_index(drop=True)
    )
