"""Making the sample company: build the model, write what its systems export, write what is true of it.

Keep out: the steps themselves.
"""

from pathlib import Path

from orchestration.sample import actions, activity, cases, exports, people, reference, surveys, texts, truth
from orchestration.sample.world import World

CUSTOMERS = 2000
SEED = 7


def build(seed: int = SEED, customers: int = CUSTOMERS) -> World:
    """The whole model in memory; the same seed and size give the same model."""
    world = World(seed)
    people.build(world, customers)
    activity.products(world)
    texts.build(world, customers)
    activity.build(world)
    cases.build(world)
    surveys.build(world)
    actions.build(world)
    world.sql(exports.MACROS)
    return world


def write(
    inbox: Path,
    truth_folder: Path | None = None,
    seed: int = SEED,
    customers: int = CUSTOMERS,
    wave: int | None = None,
    reference_folder: Path | None = None,
) -> World:
    """Write the inbox of the sample company, and its true answers outside of any home.

    inbox: one folder per source below it. truth_folder, reference_folder (a home's folder `reference`): left out when
    None. wave: 1 = history until November 2025, 2 = what December brings (late proofs, corrections, deletions,
    withdrawals), None = both. Returns the model, for tests that ask it more.
    """
    world = build(seed, customers)
    waves = (1, 2) if wave is None else (wave,)
    if reference_folder is not None:
        for stream, rows in reference.write(reference_folder).items():
            world.written["reference", stream] += rows
    exports.write(world, inbox, waves)
    if truth_folder is not None:
        truth.write(world, truth_folder, waves)
    return world
