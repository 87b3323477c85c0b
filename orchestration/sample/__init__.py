"""The sample company: Lanqiao (岚桥), a retailer with shops and a web shop. Every person in it is made up.

Keep out: anything the pipeline needs; the sample only writes what real systems would export, and the true answers.
"""

from orchestration.sample.company import write
from orchestration.sample.reference import write as write_reference

__all__ = ["write", "write_reference"]
