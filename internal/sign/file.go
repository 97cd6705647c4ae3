package sign

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// File is a JWKS document on disk, such as an identity provider's key set. It is read again when it has changed, so a
// rotation there needs no restart here, and a key taken out of it opens nothing for longer than a second. Safe for
// concurrent use.
type File struct {
	path string
	wall func() time.Time

	mu       sync.Mutex
	set      *KeySet
	modified time.Time
	size     int64
	looked   time.Time // when the file was last looked at, in the machine's clock
}

// lookEvery is how long the keys of one look at the file hold.
const lookEvery = time.Second

// OpenFile reads a JWKS document; wall is the machine's clock. It fails where ParseKeySet does.
func OpenFile(path string, wall func() time.Time) (*File, error) {
	f := &File{path: path, wall: wall}
	if err := f.reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Verify checks a message against the keys on file, as KeySet.Verify does. The file is looked at again where the last
// look is a second old, since a leaked key is taken back by removing it, and on a kid it does not know. A file that went
// bad keeps the keys that were good: a half-written one must not lock everybody out.
func (f *File) Verify(compact, typ string) ([]byte, error) {
	if f.due() {
		_ = f.reload()
	}
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

func (f *File) due() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	passed := f.wall().Sub(f.looked)
	return passed >= lookEvery || passed < 0 // the machine's clock may be set back
}

// reload reads the file where its time or size has changed; a message with a made-up kid then costs one look at it.
func (f *File) reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.wall()
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
