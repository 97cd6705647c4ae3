package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Keys are the program's own signing keys (ES256), one file a key in a folder only the program's user may read. The
// newest signs; all that are on file verify, so what was signed before a rotation stays good. Safe for concurrent use.
type Keys struct {
	folder string

	mu     sync.RWMutex
	newest privateKey
	public *KeySet
}

type privateKey struct {
	kid string
	raw *ecdsa.PrivateKey
}

// keyFile is how a key's file ends; before it stands a number that grows, with which the key's kid begins too.
const keyFile = ".jwk"

// OpenKeys reads the keys in a folder, and makes folder and first key where there are none. It refuses a folder or a
// file that others may read.
func OpenKeys(folder string) (*Keys, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the signing keys cannot be made: %w", err)
	}
	k := &Keys{folder: folder}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	if k.public != nil {
		return k, nil
	}
	// Of programs started together one makes key 1 and the others find it made: they must sign with the same key.
	if err := k.add(1); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return k, k.Reload()
}

// Rotate makes a new key, which signs from now on. The older ones stay on file and verify; remove a file to retire its
// key. Another program on the same folder signs with the new key after its Reload.
func (k *Keys) Rotate() error {
	for {
		names, err := k.files()
		if err != nil {
			return err
		}
		err = k.add(nextNumber(names))
		if errors.Is(err, os.ErrExist) {
			continue // another program rotated just now
		}
		if err != nil {
			return err
		}
		return k.Reload()
	}
}

// Reload reads the folder again.
func (k *Keys) Reload() error {
	names, err := k.files()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return nil
	}
	var public []any
	var newest privateKey
	for _, name := range names {
		key, published, err := readKeyFile(filepath.Join(k.folder, name))
		if err != nil {
			return fmt.Errorf("signing key %s: %w", name, err)
		}
		newest, public = key, append(public, published)
	}
	document, err := json.Marshal(map[string]any{"keys": public})
	if err != nil {
		return err
	}
	set, err := ParseKeySet(document)
	if err != nil {
		return fmt.Errorf("the signing keys in %s: %w", k.folder, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest, k.public = newest, set
	return nil
}

// Sign gives the payload as a compact JWS with the newest key. typ is the media type of the message, such as
// "receipt+jwt"; Verify asks for the same. The same key, typ and payload give the same bytes.
func (k *Keys) Sign(typ string, payload []byte) (string, error) {
	k.mu.RLock()
	key := k.newest
	k.mu.RUnlock()
	headers := jws.NewHeaders()
	for name, value := range map[string]string{jws.KeyIDKey: key.kid, jws.TypeKey: typ} {
		if err := headers.Set(name, value); err != nil {
			return "", fmt.Errorf("signing: %w", err)
		}
	}
	compact, err := jws.Sign(payload, jws.WithKey(jwa.ES256, deterministic{key.raw}, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return string(compact), nil
}

// deterministic signs with the nonce of RFC 6979, which follows from the key and the message: a message has one
// signature of a key, and no bad source of randomness can give the key away.
type deterministic struct{ *ecdsa.PrivateKey }

// Sign passes over the source of randomness that it is given.
func (k deterministic) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, opts)
}

// Public gives the set that verifies what these keys signed, for publication.
func (k *Keys) Public() *KeySet {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.public
}

// Verify checks a message against all keys on file, as KeySet.Verify does.
func (k *Keys) Verify(compact, typ string) ([]byte, error) { return k.Public().Verify(compact, typ) }

// files lists the key files, oldest first.
func (k *Keys) files() ([]string, error) {
	info, err := os.Stat(k.folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of the signing keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read the signing keys: chmod 700 %s", k.folder)
	}
	entries, err := os.ReadDir(k.folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of the signing keys: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), keyFile) && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func nextNumber(names []string) int {
	n := 0
	if len(names) > 0 {
		fmt.Sscanf(names[len(names)-1], "%d", &n) // a name without a number counts as 0
	}
	return n + 1
}

// add makes a key and puts it on file under a number, whole or not at all. os.ErrExist where the number is taken.
func (k *Keys) add(number int) error {
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	if err := k.write(raw, fmt.Sprintf("%06d", number)); err != nil {
		return fmt.Errorf("writing a signing key: %w", err)
	}
	return nil
}

func (k *Keys) write(raw *ecdsa.PrivateKey, name string) error {
	key, err := jwk.FromRaw(raw)
	if err != nil {
		return err
	}
	print, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return err
	}
	kid := name + "-" + base64.RawURLEncoding.EncodeToString(print)[:10] // says which key, also beside another installation's
	for field, value := range map[string]string{jwk.KeyIDKey: kid, jwk.AlgorithmKey: "ES256", jwk.KeyUsageKey: "sig"} {
		if err := key.Set(field, value); err != nil {
			return err
		}
	}
	document, err := json.Marshal(key)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(k.folder, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	if _, err := draft.Write(document); err != nil {
		return errors.Join(err, draft.Close())
	}
	if err := errors.Join(draft.Sync(), draft.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, fails where the name is taken: of two programs that rotate at once both keep their key.
	return os.Link(draft.Name(), filepath.Join(k.folder, name+keyFile))
}

// readKeyFile gives the private key and the public JWK to publish.
func readKeyFile(path string) (privateKey, jwk.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return privateKey{}, nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return privateKey{}, nil, errors.New("others may read it: chmod 600")
	}
	document, err := os.ReadFile(path)
	if err != nil {
		return privateKey{}, nil, err
	}
	key, err := jwk.ParseKey(document)
	if err != nil {
		return privateKey{}, nil, errors.New("not a JSON Web Key") // the cause could quote the key
	}
	var raw ecdsa.PrivateKey
	if err := key.Raw(&raw); err != nil {
		return privateKey{}, nil, errors.New("not a private EC key")
	}
	public, err := jwk.PublicKeyOf(key)
	if err != nil {
		return privateKey{}, nil, err
	}
	return privateKey{kid: key.KeyID(), raw: &raw}, public, nil
}
