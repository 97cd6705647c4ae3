package fee

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Text is what people read, in both languages of the portal.
type Text struct {
	Vi string `json:"vi"`
	En string `json:"en"`
}

// In gives the text in English for "en", in Vietnamese for any other language.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.En
	}
	return t.Vi
}

// UnmarshalJSON also takes a plain text: bills keep the quote they were made from, and older ones have one language.
func (t *Text) UnmarshalJSON(b []byte) error {
	var plain string
	if json.Unmarshal(b, &plain) == nil {
		*t = Text{plain, plain}
		return nil
	}
	type pair Text // without this method
	return json.Unmarshal(b, (*pair)(t))
}

// wording is a text in a schedule: {vi: …, en: …}, or one plain text for both.
type wording struct {
	Text
	plain bool
}

// UnmarshalYAML takes a plain scalar or the two languages.
func (w *wording) UnmarshalYAML(n ast.Node) error {
	if scalar, ok := n.(ast.ScalarNode); ok {
		text := textOf(scalar)
		*w = wording{Text{text, text}, true}
		return nil
	}
	pairs := pairsOf(n)
	for _, pair := range pairs {
		value, ok := pair.Value.(*ast.StringNode)
		switch key := pair.Key.String(); {
		case ok && key == "vi":
			w.Vi = value.Value
		case ok && key == "en":
			w.En = value.Value
		}
	}
	if len(pairs) != 2 || w.Vi == "" || w.En == "" {
		return misplacedAt(n, "a text is written plainly or as {vi: …, en: …}")
	}
	return nil
}

// words are what a plain text may not hold: they differ from language to language. `63/2023` and `10%` have none.
var words = regexp.MustCompile(`\p{Ll}{2,}`)

// text gives a name for people. One with words must have both languages.
func (l *loader) text(w wording, at string) Text {
	l.wantIf(w.plain && words.MatchString(w.En), at, "%q has words: write it as {vi: …, en: …}", w.En)
	if w.plain {
		w.Vi = codes.Replace(w.Vi)
	}
	return w.Text
}

// act gives the name of a legal act. A numbered one may be written in English alone, because its Vietnamese name
// follows from it; a law or a rule that is known by words needs both.
func (l *loader) act(w wording, at string) Text {
	if !w.plain || w.En == "" {
		return w.Text
	}
	vi, ok := vietnameseAct(w.En)
	l.wantIf(!ok, at, "the act %q needs its Vietnamese name: write it as {vi: …, en: …}", w.En)
	return Text{vi, w.En}
}

var (
	numberedAct = regexp.MustCompile(`^(Law|Resolution|Decree|Decision|Circular|Letter) (\d[\w./-]*)((?: (?:art\. [\w()]+|and|,))*)$`)
	actLinks    = regexp.MustCompile(`; | as amended by `)
	actTypes    = strings.NewReplacer("Law", "Luật", "Resolution", "Nghị quyết", "Decree", "Nghị định", "Decision", "Quyết định",
		"Circular", "Thông tư", "Letter", "Công văn")
	// codes are the letters that a number has in Vietnamese.
	codes      = strings.NewReplacer("ND-CP", "NĐ-CP", "QD-", "QĐ-", "DTDL", "ĐTĐL")
	viArticles = regexp.MustCompile(`art\. (\w+)(?:\((\d+)\))?(?:\((\w+)\))?`)
)

// vietnameseAct translates one or more numbered acts, such as `Decree 100/2019/ND-CP as amended by Decree
// 123/2021/ND-CP` or `Circular 63/2023/TT-BTC art. 8`.
func vietnameseAct(en string) (string, bool) {
	var out strings.Builder
	rest := en
	for {
		part, link := rest, actLinks.FindStringIndex(rest)
		if link != nil {
			part = rest[:link[0]]
		}
		m := numberedAct.FindStringSubmatch(part)
		if m == nil {
			return en, false
		}
		out.WriteString(actTypes.Replace(m[1]) + " " + codes.Replace(m[2]) + vietnameseArticle(m[3]))
		if link == nil {
			return out.String(), true
		}
		out.WriteString(map[string]string{"; ": "; ", " as amended by ": " được sửa đổi bởi "}[rest[link[0]:link[1]]])
		rest = rest[link[1]:]
	}
}

// vietnameseArticle writes art. 4(3)(b) as điều 4 khoản 3 điểm b.
func vietnameseArticle(en string) string {
	vi := viArticles.ReplaceAllStringFunc(en, func(one string) string {
		m := viArticles.FindStringSubmatch(one)
		out := "điều " + m[1]
		if m[2] != "" {
			out += " khoản " + m[2]
		}
		if m[3] != "" {
			out += " điểm " + m[3]
		}
		return out
	})
	return strings.ReplaceAll(vi, " and ", " và ")
}
