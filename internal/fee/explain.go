package fee

import (
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// teller writes the steps of a quote. They stand in one buffer, from which the texts are cut when the quote is done: a
// quote of eight lines would otherwise be dozens of small allocations.
type teller struct {
	words []byte
	told  []mark
	lines []int // for each line, how many steps were told when it was made
}

// mark is where a step stands in the buffer: Vietnamese from start to middle, English from there to the end.
type mark struct{ start, middle, end int }

// say writes a step of the line to come.
func (t *teller) say(f *form, terms ...term) {
	m := mark{start: len(t.words)}
	t.words = fill(t.words, f.vi, vietnamese, terms)
	m.middle = len(t.words)
	if f.figures {
		t.words = translated(t.words, m.start)
	} else {
		t.words = fill(t.words, f.en, english, terms)
	}
	m.end = len(t.words)
	t.told = append(t.told, m)
}

// translated appends a Vietnamese text of nothing but figures in English: only the two separators change places.
func translated(b []byte, start int) []byte {
	for _, c := range b[start:] {
		switch c {
		case '.':
			c = ','
		case ',':
			c = '.'
		}
		b = append(b, c)
	}
	return b
}

// empty gives the buffers back without what was told.
func (t *teller) empty() teller {
	return teller{words: t.words[:0], told: t.told[:0], lines: t.lines[:0]}
}

// lineMade gives the steps told since the line before to a new line.
func (t *teller) lineMade() { t.lines = append(t.lines, len(t.told)) }

// forget drops the steps of a line that is not made after all.
func (t *teller) forget() {
	t.told = t.told[:t.toldBefore()]
}

func (t *teller) toldBefore() int {
	if len(t.lines) == 0 {
		return 0
	}
	return t.lines[len(t.lines)-1]
}

// hand gives the lines their steps.
func (t *teller) hand(lines []Line) {
	all := string(t.words)
	texts := make([]Text, len(t.told))
	for i, m := range t.told {
		texts[i] = Text{all[m.start:m.middle], all[m.middle:m.end]}
	}
	from := 0
	for i, to := range t.lines {
		lines[i].Steps = texts[from:to:to]
		from = to
	}
}

// term is what stands in a step for {0}, {1}, …
type term struct {
	number  number
	percent bool
	text    Text
	how     termKind
}

type termKind byte

const (
	termNumber termKind = iota
	termText
)

func figure(n number) term  { return term{number: n} }
func percent(n number) term { return term{number: n, percent: true} }
func count(n int) term      { return term{number: whole(int64(n))} }
func phrase(t Text) term    { return term{text: t, how: termText} }

// on writes a date as people of each language do.
func on(d calendar.Date) term {
	iso := d.String()
	return phrase(Text{iso[8:] + "/" + iso[5:7] + "/" + iso[:4], iso})
}

// share writes a rate below 1 as a percentage, and any other number as it is.
func share(n number) term {
	n2 := n
	if n2.coef < 0 {
		n2 = n2.negated()
	}
	return term{number: n, percent: n.big == nil && n.scale > 0 && n2.less(whole(1))}
}

// form is a sentence in both languages in which {0}, {1}, … stand for terms, cut into its pieces.
type form struct {
	vi, en  []piece
	figures bool // it has no words and its terms are numbers
}

// piece is a text and the term that follows it, none after the last.
type piece struct {
	text string
	term int
}

func forms(vi, en string) *form { return &form{vi: pieces(vi), en: pieces(en)} }

func figures(text string) *form { return &form{vi: pieces(text), figures: true} }

func pieces(text string) []piece {
	var out []piece
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			return append(out, piece{text, none})
		}
		out = append(out, piece{text[:i], int(text[i+1] - '0')})
		text = text[i+3:]
	}
}

// fill appends a form with its terms.
func fill(b []byte, pieces []piece, as style, terms []term) []byte {
	for _, p := range pieces {
		b = append(b, p.text...)
		if p.term != none {
			b = terms[p.term].append(b, as)
		}
	}
	return b
}

func (t *term) append(b []byte, as style) []byte {
	switch {
	case t.how == termText:
		return append(b, t.text.In(as.lang)...)
	case t.percent:
		return append(as.append(b, t.number.times(whole(100))), '%')
	}
	return as.append(b, t.number)
}

// style is how a language writes numbers.
type style struct {
	lang         string
	group, point byte
}

var (
	vietnamese = style{"vi", '.', ','}
	english    = style{"en", ',', '.'}
)

// append writes a number with its thousands set apart.
func (s style) append(b []byte, n number) []byte {
	if n.big != nil {
		return s.appendLong(b, n.big.String())
	}
	if n.coef < 0 {
		b = append(b, '-')
	}
	var room [32]byte // 19 digits, 6 separators and a point at most
	first, rest, scale := len(room), magnitude(n.coef), int(n.scale)
	for place := 0; rest > 0 || place <= scale; place++ { // from the last digit on; 5 with two places is 0.05
		switch {
		case place == scale && place > 0:
			first--
			room[first] = s.point
		case place > scale && (place-scale)%3 == 0:
			first--
			room[first] = s.group
		}
		first--
		room[first] = byte('0' + rest%10)
		rest /= 10
	}
	return append(b, room[first:]...)
}

// appendLong writes a decimal that is too long for the short form.
func (s style) appendLong(b []byte, plain string) []byte {
	units, fraction, broken := strings.Cut(plain, ".")
	if units[0] == '-' {
		b, units = append(b, '-'), units[1:]
	}
	for i := range len(units) {
		if i > 0 && (len(units)-i)%3 == 0 {
			b = append(b, s.group)
		}
		b = append(b, units[i])
	}
	if broken {
		b = append(append(b, s.point), fraction...)
	}
	return b
}

// The forms of the steps that several kinds share.
var (
	productForm = figures("{0} × {1} = {2}")
	atLeastForm = forms("ít nhất {0}", "at least {0}")
	atMostForm  = forms("nhiều nhất {0}", "at most {0}")

	roundedForms = map[money.Rounding]*form{
		money.HalfUp:   forms("làm tròn số học: {0}", "rounded, a half up: {0}"),
		money.HalfEven: forms("làm tròn, nửa về số chẵn: {0}", "rounded, a half to the even neighbour: {0}"),
		money.Down:     forms("bỏ phần lẻ: {0}", "rounded down: {0}"),
		money.Up:       forms("làm tròn lên: {0}", "rounded up: {0}"),
	}
)
