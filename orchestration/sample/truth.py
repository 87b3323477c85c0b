"""x

Keep out: y
"""
from pathlib import Path
from orchestration.sample.world import World
def write(world: World, folder: Path) -> None:
    pass
