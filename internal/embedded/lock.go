package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrLocked means that another program holds the state folder. The error that wraps it names that program's pid.
var ErrLocked = errors.New("the state folder is in use")

// folderLock keeps the state folder for one program. The kernel gives it free when the program ends, however it ends:
// the descriptor is not inherited by the servers.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, folderError(dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for tries := 0; errors.Is(err, syscall.EWOULDBLOCK) && tries < 10; tries++ {
		// Running holds the lock for a moment when it looks whether anybody does.
		time.Sleep(20 * time.Millisecond)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, folderError(dir, err)
		}
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w: %s is held by the exchequer with pid %s; stop that one, or set EXCHEQUER_STATE to another folder",
			ErrLocked, dir, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, folderError(dir, err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		f.Close()
		return nil, folderError(dir, err)
	}
	return &folderLock{file: f}, nil
}

// release empties the file and does not remove it: a file removed under the lock could be locked twice.
func (l *folderLock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// locked reports whether a running program holds the folder.
func locked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
