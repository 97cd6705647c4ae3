package sign

import (
	"crypto/sha256"
	"slices"
	"sync"
)

// mostTokens bounds what a set remembers; a program has a token an hour.
const mostTokens = 1024

// tokens remembers the access tokens whose signature held, by their hash. A caller sends one with each of thousands of
// requests, and to check it again costs as much as all else that is done for the request. Whether a signature holds by a
// set never changes, and a set that is read anew remembers nothing; what a token says, its time among it, is checked
// each time by ReadClaims.
type tokens struct {
	mu       sync.RWMutex
	payloads map[[sha256.Size]byte][]byte
}

func (t *tokens) payload(token [sha256.Size]byte) ([]byte, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok := t.payloads[token]
	return slices.Clone(p), ok
}

func (t *tokens) remember(token [sha256.Size]byte, payload []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.payloads == nil || len(t.payloads) == mostTokens {
		t.payloads = make(map[[sha256.Size]byte][]byte)
	}
	t.payloads[token] = slices.Clone(payload)
}
