"""Who may be seen in a figure, as which subject, and what is known of them.

Keep out: what they did (surveys, cases, customers, contacts).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample.clock import ABSENT, CUT, START
from orchestration.sample.people import consents_of
from orchestration.sample.world import World

Bools = npt.NDArray[np.bool_]
CORRECTED_AT = CUT + 3600  # when the customer file was corrected


@dataclass(frozen=True)
class View:
    """Who may be seen, as which subject, and what the customer file says of them.

    consent: per person the span of analytics consent. subject: subject by 'source/account'. profile: by subject the
    region, contract, segment and the segment before a correction that the customer file made at CORRECTED_AT.
    """

    consent: pd.DataFrame
    subject: pd.Series
    guarded: set[int]  # subjects under a guardian's consent
    erased: set[int]
    profile: pd.DataFrame
    shoppers: set[int]  # subjects with an account of the web shop

    @classmethod
    def of(cls, world: World, subjects: pd.DataFrame) -> "View":
        lookup = pd.Series(subjects["subject"].to_numpy("int64"), index=subjects["source"] + "/" + subjects["account"])
        consent = consents_of(world.con).set_index("person")
        crm = subjects[subjects["source"] == "crm"]
        ward = consent.loc[crm["person"], "has_guardian"].to_numpy(bool) & ~consent.loc[
            crm["person"], "is_withdrawn"
        ].to_numpy(bool)
        gone = crm["person"].isin(world.frame("select person from erasure")["person"])
        known = world.frame(
            f"""
            select person, region, contract,
                case when fate(person, {START}) = 'corrected' then 'loyal' else segment end as segment,
                case when fate(person, {START}) = 'corrected' then 'new' else segment end as former_segment
            from person
            """
        ).set_index("person")
        guarded = set(crm.loc[ward, "subject"])
        # The customer file of a minor without a guardian's consent does not pass.
        told = crm[~consent.loc[crm["person"], "is_minor"].to_numpy(bool) | crm["subject"].isin(guarded)]
        profile = known.loc[told["person"]].set_index(told["subject"].to_numpy())
        shoppers = set(subjects.loc[subjects["source"] == "web_shop", "subject"])
        return cls(consent, lookup, guarded, set(crm.loc[gone, "subject"]), profile, shoppers)

    def subjects_of(self, source: "pd.Series | str", account: pd.Series, person: pd.Series) -> pd.Series:
        """Subject of each row; a number that no account carries is a subject of its own."""
        found = (source + "/" + account).map(self.subject)
        return found.fillna(-person.astype("int64") - 1).astype("int64")

    def unguarded(self, person: pd.Series) -> Bools:
        """Whether the person is a minor without a guardian's consent in force."""
        told = self.consent.loc[person]
        minded = told["has_guardian"].to_numpy(bool) & ~told["is_withdrawn"].to_numpy(bool)
        return np.asarray(told["is_minor"].to_numpy(bool) & ~minded)

    def consented(self, person: pd.Series, at: pd.Series) -> Bools:
        """Whether a row of a source that needs analytics consent passes: by jurisdiction, span and guardian."""
        told = self.consent.loc[person]
        needs = told["country"].isin(["CN", ""]).to_numpy()
        given, expires = told["given_at"].to_numpy(), told["expires_at"].to_numpy()
        moment = at.to_numpy()
        holds = (
            (given != ABSENT)
            & (given <= moment)
            & ((expires == ABSENT) | (moment < expires))
            & ~told["is_withdrawn"].to_numpy(bool)
        )
        unguarded = self.unguarded(person)
        # A guardian's consent is given for the same purpose as the ward's own.
        holds |= told["is_minor"].to_numpy(bool) & ~unguarded
        return np.asarray((~needs | holds) & ~unguarded)

    def allowed(self, person: pd.Series, subject: pd.Series) -> Bools:
        """Whether a row of a source that needs no consent passes: minors need a guardian known for the same subject."""
        ward = self.consent.loc[person, "is_minor"].to_numpy(bool)
        return np.asarray(~ward | subject.isin(self.guarded).to_numpy())

    def present(self, subject: pd.Series) -> Bools:
        return np.asarray(~subject.isin(self.erased))

    def region(self, subject: pd.Series) -> pd.Series:
        """Where each subject lives, as the customer file says."""
        return subject.map(self.profile["region"])

    def segment(self, subject: pd.Series, at: pd.Series) -> pd.Series:
        """The segment that each subject was in at an instant."""
        return subject.map(self.profile["segment"]).where(
            at >= CORRECTED_AT, subject.map(self.profile["former_segment"])
        )


def order_subjects(orders: pd.DataFrame, view: View) -> pd.Series:
    """The subject of each order by the way it names its customer: web account, member card, or a guest's number."""
    source = orders["identity"].map({"web": "web_shop", "member": "crm", "guest": "phone"})
    account = pd.Series(
        np.select(
            [orders["identity"] == "web", orders["identity"] == "member"],
            ["W" + (5_000_000 + orders["person"]).astype(str), "C" + orders["person"].astype(str).str.zfill(7)],
            orders["phone"].fillna(""),
        ),
        index=orders.index,
    )
    return view.subjects_of(source, account, orders["person"])
