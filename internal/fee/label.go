package fee

import (
	"strconv"
	"strings"
)

// maxLabel is how many bytes a label has in a language: it stands in every step that names what it belongs to.
const maxLabel = 500

// label reads the words for a code: both languages or none.
func (l *loader) label(doc names, at string) Text {
	l.wantIf((doc.Vi == "") != (doc.En == ""), at, "a label is written in both languages: {vi: …, en: …}")
	l.wantIf(max(len(doc.Vi), len(doc.En)) > maxLabel, at, "a label has at most %d bytes in a language: the rest belongs in a comment", maxLabel)
	return Text(doc)
}

// What one of several lines is, and a line that takes off what is above a cap.
var (
	tierWord       = Text{"bậc", "tier"}
	memberWord     = Text{"người thứ", "person"}
	instalmentWord = Text{"kỳ", "instalment"}
	capLabel       = Text{"Giảm theo mức tối đa", "Reduction to the maximum"}
)

// numbered is the label of one of several lines of a rule: Energy, tier 3; or Tier 3, where the schedule has no label.
func (t Text) numbered(word Text, n int) Text {
	number := " " + strconv.Itoa(n)
	if t == (Text{}) {
		return Text{capital(word.Vi) + number, capital(word.En) + number}
	}
	return Text{t.Vi + ", " + word.Vi + number, t.En + ", " + word.En + number}
}

// capital begins a word of ours, whose first letter is one of ASCII, with a capital.
func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// of names the version too, where two versions have the same label in one quote.
func (t Text) of(version Text) Text {
	return Text{t.Vi + " (" + version.Vi + ")", t.En + " (" + version.En + ")"}
}
