package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"exchequer/providers/vnpay"
)

// settings is where the program's surroundings are. Everything has a default; environment variables override it.
type settings struct {
	databaseURL string // EXCHEQUER_DATABASE_URL; empty: a private server
	migrateURL  string // EXCHEQUER_MIGRATE_DATABASE_URL; empty: databaseURL
	redisURL    string // EXCHEQUER_REDIS_URL; empty: a private server
	stateDir    string // EXCHEQUER_STATE; empty: the default of package embedded
	jwks        string // EXCHEQUER_JWKS: file with the key set that signs bearer tokens
	partners    string // EXCHEQUER_PARTNERS: file that says where providers and the bank are
}

func readSettings() settings {
	return settings{
		databaseURL: os.Getenv("EXCHEQUER_DATABASE_URL"), migrateURL: os.Getenv("EXCHEQUER_MIGRATE_DATABASE_URL"),
		redisURL: os.Getenv("EXCHEQUER_REDIS_URL"), stateDir: os.Getenv("EXCHEQUER_STATE"),
		jwks: os.Getenv("EXCHEQUER_JWKS"), partners: os.Getenv("EXCHEQUER_PARTNERS"),
	}
}

// partners says where the providers and the bank are and what was agreed with them. It holds secrets: the file is for
// the program's user alone.
type partners struct {
	VNPAY *vnpayPartner `yaml:"vnpay"`
	Bank  *bankPartner  `yaml:"bank"`
	// Portal is the address at which payers reach this program.
	Portal string `yaml:"portal"`
}

type vnpayPartner struct {
	Terminals      []vnpayTerminal `yaml:"terminals"`
	PayURL         string          `yaml:"pay_url"`
	TransactionURL string          `yaml:"transaction_url"`
	SettlementURL  string          `yaml:"settlement_url"`
}

type vnpayTerminal struct {
	Merchant   string `yaml:"merchant"`
	TmnCode    string `yaml:"tmn_code"`
	HashSecret string `yaml:"hash_secret"`
}

type bankPartner struct {
	PayoutURL string `yaml:"payout_url"`
}

const partnersFile = "partners.yaml"

// simulatedPartners is where the story says where its simulators are; a person's own file goes before it.
func simulatedPartners(stateDir string) string {
	return filepath.Join(stateDir, "simulators", partnersFile)
}

// readPartners reads the file that is named, else partners.yaml in the state folder, else the simulators'. Without any
// there are no partners: bills can be made and looked at, and nothing can be paid.
func readPartners(named, stateDir string) (partners, error) {
	paths := []string{filepath.Join(stateDir, partnersFile), simulatedPartners(stateDir)}
	if named != "" {
		paths = []string{named}
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if os.IsNotExist(err) && named == "" {
			continue
		}
		if err != nil {
			return partners{}, fmt.Errorf("partners (EXCHEQUER_PARTNERS): %w", err)
		}
		var p partners
		if err := yaml.UnmarshalWithOptions(raw, &p, yaml.DisallowUnknownField()); err != nil {
			return partners{}, fmt.Errorf("%s: %w", path, err)
		}
		return p, nil
	}
	return partners{}, nil
}

// write puts the partners into a file, readable by the program's user alone, whole or not at all.
func (p partners) write(path string) error {
	raw, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (v *vnpayPartner) config() *vnpay.Config {
	if v == nil {
		return nil
	}
	c := &vnpay.Config{PayURL: v.PayURL, TransactionURL: v.TransactionURL, SettlementURL: v.SettlementURL}
	for _, t := range v.Terminals {
		c.Terminals = append(c.Terminals, vnpay.Terminal{Merchant: t.Merchant, TmnCode: t.TmnCode, HashSecret: t.HashSecret})
	}
	return c
}
