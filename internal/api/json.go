package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/internal/problem"
)

// exactJSON reads numbers as they are written. The framework reads a body into values first, to check it against the
// schema; as a float64 a number could lose digits there, or be too large and make the whole body no JSON.
var exactJSON = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, v any) error {
	if _, free := v.(*any); !free {
		return json.Unmarshal(data, v)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON document")
	}
	if repeated(json.NewDecoder(bytes.NewReader(data))) {
		return errors.New(nameRepeated)
	}
	return nil
}}

// nameRepeated is the refusal of a body in which it would depend on the reader which of two members counts.
const nameRepeated = "a name stands twice in one object, in the same or in other letters: send each member once"

// repeated reports whether a name stands twice in one object of the next value, which is known to be well-formed. Names
// that differ in large and small letters alone are one member of a request.
func repeated(dec *json.Decoder) bool {
	begin, _ := dec.Token()
	if _, nested := begin.(json.Delim); !nested {
		return false
	}
	names := map[string]bool{}
	for dec.More() {
		if begin == json.Delim('{') {
			token, _ := dec.Token()
			name, _ := token.(string)
			name = strings.ToLower(strings.ToUpper(name)) // two letters may share their large one only
			if names[name] {
				return true
			}
			names[name] = true
		}
		if repeated(dec) {
			return true
		}
	}
	_, _ = dec.Token() // the closing bracket
	return false
}

// onlyJSON refuses a body that is not said to be of any type, which the framework would take for JSON: any page can send
// such a body anywhere, and a browser asks nobody before it does.
func (s *server) onlyJSON(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humachi.Unwrap(ctx)
		if ctx.Operation().RequestBody == nil || r.ContentLength == 0 || ctx.Header("Content-Type") != "" {
			next(ctx)
			return
		}
		p := newProblem(ctx.Context(), problem.Invalid, detailOfStatus[http.StatusUnsupportedMediaType])
		p.Status = http.StatusUnsupportedMediaType
		_ = huma.WriteErr(api, ctx, p.Status, p.Detail, p)
	}
}
