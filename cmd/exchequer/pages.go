package main

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"exchequer/internal/web"
)

// pages are the payer's pages.
func (g *gateway) pages() http.Handler {
	return web.New(web.Deps{
		Bills: g.bills, Orders: g.orders, Attempts: g.orders, Keys: g.requests, Catalog: g.catalog, Law: g.published,
		Providers: slices.Sorted(maps.Keys(g.providers)), PayOrigins: g.partners.payOrigins(), Clock: g.clock, Log: g.log,
	})
}

// payOrigins are the origins of the providers' pay pages: browsers hold a form's redirect to the pages' policy.
func (p partners) payOrigins() []string {
	if p.VNPAY == nil {
		return nil
	}
	u, err := url.Parse(p.VNPAY.PayURL)
	if err != nil {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}
