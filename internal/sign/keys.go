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
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Keys are the program's own signing keys (ES256), one file a key in a folder only the program's user may read. The
// newest signs, once it was published for Lead; all that are on file verify, so what was signed before a rotation stays
// good. The folder is looked at again every second, so that every running program follows a rotation and a key that is
// taken away. Safe for concurrent use.
type Keys struct {
	folder string
	wall   func() time.Time

	mu     sync.Mutex
	names  []string // of the files that were read
	keys   []privateKey
	public *KeySet
	looked time.Time // when the folder was last looked at, in the machine's clock
}

// Lead is how long a new key is published before it signs: longer than anybody keeps the published set.
const Lead = 20 * time.Minute

type privateKey struct {
	kid  string
	raw  *ecdsa.PrivateKey
	from time.Time // when it begins to sign; it stands in the file, which keeps it when it is copied
}

// keyFile is how a key's file ends; before it stands a number that grows, with which the key's kid begins too.
const keyFile = ".jwk"

// OpenKeys reads the keys in a folder, and makes folder and first key where there are none; wall is the machine's clock.
// It refuses a folder or a file that others may read.
func OpenKeys(folder string, wall func() time.Time) (*Keys, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the signing keys cannot be made: %w", err)
	}
	k := &Keys{folder: folder, wall: wall}
	if err := k.reload(); err != nil {
		return nil, err
	}
	if k.public != nil {
		return k, nil
	}
	// Of programs started together one makes key 1 and the others find it made: they must sign with the same key.
	// There is nobody yet who could keep an older set: it signs at once.
	if err := k.add(1, wall()); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return k, k.reload()
}

// Rotate makes a new key, which is published at once, also by other programs on the folder, and gives the instant from
// which it signs. The older ones stay on file and verify; remove a file to retire its key.
func (k *Keys) Rotate() (time.Time, error) {
	for {
		names, err := k.files()
		if err != nil {
			return time.Time{}, err
		}
		from := k.wall().Add(Lead).Truncate(time.Second)
		err = k.add(nextNumber(names), from)
		if errors.Is(err, os.ErrExist) {
			continue // another program rotated just now
		}
		if err != nil {
			return time.Time{}, err
		}
		return from, k.reload()
	}
}

// look reads the folder again where the last look is a second old. Keys that cannot be read leave those that were good:
// a file that somebody is still copying must not stop the program from signing.
func (k *Keys) look() {
	k.mu.Lock()
	passed := k.wall().Sub(k.looked)
	k.mu.Unlock()
	if passed >= lookEvery || passed < 0 { // the machine's clock may be set back
		_ = k.reload()
	}
}

// reload reads the folder again where it holds other files.
func (k *Keys) reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked = k.wall()
	names, err := k.files()
	if err != nil {
		return err
	}
	if len(names) == 0 || slices.Equal(names, k.names) {
		return nil
	}
	var public []any
	var keys []privateKey
	for _, name := range names {
		key, published, err := readKeyFile(filepath.Join(k.folder, name))
		if err != nil {
			return fmt.Errorf("signing key %s: %w", name, err)
		}
		keys, public = append(keys, key), append(public, published)
	}
	document, err := json.Marshal(map[string]any{"keys": public})
	if err != nil {
		return err
	}
	set, err := ParseKeySet(document)
	if err != nil {
		return fmt.Errorf("the signing keys in %s: %w", k.folder, err)
	}
	k.names, k.keys, k.public = names, keys, set
	return nil
}

// signer gives the newest key that has begun to sign. Where none has, the oldest signs: it was published first.
func (k *Keys) signer() privateKey {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range slices.Backward(k.keys) {
		if !key.from.After(k.wall()) {
			return key
		}
	}
	return k.keys[0]
}

// Sign gives the payload as a compact JWS with the key whose turn it is. typ is the media type of the message, such as
// "receipt+jwt"; Verify asks for the same. The same key, typ and payload give the same bytes.
func (k *Keys) Sign(typ string, payload []byte) (string, error) {
	key := k.signer()
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
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
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
func (k *Keys) add(number int, from time.Time) error {
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	if err := k.write(raw, fmt.Sprintf("%06d", number), from); err != nil {
		return fmt.Errorf("writing a signing key: %w", err)
	}
	return nil
}

func (k *Keys) write(raw *ecdsa.PrivateKey, name string, from time.Time) error {
	key, err := jwk.FromRaw(raw)
	if err != nil {
		return err
	}
	print, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return err
	}
	kid := name + "-" + base64.RawURLEncoding.EncodeToString(print)[:10] // says which key, also beside another installation's
	for field, value := range map[string]any{jwk.KeyIDKey: kid, jwk.AlgorithmKey: "ES256", jwk.KeyUsageKey: "sig", notBefore: from.Unix()} {
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

// notBefore is the member of a key's file that says when it begins to sign, in seconds since 1970; one without it signs.
const notBefore = "nbf"

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
	var begins struct {
		NBF int64 `json:"nbf"`
	}
	if json.Unmarshal(document, &begins) != nil {
		return privateKey{}, nil, errors.New("its nbf is not a number of seconds")
	}
	public, err := jwk.PublicKeyOf(key)
	if err == nil {
		err = public.Remove(notBefore) // nobody outside needs it
	}
	return privateKey{kid: key.KeyID(), raw: &raw, from: time.Unix(begins.NBF, 0)}, public, err
}
