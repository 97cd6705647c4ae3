// Package all lists the providers this build can use, one line each.
//
// It owns the map from a provider's key to its adapter and nothing else: what a provider needs stands in its own
// Config, and a provider that is not configured is not in the map.
package all

import (
	"errors"
	"fmt"
	"time"

	"exchequer/providers"
	"exchequer/providers/vnpay"
)

// Config holds one part a provider; nil leaves it out.
type Config struct {
	VNPAY *vnpay.Config
}

// Uses are what every adapter is given.
type Uses struct {
	Do  providers.Doer   // sends requests; give it a client with a timeout
	Now func() time.Time // the program's clock
}

// New builds the configured providers, by key. The error joins those of all providers whose configuration is wrong.
func New(config Config, uses Uses) (map[string]providers.Provider, error) {
	built := make(map[string]providers.Provider)
	var faults []error
	add := func(p providers.Provider, err error) {
		if err != nil {
			faults = append(faults, err)
			return
		}
		if built[p.Name()] != nil {
			faults = append(faults, fmt.Errorf("provider %q is configured twice", p.Name()))
		}
		built[p.Name()] = p
	}
	if c := config.VNPAY; c != nil {
		add(vnpay.New(*c, uses.Do, uses.Now))
	}
	return built, errors.Join(faults...)
}
