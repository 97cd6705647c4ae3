package sign

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// File is a JWKS document on disk, such as an identity provider's key set. It is read again when it has changed, so a
// rotation there needs no restart here. Safe for concurrent use.
type File struct {
	path string

	mu       sync.Mutex
	set      *KeySet
	modified time.Time
	size     int64
}

// OpenFile reads a JWKS document. It fails where ParseKeySet does.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	if err := f.reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Verify checks a message against the keys on file, as KeySet.Verify does. The file is looked at again on a kid it does
// not know. A file that went bad keeps the keys that were good: a half-written one must not lock everybody out.
func (f *File) Verify(compact, typ string) ([]byte, error) {
	payload, err := f.keys().Verify(compact, typ)
	if !errors.Is(err, ErrUnknownKey) || f.reload() != nil {
		return payload, err
	}
	return f.keys().Verify(compact, typ)
}

func (f *File) keys() *KeySet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

// reload reads the file where its time or size has changed; a message with a made-up kid then costs one look at it.
func (f *File) reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("the key set cannot be read, check EXCHEQUER_JWKS: %w", err)
	}
	if f.set != nil && info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return nil
	}
	document, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("the key set cannot be read, check EXCHEQUER_JWKS: %w", err)
	}
	set, err := ParseKeySet(document)
	if err != nil {
		return fmt.Errorf("key set %s: %w", f.path, err)
	}
	f.set, f.modified, f.size = set, info.ModTime(), info.Size()
	return nil
}
