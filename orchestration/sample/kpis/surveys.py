"""Scores and response rates: answers of forms and tablets, ratings of reviews among them.

Keep out: what becomes of answers that ask to be contacted (handling).
"""

import numpy as np
import pandas as pd

from orchestration.sample.clock import ABSENT, DAY, END
from orchestration.sample.exports import FORMS
from orchestration.sample.kpis import contacts
from orchestration.sample.kpis.cells import (
    COARSE,
    Block,
    Group,
    Measure,
    Numbers,
    Parts,
    Placed,
    cut,
    nobody,
    part,
    placed,
    refused,
)
from orchestration.sample.kpis.view import View
from orchestration.sample.world import World

TOUCHPOINTS = {"nps_relationship": "relationship", "csat_purchase": "purchase", "ces_service": "support"}
ANSWERS = (
    "",
    "source",
    "channel",
    "store",
    "region",
    "touchpoint",
    "segment",
    "language",
    "survey",
    "channel,touchpoint",
)
RATINGS = ("", "source", "channel", "product", "store", "region", "touchpoint", "segment", "language", "survey")
INVITATIONS = ("", "source", "channel", "store", "region", "touchpoint", "segment", "survey", "channel,touchpoint")
MATURE_AFTER = 14 * DAY  # an invitation younger than that may still be answered


def blocks(world: World, view: View) -> list[Block]:
    """nps, csat, ces, rating_mean and response_rate."""
    answers = pd.concat([_answers(world, view), _tablets(world)], ignore_index=True)
    nps = answers[answers["metric"] == "nps"].reset_index(drop=True)
    csat = answers[answers["metric"] == "csat"].reset_index(drop=True)
    ces = answers[answers["metric"] == "ces"].reset_index(drop=True)
    questions = answers[answers["metric"].isin(["csat", "driver"])].reset_index(drop=True)
    reviews = contacts.reviews(world, view).rename(columns={"posted_at": "at", "rating": "score"})
    reviews["region"] = view.region(reviews["subject"])
    reviews["segment"] = view.segment(reviews["subject"], reviews["at"])
    rated = pd.concat([csat, reviews], ignore_index=True)
    by_question = placed(questions["at"], len(questions), COARSE)
    return [
        *_response_rate(world, view),
        *cut(nps, placed(nps["at"], len(nps)), ANSWERS, _nps(nps)),
        *cut(nps, _latest(nps), ANSWERS, _points("latest_per_subject", nps)),
        *cut(csat, placed(csat["at"], len(csat)), ANSWERS, _satisfaction(csat)),
        *cut(questions, by_question, ["source,question"], _satisfaction(questions)),
        *cut(rated, placed(rated["at"], len(rated)), RATINGS, _rating(rated)),
        *cut(questions, by_question, ["source,question"], _rating(questions)),
        *cut(ces, placed(ces["at"], len(ces)), ANSWERS, _effort(ces)),
    ]


def _answers(world: World, view: View) -> pd.DataFrame:
    answers = world.frame(
        """
        select a.*, r.weight, r.channel, r.store, r.product, p.language
        from answer as a join response as r using (response) join person as p on p.person = a.person
        where not a.is_declined order by response, position
        """
    )
    answers["subject"] = view.subjects_of("crm", "C" + answers["person"].astype(str).str.zfill(7), answers["person"])
    seen = view.consented(answers["person"], answers["at"]) & view.present(answers["subject"])
    answers = answers[seen].reset_index(drop=True)
    shop = contacts.codes_of_stores(answers["store"])
    form = answers["survey"].map(FORMS)
    return answers.assign(
        source="survey_forms",
        store=shop,
        product=contacts.sku(answers["product"]).where(answers["product"] != ABSENT),
        region=view.region(answers["subject"]),
        segment=view.segment(answers["subject"], answers["at"]),
        touchpoint=answers["survey"].map(TOUCHPOINTS),
        survey=form,
        question=form + "/" + answers["question"],
    )


def _tablets(world: World) -> pd.DataFrame:
    """Answers of nobody in particular: each counts for itself where persons are counted."""
    tablets = world.frame("select t.at, t.store, score, is_english from tablet as t order by tablet")
    shop = contacts.codes_of_stores(tablets["store"])
    return tablets.assign(
        metric="csat",
        source="store_tablet",
        channel="kiosk",
        touchpoint="in_store",
        store=shop,
        language=np.where(tablets["is_english"], "en", "zh"),
        survey="store_tablet",
        question="store_tablet/smiley",
        weight=np.nan,
        subject=nobody("tablet", tablets),
    )


def _response_rate(world: World, view: View) -> list[Block]:
    invited = world.frame("invitation")
    subject = view.subjects_of("crm", "C" + invited["person"].astype(str).str.zfill(7), invited["person"])
    consented = view.consented(invited["person"], invited["sent"])
    keep = consented & view.present(subject)
    keep &= invited["sent"].to_numpy() + MATURE_AFTER <= END
    sent, subject = invited[keep].reset_index(drop=True), subject[keep].reset_index(drop=True)
    shop = contacts.codes_of_stores(sent["store"])
    sent = sent.assign(
        source="survey_forms",
        store=shop,
        region=view.region(subject),
        segment=view.segment(subject, sent["sent"]),
        survey=sent["survey"].map(FORMS),
    )
    delivered = (sent["delivered"] != ABSENT).to_numpy()
    completed = delivered & (sent["completed"] != ABSENT).to_numpy()

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        told = part(
            group.count(completed),
            group.count(delivered),
            eligible=group.count(),
            subjects=group.distinct(subject.to_numpy()),
        )
        return {("response_rate", "completed_of_delivered"): told}

    cells = cut(sent, placed(sent["sent"], len(sent)), INVITATIONS, measure)
    return refused(cells, {"survey_forms": int((~consented).sum())})


def _latest(nps: pd.DataFrame) -> Placed:
    """The last answer of every subject in every period."""
    entries = placed(nps["at"], len(nps))
    frame = pd.DataFrame(
        {
            "grain": entries.grain,
            "start": entries.start,
            "subject": nps["subject"].to_numpy()[entries.item],
            "at": nps["at"].to_numpy()[entries.item],
        }
    )
    last = frame.sort_values("at", kind="stable").drop_duplicates(["grain", "start", "subject"], keep="last").index
    return entries.only(np.isin(np.arange(len(frame)), last))


def _points(variant: str, nps: pd.DataFrame) -> Measure:
    """Promoters (from 9) less detractors (below 7)."""
    promoter, detractor = (nps["score"] >= 9).to_numpy(), (nps["score"] < 7).to_numpy()

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        points = group.count(promoter) - group.count(detractor)
        return {("nps", variant): part(points, group.count(), subjects=group.distinct(nps["subject"].to_numpy()))}

    return measure


def _nps(nps: pd.DataFrame) -> Measure:
    counted = _points("per_response", nps)
    sign = np.select([nps["score"] >= 9, nps["score"] < 7], [1, -1], 0)
    return lambda group: {**counted(group), ("nps", "weighted"): _weighted(group, nps, sign)}


def _weighted(group: Group, frame: pd.DataFrame, worth: Numbers, scale: float = 100.0) -> Parts:
    """What the answers are worth by their survey weight; answers without one are out."""
    weight = frame["weight"].to_numpy(float)
    has_weight = ~np.isnan(weight)
    n = group.count(has_weight)
    return part(
        group.total(weight * worth),
        group.total(weight),
        scale,
        eligible=group.count(),
        answered=n,
        subjects=group.distinct(frame["subject"].to_numpy(), has_weight),
        is_there=n > 0,
    )


def _satisfaction(answers: pd.DataFrame) -> Measure:
    """4 and 5 of 5, and the place of the mean between 1 and 5."""
    satisfied = (answers["score"] >= 4).to_numpy()
    place = ((answers["score"] - 1) / 4).to_numpy()
    subject = answers["subject"].to_numpy()

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n, subjects = group.count(), group.distinct(subject)
        return {
            ("csat", "top2"): part(group.count(satisfied), n, subjects=subjects),
            ("csat", "mean_pct"): part(group.total(place), n, subjects=subjects),
            ("csat", "weighted_top2"): _weighted(group, answers, satisfied),
        }

    return measure


def _rating(rated: pd.DataFrame) -> Measure:
    score = rated["score"].to_numpy(float)

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        subjects = group.distinct(rated["subject"].to_numpy())
        return {
            ("rating_mean", "per_response"): part(group.total(score), group.count(), 1.0, subjects=subjects),
            ("rating_mean", "weighted"): _weighted(group, rated, score, 1.0),
        }

    return measure


def _effort(ces: pd.DataFrame) -> Measure:
    """6 and 7 of 7 are easy, 1 and 2 hard; the score is already turned so that higher is easier."""
    score = ces["score"].to_numpy(float)

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n, subjects = group.count(), group.distinct(ces["subject"].to_numpy())
        easy = group.count(score >= 6)
        return {
            ("ces", "pct_easy"): part(easy, n, subjects=subjects),
            ("ces", "pct_easy_5_7"): part(group.count(score >= 5), n, subjects=subjects),
            ("ces", "mean"): part(group.total(score), n, 1.0, subjects=subjects),
            ("ces", "net_easy"): part(easy - group.count(score <= 2), n, subjects=subjects),
        }

    return measure
