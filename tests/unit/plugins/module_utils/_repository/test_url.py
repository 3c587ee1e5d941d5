# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL parser: what it takes, what it refuses, and that it never does anything else."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._errors import UrlError
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._url import (
    ParsedUrl,
    format_repository_url,
    parse_repository_url,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rest:https://host", ParsedUrl(RestServer("host"), None, None)),
        ("rest:https://host/", ParsedUrl(RestServer("host"), None, None)),
        ("rest:https://host:443/", ParsedUrl(RestServer("host"), None, None)),
        ("rest:http://host:80/che", ParsedUrl(RestServer("host", "che", "http"), None, None)),
        ("rest:http://host/che", ParsedUrl(RestServer("host", "che", "http"), None, None)),
        ("rest:HTTPS://Host/Che", ParsedUrl(RestServer("host", "Che"), None, None)),
        ("rest:host:1234/path", ParsedUrl(RestServer("host", "path", "https", 1234), None, None)),
        ("rest:host/path", ParsedUrl(RestServer("host", "path"), None, None)),
        ("rest:me@host:1234/path", ParsedUrl(RestServer("host", "path", port=1234), "me", None)),
        ("rest:https://me@host:8000/a/b/", ParsedUrl(RestServer("host", "a/b", port=8000), "me", None)),
        ("rest:https://me:pw@host/", ParsedUrl(RestServer("host"), "me", "pw")),
        ("rest:https://me:@host/", ParsedUrl(RestServer("host"), "me", "")),
        ("rest:https://me:p:w@host/", ParsedUrl(RestServer("host"), "me", "p:w")),
        ("rest:https://a%40b:p%2Fw%25@host/", ParsedUrl(RestServer("host"), "a@b", "p/w%")),
        ("rest:https://j%C3%BCrgen@host/", ParsedUrl(RestServer("host"), "jürgen", None)),
        ("rest:https://host/with%20space", ParsedUrl(RestServer("host", "with space"), None, None)),
        ("rest:https://[::1]:8000/p", ParsedUrl(RestServer("::1", "p", port=8000), None, None)),
        ("rest:https://[2001:DB8:0::1]/p", ParsedUrl(RestServer("2001:db8::1", "p"), None, None)),
        ("rest:https://192.0.2.1:8000/", ParsedUrl(RestServer("192.0.2.1", port=8000), None, None)),
    ],
)
def test_accepts(url: str, expected: ParsedUrl) -> None:
    parsed = parse_repository_url(url)
    assert parsed == expected
    assert parsed.password == expected.password


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "empty"),
        ("host/path", "start with the kind"),
        ("https://host/path", "start with the kind"),
        ("sftp:user@host:/path", "sftp: are not supported yet by this version; use rest: or s3:"),
        ("rest:", "host name is missing"),
        ("rest:/path", "host name is missing"),
        ("rest:https:///path", "host name is missing"),
        ("rest:https://me@/path", "host name is missing"),
        ("rest:https://:8000/path", "host name is missing"),
        ("rest:ftp://host/", "protocol"),
        ("rest:://host/", "protocol"),
        ("rest:https://host:/", "port"),
        ("rest:https://host:0/", "port"),
        ("rest:https://host:65536/", "port"),
        ("rest:https://host:-1/", "port"),
        ("rest:https://host:80a/", "port"),
        ("rest:https://host:٣/", "port"),
        ("rest:https://host:1:2/", "more than one colon"),
        ("rest:https://::1/", "more than one colon"),
        ("rest:https://[::1/", "brackets"),
        ("rest:https://[host]/", "brackets"),
        ("rest:https://[::1]8000/", "brackets"),
        ("rest:https://[::1]:/", "port"),
        ("rest:https://[::g]/", "host name"),
        ("rest:https://[fe80::1%25eth0]/", "host name"),
        ("rest:https://1.2.3/", "host name"),
        ("rest:https://ho_st..x/", "host name"),
        ("rest:https://-host/", "host name"),
        ("rest:https://h%6Fst/", "host name"),
        ("rest:https://bücher.example/", "host name"),
        (f"rest:https://{'a' * 64}.example/", "host name"),
        ("rest:https://ho st/", "space"),
        (" rest:https://host/", "space"),
        ("rest:https://host/\n", "can't be printed"),
        ("rest:https://host/\x00", "can't be printed"),
        ("rest:https://host/?a=b", "query"),
        ("rest:https://host/#a", "fragment"),
        ("rest:https://@host/", "user name"),
        ("rest:https://:pw@host/", "user name"),
        ("rest:https://a%3Ab@host/", "user name"),
        ("rest:https://a@b@host/", "@ of its own"),
        ("rest:https://a%zz@host/", "user name"),
        ("rest:https://a%@host/", "user name"),
        ("rest:https://a%ff@host/", "user name"),
        ("rest:https://a%0a@host/", "user name"),
        ("rest:https://a:%ff@host/", "password"),
        ("rest:https://host/a//b", "repository path"),
        ("rest:https://host/a/../b", "repository path"),
        ("rest:https://host/%2e%2e/b", "repository path"),
        ("rest:https://host/a%2Fb", "repository path"),
        ("rest:https://host/%00", "repository path"),
        ("rest:https://host/\ud800", "can't be printed"),
    ],
)
def test_refuses_and_names_the_offending_part(url: str, part: str) -> None:
    with pytest.raises(UrlError) as refusal:
        parse_repository_url(url)
    assert part in refusal.value.what
    assert refusal.value.next_step


def test_never_quotes_what_may_be_a_password() -> None:
    for url in ("rest:https://me:hunter2", "rest:https://me:hunter2/x@host/", "rest:hunter2 ", "hunter2:x"):
        with pytest.raises(UrlError) as refusal:
            parse_repository_url(url)
        assert "hunter2" not in str(refusal.value)


def test_repr_hides_the_password() -> None:
    assert "hunter2" not in repr(parse_repository_url("rest:https://me:hunter2@host/"))


@pytest.mark.parametrize(
    ("server", "username", "url"),
    [
        (RestServer("host"), None, "rest:https://host/"),
        (RestServer("host", "p", port=8000), None, "rest:https://host:8000/p/"),
        (RestServer("host", "p", port=443), None, "rest:https://host/p/"),
        (RestServer("host", "a b/%", "http"), "a@b:", "rest:http://a%40b%3A@host/a%20b/%25/"),
        (RestServer("::1", port=8000), "me", "rest:https://me@[::1]:8000/"),
    ],
)
def test_writes_restics_notation(server: RestServer, username: str | None, url: str) -> None:
    assert format_repository_url(server, username) == url


# Surrogates included: text() leaves them out, but a variable's value may hold them.
_any_text = st.text(st.characters())
_pieces = st.sampled_from(
    [
        *("rest:", "https", "http", "://", ":", "/", "//", "@", "[", "]", "::1", "host", "a.b", "1.2.3.4", "8000", "0"),
        *("%", "%41", "%2F", "%ff", "..", ".", "?", "#", " ", "me", "pw", "é", "\n"),
    ]
)
_like_a_url = st.lists(st.one_of(_pieces, _any_text), max_size=12).map("".join)


@given(st.one_of(_any_text, _like_a_url, _like_a_url.map(lambda text: f"rest:{text}")))
@example("rest:https://[::1]%/")
def test_any_text_is_refused_with_a_reason_or_survives_the_round_trip(text: str) -> None:
    try:
        parsed = parse_repository_url(text)
    except UrlError as refusal:
        assert refusal.what
        return
    again = parse_repository_url(format_repository_url(parsed.server, parsed.username))
    assert (again.server, again.username) == (parsed.server, parsed.username)
    assert RestServer.from_spec(parsed.server.to_spec()) == parsed.server


_printable = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
_label = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_hostname = st.one_of(
    st.lists(_label, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
_path = st.lists(_printable.filter(lambda part: part not in (".", "..") and "/" not in part), max_size=3).map("/".join)
_port = st.one_of(st.none(), st.integers(1, 65535))


@given(_hostname, _path, st.sampled_from(["http", "https"]), _port, st.one_of(st.none(), _printable))
def test_every_server_survives_being_written_and_read(
    hostname: str, path: str, protocol: str, port: int | None, username: str | None
) -> None:
    assume(username is None or ":" not in username)
    server = RestServer(hostname, path, protocol, port)
    assert parse_repository_url(format_repository_url(server, username)) == ParsedUrl(server, username, None)


@given(st.text(st.characters(exclude_categories=("C",)), max_size=20))
def test_no_error_ever_holds_the_password(rest_of_password: str) -> None:
    password = f"Hunter2{rest_of_password}"
    for url in (f"rest:https://me:{password}@host:x/", f"rest:https://me:{password}", f"rest:{password}@host:1:2"):
        try:
            parse_repository_url(url)
        except UrlError as refusal:
            assert "Hunter2" not in str(refusal)
