# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a diff shows of settings: no secret, however it is written, and all that can't be one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._masking import shown, shown_text, shown_texts

# With what a password that nobody encoded may hold.
SECRETS = ("hunter2", "hun/ter2", "hun@ter2", "hun:ter2", "hunter2?#")


def properties(name: str, value: str) -> dict[str, Any]:
    return {"spec": {"components": {"cheServer": {"extraProperties": {name: value}}}}}


@pytest.mark.parametrize(
    "name",
    [
        "CHE_OAUTH_OPENSHIFT_CLIENTSECRET",
        "CHE_OAUTH_GITHUB_CLIENTSECRET",
        "CHE_MAIL_PASSWORD",
        "CHE_X_APIKEY",
        "CHE_X_PRIVATEKEY",
        "SMTP_PASS",
        "SMTPPASS",
        "DB_PWD",
        "dbPassphrase",
        "GH_TOKEN",
        "ghtoken",
        "AWS_CREDENTIALS",
        "AUTHORIZATION",
        "DOCKER_AUTH_CONFIG",
    ],
)
def test_what_is_called_as_a_secret_is_hidden(name: str) -> None:
    variable = {"env": [{"name": name, "value": "hunter2"}]}
    v1 = {"spec": {"server": {"customCheProperties": {name: "hunter2"}}}}

    assert "hunter2" not in json.dumps([shown(each) for each in (variable, v1, properties(name, "hunter2"))])
    assert shown(variable) != shown({"env": [{"name": name, "value": "another"}]})


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "url",
    [
        "http://bob:{}@proxy.example.com:3128",
        "socks5h://bob:{}@proxy.example.com/path",
        "jdbc:postgresql://che:{}@db.example.com/dbche",
        "https://a.example.com:8443/x https://bob:{}@b.example.com/y",
    ],
)
def test_the_credentials_in_a_url_are_hidden_and_its_host_is_not(secret: str, url: str) -> None:
    spec = {"server": {"proxyURL": url.format(secret)}, "components": {"cheServer": {"proxy": {"url": url}}}}

    told = shown(spec)["server"]["proxyURL"]

    assert "hun" not in told and "ter2" not in told and "bob" not in told
    assert "example.com" in told
    assert "hunter2" not in json.dumps(shown(properties("ANY", url.format("hunter2"))))


@pytest.mark.parametrize(
    "text", ["https://hunter2@example.com/x", "bob:hunter2@proxy:3128", "-Dproxy=bob:hunter2@proxy:3128"]
)
def test_credentials_without_a_name_or_a_protocol_are_hidden_too(text: str) -> None:
    assert "hunter2" not in shown(properties("ANY", text))["spec"]["components"]["cheServer"]["extraProperties"]["ANY"]


@pytest.mark.parametrize(
    "text",
    [
        "jdbc:postgresql://db.example.com/dbche?user=che&password={}",
        "jdbc:postgresql://db.example.com/dbche?sslpassword={}&user=che",
        "-Xmx1g -Dhttp.proxyPassword={} -Duser=che",
        'Server=db.example.com;Password="{}"',
        '{{"user": "che", "client_secret": "{}"}}',
        "https://example.com/hook?key={}",
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "(hunter2", "{hunter2", "hun;ter2"])
def test_a_password_within_a_text_is_hidden_and_the_rest_is_not(text: str, secret: str) -> None:
    told = shown(properties("CHE_JDBC_URL", text.format(secret)))["spec"]["components"]["cheServer"]["extraProperties"]

    assert "hun" not in told["CHE_JDBC_URL"] and "ter2" not in told["CHE_JDBC_URL"]
    assert told["CHE_JDBC_URL"].startswith(text[:4].replace("{{", "{"))


PLAIN = {
    "server": {
        "cheHostTLSSecret": "che-tls",
        "proxySecret": "proxy-credentials",
        "proxyURL": "http://proxy.example.com:3128",
        "nonProxyHosts": "localhost|*.example.com",
        "customCheProperties": {
            "CHE_KEYCLOAK_REALM": "che",
            "CHE_KEYCLOAK_CLIENT__ID": "che-public",
            "CHE_OAUTH_GITHUB_CLIENTSECRET__FILEPATH": "/che-conf/oauth/github/secret",
            "CHE_LIMITS_USER_WORKSPACES_COUNT": "10",
            "CHE_TOKENS_ENABLED": "true",
            "CHE_JDBC_URL": "jdbc:postgresql://db.example.com:5432/dbche?sslmode=verify-full&user=che",
            "CHE_REGISTRY": "quay.io:443/eclipse/che@sha256:0123",
            "CHE_MAIL": "Che <che@example.com>",
            "CHE_BYPASS": "localhost",
        },
    },
    "auth": {"identityProviderSecret": "idp", "oAuthClientName": "che", "identityToken": "id_token"},
    "database": {"chePostgresSecret": "postgres-credentials", "chePostgresUser": "che"},
    "networking": {"tlsSecretName": "che-tls", "auth": {"identityToken": "access_token"}},
    "components": {
        "cheServer": {
            "deployment": {
                "containers": [
                    {
                        "name": "che",
                        "image": "https://quay.io/eclipse/che@sha256:0123",
                        "env": [
                            {"name": "LOG_LEVEL", "value": "DEBUG"},
                            {"name": "DB_PWD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                        ],
                    }
                ],
                "tolerations": [{"key": "node-role.kubernetes.io/infra", "operator": "Exists"}],
            }
        }
    },
    "gitServices": {"github": [{"secretName": "github-oauth-config", "endpoint": "https://github.com"}]},
    "imagePuller": {"spec": {"imagePullSecrets": "pull", "images": "a=quay.io/a:1;b=quay.io/b:2"}},
    "count": 3,
    "empty": None,
}


def test_what_can_hold_no_secret_stays_readable() -> None:
    assert shown({"kind": "CheCluster", "spec": PLAIN})["spec"] == PLAIN


def test_of_other_objects_only_texts_tell() -> None:
    told = shown_texts({"data": {"proxy": "http://bob:hunter2@proxy", "token": "x", "list": ["password=hunter2"]}})

    assert "hunter2" not in json.dumps(told)
    assert told["data"]["token"] == "x"


def test_equal_values_have_equal_marks() -> None:
    one, other = (shown_text(f"http://bob:{password}@proxy") for password in ("hunter2", "sesame"))
    assert one == shown_text("http://bob:hunter2@proxy") != other


@pytest.mark.parametrize("piece", ["://", "://a:b", "a=", 'a="', "password=", '"a": "', "x", "a:b ", "\\"])
def test_a_forged_text_does_not_hold_the_task_up(piece: str) -> None:
    began = time.process_time()
    shown_text(piece * (50_000 // len(piece)))
    assert time.process_time() - began < 5
