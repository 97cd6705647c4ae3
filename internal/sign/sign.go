// Package sign owns signatures: the program's own keys, their rotation, which of them the gateway's servers publish, and what
// is accepted from others' keys.
//
// It guarantees that a key signs one message in one way (RFC 6979), that a signature is accepted only with the algorithm
// its key names (never the message's choice), only from a key that is there to sign, only in the compact form, and that
// no key or address is ever taken out of a message. A key set that mixes public keys with private or symmetric ones, or
// uses a kid twice, is refused as a whole: it is either a leak or a trap. Algorithms are ES256, PS256 and EdDSA, those of
// FAPI 2.0.
//
// It is the only package that imports jwx. It knows no actor (internal/authn) and encrypts nothing.
package sign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrRefused is joined by every refusal of a message or token: the sender's fault, not ours. Its text holds nothing of
// the message.
var ErrRefused = errors.New("signature refused")

// ErrUnknownKey says that the message names a key that is not in the set; it joins ErrRefused.
var ErrUnknownKey = fmt.Errorf("%w: no key of that id", ErrRefused)

// ErrExpired says that the token's time is over; it joins ErrRefused.
var ErrExpired = fmt.Errorf("%w: the token has expired", ErrRefused)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// maxCompact bounds a message before anything of it is decoded. Receipts with their lines are the longest.
const maxCompact = 256 << 10

// maxHeader bounds the encoded header; ours take about 120 bytes.
const maxHeader = 4 << 10

// header is the protected header of a compact JWS (RFC 7515 section 4). Of it only these are used.
type header struct {
	Alg string
	KID string
	Typ string
}

// forbidden are headers that let a message choose its key or change what is signed (RFC 7515 sections 4.1.2 to 4.1.6 and
// 4.1.11, RFC 7797). Their presence is enough to refuse.
var forbidden = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64"}

// readCompact takes a compact JWS apart and checks all that can be checked without a key.
func readCompact(compact string) (header, error) {
	if len(compact) > maxCompact {
		return header{}, refused("longer than %d bytes", maxCompact)
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return header{}, refused("not a compact JWS of three parts")
	}
	if len(parts[0]) > maxHeader {
		return header{}, refused("header longer than %d bytes", maxHeader)
	}
	// Strict: padding, line breaks and stray bits are refused here, because jwx lets padded base64 pass and then one
	// signature would have several spellings (RFC 7515 section 2).
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return header{}, refused("not base64url without padding")
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[0])
	members, err := readObject(raw)
	if err != nil {
		return header{}, refused("header: %v", err)
	}
	for _, name := range forbidden {
		if _, there := members[name]; there {
			return header{}, refused("header %s is not allowed", name)
		}
	}
	var h header
	if err := members.pick(map[string]any{"alg": &h.Alg, "kid": &h.KID, "typ": &h.Typ}); err != nil {
		return header{}, refused("header %v", err)
	}
	if h.Alg == "" || h.KID == "" {
		return header{}, refused("the header must name alg and kid")
	}
	return h, nil
}

// object is a JSON object with its members still undecoded.
type object map[string]json.RawMessage

// pick decodes members by their exact names. Decoding into a struct would also take "Role" for "role".
func (o object) pick(into map[string]any) error {
	for name, target := range into {
		if value, there := o[name]; there && json.Unmarshal(value, target) != nil {
			return fmt.Errorf("%s is of the wrong kind", name)
		}
	}
	return nil
}

// readObject reads one JSON object and refuses a name that comes twice: two readers could choose differently (RFC 7515
// section 4, RFC 7519 section 4).
func readObject(raw []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := object{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("not a JSON object")
		}
		if _, twice := members[name]; twice {
			return nil, errors.New("a name comes twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("not a JSON object")
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}
