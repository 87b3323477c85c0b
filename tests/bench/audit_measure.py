"""CPU seconds of the audit: a small batch, a full one, and the first use of great-expectations.

Keep out: assertions; this prints. Run `python tests/bench/audit_measure.py`.
"""

import sys
import time
from pathlib import Path


def cpu(kind: str, n: int) -> float:
    """CPU seconds of one audit of `n` rows."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
    from protected_rows import rows

    from orchestration.lake.audit import audit_batch

    table = rows(kind, n, text="'订单 20250105123456 还没到, please call <PHONE>, order ' || i")
    started = time.process_time()
    audit_batch(table, kind)
    return time.process_time() - started


if __name__ == "__main__":
    print(f"first use, import included   {cpu('case', 3):.2f}")
    print(f"3 cases                      {cpu('case', 3):.2f}")
    print(f"3 answers                    {cpu('survey_answer', 3):.2f}")
    print(f"250,000 cases                {cpu('case', 250_000):.2f}")
    print(f"250,000 answers              {cpu('survey_answer', 250_000):.2f}")
