package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/internal/calendar"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// portal speaks to Exchequer's own API as the public service portal does, and plays the payer's browser at the
// provider's page. Everything goes over HTTP.
type portal struct {
	api      string // base address
	token    func() (string, error)
	client   *http.Client
	patience time.Duration
}

type billAnswer struct {
	Ref    string `json:"ref"`
	Amount int64  `json:"amount"`
}

type attemptAnswer struct {
	Ref    string `json:"ref"`
	State  string `json:"state"`
	Action *struct {
		URL string `json:"url"`
	} `json:"action"`
}

type orderAnswer struct {
	Ref      string          `json:"ref"`
	State    string          `json:"state"`
	Attempts []attemptAnswer `json:"attempts"`
}

// bill asks for a payer's bill; the source reference makes it the same bill however often it is asked for.
func (p portal) bill(ctx context.Context, who payer, source string) (billAnswer, error) {
	var out billAnswer
	err := p.send(ctx, http.MethodPost, "/v1/bills", "", struct {
		Service   string          `json:"service"`
		Body      string          `json:"body"`
		SourceRef string          `json:"source_ref"`
		Payer     string          `json:"payer"`
		Date      calendar.Date   `json:"date"`
		Inputs    json.RawMessage `json:"inputs"`
	}{who.service, who.body, source, "subject-" + source, who.date, who.inputs}, &out)
	return out, err
}

func (p portal) open(ctx context.Context, key, bill string) (orderAnswer, error) {
	var out orderAnswer
	err := p.send(ctx, http.MethodPost, "/v1/orders", key, map[string]any{"bills": []string{bill}}, &out)
	return out, err
}

func (p portal) order(ctx context.Context, ref string) (orderAnswer, error) {
	var out orderAnswer
	err := p.send(ctx, http.MethodGet, "/v1/orders/"+ref, "", nil, &out)
	return out, err
}

func (p portal) start(ctx context.Context, key, order string) (attemptAnswer, error) {
	var out attemptAnswer
	err := p.send(ctx, http.MethodPost, "/v1/orders/"+order+"/attempts", key, map[string]any{"provider": "vnpay", "locale": "vi"}, &out)
	return out, err
}

func (p portal) abandon(ctx context.Context, order, attempt string) error {
	return p.send(ctx, http.MethodPost, "/v1/orders/"+order+"/attempts/"+attempt+"/abandon", "", nil, nil)
}

// look plays the payer who opens the provider's page and does nothing there. base replaces the address at which the
// provider stood when the attempt was started: the simulator may have moved since.
func (p portal) look(ctx context.Context, a attemptAnswer, base string) error {
	page, err := pageOf(a, base)
	if err != nil {
		return err
	}
	return p.press(ctx, http.MethodGet, page, "")
}

// choose opens the page and presses a button. The second choice on a page changes nothing.
func (p portal) choose(ctx context.Context, a attemptAnswer, base, choice string) error {
	page, err := pageOf(a, base)
	if err != nil {
		return err
	}
	if err := p.press(ctx, http.MethodGet, page, ""); err != nil {
		return err
	}
	return p.press(ctx, http.MethodPost, page, url.Values{"choice": {choice}}.Encode())
}

func pageOf(a attemptAnswer, base string) (string, error) {
	if a.Action == nil {
		return "", fmt.Errorf("attempt %s has no page to go to", a.Ref)
	}
	page, err := url.Parse(a.Action.URL)
	if err != nil {
		return "", err
	}
	at, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	page.Scheme, page.Host = at.Scheme, at.Host
	return page.String(), nil
}

func (p portal) press(ctx context.Context, method, address, form string) error {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("the provider's page answered %s: %s", resp.Status, body)
	}
	return nil
}

// send makes one request; while the same request is still being worked on it waits for it, as long as its patience
// lasts.
func (p portal) send(ctx context.Context, method, path, key string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	for {
		wait, err := p.once(ctx, method, p.api+path, key, in, out)
		if !wait {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: another request is still being worked on: %w", method, path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (p portal) once(ctx context.Context, method, address, key string, in, out any) (wait bool, err error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return false, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != nil {
		token, err := p.token()
		if err != nil {
			return false, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return false, err
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Retry-After") != "":
		return true, nil
	case resp.StatusCode >= http.StatusBadRequest:
		err := fmt.Errorf("%s %s: %s: %s", method, req.URL.Path, resp.Status, raw)
		if refusedByLaw(resp.StatusCode, raw) {
			err = errors.Join(errRefused, err)
		}
		return false, err
	case out == nil:
		return false, nil
	}
	return false, json.Unmarshal(raw, out)
}

// get reads a simulator's JSON.
func (p portal) get(ctx context.Context, address string, out any) error {
	_, err := portal{client: p.client}.once(ctx, http.MethodGet, address, "", nil, out)
	return err
}

// post sends JSON to a simulator.
func (p portal) post(ctx context.Context, address string, in any) error {
	_, err := portal{client: p.client}.once(ctx, http.MethodPost, address, "", in, nil)
	return err
}

var errUnsettled = errors.New("the story waited too long")

// errRefused is the portal's answer where the law on file gives no certain amount for the payer's case.
var errRefused = errors.New("no certain amount")

func refusedByLaw(status int, answer []byte) bool {
	var problem struct {
		Code string `json:"code"`
	}
	return status == http.StatusUnprocessableEntity && json.Unmarshal(answer, &problem) == nil && problem.Code == "refused"
}
