package sign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// KeySet is a set of public keys that signatures are checked with. It does not change.
type KeySet struct {
	keys   map[string]publicKey // by kid
	json   []byte
	tokens tokens
}

// publicKey is a key with the one algorithm it is used with.
type publicKey struct {
	alg jwa.SignatureAlgorithm
	raw any // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
}

// minRSABits is the least RSA modulus accepted (NIST SP 800-131A).
const minRSABits = 2048

// ParseKeySet reads a JWKS document (RFC 7517). Keys for other uses than signing are left out. It fails where the set
// holds a private or symmetric key, a kid twice, a signing key without kid or alg, an algorithm outside the closed list,
// a key that does not fit its algorithm, or no signing key at all.
func ParseKeySet(document []byte) (*KeySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("not a JWKS document: %w", err)
	}
	set := &KeySet{keys: map[string]publicKey{}}
	var kept []json.RawMessage
	for i, raw := range doc.Keys {
		kid, key, err := parseKey(raw)
		if errors.Is(err, errOtherUse) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		}
		if _, twice := set.keys[kid]; twice {
			return nil, fmt.Errorf("key %d of the set: its kid comes twice", i+1)
		}
		set.keys[kid] = key
		kept = append(kept, raw)
	}
	if len(kept) == 0 {
		return nil, errors.New("the set holds no key that signs")
	}
	var err error
	set.json, err = json.Marshal(map[string]any{"keys": kept})
	return set, err
}

// JSON gives the set as a JWKS document, for publication.
func (s *KeySet) JSON() []byte { return append([]byte(nil), s.json...) }

// Verify checks a compact JWS and gives its payload. typ is the media type its header must name: it keeps one kind of
// message from being passed off as another. The error joins ErrRefused; ErrUnknownKey where the kid is not in the set.
func (s *KeySet) Verify(compact, typ string) ([]byte, error) {
	if typ != TokenType {
		return s.verify(compact, typ)
	}
	hash := sha256.Sum256([]byte(compact))
	if payload, ok := s.tokens.payload(hash); ok {
		return payload, nil
	}
	payload, err := s.verify(compact, typ)
	if err == nil {
		s.tokens.remember(hash, payload)
	}
	return payload, err
}

func (s *KeySet) verify(compact, typ string) ([]byte, error) {
	h, err := readCompact(compact)
	if err != nil {
		return nil, err
	}
	key, known := s.keys[h.KID]
	if !known {
		return nil, ErrUnknownKey
	}
	// The key names the algorithm. The message may only agree.
	if h.Alg != string(key.alg) {
		return nil, refused("the key does not sign with that algorithm")
	}
	if h.Typ != typ {
		return nil, refused("it is not of type %s", typ)
	}
	payload, err := jws.Verify([]byte(compact), jws.WithKey(key.alg, key.raw), jws.WithCompact())
	if err != nil {
		return nil, refused("the signature does not hold")
	}
	return payload, nil
}

var errOtherUse = errors.New("a key for another use")

func parseKey(raw json.RawMessage) (string, publicKey, error) {
	members, err := readObject(raw)
	if err != nil {
		return "", publicKey{}, err
	}
	var m struct {
		KID, KTY, Use, Alg string
		Ops                []string
	}
	err = members.pick(map[string]any{"kid": &m.KID, "kty": &m.KTY, "use": &m.Use, "alg": &m.Alg, "key_ops": &m.Ops})
	if err != nil {
		return "", publicKey{}, err
	}
	switch {
	// Looked at before the use: a secret does not belong here whatever it is for.
	case m.KTY == "oct" || members["k"] != nil:
		return "", publicKey{}, errors.New("a symmetric key in a public set")
	case members["d"] != nil:
		return "", publicKey{}, errors.New("a private key in a public set")
	case m.Use != "" && m.Use != "sig", len(m.Ops) > 0 && !verifies(m.Ops):
		return "", publicKey{}, errOtherUse
	case m.KID == "" || m.Alg == "":
		return "", publicKey{}, errors.New("a key that signs needs kid and alg")
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return "", publicKey{}, errors.New("not a JSON Web Key that can be read")
	}
	var key any
	if err := parsed.Raw(&key); err != nil {
		return "", publicKey{}, errors.New("not a JSON Web Key that can be read")
	}
	return m.KID, publicKey{alg: jwa.SignatureAlgorithm(m.Alg), raw: key}, fits(key, m.Alg)
}

func verifies(ops []string) bool {
	for _, op := range ops {
		if op == "verify" {
			return true
		}
	}
	return false
}

// fits checks that a key is of the kind its algorithm needs and strong enough.
func fits(key any, alg string) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if alg != "ES256" || k.Curve != elliptic.P256() {
			return fmt.Errorf("an EC key must be on P-256 with alg ES256")
		}
		if _, err := k.ECDH(); err != nil {
			return errors.New("the point is not on the curve")
		}
		return nil
	case *rsa.PublicKey:
		if alg != "PS256" || k.N.BitLen() < minRSABits || k.E < 65537 {
			return fmt.Errorf("an RSA key must have at least %d bits, an exponent of at least 65537 and alg PS256", minRSABits)
		}
		return nil
	case ed25519.PublicKey:
		if alg != "EdDSA" {
			return errors.New("an Ed25519 key must have alg EdDSA")
		}
		return nil
	}
	return errors.New("a kind of key that is not used here")
}
