"""Plain values as TOML."""

from __future__ import annotations

import json
import math
from typing import Any


def toml_text(table: dict[str, Any]) -> str:
    """One line per key, with inline tables and arrays."""
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in table.items()) + "\n"


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return repr(value)
