package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// maxDraft bounds a draft's body, in bytes: the whole law of today is a third of a mebibyte.
const maxDraft = 4 << 20

// documentView is a text of the law or of the catalogue.
type documentView struct {
	Name string `json:"name" maxLength:"90" pattern:"^(schedules/(parameters/)?[a-z_][a-z0-9_]{0,63}\\.yaml|catalog/[a-z_][a-z0-9_]{0,63}\\.csv)$" patternDescription:"name of a document" example:"schedules/passport.yaml"`
	Text string `json:"text" doc:"The whole document: YAML, or CSV of the catalogue. At most 1 MiB"`
}

// draftRequest is the body of POST /v1/tariff-drafts.
type draftRequest struct {
	Documents []documentView `json:"documents" minItems:"1" maxItems:"50" doc:"Those that differ from what is published"`
}

// rejectRequest is the body of a rejection.
type rejectRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"One line, kept for good: without names of persons"`
}

// Numbered is the part of an input that names a draft in the path.
type Numbered struct {
	ID int64 `path:"id" minimum:"1" doc:"The draft's number"`
}

type draftAnswer struct {
	Location string `header:"Location"`
	Body     publication.Draft
}

type draftsAnswer struct {
	Body struct {
		Drafts []publication.Draft `json:"drafts" doc:"The last 100, newest first"`
	}
}

type documentsAnswer struct {
	Body struct {
		Documents []documentView `json:"documents"`
	}
}

const draftsPath = "/v1/tariff-drafts"

func (s *server) drafts(api huma.API) {
	draft := operation("draft-tariff", http.MethodPost, draftsPath, "Check changed documents, run all examples and keep them as a draft; the same ones again are the same draft")
	draft.MaxBodyBytes, draft.DefaultStatus = maxDraft, http.StatusCreated
	draft.Errors = []int{400, 401, 403, 409, 413, 415}
	huma.Register(api, draft, s.draftTariff)
	list := operation("tariff-drafts", http.MethodGet, draftsPath, "The drafts")
	list.Errors = []int{401, 403}
	huma.Register(api, list, s.listDrafts)
	get := operation("tariff-draft", http.MethodGet, draftsPath+"/{id}", "A draft, with every entry of the law that it changes, its texts line by line and the services whose quotes can change")
	get.Errors = []int{401, 403, 404}
	huma.Register(api, get, func(ctx context.Context, in *Numbered) (*draftAnswer, error) {
		return s.answerDraft(ctx)(s.Drafts.Get(ctx, actorOf(ctx), in.ID))
	})
	texts := operation("tariff-draft-documents", http.MethodGet, draftsPath+"/{id}/documents", "The documents of a draft")
	texts.Errors = []int{401, 403, 404}
	huma.Register(api, texts, s.draftDocuments)
	s.decisions(api)
}

// decisions are what brings a draft further. Each may be sent again: one that was made is refused with 409.
func (s *server) decisions(api huma.API) {
	step := func(name, summary string) huma.Operation {
		op := operation(name+"-tariff", http.MethodPost, draftsPath+"/{id}/"+name, summary)
		op.Errors = []int{401, 403, 404, 409}
		return op
	}
	huma.Register(api, step("propose", "Ask a second person to publish a draft"), func(ctx context.Context, in *Numbered) (*draftAnswer, error) {
		return s.answerDraft(ctx)(s.Drafting.Propose(ctx, actorOf(ctx), in.ID))
	})
	huma.Register(api, step("approve", "Publish a draft that somebody else made and proposed"), func(ctx context.Context, in *Numbered) (*draftAnswer, error) {
		return s.answerDraft(ctx)(s.Drafting.Approve(ctx, actorOf(ctx), in.ID))
	})
	huma.Register(api, step("reject", "Turn a draft down"), func(ctx context.Context, in *struct {
		Numbered
		Body rejectRequest
	}) (*draftAnswer, error) {
		d, err := s.Drafting.Reject(ctx, actorOf(ctx), in.ID, in.Body.Reason)
		if err != nil {
			return nil, s.refuse(ctx, err, in.Body)
		}
		return &draftAnswer{Body: d}, nil
	})
}

func (s *server) answerDraft(ctx context.Context) func(publication.Draft, error) (*draftAnswer, error) {
	return func(d publication.Draft, err error) (*draftAnswer, error) {
		if err != nil {
			return nil, s.refuse(ctx, err, nil)
		}
		return &draftAnswer{Body: d}, nil
	}
}

func (s *server) draftTariff(ctx context.Context, in *struct{ Body draftRequest }) (*draftAnswer, error) {
	docs := publication.Documents{}
	for i, d := range in.Body.Documents {
		if _, twice := docs[d.Name]; twice {
			p := newProblem(ctx, problem.Invalid, "a document is there twice: send each name once")
			p.Errors = []Fault{{Detail: p.Detail, Pointer: fmt.Sprintf("#/documents/%d/name", i)}}
			return nil, p
		}
		docs[d.Name] = []byte(d.Text)
	}
	d, err := s.Drafting.Draft(ctx, actorOf(ctx), docs)
	if err != nil {
		return nil, s.refuseDocuments(ctx, err, in.Body.Documents)
	}
	return &draftAnswer{Location: draftsPath + "/" + strconv.FormatInt(d.ID, 10), Body: d}, nil
}

// refuseDocuments tells each fault of a text by itself, with the document in which it stands. What is wrong with a text
// of the law is told with its words.
func (s *server) refuseDocuments(ctx context.Context, err error, docs []documentView) error {
	p := s.problem(ctx, err, map[string]any{"documents": nil})
	if p.Code != problem.Invalid {
		return p
	}
	p.Errors = nil
	for line := range strings.Lines(p.Detail) {
		f := Fault{Detail: strings.TrimSpace(line), Pointer: "#/documents"}
		at := slices.IndexFunc(docs, func(d documentView) bool {
			_, name, _ := strings.Cut(d.Name, "/")
			return strings.HasPrefix(f.Detail, name+":") || strings.HasPrefix(f.Detail, name+" ")
		})
		if at >= 0 {
			f.Pointer = fmt.Sprintf("#/documents/%d/text", at)
		}
		p.Errors = append(p.Errors, f)
	}
	return p
}

func (s *server) listDrafts(ctx context.Context, in *struct {
	State publication.State `query:"state" enum:"drafted,proposed,published,rejected" doc:"Only drafts in this state"`
}) (*draftsAnswer, error) {
	found, err := s.Drafts.List(ctx, actorOf(ctx), in.State)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a draftsAnswer
	a.Body.Drafts = append([]publication.Draft{}, found...)
	return &a, nil
}

func (s *server) draftDocuments(ctx context.Context, in *Numbered) (*documentsAnswer, error) {
	docs, err := s.Drafts.Texts(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a documentsAnswer
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		a.Body.Documents = append(a.Body.Documents, documentView{name, string(docs[name])})
	}
	return &a, nil
}
