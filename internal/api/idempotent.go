package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"exchequer/internal/order"
	"exchequer/internal/problem"
)

// headerKey is the header of draft-ietf-httpapi-idempotency-key-header.
const headerKey = "Idempotency-Key"

// Keyed is the part of an input that names a request which may be sent more than once.
type Keyed struct {
	Key string `header:"Idempotency-Key" doc:"Required: 1 to 64 characters, new for each new request. May be a quoted structured-field string. Answers are kept for 24 hours." example:"8e03978e-40d5-43dd-bc93-6894a57f9324"`
}

// stored is an answer with exactly the bytes that were, or will be, kept for the key.
type stored struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location"`
	Replayed    string `header:"Idempotency-Replayed" doc:"true when this is the answer of an earlier request with the same key"`
	Body        []byte
}

// once is one request that must have its effect once.
type once struct {
	operation string
	path      string // what the body is sent to: the same key on another path is another request
	key       string
	said      any
	location  string                              // prefix of the address of what is made; empty for none
	reserve   func() string                       // makes the reference the request will use
	do        func(reference string) (any, error) // the effect; asked again with the same reference it goes on
}

// once runs a request under its key (design: the key's row is committed first, the reserved reference makes the effect
// findable, the answer is stored last). Refusals are stored as answers are, except those a later try may not meet.
func (s *server) once(ctx context.Context, o once) (*stored, error) {
	name, err := readKey(o.key)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	body, err := json.Marshal(o.said)
	if err != nil {
		return nil, s.refuse(ctx, err, o.said)
	}
	key := order.Key{Client: actorOf(ctx).ID, Operation: o.operation, Key: name}
	claim, err := s.Keys.Begin(ctx, key, append([]byte(o.path+"\n"), body...), o.reserve)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	if claim.Status > 0 {
		a := o.answer(claim, claim.Status, claim.Answer)
		a.Replayed = "true"
		return a, nil
	}
	status, text := s.result(ctx, o, claim.Reference)
	// The caller may have gone; its answer must be kept all the same, or its lease would hold up the next try.
	if err := s.Keys.Finish(context.WithoutCancel(ctx), key, claim.Lease, status, text); err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return o.answer(claim, status, text), nil
}

func (s *server) result(ctx context.Context, o once, reference string) (int, []byte) {
	value, err := o.do(reference)
	status := http.StatusCreated
	if err != nil {
		p := s.problem(ctx, err, o.said)
		value, status = p, p.Status
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		p := s.problem(ctx, err, nil)
		fallback, _ := json.Marshal(p) // texts and a number
		return p.Status, fallback
	}
	return status, text.Bytes()
}

func (o once) answer(claim order.Claim, status int, text []byte) *stored {
	a := &stored{Status: status, ContentType: "application/json", Body: text}
	if status >= http.StatusBadRequest {
		a.ContentType = problemType
	} else if o.location != "" {
		a.Location = o.location + claim.Reference
	}
	return a
}

// readKey reads the header's value, plain or as a structured-field String (RFC 9651 section 3.3.3).
func readKey(value string) (string, error) {
	key := strings.TrimSpace(value)
	if strings.HasPrefix(key, `"`) {
		var err error
		if key, err = strconv.Unquote(key); err != nil {
			return "", problem.AtField(problem.Invalid, headerKey, "the quoted key does not end or holds a character it may not")
		}
	}
	if key == "" || len(key) > 64 {
		return "", problem.AtField(problem.Invalid, headerKey, "send a key of 1 to 64 characters, new for each new request")
	}
	for _, c := range key {
		if c < 0x20 || c > 0x7e {
			return "", problem.AtField(problem.Invalid, headerKey, "a key holds printable ASCII characters only")
		}
	}
	return key, nil
}
