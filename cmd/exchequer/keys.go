package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"exchequer/internal/embedded"
	"exchequer/internal/problem"
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

// noteKeys tells the database which keys this server publishes, now and again until ctx ends.
func (g *gateway) noteKeys(ctx context.Context) error {
	t := time.NewTicker(sign.PublishEvery)
	defer t.Stop()
	for {
		if err := g.keys.Note(ctx, g.pool); err != nil && ctx.Err() == nil {
			g.log.Warn("the signing keys were not noted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// checkPublished refuses to sign with a key that no server of a shared database publishes: a state folder of one's own has
// such keys, and nobody could check what they sign. A private database stands in the folder of its keys.
func (g *gateway) checkPublished(ctx context.Context) error {
	if readSettings().databaseURL == "" {
		return nil
	}
	published, err := g.keys.Published(ctx, g.pool)
	if err != nil || published {
		return err
	}
	return problem.Both(problem.Conflict, "--sign",
		"không máy chủ nào của cơ sở dữ liệu này công bố khóa trong "+g.stateDir+", nên không ai kiểm tra được chữ ký: hãy đặt EXCHEQUER_STATE là thư mục của máy chủ, hoặc hỏi máy chủ (POST /v1/quotes)",
		"no server of this database publishes the key in "+g.stateDir+", so nobody could check the signature: set EXCHEQUER_STATE to the server's folder, or ask the server (POST /v1/quotes)")
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
