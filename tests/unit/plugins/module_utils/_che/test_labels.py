# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Label selectors, as kubectl reads them."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._che._labels import Selector
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.kubernetes.core.plugins.module_utils.selector import LabelSelectorFilter
from hypothesis import given
from hypothesis import strategies as st

LABELS = {"team": "che", "tier": "web", "app.kubernetes.io/part-of": "che.eclipse.org", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("team=che", True),
        ("team==che", True),
        (" team = che ", True),
        ("team=Che", False),
        ("team!=che", False),
        ("team!=ops", True),
        ("other!=che", True),
        ("other=che", False),
        ("team", True),
        ("other", False),
        ("!other", True),
        ("! team", False),
        ("empty", True),
        ("empty=", True),
        ("team=", False),
        ("tier in (web, db)", True),
        ("tier in (db)", False),
        ("tier in(web)", True),
        ("tier notin (db,cache)", True),
        ("tier notin (web)", False),
        ("other notin (web)", True),
        ("other in (web)", False),
        ("empty in (,x)", True),
        ("team=che,tier=web", True),
        ("team=che,tier=db", False),
        ("tier in (db,web),team in (che),!other", True),
        ("app.kubernetes.io/part-of=che.eclipse.org", True),
        ("in=x,team", False),
        ("app.kubernetes.io/part-of in (che.eclipse.org)", True),
        ("app.kubernetes.io/part-of notin (che.eclipse.org)", False),
    ],
)
def test_what_matches(text: str, matches: bool) -> None:
    assert Selector.read(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "team=che,",
        "team=che tier=web",
        "team = = che",
        "=che",
        "team in",
        "team in web",
        "team in (web",
        "team in (a b)",
        "team in (web) db",
        "team=a/b",
        "te am",
        "team>1",
        "!team=che",
        "a/b/c=d",
        "team='che'",
        "team=" + "x" * 64,
        "team\x00",
    ],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(CheError) as caught:
        Selector.read(text)
    assert "label_selectors" in caught.value.on
    assert "kubectl" in caught.value.next_step


# Without the labels that kubernetes.core does not understand, those with a prefix.
KEYS = st.sampled_from(["team", "tier", "a.b", "a-b"])
VALUES = st.sampled_from(["che", "web", "a.b_c-d", "1"])
REQUIREMENTS = st.one_of(
    KEYS,
    KEYS.map("!{}".format),
    st.builds("{}{}{}".format, KEYS, st.sampled_from(["=", "==", "!="]), VALUES),
    st.builds("{} {} ({})".format, KEYS, st.sampled_from(["in", "notin"]), st.lists(VALUES, min_size=1).map(", ".join)),
)


@given(st.lists(REQUIREMENTS, min_size=1), st.dictionaries(KEYS, VALUES, min_size=1))
def test_it_agrees_with_kubernetes_core_where_that_understands(parts: list[str], labels: dict[str, str]) -> None:
    wanted = LabelSelectorFilter(parts).isMatching({"metadata": {"labels": labels}})
    assert Selector.read(",".join(parts)).matches(labels) is wanted
    assert all(Selector.read(part).matches(labels) for part in parts) is wanted


@given(st.text(max_size=40), st.dictionaries(KEYS, VALUES))
def test_any_text_is_read_or_refused(text: str, labels: dict[str, str]) -> None:
    try:
        selector = Selector.read(text)
    except CheError:
        return
    assert selector.matches(labels) in (True, False)
