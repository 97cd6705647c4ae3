package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// sent is what a caller sent, as far as refusals must know it.
type sent struct {
	fields map[string]json.RawMessage // by name, of the body
	values []string                   // every text and number in it, longest first
}

// reading takes a request's body apart. A nil body is that of a request without one.
func reading(body any) sent {
	var s sent
	text, err := json.Marshal(body)
	if err != nil || body == nil {
		return s
	}
	_ = json.Unmarshal(text, &s.fields) // what we marshalled ourselves; a body that is no object has no fields
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var whole any
	_ = dec.Decode(&whole)
	s.collect(whole)
	// A longer value first: it may hold a shorter one.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
	return s
}

// collect gathers texts and numbers. The names of fields are not the caller's own: a refusal may name them.
func (s *sent) collect(v any) {
	switch v := v.(type) {
	case string:
		s.values = append(s.values, v)
	case json.Number:
		s.values = append(s.values, v.String())
	case []any:
		for _, e := range v {
			s.collect(e)
		}
	case map[string]any:
		for _, e := range v {
			s.collect(e)
		}
	}
}

// unsaid puts other words in the place of the caller's own values: where they are quoted, and where the sentence begins
// with one. Refusals are written by packages that may quote a value for the command line; an answer over the network
// must not, since any field may hold what should have stood elsewhere, such as a name.
func (s sent) unsaid(detail, instead string) string {
	for _, v := range s.values {
		if v == "" {
			continue
		}
		detail = strings.ReplaceAll(detail, strconv.Quote(v), instead)
		if rest, ok := strings.CutPrefix(detail, v+" "); ok {
			detail = instead + " " + rest
		}
	}
	return detail
}

// catalogued are the catalogue's own words in refusals of a quote: no input is called so.
var catalogued = []string{"charge", "budget", "account"}

// place says where a field of a refusal stands in the request.
func (s sent) place(field string) Fault {
	_, isField := s.fields[field]
	switch {
	case field == headerKey || s.fields == nil:
		return Fault{Parameter: field}
	case isField:
		return Fault{Pointer: "#/" + field}
	case s.fields["bills"] != nil:
		return Fault{Pointer: "#/bills"}
	case s.fields["inputs"] != nil && !slices.Contains(catalogued, field):
		return Fault{Pointer: "#/inputs/" + field}
	}
	return Fault{}
}
