package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Addresses is where a running program's servers are, as written to servers.json in its state folder.
type Addresses struct {
	DatabaseURL string `json:"database_url"`
	RedisURL    string `json:"redis_url"`
	PID         int    `json:"pid"` // the program that holds the folder
	RedisPID    int    `json:"redis_pid,omitempty"`
}

// Running gives the addresses of the servers which a program that holds stateDir ("": the default one) has in use, and
// false where none runs. A second command works on the same books with them instead of starting servers of its own.
func Running(stateDir string) (Addresses, bool) {
	dir, err := resolve(stateDir)
	if err != nil || !locked(dir) {
		return Addresses{}, false
	}
	a, err := readAddresses(dir)
	return a, err == nil && a.DatabaseURL != ""
}

// runsRedis reports whether the private Redis of these addresses is still there. Its title carries the port, so that
// another Redis, which got the same process number later, is not taken for it.
func (a Addresses) runsRedis() bool {
	u, err := url.Parse(a.RedisURL)
	if err != nil || a.RedisPID == 0 || !processExists(a.RedisPID) {
		return false
	}
	return strings.Contains(strings.Join(commandLine(a.RedisPID), " "), "redis-server 127.0.0.1:"+u.Port())
}

func addressesPath(dir string) string { return filepath.Join(dir, "servers.json") }

func readAddresses(dir string) (Addresses, error) {
	var a Addresses
	text, err := os.ReadFile(addressesPath(dir))
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// writeAddresses replaces the file in one step: a reader sees the old or the new one. Only this user may read it, as
// addresses hold passwords.
func (s *Servers) writeAddresses() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := Addresses{DatabaseURL: s.databaseURL, RedisURL: s.redisURL, PID: os.Getpid()}
	if r, ok := s.redis.(*redisProcess); ok {
		a.RedisPID = r.pid()
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // people read this file too, and addresses hold &
	enc.SetIndent("", "  ")
	if err := enc.Encode(a); err != nil {
		return err
	}
	fresh := addressesPath(s.stateDir) + ".new"
	if err := os.WriteFile(fresh, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing the addresses in use: %w", err)
	}
	return os.Rename(fresh, addressesPath(s.stateDir))
}

func removeAddresses(dir string) error {
	if err := os.Remove(addressesPath(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
