//go:build tools

// SPDX-FileCopyrightText: Contributors to the community.che collection
// SPDX-License-Identifier: GPL-3.0-or-later

// Package tool pins the version of versitygw.
package tool

import _ "github.com/versity/versitygw/cmd/versitygw"
