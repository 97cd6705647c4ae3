package fee_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"exchequer/internal/fee"
)

// breakage is a change that makes a sound document faulty. The fault must be named with the line on which `at` stands
// (the first one), the version or component, and a reason.
type breakage struct{ name, old, new, at, owner, reason string }

func (c breakage) check(t *testing.T, file, sound string, load func(broken string) error) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		broken := strings.Replace(sound, c.old, c.new, 1)
		before, _, found := strings.Cut(broken, c.at)
		if broken == sound || !found {
			t.Fatalf("there is no %q to break, or no %q then", c.old, c.at)
		}
		want := file + ":" + strconv.Itoa(strings.Count(before, "\n")+1) + ": "
		if c.owner != "" {
			want += c.owner + ": "
		}
		err := load(broken)
		if err == nil {
			t.Fatal("it loaded")
		}
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			if strings.HasPrefix(fault, want) && strings.Contains(fault, c.reason) {
				return
			}
		}
		t.Errorf("want %s… %s\ngot  %v", want, c.reason, err)
	})
}

// TestAScheduleThatCannotBeRead and the tests after it break each thing that can be broken.
func TestAScheduleThatCannotBeRead(t *testing.T) {
	const v1, v2 = "version V1 of toll", "version V2 of toll"
	for _, c := range []breakage{
		{"a list for a text", "act: Law 1", "act: [Law 1]", "act: [Law 1]", v1, "a text is written plainly or as"},
		{"one language of two", "act: Law 1", "act: {vi: Luật}", "act: {vi", v1, "a text is written plainly or as"},
		{"a bracket too many", "rule: KM,", "rule: KM],", "KM]", v1, `"KM]" has a bracket too many or too few`},
		{"a brace too few", "act: Law 1", "act: Law {1", "Law {1", v1, `"Law {1" has a bracket too many`},
		{"brackets crossed", "act: Law 1", "act: Law {[1}]", "Law {[1", v1, "has a bracket too many"},
		{"a character that rings", "act: Law 1", `act: "Law\a 1"`, `Law\a`, v1, `"Law\a 1" holds a line break or another`},
		{"letters turned round", "act: Law 1", "act: Law \u202e1", "Law \u202e", v1, `"Law \u202e1" holds a line break or another`},
		{"a name on two lines", "rule: TRUCKS", `rule: "ON\nTWO"`, `ON\nTWO`, v1, `holds a line break`},
		{"words in one language", "rule: TRUCKS", "rule: lorries", "lorries", v1, `"lorries" has words`},
		{"why there is no amount, in one language", `fixed: "9000"`, "unknown: sources differ", "unknown:", v1, `"sources differ" has words`},
		{"what a check says, in one language", "say: {vi: phải từ 2 trở lên, en: must be 2 or more}", "say: at least 2", "say:", "", `"at least 2" has words`},
		{"an act known by words in English alone", "act: Law 1", "act: Law on Roads", "act: Law on", v1, "needs its Vietnamese name"},
		{"a text for a number", "valid_days: 30", "valid_days: many", "many", "", "a whole number is needed here"},
		{"a number with no end", "valid_days: 30", "valid_days: 99999999999999999999", "99999", "", "is too large"},
		{"too many days", "valid_days: 30", "valid_days: 367", "367", "", "must be 1 to 366"},
		{"a text for a list", "rules:\n          - {rule: ALL, fixed: \"5000\"}", "rules: many", "rules: many", v2, "sequence is expected"},
		{"a text for a mapping", "is: {class: truck}", "is: truck", "is: truck", v1, "mapping is expected"},
		{"a list for a condition", "is: {class: truck}", "is: {class: [truck]}", "[truck]", v1, "a text is needed here"},
		{"a number for a yes", "exempt: true", "exempt: 1", "exempt: 1", v1, "true or false is needed here"},
		{"a list for a date", "from: 2020-01-01", "from: [2020-01-01]", "[2020", v1, "a date in the form"},
		{"a list that does not end", "rule: SHORT, exempt: true}", "rule: SHORT, exempt: true", "- version: V2", v1, "a dash stands within the bracket of line 28, which is not closed"},
		{"a tab", "act: Law 1", "act: Law 1\n\tsource: read", "\tsource", v1, "cannot start any token"},
		{"an unknown key of a version", "act: Law 1", "act: Law 1\n        colour: red", "colour", v1, "unknown field"},
		{"an unknown key of a component", "code: toll", "code: toll\n    colour: red", "colour", "component toll", "unknown field"},
		{"a repeated key of a version", "act: Law 1", "act: Law 1\n        act: Law 3", "act: Law 3", v1, "already defined"},
		{"an anchor in a version", "act: Law 1", "act: &a Law 1", "act: &a", v1, "tags, anchors"},
		{"an example with a date that is none", "on: 2020-06-01", "on: 2020-06-31", "2020-06-31", "", "is not a date"},
		{"an example without an outcome", `, total: "16665"`, "", "- {on: 2020", "", "exactly one of"},
		{"an example with bad inputs", "km: 10.1", "km: 10.1, miles: 3", "miles", "", "there is an input that toll does not have"},
		{"another name than its document's", "service: toll", "service: road", "service: road", "", "a document of its own name"},
		{"a name that is none", "service: toll", "service: Toll!", "service: Toll!", "", "is no name for a service"},
		{"no Vietnamese name", "name: {vi: Phí, en: Toll}", "name: {en: Toll}", "name: {en", "", "needs its name in vi and en"},
		{"no body", "body: road_authority\n", "", "service: toll", "", "kind of its collecting body"},
		{"no component", sound[strings.Index(sound, "components:"):strings.Index(sound, "examples:")], "components: []\n", "service: toll", "", "at least one component"},
		{"a version without a name", "- version: V1\n        from", "- from", "- from: 2020", "version without a name of toll", "needs a name in `version`"},
		{"a version without a day", "        from: 2020-01-01\n", "", "- version: V1", v1, "needs the day it begins"},
		{"a confidence that is none", "confidence: medium", "confidence: fair", "- version: V2", v2, "must be high, medium or low"},
		{"a component without a charge", "charge: toll\n", "when: axles > 1\n", "- id: toll", "component toll", "needs `charge`"},
		{"a component without a code", "    code: toll\n", "", "- id: toll", "component toll", "needs `code`"},
		{"a component without versions", sound[strings.Index(sound, "    versions:"):strings.Index(sound, "  - id: vat")], "", "- id: toll", "component toll", "at least one version"},
		{"a component without a name", "id: vat", "id: V.A.T.", "V.A.T.", "component V.A.T.", "needs a name of small letters"},
		{"rules beside versions", "  - id: vat", "    rules: [{rule: R, exempt: true}]\n  - id: vat", "    rules: [{rule: R", "component toll", "rules stand within versions"},
		{"elsewhere that is none", "code: toll", "code: toll\n    elsewhere: always", "elsewhere", "component toll", "can only be none"},
		{"a set that is none", "code: toll", "code: toll\n    each: class", "each: class", "component toll", "is no set input"},
		{"a label in one language", "code: toll", "code: toll\n    label: {vi: Phí}", "label", "component toll", "both languages"},
		{"a label without an end", "type: int", "type: int, label: {vi: a, en: " + strings.Repeat("b", 501) + "}", "label", "", "at most 500 bytes"},
		{"what is followed is no parameter", "follows: vat_rate", "follows: rate", "follows", "component vat", "none of the schedule's parameters"},
		{"a date of its own beside what is followed", "follows: vat_rate", "follows: vat_rate\n    by: paid", "- id: vat", "component vat", "no `by`"},
		{"no rules for what is followed", sound[strings.LastIndex(sound, "    rules:"):strings.Index(sound, "examples:")], "", "- id: vat", "component vat", "needs rules"},
		{"a rule without a name", "rule: TRUCKS, ", "", "- {is:", v1, "a rule needs a name"},
		{"a condition on what is no input", "class: truck", "wheels: 3", "wheels: 3", v1, "is no value of an enum"},
		{"a condition on a value that is none", `km > dec("1")`, `class == "lorry"`, "class ==", v1, `class is never "lorry": its values are car, truck`},
		{"the same the other way round", `km > dec("1")`, `'"lorry" != class'`, `"lorry"`, v1, `class is never "lorry"`},
		{"a list with a value that is none", `km > dec("1")`, `'class in ["truck", "lorry"]'`, "class in", v1, `class is never "lorry"`},
		{"a rule behind one that always applies", "is: {class: truck}, ", "", "{rule: KM", v1, "this one never applies"},
		{"a condition too expensive by its size", `km > dec("1")`, strings.Repeat(`km > dec("1") && `, 400) + `km > dec("1")`, "km > dec", v1, "at most 1000 are allowed"},
		{"an input without a name", "name: axles", "name: 4axles", "4axles", "", "needs a name of small letters"},
		{"a name twice among inputs", "name: axles", "name: km", "name: km, type: int", "", "is used twice"},
		{"an alias that is a name", "type: int", "type: int, aliases: [km]", "aliases", "", "is used twice"},
		{"an enum without values", ", values: [car, truck], default: car", "", "name: class", "", "needs values"},
		{"values of a number", "type: int", "type: int, values: [a]", "values: [a]", "", "only an enum or a set has values"},
		{"a least of a date", "type: date", `type: date, min: "1"`, `min: "1"`, "", "only a number has"},
		{"places of a whole number", "type: int", "type: int, places: 2", "places: 2", "", "only a decimal has places"},
		{"a bound that is no expression", `min: "0"`, "min: 0 +", "min: 0 +", "", "Syntax error"},
		{"a bound of an unknown name", `min: "0"`, "min: least", "min: least", "", "undeclared reference"},
		{"a default from nowhere", "default_from: date", "default_from: km", "default_from: km", "", "neither `date` nor a date input"},
		{"a parameter without a name", "name: vat_rate", "name: VAT", "name: VAT", "", "is no name for a parameter"},
		{"a key of a parameter that has none", "by: paid}", "by: paid, key: class}", "key: class", "", "has one value for all"},
		{"a reserved word for a name", "name: axles", "name: in", "axles >= 2", "", "undeclared reference"},
	} {
		c.check(t, "toll.yaml", sound, func(broken string) error {
			_, err := fee.Load(folder(broken, soundParameter))
			return err
		})
	}
}

func TestAKindThatCannotBeRead(t *testing.T) {
	const owner = "version V1 of charge"
	for _, c := range []struct{ name, rule, reason string }{
		{"the middle of one end", `midpoint: ["1"]`, "the two ends"},
		{"a range turned round", `midpoint: ["9", "1"]`, "a lower and a higher end"},
		{"a middle that is not whole", `midpoint: ["1", "2"]`, "not whole đồng"},
		{"an end that is no number", `midpoint: ["1", "x"]`, "is not a decimal number"},
		{"a price over the limit", `fixed: "1000000000000001"`, "over the limit of 10^15"},
		{"units without a price", `per_unit: {quantity: n}`, "an amount is missing here"},
		{"units with a rounding that is none", `per_unit: {quantity: n, price: "1", rounding: nearest}`, "is not a rounding"},
		{"no tiers", `graduated: {quantity: n, tiers: []}`, "needs tiers"},
		{"a tier without a width", `graduated: {quantity: n, tiers: [{price: "1"}, {price: "2"}]}`, "has a width"},
		{"a last tier with a width", `graduated: {quantity: n, tiers: [{width: "1", price: "2"}]}`, "has a width"},
		{"a tier without a price", `graduated: {quantity: n, tiers: [{width: "1"}, {price: "2"}]}`, "needs a price"},
		{"a tier of no width", `graduated: {quantity: n, tiers: [{width: "0", price: "1"}, {price: "2"}]}`, "above 0"},
		{"a tier that pays", `graduated: {quantity: n, tiers: [{width: "1", price: "-1"}, {price: "2"}]}`, "-1 must not be below 0"},
		{"an amount below 0", `fixed: "-50000"`, "-50000 must not be below 0"},
		{"half a đồng", `fixed: "0.5"`, "0.5 is not whole đồng, and no rounding is named"},
		{"a range below 0", `midpoint: ["-4", "2"]`, "-4 must not be below 0"},
		{"units at a price below 0", `per_unit: {quantity: n, price: "-1"}`, "-1 must not be below 0"},
		{"units at half a đồng", `per_unit: {quantity: n, price: "0.5"}`, "0.5 is not whole đồng"},
		{"fewer units than none", `per_unit: {quantity: "-2", price: "1"}`, "-2 must not be below 0"},
		{"a tier at half a đồng", `graduated: {quantity: n, tiers: [{price: "0.5"}]}`, "0.5 is not whole đồng"},
		{"a volume that pays", `volume: {quantity: n, tiers: [{amount: "-1"}]}`, "-1 must not be below 0"},
		{"a volume of half a đồng", `volume: {quantity: n, tiers: [{amount: "1.5"}]}`, "1.5 is not whole đồng"},
		{"a volume's end below 0", `volume: {quantity: n, tiers: [{up_to: "-1", amount: "1"}, {amount: "2"}]}`, "-1 must not be below 0"},
		{"a rate below 0", `percentage: {rate: "-0.5", of: n, rounding: down}`, "-0.5 must not be below 0"},
		{"a base below 0", `percentage: {rate: "0.5", of: "-7", rounding: down}`, "-7 must not be below 0"},
		{"a most below the least", `percentage: {rate: "0.5", of: n, min: "9", max: "8", rounding: down}`, "the most is below the least"},
		{"a cap below 0", `percentage: {rate: "0.1", of: n, cap: {at: "-5", code: c}, rounding: down}`, "-5 must not be below 0"},
		{"a discount below 0", `discount: {amount: "-5"}`, "-5 must not be below 0"},
		{"a discount of half a đồng", `discount: {amount: "2.5"}`, "2.5 is not whole đồng"},
		{"a discount of more than all", `discount: {rate: "1.5", of: n, rounding: down}`, "takes off more than there is"},
		{"people at less than nothing", `ordinal: {count: n, base: "-1", shares: ["1"], rounding: up}`, "-1 must not be below 0"},
		{"days that pay", `per_day: {rate: "-0.1", of: n, from: paid, to: date, count: after_first_to_last, rounding: up}`, "-0.1 must not be below 0"},
		{"a volume without tiers", `volume: {quantity: n, tiers: []}`, "needs tiers"},
		{"a tier without an end", `volume: {quantity: n, tiers: [{price: "1"}, {price: "2"}]}`, "has an end"},
		{"a tier with a price and an amount", `volume: {quantity: n, tiers: [{price: "1", amount: "2"}]}`, "either a `price`"},
		{"tiers out of order", `volume: {quantity: n, tiers: [{up_to: "5", price: "1"}, {up_to: "5", price: "1"}, {price: "2"}]}`, "in order of their ends"},
		{"a rate without a base", `percentage: {rate: "0.1", rounding: down}`, "an amount is missing here"},
		{"a rate that is a float", `percentage: {rate: 0.1, of: n, rounding: down}`, "must stand in quotes"},
		{"a cap without a code", `percentage: {rate: "0.1", of: n, cap: {at: "5"}, rounding: down}`, "a cap needs the `code`"},
		{"a label of a cap in one language", `percentage: {rate: "0.1", of: n, cap: {at: "5", code: c, label: {en: Cap}}, rounding: down}`, "both languages"},
		{"a discount of nothing", `discount: {max: "5"}`, "either `rate` and `of`, or `amount`"},
		{"a discount without a rounding", `discount: {rate: "0.5", of: n}`, "needs a rounding"},
		{"people without shares", `ordinal: {count: n, base: "1", rounding: up}`, "needs the `shares`"},
		{"a share over the whole", `ordinal: {count: n, base: "1", shares: ["1.1"], rounding: up}`, "a share from 0 to 1"},
		{"people without a rounding", `ordinal: {count: n, base: "1", shares: ["1"]}`, "needs a rounding"},
		{"days from what is no date", `per_day: {rate: "0.1", of: n, from: n, to: date, count: after_first_to_last, rounding: up}`, "neither `date` nor a date input"},
		{"days counted in no way", `per_day: {rate: "0.1", of: n, from: date, to: date, count: all, rounding: up}`, "`count` must be"},
		{"days moved in no way", `per_day: {rate: "0.1", of: n, from: date, to: date, moves: back, count: after_first_to_last, rounding: up}`, "`moves` can only be"},
		{"days without a rounding", `per_day: {rate: "0.1", of: n, from: date, to: date, count: after_first_to_last}`, "needs a rounding"},
		{"a part without a code", `split: {of: n, rounding: down, parts: [{rest: true}]}`, "a part needs its `code`"},
		{"no rest", `split: {of: n, rounding: down, parts: [{code: a, share: "0.5"}]}`, "must take the rest"},
		{"two rests", `split: {of: n, rounding: down, parts: [{code: a, rest: true}, {code: b, rest: true}]}`, "one part takes the rest"},
		{"shares over the whole", `split: {of: n, rounding: down, parts: [{code: a, share: "0.6"}, {code: b, share: "0.6"}, {code: c, rest: true}]}`, "more than the whole"},
		{"a split without a rounding", `split: {of: n, parts: [{code: a, rest: true}]}`, "needs a rounding"},
		{"instalments by what is no whole number", `instalments: {of: n, number: paid, count: n, first: "0.4", rounding: up}`, "is no int input"},
		{"instalments without a first", `instalments: {of: n, number: n, count: n, rounding: up}`, "a share from 0 to 1"},
		{"an expression with a fraction of CEL's own", `fixed: 'base_salary * 0.5'`, "no matching overload"},
		{"an expression that is too expensive", `fixed: '"` + strings.Repeat("a", 300) + `".matches("` + strings.Repeat("(a+)+", 100) + `") ? base_salary : base_salary'`, "at most 1000 are allowed"},
		{"an expression with no end", `fixed: '` + strings.Repeat("base_salary + ", 400) + `base_salary'`, "max recursion depth exceeded"},
		{"a label of a rule in one language", `label: {en: Fee}, fixed: "1"`, "both languages"},
		{"evidence of a rule without a source", `confidence: high, fixed: "1"`, "`source` must be"},
	} {
		files := oneFile("- {name: n, type: int, default: \"3\"}\n- {name: paid, type: date, default_from: date}"+province, ruled("code: fee", "exempt: true"))
		breakage{c.name, "exempt: true", c.rule, "{rule: R", owner, c.reason}.check(t, "thing.yaml", string(files["thing.yaml"].Data), func(broken string) error {
			return loadThing(files, "thing.yaml", broken)
		})
	}
}

// loadThing loads a set of documents of which one is replaced.
func loadThing(files fstest.MapFS, name, text string) error {
	files[name] = &fstest.MapFile{Data: []byte(text)}
	_, err := fee.Load(files)
	return err
}

func TestPartsOfATimeThatCannotBeRead(t *testing.T) {
	const across = `code: T
by: reading
across: {since: since, old: "o:", new: "n:", rounding: half_up, act: Law 7, source: read, confidence: high}
versions:
  - {version: V1, from: 2000-01-01, act: Law 1, source: read, confidence: high, rules: [{rule: R, graduated: {quantity: n, tiers: [{price: "1"}]}}]}`
	const inputs = "- {name: n, type: int, default: \"3\"}\n- {name: since, type: date}\n- {name: reading, type: date, default_from: date}" + province
	for _, c := range []breakage{
		{"no act", "act: Law 7, ", "", "across:", "component charge", "legal basis"},
		{"no evidence", "act: Law 7, source: read", "act: Law 7", "across:", "component charge", "`source` must be"},
		{"no rounding", "rounding: half_up, ", "", "across:", "component charge", "needs a rounding"},
		{"no beginning", "since: since", "since: date", "across:", "component charge", "a period begins on a date input"},
		{"a rule of another kind", `graduated: {quantity: n, tiers: [{price: "1"}]}`, "exempt: true", "across:", "component charge", "only graduated rules"},
	} {
		c.check(t, "thing.yaml", string(oneFile(inputs, across)["thing.yaml"].Data), func(broken string) error {
			return loadThing(oneFile(inputs, across), "thing.yaml", broken)
		})
	}
}

func TestAParameterThatCannotBeRead(t *testing.T) {
	const first, last = "version 10/2022", "version 51/2025"
	rated := func() fstest.MapFS {
		return oneFile("- {name: n, type: int}"+province, ruled("code: fee", `fixed: rate`))
	}
	for _, c := range []breakage{
		{"a name other than its document's", "parameter: rates", "parameter: tax", "parameter: tax", "", "a file of its own name"},
		{"a name that is none", "parameter: rates", "parameter: Rates", "parameter: Rates", "", "is no name for a parameter"},
		{"no Vietnamese name", "name: {vi: Mức thu, en: Rates}", "name: {en: Rates}", "name: {en", "", "in vi and en"},
		{"a name without an end", "en: Rates}", "en: " + strings.Repeat("R", 501) + "}", "name: {vi", "", "at most 500 bytes"},
		{"a key in one language", "key: {vi: Tỉnh, en: province}", "key: {en: province}", "key: {en", "", "in vi and en"},
		{"no version", rates[strings.Index(rates, "versions:"):], "versions: []\n", "versions: []", "", "has no version"},
		{"no act", "    act: Decree 51/2025/ND-CP\n", "", "- version: 51", last, "legal basis"},
		{"an act known by words", "act: Resolution 7/2022", "act: Resolution of the council", "[Hue", first, "needs its Vietnamese name"},
		{"no day", "    from: 2025-03-01\n", "", "- version: 51", last, "needs the day it begins"},
		{"versions out of order", "from: 2025-03-01", "from: 2021-03-01", "from: 2021", last, "stand in order"},
		{"a gap", "from: 2022-03-01", "from: 2022-03-01\n    to: 2025-02-27", "to: 2025-02-27", first, "no version is in force"},
		{"an overlap", "from: 2022-03-01", "from: 2022-03-01\n    to: 2025-03-01", "to: 2025-03-01", first, "overlaps"},
		{"no number", `value: "0.11"`, `value: 0.11`, "value: 0.11", first, "must stand in quotes"},
		{"no number in quotes", `value: "0.11"`, `value: "eleven"`, "eleven", first, "is not a decimal number"},
		{"a value below 0", `value: "0.11"`, `value: "-0.11"`, `"-0.11"`, first, "-0.11 must not be below 0"},
		{"neither value nor unknown", `value: "0.11", `, "", "[Hue", first, "either a value or why"},
		{"one value for all", "values:\n      - {keys: [Ha Noi], value: \"0.12\"}", `value: "0.12"`, "- version: 51", last, "not one `value`"},
		{"a value without keys", "keys: [Vinh], ", "", "- {unknown", first, "needs its `keys`"},
		{"a key twice", "keys: [Vinh]", "keys: [Hue]", "[Hue], unknown", first, "has two values"},
		{"others with keys", `otherwise: {value: "0.10"`, `otherwise: {keys: [Vinh], value: "0.10"`, "otherwise", last, "names none"},
		{"no evidence", "    confidence: high\n    values:\n      - {keys: [Ha Noi], value: \"0.12\", source: recalled", "    values:\n      - {keys: [Ha Noi], value: \"0.12\", source: recalled", "[Hue", first, "`confidence` must be"},
		{"an unknown key", "source: read", "colour: red\n    source: read", "colour", first, "unknown field"},
	} {
		c.check(t, "parameters/rates.yaml", rates, func(broken string) error {
			return loadThing(rated(), "parameters/rates.yaml", broken)
		})
	}
	if _, err := fee.Load(folder(sound, strings.Replace(soundParameter, `value: "0.10"`, `values: [{keys: [a], value: "0.10"}]`, 1))); err == nil ||
		!strings.Contains(err.Error(), "parameters/vat.yaml:4: version 10%: `values` and `otherwise` need the parameter's `key`") {
		t.Errorf("values without a key: got %v", err)
	}
	if err := loadThing(rated(), "parameters/rates.yaml", strings.Replace(rates, "Can Tho]", "Can Thoo]", 1)); err == nil ||
		!strings.Contains(err.Error(), `the parameter rates has a value for "Can Thoo", which is none of the values of province`) {
		t.Errorf("a key that its input cannot have: got %v", err)
	}
	inSet := oneFile(`- {name: parts, type: set, values: [theory, practical]}`+province, ruled("code: fee", `when: '"theories" in parts', exempt: true`))
	if _, err := fee.Load(inSet); err == nil || !strings.Contains(err.Error(), `parts is never "theories"`) {
		t.Errorf("what a set cannot hold: got %v", err)
	}
	text := strings.Replace(string(rated()["thing.yaml"].Data), ", key: province", "", 1)
	if err := loadThing(rated(), "thing.yaml", text); err == nil || !strings.Contains(err.Error(), "has a value for each province: name the enum input in `key`") {
		t.Errorf("a keyed parameter without a key: got %v", err)
	}
}
