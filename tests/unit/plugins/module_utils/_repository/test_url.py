# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL parser: what it takes, what it refuses, and that it never does anything else."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._errors import UrlError
from ansible_collections.community.che.plugins.module_utils._repository._server import (
    RestServer,
    server_from_spec,
)
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
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
        ("sftp:me@host:/srv/che", ParsedUrl(SftpServer("me", "host", "/srv/che"), None, None)),
        ("sftp:me@host:srv/che/", ParsedUrl(SftpServer("me", "host", "srv/che"), None, None)),
        ("sftp:me@host:a%20b:c@d", ParsedUrl(SftpServer("me", "host", "a%20b:c@d"), None, None)),
        ("sftp:me@example.org@host:che", ParsedUrl(SftpServer("me@example.org", "host", "che"), None, None)),
        # As the old operator's documents write a port; restic would take the first of these for a folder named 1234.
        ("sftp:me@host:1234//srv/che", ParsedUrl(SftpServer("me", "host", "/srv/che", 1234), None, None)),
        ("sftp:me@host:1234/che", ParsedUrl(SftpServer("me", "host", "1234/che"), None, None)),
        ("sftp://me@host/che", ParsedUrl(SftpServer("me", "host", "che"), None, None)),
        ("sftp://me@host//srv/che", ParsedUrl(SftpServer("me", "host", "/srv/che"), None, None)),
        ("sftp://me@host:22/che", ParsedUrl(SftpServer("me", "host", "che"), None, None)),
        ("sftp://me@host:2222//srv/a%20b", ParsedUrl(SftpServer("me", "host", "/srv/a b", 2222), None, None)),
        (
            "sftp://me%40example.org@[::1]:2222/che",
            ParsedUrl(SftpServer("me@example.org", "::1", "che", 2222), None, None),
        ),
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
        ("sftp:", "no colon"),
        ("sftp:me@host", "no colon"),
        ("sftp:me@host/path", "no colon"),
        ("sftp:me@host:", "repository path is missing"),
        ("sftp:me@host:/", "repository path is missing"),
        ("sftp:me@host:~/che", "starts with a ~"),
        ("sftp:host:/path", "user name is missing"),
        ("sftp:-oProxyCommand=x@host:/path", "user name has a character"),
        ("sftp:me@host:a//b", "repository path"),
        ("sftp:me@host:a/../b", "repository path"),
        ("sftp:me@host:99999//path", "port"),
        ("sftp:me@-host:path", "host name"),
        ("sftp:me@[::1]:path", "IPv6"),
        ("sftp:me:pw@host:/path", "password"),
        ("sftp://me:pw@host/path", "password"),
        ("sftp://me:@host/path", "password"),
        ("sftp://host/path", "user name is missing"),
        ("sftp://@host/path", "user name"),
        ("sftp://me@host", "repository path is missing"),
        ("sftp://me@host/", "repository path is missing"),
        ("sftp://me@host:0/path", "port"),
        ("sftp://me@host:/path", "port"),
        ("sftp://me@host/a%2Fb", "repository path"),
        ("sftp://me@host/a//path", "repository path"),
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


SFTP_PASSWORDS = ("sftp:me:hunter2@host:/p", "sftp://me:hunter2@host/p", "sftp:me:hun/hunter2@host:/p")


def test_never_quotes_what_may_be_a_password() -> None:
    for url in (
        "rest:https://me:hunter2",
        "rest:https://me:hunter2/x@host/",
        "rest:hunter2 ",
        "hunter2:x",
        *SFTP_PASSWORDS,
    ):
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
        (SftpServer("me", "host", "/srv/a b"), None, "sftp://me@host//srv/a%20b"),
        (SftpServer("me@x", "::1", "che", 2222), None, "sftp://me%40x@[::1]:2222/che"),
    ],
)
def test_writes_restics_notation(server: RestServer | SftpServer, username: str | None, url: str) -> None:
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


def _with_a_kind(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["rest:", "s3:", "sftp:", "sftp://"]).map(lambda prefix: prefix + text)


@given(st.one_of(_any_text, _like_a_url, _like_a_url.flatmap(_with_a_kind)))
@example("rest:https://[::1]%/")
def test_any_text_is_refused_with_a_reason_or_survives_the_round_trip(text: str) -> None:
    try:
        parsed = parse_repository_url(text)
    except UrlError as refusal:
        assert refusal.what
        return
    again = parse_repository_url(format_repository_url(parsed.server, parsed.username))
    assert (again.server, again.username) == (parsed.server, parsed.username)
    assert server_from_spec({parsed.server.kind: parsed.server.to_spec()}, parsed.server.extras()) == parsed.server


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


_ssh_user = st.from_regex(r"[A-Za-z0-9._][A-Za-z0-9._+@-]{0,20}", fullmatch=True)


@given(_ssh_user, _hostname, _path, st.booleans(), _port)
def test_every_sftp_server_survives_being_written_and_read(
    username: str, hostname: str, path: str, absolute: bool, port: int | None
) -> None:
    assume(path and not path.startswith("~"))
    server = SftpServer(username, hostname, f"/{path}" if absolute else path, port)
    assert server.repository_path.startswith("/") == absolute
    assert parse_repository_url(format_repository_url(server)) == ParsedUrl(server, None, None)
    like_scp = f"sftp:{username}@{hostname}:{server.repository_path}"
    if port in (None, 22) and ":" not in hostname and not any(letter in path for letter in "?#"):
        assert parse_repository_url(like_scp) == ParsedUrl(server, None, None)


@given(st.text(st.characters(exclude_categories=("C",)), max_size=20))
def test_no_error_ever_holds_the_password(rest_of_password: str) -> None:
    password = f"Hunter2{rest_of_password}"
    for url in (
        f"rest:https://me:{password}@host:x/",
        f"rest:https://me:{password}",
        f"rest:{password}@host:1:2",
        f"sftp:me:{password}@h:p",
    ):
        try:
            parse_repository_url(url)
        except UrlError as refusal:
            assert "Hunter2" not in str(refusal)
