"""What every asset needs: the home, its keys, and a clock.

Keep out: assets.
"""

import dagster as dg

from orchestration.home import Home
from orchestration.privacy.keys import Keyring


class HouseResource(dg.ConfigurableResource):
    """The home at VOICEHOUSE_HOME. Holds no secret itself: the keyring reads its master key when it is asked."""

    def home(self) -> Home:
        return Home.open()

    def keyring(self) -> Keyring:
        return Keyring(self.home())


@dg.definitions
def defs() -> dg.Definitions:
    """One resource, one executor: each further process would cost seconds of imports."""
    return dg.Definitions(resources={"house": HouseResource()}, executor=dg.in_process_executor)
