package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// tariffsView is every service that the portal offers, with what its form asks for.
type tariffsView struct {
	Revision   int64         `json:"revision" doc:"Counts publications of the law"`
	KnownSince time.Time     `json:"known_since"`
	Services   []fee.Service `json:"services" doc:"In the order of their keys"`
}

type tariffsAnswer struct {
	Body tariffsView
}

// versionsView is what is published of a service or a parameter.
type versionsView struct {
	Of       string                `json:"of" doc:"Service or parameter"`
	Versions []publication.Version `json:"versions" doc:"By component, day and the instant at which each became known. unknown: the law has an amount that is not on file"`
}

type versionsAnswer struct {
	Body versionsView
}

// Named is the part of an input that names a service or a parameter in the path.
type Named struct {
	Of string `path:"of" maxLength:"64" doc:"Service or parameter" example:"driving_licence"`
}

func (s *server) tariffs(api huma.API) {
	list := operation("tariffs", http.MethodGet, "/v1/tariffs", "The services that are offered, with their names and the inputs of their forms")
	list.Errors = []int{401}
	huma.Register(api, list, s.listTariffs)
	get := operation("tariff", http.MethodGet, "/v1/tariffs/{of}", "The versions of a service or parameter: on a day, as known at an instant")
	get.Errors = []int{401, 404}
	huma.Register(api, get, s.getTariff)
	history := operation("tariff-history", http.MethodGet, "/v1/tariffs/{of}/history", "All that was ever published of a service or parameter, what was corrected since included")
	history.Errors = []int{401, 404}
	huma.Register(api, history, s.getHistory)
}

func (s *server) listTariffs(ctx context.Context, _ *struct{}) (*tariffsAnswer, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	offered := law.Catalog.Procedures()
	services := slices.DeleteFunc(law.Schedules.Services(), func(f fee.Service) bool {
		return !slices.ContainsFunc(offered, func(p catalog.Procedure) bool { return p.Service == f.Service })
	})
	return &tariffsAnswer{Body: tariffsView{Revision: law.Revision, KnownSince: law.Since, Services: services}}, nil
}

func (s *server) getTariff(ctx context.Context, in *struct {
	Named
	On    string `query:"on" maxLength:"10" doc:"Only what is the law on this day, YYYY-MM-DD" example:"2025-05-31"`
	Known string `query:"known" maxLength:"35" doc:"As known at this instant (RFC 3339), or at the end of this day in Vietnam; now where it is left out" example:"2025-05-31"`
}) (*versionsAnswer, error) {
	q := publication.VersionsQuery{Of: in.Of}
	var err error
	if in.On != "" {
		if q.On, err = readDate(in.On); err != nil {
			return nil, s.refuse(ctx, problem.Both(problem.Invalid, "on", "cần ngày theo dạng YYYY-MM-DD", "give the date in the form YYYY-MM-DD"), nil)
		}
	}
	if in.Known != "" {
		if q.Known, err = s.readKnown(in.Known); err != nil {
			return nil, s.refuse(ctx, err, nil)
		}
	}
	return s.versions(ctx, q)
}

func (s *server) getHistory(ctx context.Context, in *Named) (*versionsAnswer, error) {
	return s.versions(ctx, publication.VersionsQuery{Of: in.Of, History: true})
}

func (s *server) versions(ctx context.Context, q publication.VersionsQuery) (*versionsAnswer, error) {
	found, err := s.Versions.Versions(ctx, q)
	if err == nil && len(found) == 0 {
		err = problem.Both(problem.NotFound, "of", "không có gì được công bố dưới tên này cho ngày và thời điểm như vậy",
			"nothing is published under this name for such a day and time")
	}
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return &versionsAnswer{Body: versionsView{Of: q.Of, Versions: found}}, nil
}
