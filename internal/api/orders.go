package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/order"
	"exchequer/internal/reference"
)

// orderRequest is the body of POST /v1/orders.
type orderRequest struct {
	Bills []string `json:"bills" minItems:"1" maxItems:"100" doc:"References of the bills to pay together"`
}

// orderView is an order as clients see it.
type orderView struct {
	Ref       string        `json:"ref"`
	Book      string        `json:"book" doc:"The home book: that of the first bill"`
	Amount    int64         `json:"amount" doc:"Whole đồng"`
	State     order.State   `json:"state" enum:"open,paid,part_refunded,refunded,reversed,cancelled,expired"`
	CreatedAt time.Time     `json:"created_at"`
	Items     []order.Item  `json:"items"`
	Attempts  []attemptView `json:"attempts"`
}

func (s *server) orders(api huma.API) {
	open := operation("open-order", http.MethodPost, "/v1/orders", "Open a payment order over bills")
	open.Errors = []int{400, 401, 403, 404, 409, 413, 415}
	describe[orderView](api, &open)
	huma.Register(api, open, s.openOrder)
	requireKey(api, open.Path)
	get := operation("get-order", http.MethodGet, "/v1/orders/{ref}", "Read an order; an uncertain attempt is asked about")
	get.Errors = []int{401, 403, 404}
	huma.Register(api, get, s.getOrder)
}

// describe says what the stored bytes of an answer hold.
func describe[T any](api huma.API, op *huma.Operation) {
	schema := huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[T]())
	op.DefaultStatus = http.StatusCreated
	op.Responses = map[string]*huma.Response{"201": {
		Description: "Created, or the answer of the earlier request with the same Idempotency-Key",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
	}}
}

// requireKey says in the document that the key is required. Its absence is refused by readKey with 400, as the draft on
// the header has it; the framework would answer 422.
func requireKey(api huma.API, path string) {
	for _, p := range api.OpenAPI().Paths[path].Post.Parameters {
		if p.Name == headerKey {
			p.Required = true
		}
	}
}

func (s *server) openOrder(ctx context.Context, in *struct {
	Keyed
	Body orderRequest
}) (*stored, error) {
	home, err := order.Home(in.Body.Bills)
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	return s.once(ctx, once{
		operation: "orders.open", path: "/v1/orders", key: in.Key, said: in.Body, location: "/v1/orders/",
		reserve: func() string { return reference.New(home) },
		do: func(ref string) (any, error) {
			o, err := s.Orders.Open(ctx, actorOf(ctx), ref, in.Body.Bills)
			return viewOrder(o), err
		},
	})
}

type orderAnswer struct {
	Body orderView
}

func (s *server) getOrder(ctx context.Context, in *Referred) (*orderAnswer, error) {
	o, err := s.Orders.Get(ctx, actorOf(ctx), in.Ref)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return &orderAnswer{Body: viewOrder(o)}, nil
}

func viewOrder(o order.Order) orderView {
	v := orderView{Ref: o.Ref, Book: o.Book, Amount: o.Amount, State: o.State, CreatedAt: o.CreatedAt,
		Items: o.Items, Attempts: make([]attemptView, len(o.Attempts))}
	for i, a := range o.Attempts {
		v.Attempts[i] = viewAttempt(a)
	}
	return v
}
