# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest: what is written is read again, and nothing else is believed."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import ManifestError
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    DatabaseFigures,
    LargeObjectFigures,
    SequenceFigures,
    TableFigures,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import (
    DatabasePlace,
    Installation,
    Manifest,
    Part,
    timestamp,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import (
    DatabaseProperties,
    DefaultPrivileges,
    Extension,
    Grant,
    Setting,
)
from hypothesis import given
from hypothesis import strategies as st

LARGEST = 2**63 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]))
counts = st.integers(0, LARGEST)
sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)

integers = st.integers(-LARGEST - 1, LARGEST)
keywords = st.from_regex(r"[A-Z]{1,9}( [A-Z]{1,9})?", fullmatch=True)
grants = st.lists(st.builds(Grant, texts, keywords, st.booleans()), max_size=2).map(tuple)
figures = st.builds(
    DatabaseFigures,
    role=texts,
    server_version=texts,
    dump_sha256=sha256s,
    dump_bytes=counts,
    encoding=texts,
    collate=texts,
    ctype=texts,
    tables=st.lists(st.builds(TableFigures, texts, texts, counts, texts)).map(tuple),
    sequences=st.lists(st.builds(SequenceFigures, texts, texts, integers, st.booleans(), integers)).map(tuple),
    large_objects=st.builds(LargeObjectFigures, counts, texts),
    properties=st.builds(
        DatabaseProperties,
        st.integers(-1, 100),
        texts,
        grants,
        st.lists(st.builds(Setting, texts, texts, texts), max_size=2).map(tuple),
        st.lists(st.builds(DefaultPrivileges, texts, texts, keywords, grants), max_size=2).map(tuple),
        st.lists(st.builds(Extension, texts, texts), max_size=2).map(tuple),
    ),
)
installation_parts = st.builds(
    Part,
    kind=st.just("installation"),
    name=texts,
    repository=sha256s,
    snapshot=sha256s,
    files=counts,
    bytes=counts,
    objects=st.dictionaries(names.map("Secret/{}".format), sha256s.map("sha256:{}".format)),
    database=st.none(),
)
database_parts = st.builds(
    Part,
    kind=st.just("database"),
    name=texts,
    repository=sha256s,
    snapshot=sha256s,
    files=counts,
    bytes=counts,
    objects=st.none(),
    database=figures,
)
places = st.lists(st.builds(DatabasePlace, texts, texts, texts, counts, st.booleans()), max_size=2).map(tuple)
manifests = st.builds(
    Manifest,
    collection_version=texts,
    run=st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True),
    created=st.datetimes(datetime(1000, 1, 1), timezones=st.just(timezone.utc)).map(timestamp),
    installation=st.builds(Installation, texts, texts, texts, texts, texts, texts, texts, places),
    restic_version=texts,
    parts=st.lists(installation_parts | database_parts, max_size=3).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)

EXAMPLE = Manifest(
    collection_version="0.1.0",
    run="20260101-abc",
    created="2026-01-01T12:00:00Z",
    installation=Installation(
        "eclipse-che",
        "eclipse-che",
        "org.eclipse.che/v2",
        "7.122.0",
        "Kubernetes",
        "",
        databases=(DatabasePlace("che", "dbche", "db.example", 5433, False),),
    ),
    restic_version="0.18.0",
    parts=(
        Part("installation", "eclipse-che", "a" * 64, "b" * 64, 3, 99, objects={"Secret/x": f"sha256:{'c' * 64}"}),
        Part(
            "database",
            "dbche",
            "a" * 64,
            "d" * 64,
            1,
            1234,
            database=DatabaseFigures(
                role="che",
                server_version="15.14",
                dump_sha256="e" * 64,
                dump_bytes=1234,
                encoding="UTF8",
                collate="C",
                ctype="C",
                tables=(TableFigures("public", "usr", 2, "17"),),
                sequences=(SequenceFigures("public", "usr_id_seq", 2, True, 1),),
                large_objects=LargeObjectFigures(0, ""),
                properties=DatabaseProperties(
                    -1,
                    "Che's",
                    (Grant("pgche", "CONNECT", False),),
                    (Setting("pgche", "work_mem", "8MB"),),
                    (DefaultPrivileges("pgche", "che", "TABLES", (Grant("", "SELECT", False),)),),
                    (Extension("pg_stat_statements", "public"),),
                ),
            ),
        ),
    ),
)
DOCUMENT: dict[str, Any] = json.loads(EXAMPLE.to_json())


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of all fields, from the outermost to the innermost."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = []
    for key, value in pairs:
        found += [*([(*path, key)] if isinstance(key, str) else []), *leaves(value, (*path, key))]
    return found


def shown(path: tuple[Any, ...]) -> str:
    """Write a path as errors do."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


FIELDS = leaves(DOCUMENT)
# A map of digests has no field of a fixed name.
# Backups of the first versions do not say of which cluster they are, nor where databases were that they lack.
PLACES = ("installation", "databases")
REQUIRED = [path for path in FIELDS if path[-1] not in ("Secret/x", "clusterId", "extensions") and path != PLACES]


def changed(path: tuple[Any, ...], value: object) -> bytes:
    """Return the example with one field changed, or removed when the value is Ellipsis."""
    document = copy.deepcopy(DOCUMENT)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json.dumps(document).encode()


@given(manifests)
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json().encode()) == manifest


def test_the_names_in_the_document() -> None:
    assert sorted(DOCUMENT) == [
        "collectionVersion",
        "created",
        "installation",
        "manifestVersion",
        "parts",
        "resticVersion",
        "run",
    ]
    assert "database" not in DOCUMENT["parts"][0]
    assert "objects" not in DOCUMENT["parts"][1]
    assert DOCUMENT["parts"][1]["database"]["sequences"][0]["lastValue"] == 2


@pytest.mark.parametrize("path", REQUIRED, ids=shown)
def test_a_missing_field_is_named(path: tuple[Any, ...]) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(changed(path, ...))
    assert caught.value.on == shown(path)
    assert caught.value.next_step


@pytest.mark.parametrize("wrong", [None, 1.5, ["x"]], ids=["null", "float", "list"])
@pytest.mark.parametrize("path", FIELDS, ids=shown)
def test_a_field_of_another_type_is_named(path: tuple[Any, ...], wrong: object) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(changed(path, wrong))
    # A list instead of a list of objects is told at its first item.
    assert caught.value.on in (shown(path), f"{shown(path)}[0]")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("manifestVersion",), True),
        (("run",), "Upper/../case"),
        (("run",), "r1/../r2"),
        (("created",), "2026-01-01T12:00:00Z\n"),
        (("created",), "2026-01-01"),
        (("created",), "٢026-01-01T12:00:00Z"),
        (("parts", 0, "kind"), "volumes"),
        (("parts", 0, "snapshot"), "latest"),
        (("parts", 0, "repository"), "A" * 64),
        (("parts", 0, "files"), -1),
        (("parts", 0, "bytes"), True),
        (("parts", 0, "bytes"), LARGEST + 1),
        (("parts", 0, "objects", "Secret/x"), "md5:0"),
        (("parts", 1, "database", "dumpSha256"), "e" * 63),
        (("parts", 1, "database", "tables", 0, "rows"), -1),
        (("parts", 1, "database", "sequences", 0, "isCalled"), 1),
        (("installation", "namespace"), "\ud800"),
    ],
)
def test_a_field_out_of_its_range_is_named(path: tuple[Any, ...], value: object) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(changed(path, value))
    assert caught.value.on == shown(path)


@pytest.mark.parametrize("key", ["x", "Secret/../x", "Secret/X", "Secret/", "Secret/x\n"])
def test_an_object_s_key_that_no_object_has(key: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(changed(("parts", 0, "objects"), {key: f"sha256:{'c' * 64}"}))
    assert caught.value.on.startswith("parts[0].objects.")
    assert caught.value.on.isprintable()


def test_fields_of_a_later_version_are_ignored() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["added"] = document["parts"][0]["added"] = {"anything": [1]}
    assert Manifest.from_json(json.dumps(document).encode()) == EXAMPLE


def test_a_field_that_stands_twice_could_mean_either() -> None:
    with pytest.raises(ManifestError, match="not JSON"):
        Manifest.from_json(EXAMPLE.to_json().replace('"run":', '"run": "other", "run":').encode())


def test_an_ignored_field_is_still_json() -> None:
    with pytest.raises(ManifestError, match="not JSON"):
        Manifest.from_json(changed(("added",), float("nan")))


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_refused_before_anything_else(version: int) -> None:
    with pytest.raises(ManifestError, match=f"has version {version}") as caught:
        Manifest.from_json(json.dumps({"manifestVersion": version}).encode())
    assert caught.value.on == "manifestVersion"
    assert "later" in caught.value.next_step


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"manifestVersion": -Infinity}',
        b'{"manifestVersion": ' + b"9" * 10_000 + b"}",
        b'{"manifestVersion": 1e999}',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda document: ascii(document[:24]),
)
def test_what_is_no_manifest_at_all(document: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(document)


def test_a_manifest_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.community.che.plugins.module_utils._snapshot._manifest._MAX_BYTES", 100)
    with pytest.raises(ManifestError, match="larger than 100 bytes"):
        Manifest.from_json(EXAMPLE.to_json().encode())


@given(st.binary())
def test_bytes_never_raise_anything_else(document: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(document)


@given(path=st.sampled_from(FIELDS), value=json_values)
def test_json_never_raises_anything_else(path: tuple[Any, ...], value: object) -> None:
    try:
        manifest = Manifest.from_json(changed(path, value))
    except ManifestError as error:
        assert str(error).encode()
    else:
        assert Manifest.from_json(manifest.to_json().encode()) == manifest


def test_a_timestamp_is_in_utc_and_whole_seconds() -> None:
    moment = datetime(2026, 1, 1, 1, 30, 59, 999999, timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2025-12-31T23:30:59Z"
