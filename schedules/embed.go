// Package schedules holds the fee schedules and the parameters they share, as dated data with legal basis.
//
// One file is one service; parameters/ holds what several services use (tax rates). A file is read and proved by
// internal/fee; a change of the law is a new dated entry, never an edit of an old one. The package is data only.
package schedules

import "embed"

// FS holds the schedule files as they are in this folder.
//
//go:embed *.yaml parameters/*.yaml
var FS embed.FS
