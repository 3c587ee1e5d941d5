# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that say where backups live."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``server_spec`` and ``server_reference_spec``."""

    DOCUMENTATION = r"""
options:
  repository_url:
    description:
      - The restic repository in restic's own notation, for example V(rest:https://backups.example.com:8000/che).
      - Without a protocol, as in V(rest:backups.example.com:1234/che), HTTPS is meant. Plain HTTP must be written out.
      - A port that is left out is the protocol's own, V(443) or V(80).
      - It may carry the user name at a REST server; the password belongs in O(server_password).
      - A bucket on S3 is named V(s3:https://host:port/bucket/path), or as in V(s3:s3.amazonaws.com/bucket/path), which
        means HTTPS and takes the path as it stands.
      - A folder on an SFTP server is named V(sftp:user@host:/path) or V(sftp://user@host:port//path) from the server's
        root, and V(sftp:user@host:path) or V(sftp://user@host:port/path) from the home of the user.
      - Where neither this nor O(rest) nor O(awss3) nor O(sftp) is given, the environment variable
        E(BACKUP_REPOSITORY_URL) is used.
    type: str
  rest:
    description:
      - The REST server in parts, instead of O(repository_url).
    type: dict
    suboptions:
      protocol:
        description: The protocol. V(http) sends the credentials of the server in the clear.
        type: str
        choices: [https, http]
        default: https
      hostname:
        description: Host name or IP address of the server.
        type: str
        required: true
      port:
        description: Port of the server.
        type: int
        default: 8000
      repository_path:
        description: Path of the repository on the server.
        type: str
  awss3:
    description:
      - A bucket on Amazon S3, or on a server that speaks the same protocol, in parts, instead of O(repository_url).
      - The bucket has to be there; it is never made.
    type: dict
    version_added: 0.2.0
    suboptions:
      protocol:
        description: The protocol. V(http) sends requests and answers in the clear.
        type: str
        choices: [https, http]
        default: https
      hostname:
        description: Host name or IP address of the server.
        type: str
        default: s3.amazonaws.com
      port:
        description: Port of the server. By default the protocol's own.
        type: int
      repository_path:
        description: The bucket, and after a slash the path of the repository in it.
        type: str
        required: true
  sftp:
    description:
      - A folder on an SFTP server in parts, instead of O(repository_url).
      - Only the last part of the path is ever made; the folder that holds it has to be there.
    type: dict
    version_added: 0.2.0
    suboptions:
      username:
        description: The user to log in as.
        type: str
        required: true
      hostname:
        description: Host name or IP address of the server.
        type: str
        required: true
      port:
        description: Port of the server.
        type: int
        default: 22
      repository_path:
        description: The path of the repository, from the server's root with a leading slash, else from the user's home.
        type: str
        required: true
  repository_password:
    description:
      - The password that seals the repository. Whoever loses it loses every backup in it.
      - Where neither this nor O(repository_password_secret) is given, the environment variable
        E(BACKUP_REPOSITORY_PASSWORD) is used.
    type: str
  repository_password_secret:
    description:
      - Name of a Secret in O(namespace) that holds the repository password under the key C(repo-password), or as its
        only key.
    type: str
  server_username:
    description:
      - User name at a REST server.
      - Where it is not given, the environment variable E(REST_SERVER_USERNAME) is used, for a REST server alone.
    type: str
  server_password:
    description:
      - Password at a REST server.
      - Where it is not given, the environment variable E(REST_SERVER_PASSWORD) is used, for a REST server alone.
    type: str
  server_credentials_secret:
    description:
      - Name of a Secret in O(namespace) with what opens the server. For a REST server that are the keys C(username) and
        C(password), for S3 C(awsAccessKeyId) and C(awsSecretAccessKey). For SFTP it is the key C(ssh-privatekey),
        or the only key.
    type: str
  s3_access_key_id:
    description:
      - Access key id at an S3 server.
      - Where no key is given, neither as an option nor in a Secret, the environment variables E(AWS_ACCESS_KEY_ID),
        E(AWS_SECRET_ACCESS_KEY) and E(AWS_SESSION_TOKEN) are used, for an S3 server alone. A backup or a restore then
        looks where every AWS client does, such as the default profile and the machine's role.
    type: str
    version_added: 0.2.0
  s3_secret_access_key:
    description: Secret access key at an S3 server.
    type: str
    version_added: 0.2.0
  s3_session_token:
    description:
      - Session token of temporary keys. It is used for this task alone, and has to last until the end of it.
      - M(community.che.backup_server) refuses to store such keys.
    type: str
    version_added: 0.2.0
  s3_profile:
    description: Name of a profile in the shared files of AWS, where the module runs, instead of the keys themselves.
    type: str
    version_added: 0.2.0
  s3_region:
    description: Region of the bucket. By default the server is asked for it.
    type: str
    version_added: 0.2.0
  s3_bucket_lookup:
    description:
      - Whether requests name the bucket in the path (V(path)) or in the host name (V(dns)).
      - By default it is V(auto), in the host name at Amazon and in the path elsewhere.
    type: str
    choices: [auto, path, dns]
    version_added: 0.2.0
  ssh_key:
    description:
      - Private SSH key that opens an SFTP server, in the format of OpenSSH or of OpenSSL, without a passphrase.
      - Where neither this nor O(ssh_key_path) nor O(server_credentials_secret) is given, the environment variable
        E(SSH_KEY_FILE) names a file with the key, or E(SSH_KEY) holds the key itself, for an SFTP server alone.
    type: str
    version_added: 0.2.0
  ssh_key_path:
    description: Path of a file, where the module runs, with the key that O(ssh_key) would hold.
    type: path
    version_added: 0.2.0
  ssh_host_key:
    description:
      - The public keys that an SFTP server is known by, each as in C(/etc/ssh/ssh_host_ed25519_key.pub) on the server,
        or as a line of C(known_hosts) or of C(ssh-keyscan).
      - A server that shows another one is refused before anything is sent to it.
      - What is stored with the server counts where this is not given.
    type: list
    elements: str
    version_added: 0.2.0
  server_ca_path:
    description: Path of a PEM file, where the module runs, with the CA certificate of the backup server.
    type: path
  server_ca_content:
    description: The CA certificate of the backup server as PEM text.
    type: str
  server_ca_secret:
    description: Name of a Secret in O(namespace) that holds the CA certificate under the key C(ca.crt).
    type: str
  internal_connection:
    description:
      - How the internal backup server, which this collection runs in the cluster, is reached from where the module
        runs. It says nothing about other servers, and Jobs in the cluster always use the Service.
      - V(service) connects to the Service's name, which means something inside the cluster alone.
      - V(port_forward) listens at a port of this machine's loopback for as long as the task runs, and passes on what
        comes there through the API server to the server's pod. TLS goes through it from end to end.
      - V(auto) takes the Service where it answers with the server's own certificate, else the forwarded port.
    type: str
    choices: [auto, service, port_forward]
    default: auto
    version_added: 0.2.0
  restic_path:
    description: The restic program where the module runs, version 0.17.3 or later.
    type: path
    default: restic
"""

    REFERENCE = r"""
options:
  backup_server:
    description:
      - Name of a backup server that was configured with M(community.che.backup_server).
      - When neither this nor O(repository_url) nor O(rest) nor O(awss3) nor O(sftp) is given, the environment variable
        E(BACKUP_SERVER_CONFIG_NAME) names it; without that E(BACKUP_REPOSITORY_URL) says all of a server; else the only
        configured one is used; when there are several, the one that a backup or a restore used last; when none was
        used yet, the one named C(eclipse-che-backup-server-config).
      - A backup or a restore that names a configured server, or says all of one that is configured, makes it the one
        that is used from then on where none is named.
      - Where none is configured, a backup sets up and uses the internal one, as
        O(community.che.backup_server#module:internal) does; everything else fails.
    type: str
"""
