# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each API version of CheCluster says what: a table, so that the rest of the collection knows no version.

Source: the types of the Che operator, ``api/v1/checluster_types.go`` and ``api/v2/checluster_types.go``.
All paths start at ``spec`` or ``status``, as their names say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NamingField:
    """A field of the spec that names a Secret or a ConfigMap of the CheCluster's own namespace.

    Args:
        kind: ``Secret`` or ``ConfigMap``.
        path: Where the name stands.
        fixed_name: For a switch, the name that it stands for when it is on.
    """

    kind: str
    path: str
    fixed_name: str = ""


@dataclass(frozen=True)
class Generation:
    """One API version of CheCluster.

    Args:
        ready_status: The status field that tells whether Che runs.
        ready_value: Its value when Che does.
        base_domain_status: The status field with the domain that the operator found out by itself.
        host: The public host name.
        domain: The domain of routes and ingresses.
        oauth_client: The OAuthClient on OpenShift.
        oauth_secret: Either a plain OAuth secret, or the name of a Secret that holds it.
        external_database: The switch for a database that the operator doesn't run.
        database_host: Where that one is.
        database_port: Its server's port; v1 has it as text, v2 too.
        database_name: The name of Che's own database.
        database_secret: The Secret with its user and password.
        database_user: The user in plain text, where the version allows that.
        database_password: The password in plain text, where the version allows that.
        identity_database_secret: The Secret with the password of the identity provider's database.
        identity_database_password: That password in plain text, where the version allows that.
        no_identity_provider: The switches that each say that the operator runs no identity provider.
        documented_superuser: Whether the documents of an external database make Che's role a superuser (CodeReady
            Workspaces, "Configuring external PostgreSQL").
        openvsx_secret: The Secret with the name, the user and the password of the OpenVSX registry's database.
        openvsx_switches: What that registry's switch was called, as versions went by.
        properties: Settings of Che's server by the names of their environment variables; they win over all others.
        naming_fields: Every other field that names a Secret or a ConfigMap.
    """

    ready_status: str
    ready_value: str
    base_domain_status: str
    host: str
    domain: str
    oauth_client: str
    oauth_secret: str
    external_database: str
    database_host: str
    database_port: str
    database_name: str
    database_secret: str
    properties: str
    naming_fields: tuple[NamingField, ...]
    database_user: str = ""
    database_password: str = ""
    identity_database_secret: str = ""
    identity_database_password: str = ""
    no_identity_provider: tuple[str, ...] = ()
    documented_superuser: bool = False
    openvsx_secret: str = ""
    openvsx_switches: tuple[str, ...] = ()


_V1 = Generation(
    ready_status="cheClusterRunning",
    ready_value="Available",
    base_domain_status="devworkspaceStatus.workspaceBaseDomain",
    host="server.cheHost",
    domain="k8s.ingressDomain",
    oauth_client="auth.oAuthClientName",
    oauth_secret="auth.oAuthSecret",
    external_database="database.externalDb",
    database_host="database.chePostgresHostName",
    database_port="database.chePostgresPort",
    database_name="database.chePostgresDb",
    database_secret="database.chePostgresSecret",
    database_user="database.chePostgresUser",
    database_password="database.chePostgresPassword",
    identity_database_secret="auth.identityProviderPostgresSecret",
    identity_database_password="auth.identityProviderPostgresPassword",
    no_identity_provider=("auth.externalIdentityProvider", "auth.nativeUserMode"),
    documented_superuser=True,
    properties="server.customCheProperties",
    naming_fields=(
        NamingField("Secret", "server.cheHostTLSSecret"),
        NamingField("Secret", "server.proxySecret"),
        NamingField("Secret", "k8s.tlsSecretName"),
        NamingField("Secret", "database.chePostgresSecret"),
        NamingField("Secret", "auth.identityProviderSecret"),
        NamingField("Secret", "auth.identityProviderPostgresSecret"),
        NamingField("Secret", "imagePuller.spec.imagePullSecrets"),
        NamingField("ConfigMap", "server.serverTrustStoreConfigMapName"),
        NamingField("ConfigMap", "server.gitSelfSignedCert", fixed_name="che-git-self-signed-cert"),
    ),
)

# Containers under devEnvironments run in the users' namespaces: what they name is not of the CheCluster's namespace.
_V2_DEPLOYMENTS = ("components.*.deployment", "components.*.*.deployment", "networking.auth.gateway.deployment")
_DEPLOYMENT_FIELDS = (
    NamingField("Secret", "containers.*.env.*.valueFrom.secretKeyRef.name"),
    NamingField("ConfigMap", "containers.*.env.*.valueFrom.configMapKeyRef.name"),
    NamingField("Secret", "volumes.*.secret.secretName"),
    NamingField("ConfigMap", "volumes.*.configMap.name"),
    NamingField("Secret", "volumes.*.projected.sources.*.secret.name"),
    NamingField("ConfigMap", "volumes.*.projected.sources.*.configMap.name"),
)

_V2 = Generation(
    ready_status="chePhase",
    ready_value="Active",
    base_domain_status="workspaceBaseDomain",
    host="networking.hostname",
    domain="networking.domain",
    oauth_client="networking.auth.oAuthClientName",
    oauth_secret="networking.auth.oAuthSecret",
    external_database="components.database.externalDb",
    database_host="components.database.postgresHostName",
    database_port="components.database.postgresPort",
    database_name="components.database.postgresDb",
    database_secret="components.database.credentialsSecretName",
    openvsx_secret="components.openVSXRegistry.credentialsSecretName",
    openvsx_switches=("components.openVSXRegistry.enable", "components.openVSXRegistry.enabled"),
    properties="components.cheServer.extraProperties",
    naming_fields=(
        NamingField("Secret", "networking.tlsSecretName"),
        NamingField("Secret", "gitServices.*.*.secretName"),
        NamingField("Secret", "components.cheServer.proxy.credentialsSecretName"),
        NamingField("Secret", "components.database.credentialsSecretName"),
        NamingField("Secret", "components.openVSXRegistry.credentialsSecretName"),
        NamingField("Secret", "components.imagePuller.spec.imagePullSecrets"),
        NamingField("ConfigMap", "devEnvironments.trustedCerts.gitTrustedCertsConfigMapName"),
        *(
            NamingField(field.kind, f"{deployment}.{field.path}")
            for deployment in _V2_DEPLOYMENTS
            for field in _DEPLOYMENT_FIELDS
        ),
    ),
)

GENERATIONS = {"org.eclipse.che/v1": _V1, "org.eclipse.che/v2": _V2}
