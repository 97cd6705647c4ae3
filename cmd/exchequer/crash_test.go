package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestKilledAtRandomMomentsItGoesOn kills the program, its database and its queue in the middle of the story, at
// moments that are drawn, and then lets the story end: nothing may be lost, doubled or left uncertain.
func TestKilledAtRandomMomentsItGoesOn(t *testing.T) {
	t.Parallel()
	crashes(t, 1)
}

// TestSoakKilledAtRandomMoments is the same for longer.
func TestSoakKilledAtRandomMoments(t *testing.T) {
	if os.Getenv("EXCHEQUER_SOAK") == "" {
		return // run by make soak
	}
	crashes(t, 20)
}

func crashes(t *testing.T, rounds int) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("EXCHEQUER_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("EXCHEQUER_SEED=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	i := install(t, os.Geteuid())
	for range rounds {
		for _, blow := range []func(*installation, int){killProgram, killPostgres, flushRedis, killProgram} {
			i.struck(dice, blow)
		}
		i.proven()
		i.verified()
	}
}

// struck starts the program, strikes at a drawn moment, and kills it a little later if it still runs.
func (i *installation) struck(dice *rand.Rand, blow func(*installation, int)) {
	i.Helper()
	c, _ := i.command("run", "--exit")
	if err := c.Start(); err != nil {
		i.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	wait := time.Duration(dice.IntN(4500)) * time.Millisecond
	select {
	case <-ended: // the story was shorter than the wait
		return
	case <-time.After(wait):
	}
	blow(i, c.Process.Pid)
	select {
	case <-ended:
	case <-time.After(time.Duration(500+dice.IntN(1500)) * time.Millisecond):
		_ = c.Process.Signal(syscall.SIGKILL)
		<-ended
	}
}

func killProgram(_ *installation, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

func killPostgres(i *installation, _ int) {
	raw, err := os.ReadFile(filepath.Join(i.dir, "state", "postgres", "data", "postmaster.pid"))
	if err != nil {
		return // not up yet: nothing to kill
	}
	pid, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	if err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func flushRedis(i *installation, _ int) {
	raw, err := os.ReadFile(filepath.Join(i.dir, "state", "servers.json"))
	if err != nil {
		return
	}
	var at struct {
		RedisURL string `json:"redis_url"`
	}
	if err := json.Unmarshal(raw, &at); err != nil {
		i.Fatal(err)
	}
	o, err := redis.ParseURL(at.RedisURL)
	if err != nil {
		i.Fatal(fmt.Errorf("the address of Redis: %w", err))
	}
	client := redis.NewClient(o)
	defer client.Close()
	_ = client.FlushAll(i.Context()).Err() // it may be gone already
}
