//go:build tools

// SPDX-FileCopyrightText: Contributors to the community.che collection
// SPDX-License-Identifier: GPL-3.0-or-later

// Package tool pins the oldest version of restic that the collection works with.
package tool

import _ "github.com/restic/restic/cmd/restic"
