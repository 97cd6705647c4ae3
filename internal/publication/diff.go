package publication

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// Diff is what a document of a draft says otherwise than the text it replaces, line by line: before a stretch of lines its
// place in both texts, then lines that are kept ("  "), that go ("- ") and that come ("+ "). What a person would not see,
// or would see in another order than it stands, is written as its code.
type Diff struct {
	Document string `json:"document"`
	Lines    string `json:"lines"`
}

// around is how many kept lines are shown before and after those that differ.
const around = 2

func diffsOf(ctx context.Context, q queryer, draft int64) ([]Diff, error) {
	rows, err := q.Query(ctx, `
		SELECT o.name, coalesce(w.content, ''), t.content
		FROM gateway.law_draft_document o JOIN gateway.law_text t ON t.digest = o.digest LEFT JOIN gateway.law_text w ON w.digest = o.replaces
		WHERE o.draft = $1 ORDER BY o.name COLLATE "C"`, draft)
	if err != nil {
		return nil, fmt.Errorf("reading the texts of draft %d: %w", draft, err)
	}
	var name string
	var was, is []byte
	var out []Diff
	_, err = pgx.ForEachRow(rows, []any{&name, &was, &is}, func() error {
		out = append(out, Diff{Document: name, Lines: lineDiff(was, is)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the texts of draft %d: %w", draft, err)
	}
	return out, nil
}

// stretch is lines old[from:to] that new[at:…] has too.
type stretch struct{ from, to, at int }

// lineDiff tells two texts apart. It takes time in proportion to their lengths but for sorting, whatever they are: lines
// that stand once in both hold the texts together, and what lies between is compared from both ends only.
func lineDiff(was, is []byte) string {
	old, now := linesOf(was), linesOf(is)
	var out strings.Builder
	i, j, shown := 0, 0, 0 // lines of old and new that were compared, and of old that were written
	write := func(sign string, lines []string) {
		for _, l := range lines {
			out.WriteString(sign + visible(l) + "\n")
		}
	}
	for _, k := range append(kept(old, now), stretch{len(old), len(old), len(now)}) {
		if i < k.from || j < k.at {
			lead := max(shown, i-around)
			if lead > shown || shown == 0 {
				fmt.Fprintf(&out, "@@ line %d, was %d\n", j-(i-lead)+1, lead+1)
			}
			write("  ", old[lead:i])
			write("- ", old[i:k.from])
			write("+ ", now[j:k.at])
			shown = min(k.from+around, k.to)
			write("  ", old[k.from:shown])
		}
		i, j = k.to, k.at+k.to-k.from
	}
	return out.String()
}

// linesOf keeps the end of a line that is not a line feed, so that another one is seen.
func linesOf(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimSuffix(text, []byte("\n"))), "\n")
}

// kept finds stretches that both have, in order: around the lines that stand once in each, the most of them that are in one
// order, and at both ends.
func kept(old, now []string) []stretch {
	var out []stretch
	i, j := 0, 0
	for _, pair := range append(inOrder(once(old, now)), [2]int{len(old), len(now)}) {
		ahead := stretch{i, i, j}
		for i < pair[0] && j < pair[1] && old[i] == now[j] {
			i, j = i+1, j+1
		}
		ahead.to = i
		back := stretch{pair[0], min(pair[0]+1, len(old)), pair[1]}
		for back.from > i && back.at > j && old[back.from-1] == now[back.at-1] {
			back.from, back.at = back.from-1, back.at-1
		}
		out = append(out, ahead, back)
		i, j = back.to, back.at+back.to-back.from
	}
	return slices.DeleteFunc(joined(out), func(s stretch) bool { return s.from == s.to })
}

// joined puts stretches together that follow each other in both.
func joined(all []stretch) []stretch {
	var out []stretch
	for _, s := range all {
		if n := len(out) - 1; n >= 0 && out[n].to == s.from && out[n].at+out[n].to-out[n].from == s.at {
			out[n].to = s.to
			continue
		}
		out = append(out, s)
	}
	return out
}

// once pairs the places of lines that stand once in each, in the order of the old text.
func once(old, now []string) [][2]int {
	place := func(lines []string) map[string]int {
		at := map[string]int{}
		for i, l := range lines {
			if _, twice := at[l]; twice {
				i = -1
			}
			at[l] = i
		}
		return at
	}
	inNew := place(now)
	var out [][2]int
	for l, i := range place(old) {
		if j, there := inNew[l]; there && i >= 0 && j >= 0 {
			out = append(out, [2]int{i, j})
		}
	}
	slices.SortFunc(out, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// inOrder gives the longest run of pairs whose second places rise.
func inOrder(pairs [][2]int) [][2]int {
	var ends []int // of the run of each length, the pair that ends it lowest
	before := make([]int, len(pairs))
	for p := range pairs {
		n, _ := slices.BinarySearchFunc(ends, pairs[p][1], func(e, at int) int { return cmp.Compare(pairs[e][1], at) })
		if before[p] = -1; n > 0 {
			before[p] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, p)
		} else {
			ends[n] = p
		}
	}
	out := make([][2]int, len(ends))
	if len(ends) > 0 {
		for n, p := len(ends)-1, ends[len(ends)-1]; n >= 0; n, p = n-1, before[p] {
			out[n] = pairs[p]
		}
	}
	return out
}

// visible writes what is not seen, or moves what is seen, as its code.
func visible(line string) string {
	if !strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return line
	}
	var out strings.Builder
	for _, r := range line {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return out.String()
}
