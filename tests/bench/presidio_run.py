"""Presidio over the texts of standard input, by the interpreter of the bench environment: speed and what it finds.

Keep out: imports of this project; this file runs in an environment of its own (requirements-bench.lock).

Input: JSON {"texts": [...], "model": name of a spaCy package}. Output: JSON with seconds of CPU, and per text the
stretches found, of the default configuration (all recognisers loaded by default, the small spaCy model) and of its
patterns alone (the same without the recogniser of the model, over empty artefacts: no language model runs at all).
"""

import json
import logging
import sys
import time

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngineProvider


def main() -> None:
    """Analyse each text once a configuration."""
    logging.disable(logging.WARNING)
    given = json.load(sys.stdin)
    models = [{"lang_code": "en", "model_name": given["model"]}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    default = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    patterns = [r for r in default.registry.recognizers if r.name != "SpacyRecognizer"]
    alone = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=patterns), nlp_engine=engine, supported_languages=["en"]
    )
    empty = engine.process_text("", "en")
    result = {}
    for name, analyse in (
        ("default", lambda text: default.analyze(text, "en")),
        ("patterns", lambda text: alone.analyze(text, "en", nlp_artifacts=empty)),
    ):
        analyse(given["texts"][0])
        started = time.process_time()
        found = [[(r.start, r.end, r.entity_type) for r in analyse(text)] for text in given["texts"]]
        result[name] = {"seconds": time.process_time() - started, "found": found}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
