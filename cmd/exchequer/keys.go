package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"exchequer/internal/embedded"
	"exchequer/internal/sign"
)

// keysFolder is where a state folder has the signing keys.
const keysFolder = "keys"

type keysCmd struct {
	Rotate keysRotateCmd `cmd:"" help:"Makes a new signing key in the state folder: running programs publish it within a second and sign with it later, when everybody has it."`
}

type keysRotateCmd struct {
	JSON bool `name:"json" help:"One JSON document."`
}

type rotated struct {
	Folder    string    `json:"folder"`
	SignsFrom time.Time `json:"signs_from"`
}

// Run needs no server: the folder is all that the programs share.
func (c keysRotateCmd) Run(e *environment) error {
	state := readSettings().stateDir
	if state == "" {
		var err error
		if state, err = embedded.DefaultStateDir(); err != nil {
			return err
		}
	}
	folder := filepath.Join(state, keysFolder)
	keys, err := sign.OpenKeys(folder, time.Now)
	if err != nil {
		return err
	}
	from, err := keys.Rotate()
	if err != nil {
		return err
	}
	return e.print(c.JSON, rotated{folder, from.UTC()}, func(w io.Writer) {
		fmt.Fprintf(w, "a new key in %s is published now and signs from %s on\n", folder, inVietnam(from))
	})
}
