# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster v1 as v2: that nothing is lost without a word, and what stays as it is."""

from __future__ import annotations

import base64
import copy
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._convert import RULES, Converted, convert
from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    CONVERTED,
    DECIDE,
    DROPPED,
    IGNORED,
)
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2, Place
from ansible_collections.community.che.plugins.module_utils._che._tree import leaves
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils._che.converting import (
    DATABASE,
    NOW,
    SOURCE,
    WITH_DATABASE,
    at,
    cluster,
    converted,
    spec_after,
    thing,
)
from unit.plugins.module_utils._che.v1_fields import FIELDS, mark, spec_of
from unit.plugins.module_utils._che.v2_fields import V2_FIELDS

STORE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": mark("server.serverTrustStoreConfigMapName")}}
TARGETS = (NOW, WITH_DATABASE, replace(NOW, infrastructure="OpenShift"), replace(NOW, che_version="3.12.0"))


def everything(result: Converted) -> str:
    """All that the objects say, Secrets decoded."""
    texts = [json.dumps(obj) for obj in result.objects]
    for obj in result.objects:
        texts += [base64.b64decode(value).decode() for value in obj.get("data", {}).values() if obj["kind"] == "Secret"]
    return "\n".join(texts)


def test_the_table_of_rules_is_about_the_fields_of_v1() -> None:
    paths = [rule.path for rule in RULES]
    assert len(paths) == len(set(paths))
    # A rule may be about a section as a whole, such as the settings of an ingress that is gone.
    unused = {rule for rule in paths if not any(field == rule or field.startswith(f"{rule}.") for field in FIELDS)}
    unknown = {field for field in FIELDS if not any(field == rule or field.startswith(f"{rule}.") for rule in paths)}
    assert (unused, unknown) == (set(), set())


@pytest.mark.parametrize("target", TARGETS, ids=lambda place: f"{place.infrastructure}-{place.che_version}")
@pytest.mark.parametrize("path", FIELDS)
def test_no_field_is_lost_without_a_word(path: str, target: Place) -> None:
    result = converted(spec_of([path]), target, STORE)

    (note,) = result.notes
    assert path == note.path or path.startswith(f"{note.path}.")
    if note.became == CONVERTED:
        assert note.to
        assert mark(path) in everything(result) or mark(path) not in json.dumps(FIELDS[path])
    else:
        assert note.became in (DROPPED, IGNORED, DECIDE)
        assert note.why
        assert not list(leaves(spec_after(result)))


def test_every_field_goes_to_one_that_v2_has() -> None:
    notes = [note for target in TARGETS for path in FIELDS for note in converted(spec_of([path]), target).notes]
    places = {place for note in notes if note.became == CONVERTED for place in note.to.split(" and ")}
    assert {re.sub(r"\[[\w-]+\]", "[]", place) for place in places} - V2_FIELDS == set()
    assert len(places) > 60


@given(st.lists(st.sampled_from(sorted(FIELDS)), unique=True), st.sampled_from(TARGETS))
def test_whatever_is_set_has_a_note_and_the_note_is_true(paths: list[str], target: Place) -> None:
    spec = spec_of(paths)
    before = copy.deepcopy(spec)

    result = converted(spec, target, STORE)

    assert spec == before
    noted = {note.path: note for note in result.notes}
    assert len(noted) == len(result.notes)
    for path in paths:
        note = next(note for key, note in noted.items() if path == key or path.startswith(f"{key}."))
        if note.became == CONVERTED and mark(path) in json.dumps(FIELDS[path]):
            assert mark(path) in everything(result), str(note)
    # No value, secret or not, but for names of objects that the administrator has to know.
    told = "\n".join(map(str, result.notes))
    assert not [path for path in paths if mark(path) in told and "TrustStore" not in path]
    assert converted(spec, target, STORE) == result


@pytest.mark.parametrize("empty", ["", None, {}, []])
def test_a_field_that_says_nothing_needs_no_note(empty: Any) -> None:
    assert converted(at("server.cheHost", empty)).notes == ()


def test_a_field_that_nobody_knows_needs_a_decision() -> None:
    result = converted({"server": {"new": {"thing": [{"a": "b"}]}, "cheHost": "che.example.org"}, "odd": False})
    assert {note.path: note.became for note in result.notes if note.path != "server.cheHost"} == {
        "server.new.thing[0].a": DECIDE,
        "odd": DECIDE,
    }
    assert [note.path for note in result.decisions] == ["server.new.thing[0].a", "odd"]


def test_objects_that_have_nothing_to_do_with_it_stay_as_they_are() -> None:
    others = [
        thing("Secret", "github", data={"id": "eA=="}),
        thing("ConfigMap", "ca", data={"a": "b"}),
        thing("Namespace", "eclipse-che"),
    ]
    before = copy.deepcopy(others)
    result = converted({}, NOW, *others)
    assert list(result.objects[1:]) == before
    assert result.objects[0] == {**cluster({}), "apiVersion": V2}


def test_there_is_no_way_back() -> None:
    objects = [cluster({"networking": {"domain": "a"}}, V2)]
    result = convert(objects, replace(NOW), SOURCE)
    assert list(result.objects) == objects
    (blocker,) = result.blockers
    assert "no way back" in blocker
    assert "7.122.0" in blocker


@pytest.mark.parametrize("version", [V1, V2])
def test_the_same_version_changes_nothing(version: str) -> None:
    place = replace(NOW, api_version=version)
    spec = {"components": {"database": {"externalDb": False}}, "database": DATABASE}
    objects = [cluster(spec, version)]
    result = convert(objects, place, place)
    assert (json.dumps(result.objects[0]), result.notes) == (json.dumps(objects[0]), ())


V2_SPEC = {"components": {"database": {"externalDb": False}, "metrics": {"enable": True}, "openVSXRegistry": {"a": 1}}}


@pytest.mark.parametrize(
    ("before", "after", "left", "became"),
    [
        ("7.55.0", "7.60.0", {"database", "metrics"}, {"openVSXRegistry": DROPPED}),
        ("7.55.0", "7.65.0", {"database", "metrics"}, {"database": IGNORED, "openVSXRegistry": DROPPED}),
        ("7.55.0", "7.122.0", {"metrics", "openVSXRegistry"}, {"database": DROPPED}),
        ("7.122.0", "7.100.0", {"metrics"}, {"database": DROPPED, "openVSXRegistry": DROPPED}),
        ("7.122.0", "7.122.1", {"database", "metrics", "openVSXRegistry"}, {}),
        ("7.122.0", "3.20.0", {"database", "metrics", "openVSXRegistry"}, {}),
    ],
)
def test_fields_that_came_or_went_between_operators_of_v2(
    before: str, after: str, left: set[str], became: dict[str, str]
) -> None:
    objects = [cluster(V2_SPEC, V2), thing("Secret", "s")]
    result = convert(objects, replace(NOW, che_version=before), replace(NOW, che_version=after))
    assert set(spec_after(result)["components"]) == left
    assert {note.path.partition(".")[2]: note.became for note in result.notes} == became
    assert result.objects[1] == objects[1]
    assert set(V2_SPEC["components"]) == {"database", "metrics", "openVSXRegistry"}


def test_a_section_that_is_none_is_left_to_the_api_server() -> None:
    objects = [cluster({"components": ["database"]}, V2)]
    assert convert(objects, replace(NOW, che_version="7.55.0"), NOW).objects == tuple(objects)
