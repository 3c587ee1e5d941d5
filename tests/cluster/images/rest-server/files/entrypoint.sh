#!/bin/sh
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Understands the variables of the public image: DATA_DIRECTORY, PASSWORD_FILE, DISABLE_AUTHENTICATION, OPTIONS.
set -e

authentication="--htpasswd-file=$PASSWORD_FILE"
[ -z "$DISABLE_AUTHENTICATION" ] || authentication=--no-auth

# shellcheck disable=SC2086 # OPTIONS holds several arguments
exec rest-server --path "$DATA_DIRECTORY" "$authentication" $OPTIONS
