# SPDX-License-Identifier: Apache-2.0
"""Holds manifests against the models of Kubernetes' API in python3-kubernetes: each key
must be one of its object's, each required one there, each value of its type. Prints the
kinds that were checked and what is wrong."""

import re
import sys

import yaml
from kubernetes import client

wrong = []


def check(value, kind, where):
    if value is None:
        return
    if match := re.match(r"list\[(.*)\]$", kind):
        if not isinstance(value, list):
            wrong.append(f"{where}: {kind} is wanted")
            return
        for i, one in enumerate(value):
            check(one, match[1], f"{where}[{i}]")
    elif match := re.match(r"dict\(str, (.*)\)$", kind):
        if not isinstance(value, dict):
            wrong.append(f"{where}: {kind} is wanted")
            return
        for key, one in value.items():
            check(one, match[1], f"{where}.{key}")
    elif kind in ("str", "int", "bool", "float"):
        # An int-or-string and a quantity are str here.
        if not isinstance(value, {"str": (str, int), "int": int, "bool": bool, "float": (int, float)}[kind]) or (
                kind in ("str", "int") and isinstance(value, bool)):
            wrong.append(f"{where}: {kind} is wanted, not {value!r}")
    elif kind != "object":
        model = getattr(client, kind)
        if not isinstance(value, dict):
            wrong.append(f"{where}: {kind} is wanted")
            return
        names = {json: name for name, json in model.attribute_map.items()}
        for key, one in value.items():
            if key in names:
                check(one, model.openapi_types[names[key]], f"{where}.{key}")
            else:
                wrong.append(f"{where}: {kind} has no {key}")
        try:
            model(**{names[key]: one for key, one in value.items() if key in names})
        except ValueError as e:
            wrong.append(f"{where}: {e}")


for file in sys.argv[1:]:
    with open(file) as stream:
        for document in yaml.safe_load_all(stream):
            kind = "V1" + document["kind"]
            check(document, kind, document["kind"])
            print(kind)
print(*wrong, sep="\n", end="")
