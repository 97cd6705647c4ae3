package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

const (
	// keySetPath is where the keys stand that check what the program signed.
	keySetPath = "/.well-known/jwks.json"
	// keySetType is the media type of a key set (RFC 7517 section 8.5.2).
	keySetType = "application/jwk-set+json"
	// keySetCache lets a bank that checks many quotes ask now and then only. It is less than sign.Lead, for which a new key
	// is published before it signs: whoever keeps the set that long knows every kid.
	keySetCache = "public, max-age=900"
)

// keySet serves the public keys to anybody: a signature that only some can check is worth little.
func (s *server) keySet(api huma.API, r chi.Router) {
	r.Get(keySetPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", keySetType)
		w.Header().Set("Cache-Control", keySetCache)
		_, _ = w.Write(s.Signer.Public().JSON()) // the client may have gone
	})
	document(api, "keys", keySetPath, "The public keys that check signed quotes (JWKS, RFC 7517)", "The key set")
}
