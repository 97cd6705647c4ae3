package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/providers"
)

// attemptRequest is the body of POST /v1/orders/{ref}/attempts.
type attemptRequest struct {
	Provider string `json:"provider" minLength:"1" maxLength:"32" doc:"The provider's key" example:"vnpay"`
	Locale   string `json:"locale,omitempty" enum:"vi,en" doc:"Language of the provider's page" default:"vi"`
	PayerIP  string `json:"payer_ip,omitempty" maxLength:"45" doc:"The payer's network address, which some providers ask for; passed on to the provider" example:"203.0.113.9"`
}

// attemptView is an attempt as clients see it.
type attemptView struct {
	Ref        string             `json:"ref"`
	Order      string             `json:"order"`
	Provider   string             `json:"provider"`
	Amount     int64              `json:"amount" doc:"Whole đồng"`
	State      order.AttemptState `json:"state" enum:"created,pending,unknown,authorised,succeeded,failed,cancelled,abandoned,expired,reversed"`
	Certain    bool               `json:"certain" doc:"Whether the state can still change by itself"`
	Action     *actionView        `json:"action,omitempty" doc:"How the payer goes on"`
	ProviderID string             `json:"provider_id,omitempty"`
	Code       string             `json:"provider_code,omitempty"`
	OccurredAt *time.Time         `json:"occurred_at,omitempty" doc:"The provider's time"`
	CreatedAt  time.Time          `json:"created_at"`
	ExpiresAt  time.Time          `json:"expires_at"`
}

type actionView struct {
	Kind    providers.ActionKind `json:"kind" enum:"redirect,qr,instructions"`
	URL     string               `json:"url,omitempty" doc:"Open it in the payer's browser"`
	Payload string               `json:"payload,omitempty" doc:"Text of the QR code, or of the instructions"`
}

type attemptAnswer struct {
	Body attemptView
}

func (s *server) attempts(api huma.API) {
	start := operation("start-attempt", http.MethodPost, "/v1/orders/{ref}/attempts", "Start collecting an order's amount through a provider")
	start.Errors = []int{400, 401, 403, 404, 409, 413, 415, 503}
	describe[attemptView](api, &start)
	huma.Register(api, start, s.startAttempt)
	requireKey(api, start.Path)
	abandon := operation("abandon-attempt", http.MethodPost, "/v1/orders/{ref}/attempts/{attempt}/abandon",
		"Give the bills of an attempt back, so that another provider can be chosen; it is still watched")
	abandon.Errors = []int{401, 403, 404, 409}
	huma.Register(api, abandon, s.abandonAttempt)
}

func (s *server) startAttempt(ctx context.Context, in *struct {
	Referred
	Keyed
	Body attemptRequest
}) (*stored, error) {
	ref, err := reference.Parse(in.Ref)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	if err := checkAddress(in.Body.PayerIP); err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	return s.once(ctx, once{
		operation: "attempts.start", path: "/v1/orders/" + ref + "/attempts", key: in.Key, said: in.Body,
		reserve: func() string { return ref },
		do: func(string) (any, error) {
			key, _ := readKey(in.Key) // read before
			a, err := s.Orders.Start(ctx, actorOf(ctx), order.StartRequest{
				Order: ref, Provider: in.Body.Provider, Key: key, PayerIP: in.Body.PayerIP, Locale: in.Body.Locale})
			return viewAttempt(a), err
		},
	})
}

// checkAddress takes an IPv4 or IPv6 address, or none. A zone names a network card of another machine.
func checkAddress(text string) error {
	if text == "" {
		return nil
	}
	if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
		return problem.AtField(problem.Invalid, "payer_ip", "give the payer's IPv4 or IPv6 address, or leave it out")
	}
	return nil
}

func (s *server) abandonAttempt(ctx context.Context, in *struct {
	Referred
	Attempt string `path:"attempt" maxLength:"32" doc:"The attempt's reference: the order's and a letter"`
}) (*attemptAnswer, error) {
	ref, err := reference.Parse(in.Ref)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	attempt := strings.ToUpper(in.Attempt)
	if !strings.HasPrefix(attempt, ref) {
		return nil, s.refuse(ctx, problem.AtField(problem.NotFound, "attempt", "the order has no such attempt"), nil)
	}
	a, err := s.Orders.Abandon(ctx, actorOf(ctx), attempt)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return &attemptAnswer{Body: viewAttempt(a)}, nil
}

func viewAttempt(a order.Attempt) attemptView {
	v := attemptView{Ref: a.Ref, Order: a.Order, Provider: a.Provider, Amount: a.Amount, State: a.State,
		Certain: a.State.Certain(), ProviderID: a.ProviderID, Code: a.Code, OccurredAt: a.OccurredAt,
		CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt}
	if a.Action != nil {
		v.Action = &actionView{Kind: a.Action.Kind, URL: a.Action.URL, Payload: a.Action.Payload}
	}
	return v
}
