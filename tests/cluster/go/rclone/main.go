// SPDX-FileCopyrightText: Contributors to the community.che collection
// SPDX-License-Identifier: GPL-3.0-or-later

// rclone with what a Job needs of it: the SFTP client, and the server that restic speaks with. All of rclone takes
// several times as long to build.
package main

import (
	_ "github.com/rclone/rclone/backend/b2" // restic hands over an option of it
	_ "github.com/rclone/rclone/backend/local"
	_ "github.com/rclone/rclone/backend/sftp"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/serve/restic"
	_ "github.com/rclone/rclone/cmd/version"
)

func main() {
	cmd.Main()
}
