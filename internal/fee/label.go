package fee

import "strconv"

// label reads the words for a code: both languages or none.
func (l *loader) label(doc names, at string) Text {
	l.wantIf((doc.Vi == "") != (doc.En == ""), at, "a label is written in both languages: {vi: …, en: …}")
	return Text(doc)
}

// What numbered lines are called where the schedule has no words of its own, and a line that takes off what is above
// a cap.
var (
	tierLabel       = Text{"Bậc", "Tier"}
	memberLabel     = Text{"Người thứ", "Person"}
	instalmentLabel = Text{"Kỳ", "Instalment"}
	capLabel        = Text{"Giảm theo mức tối đa", "Reduction to the maximum"}
)

// numbered is the label of one of several lines of a rule: Bậc 3, Tier 3.
func numbered(label Text, n int) Text {
	number := " " + strconv.Itoa(n)
	return Text{label.Vi + number, label.En + number}
}

// of names the version too, where two versions have the same label in one quote.
func (t Text) of(version Text) Text {
	return Text{t.Vi + " (" + version.Vi + ")", t.En + " (" + version.En + ")"}
}
