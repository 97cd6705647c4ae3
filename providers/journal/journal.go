// Package journal keeps a simulator's book in a file of its own: one JSON document a line, only ever appended.
//
// It guarantees that what Sync has returned for survives kill -9 and loss of power, that a line torn by such an end
// is dropped when the file is opened again, and that one process at a time holds the file. It is not a database:
// whoever opens it replays all lines into memory.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// ErrInUse: another process holds the file.
var ErrInUse = errors.New("journal is in use by another process: stop it first")

// Journal is an open journal file. Its methods may be called from several goroutines.
type Journal struct {
	file *os.File

	mu      sync.Mutex // guards the fields below and the order of lines in the file
	size    int64      // bytes of whole lines written
	written uint64     // lines written
	broken  error      // set for ever by a failed write or sync: what is on disk is then uncertain

	syncing sync.Mutex // held by the one goroutine that runs fsync for all that wait
	durable uint64     // lines known to be on disk; guarded by syncing
}

// Open opens or makes the file and gives every whole line to replay, in order. ErrInUse when another process has it;
// an error names the line that replay refuses.
func Open(path string, replay func(line []byte) error) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of a journal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a journal: %w", err)
	}
	j := &Journal{file: f}
	if err := j.recover(replay); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("journal %s: %w", filepath.Base(path), err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return j, nil
}

// recover locks the file, replays its whole lines and cuts off what follows the last of them.
func (j *Journal) recover(replay func([]byte) error) error {
	// The lock belongs to the process and dies with it, so nothing is left behind by kill -9.
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return ErrInUse
	}
	r := bufio.NewReaderSize(j.file, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what was read has no end of line: torn, and nobody was answered for it
		}
		if err != nil {
			return err
		}
		if err := replay(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return fmt.Errorf("line %d cannot be replayed: %w", j.written+1, err)
		}
		j.size += int64(len(line))
		j.written++
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	// Lines replayed from the page cache of a killed process may not be on disk yet, and we are about to act on them.
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.durable = j.written
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// Write appends v as one line. It is in the file's order at once and durable after the next Sync: answer nobody before.
func (j *Journal) Write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing to a journal: %w", err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if _, err := j.file.Write(line); err != nil {
		// Part of the line may be in the file. Cut it off; if even that fails nothing may follow it.
		j.broken = fmt.Errorf("journal is unusable, restart after making room: %w", err)
		_ = j.file.Truncate(j.size)
		return j.broken
	}
	j.size += int64(len(line))
	j.written++
	return nil
}

// Sync returns when all that was written before the call is on disk. Calls at the same time share one fsync.
func (j *Journal) Sync() error {
	j.mu.Lock()
	want := j.written
	j.mu.Unlock()

	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	reached, broken := j.written, j.broken
	j.mu.Unlock()
	if broken != nil {
		return broken
	}
	if j.durable >= want {
		return nil // somebody else's fsync covered our lines while we waited
	}
	if err := j.file.Sync(); err != nil {
		// After a failed fsync the kernel may drop the pages: a second try could succeed and mean nothing.
		j.mu.Lock()
		j.broken = fmt.Errorf("journal is unusable, restart: %w", err)
		j.mu.Unlock()
		return err
	}
	j.durable = reached
	return nil
}

// Close makes everything durable and releases the file.
func (j *Journal) Close() error {
	err := j.Sync()
	return errors.Join(err, j.file.Close())
}

// syncFolder makes the file's name durable: fsync of the file alone does not.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
