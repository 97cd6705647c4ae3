package tidy

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	createTable  = regexp.MustCompile(`(?is)CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)\s*\((.*?)\n\)`)
	moneyColumn  = regexp.MustCompile(`(?im)^\s*\w*(?:amount|paid|captured|refunded|debit|credit|balance|debits|credits)\w*\s+bigint`)
	tableKey     = regexp.MustCompile(`(?i)\b(PRIMARY KEY|UNIQUE|FOREIGN KEY)\s*\(\s*(\w+)`)
	limitOrKey   = regexp.MustCompile(`(?i)\b(?:CHECK|UNIQUE)\s*\(`)
	namedByWords = regexp.MustCompile(`(?i)\bCONSTRAINT\s+\w+\s+$`)
	sqlComment   = regexp.MustCompile(`--[^\n]*`)
)

// tables calls visit with each table that a migration makes: where it stands, its name, its text without comments.
func tables(tree []source, visit func(at, name, body string)) {
	for _, s := range tree {
		if !s.isSQL() {
			continue
		}
		text := sqlComment.ReplaceAllString(s.text, "")
		for _, m := range createTable.FindAllStringSubmatchIndex(text, -1) {
			at := fmt.Sprintf("%s:%d", s.path, strings.Count(text[:m[0]], "\n")+1)
			visit(at, text[m[2]:m[3]], text[m[4]:m[5]])
		}
	}
}

// bookFirst: a table that holds money can be given to another server by book, without a change of the schema.
func bookFirst(tree []source) []string {
	var faults []string
	tables(tree, func(at, name, body string) {
		if !moneyColumn.MatchString(body) {
			return
		}
		keys := tableKey.FindAllStringSubmatch(body, -1)
		if len(keys) == 0 {
			faults = append(faults, fmt.Sprintf("%s: %s holds money and has no key", at, name))
		}
		for _, k := range keys {
			if first := strings.ToLower(k[2]); first != "book" {
				faults = append(faults, fmt.Sprintf("%s: %s holds money, but its %s begins by %s, not by book", at, name, k[1], first))
			}
		}
	})
	return faults
}

var badKeys = map[string]string{
	"migrations/0001.sql": "CREATE TABLE gateway.a (\n id bigint,\n amount bigint NOT NULL,\n CONSTRAINT a_pk PRIMARY KEY (id), -- (book)\n CONSTRAINT a_b UNIQUE (book, id)\n);\n" +
		"CREATE TABLE b (\n paid_amount bigint\n);\nCREATE TABLE c (\n id bigint PRIMARY KEY\n);\n",
}

// namedConstraints: the program tells refusals of the database apart by the constraint's name.
func namedConstraints(tree []source) []string {
	var faults []string
	tables(tree, func(at, name, body string) {
		for _, m := range limitOrKey.FindAllStringIndex(body, -1) {
			if !namedByWords.MatchString(body[:m[0]]) {
				line, _, _ := strings.Cut(body[m[0]:], "\n")
				faults = append(faults, fmt.Sprintf("%s: %s: %q has no name: CONSTRAINT <name> …", at, name, line))
			}
		}
	})
	return faults
}

var badConstraints = map[string]string{
	"migrations/0001.sql": "CREATE TABLE a (\n id int CHECK (id > 0),\n UNIQUE (id),\n CONSTRAINT a_small CHECK (id < 9)\n);\n",
}
