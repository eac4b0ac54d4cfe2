# SPDX-License-Identifier: Apache-2.0
"""Checks what davitd says against what its own `describe` says about it."""

U64_MAX = (1 << 64) - 1
CHECKS = {
    "bool": lambda value: isinstance(value, bool),
    "u64": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U64_MAX,
    "i64": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "double": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "bytes": lambda value: isinstance(value, bytes),
    "signal": lambda value: isinstance(value, (int, str)),
    "texts": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "pairs": lambda value: isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(item, str) for key, item in value.items()),
    "struct": lambda value: isinstance(value, dict),
    "structs": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
    "any": lambda value: True,
}


def check(fields, value, where):
    """Every member is described, has its type, and none that is required is missing."""
    assert isinstance(value, dict), f"{where}: not a map: {value!r}"
    known = {field["name"]: field for field in fields}
    unknown = set(value) - set(known)
    assert not unknown, f"{where}: members that describe does not tell: {sorted(unknown)}"
    for name, field in known.items():
        item, path = value.get(name), f"{where}.{name}"
        if item is None:
            assert not field["required"], f"{path}: is missing"
            continue
        assert CHECKS[field["type"]](item), f"{path}: {item!r} is not of type {field['type']}"
        if field.get("choices"):
            assert item in field["choices"], f"{path}: {item!r} is none of {field['choices']}"
        if field.get("fields"):
            for number, element in enumerate(item if isinstance(item, list) else [item]):
                check(field["fields"], element, f"{path}[{number}]" if isinstance(item, list) else path)


class Schema:
    """The answer of `describe`."""

    def __init__(self, answer):
        self.answer = answer
        self.methods = {method["name"]: method for method in answer["methods"]}
        self.events = {event["type"]: event for event in answer["events"]}

    def check_result(self, method, result):
        fields = self.methods[method]["result"]
        if fields:
            check(fields, result, method)
        else:
            assert not result, f"{method}: describe tells of no result, not of {result!r}"

    def check_event(self, event):
        check(self.answer["event"], event, "event")
        assert event["type"] in self.events, f"an event that describe does not tell: {event['type']}"
        fields = self.events[event["type"]]["data"]
        check(fields, event.get("data") or {}, event["type"])
