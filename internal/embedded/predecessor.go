package embedded

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// awaitPredecessor deals with what a killed program left on the data folder. The caller holds the state folder's lock,
// so a postmaster still there belongs to nobody: it is asked to stop and waited for. A postmaster.pid whose number is
// in use by another kind of process (numbers repeat soon in a small machine) would keep the server from starting for
// ever, so that file is removed; a file whose process has ended is left to PostgreSQL, which clears it with its own checks.
func (p *Postgres) awaitPredecessor(ctx context.Context) error {
	deadline := time.Now().Add(retryPatience)
	for {
		pid := readPidFile(p.dataDir()).pid
		if pid == 0 || !processExists(pid) {
			return nil
		}
		if !serves(pid, p.dataDir()) {
			return os.Remove(filepath.Join(p.dataDir(), "postmaster.pid"))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL with pid %d still runs on %s and does not stop: end it, then start again", pid, p.dataDir())
		}
		_ = syscall.Kill(pid, syscall.SIGINT)
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// serves reports whether the process is a postmaster started on dataDir. The command line is readable by everybody,
// unlike the working folder, which a container may hide even from root.
func serves(pid int, dataDir string) bool {
	args := commandLine(pid)
	return len(args) > 2 && strings.HasSuffix(args[0], "postgres") && args[1] == "-D" && args[2] == dataDir
}

func commandLine(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return nil
	}
	var args []string
	for _, a := range bytes.Split(bytes.TrimRight(text, "\x00"), []byte{0}) {
		args = append(args, string(a))
	}
	return args
}

// processExists reports whether the process is there and has not ended (a zombie has).
func processExists(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// The state follows the name, which stands in brackets and may itself hold spaces and brackets.
	i := bytes.LastIndexByte(text, ')')
	return i < 0 || i+2 >= len(text) || text[i+2] != 'Z'
}
