"""The JSON that mtrace prints, checked against the schemas in formats/."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

FORMATS = Path(__file__).resolve().parents[2] / "formats"


class Documents:
    """Parses documents and validates each against the schema that its "schema" key names."""

    def __init__(self, folder=FORMATS):
        self.validators = {}
        self.validated = 0
        for path in sorted(Path(folder).glob("*.schema.json")):
            schema = json.loads(path.read_text())
            Draft202012Validator.check_schema(schema)
            self.validators[schema["properties"]["schema"]["const"]] = Draft202012Validator(schema)
        if not self.validators:
            raise SystemExit(f"{folder}: no schemas")

    def parse(self, text, sampled=False):
        """Returns the document. `sampled` validates only some of a long document's statistics,
        because a validator in Python takes a second for ten thousand frames."""
        document = json.loads(text, parse_constant=refuse_constant)
        name = document.get("schema")
        if name not in self.validators:
            raise ValueError(f"no schema for a document of {name!r}")
        self.validators[name].validate(sample(document) if sampled else document)
        self.validated += 1
        return document


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def sample(document):
    statistics = document.get("statistics", [])
    some = statistics[:6] + statistics[6:-2][:: max(1, len(statistics) // 4)] + statistics[-2:]
    return document | {
        "statistics": [
            statistic | {"traceback": statistic["traceback"][:3] + statistic["traceback"][3:][-2:]}
            for statistic in some
        ]
    }
