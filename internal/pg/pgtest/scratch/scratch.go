// Package scratch owns the folders that tests give to servers: in memory where the system has room there.
//
// It guarantees a short path (a socket's path is short by law of the system, and TMPDIR may be long) which every user
// may pass, because servers started by root run as somebody else; and that folders of processes that were killed are
// removed by the next one. It is not for tests of what a disk keeps.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	memory = "/dev/shm"
	disk   = "/tmp"

	// room is what must be free in memory: two dozen databases of 10 MB and the logs of a few servers, several times over.
	room = 2 << 30
)

// New makes a folder whose name begins by the prefix and the number of this process. The caller removes it; what a
// killed process left under the same prefix is removed now.
func New(prefix string) (string, error) {
	sweep(prefix)
	pattern := fmt.Sprintf("%s%d-", prefix, os.Getpid())
	dir, err := "", errors.ErrUnsupported
	if hasRoom(memory) {
		dir, err = os.MkdirTemp(memory, pattern)
	}
	if err != nil {
		if dir, err = os.MkdirTemp(disk, pattern); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

func hasRoom(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Bavail*uint64(fs.Bsize) >= room
}

func sweep(prefix string) {
	for _, parent := range []string{memory, disk} {
		found, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
		for _, dir := range found {
			number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
			pid, err := strconv.Atoi(number)
			if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				// Another user's folder stays: only its owner may remove it.
				_ = os.RemoveAll(dir)
			}
		}
	}
}
