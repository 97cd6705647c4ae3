package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/bench"
	"exchequer/internal/sign"
	"exchequer/internal/story"
)

// benchToken is how long the benchmark's own token is good.
const benchToken = 24 * time.Hour

// serveForBench runs `exchequer serve` on a database in a process of its own, which checks tokens as it does anywhere.
func serveForBench(ctx context.Context, databaseURL string) (_ *bench.Served, err error) {
	dir, err := os.MkdirTemp("", "exchequer-bench-serve-")
	if err != nil {
		return nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	token, keySet, err := benchKeys(dir)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--json")
	cmd.Env = append(os.Environ(), "EXCHEQUER_STATE="+dir, "EXCHEQUER_DATABASE_URL="+databaseURL, "EXCHEQUER_JWKS="+keySet,
		"EXCHEQUER_REDIS_URL=redis://127.0.0.1:1") // the server wakes nobody: it never opens this address
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = closeTimeout
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var s serving
	if err := json.NewDecoder(out).Decode(&s); err != nil {
		return nil, fmt.Errorf("the server did not start: %w: %s", errors.Join(cmd.Cancel(), cmd.Wait()), said.String())
	}
	stop := func() error { return errors.Join(cmd.Cancel(), cmd.Wait(), remove()) }
	return &bench.Served{Address: s.Address, Token: token, Process: cmd.Process.Pid, Stop: stop}, nil
}

// benchKeys makes keys, a token signed by them and the key set that it is checked by.
func benchKeys(dir string) (token, keySet string, err error) {
	keys, err := sign.OpenKeys(filepath.Join(dir, keysFolder), time.Now)
	if err != nil {
		return "", "", err
	}
	issuer := authn.Issuer{Keys: keys, Realm: realm, Clock: story.Machine{}, TTL: benchToken}
	if token, err = issuer.Token(authn.Actor{ID: "bench", Role: authn.Bookkeeper, Books: []string{bench.Book}}); err != nil {
		return "", "", err
	}
	keySet = filepath.Join(dir, "jwks.json")
	return token, keySet, os.WriteFile(keySet, keys.Public().JSON(), 0o600)
}
