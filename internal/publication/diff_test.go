package publication

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestLinesAreToldApart(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"a\nb\nc\n", "a\nb\nc\n", ""},
		{"", "a\nb\n", "@@ line 1, was 1\n+ a\n+ b\n"},
		{"a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\n", "@@ line 3, was 3\n  c\n  d\n- e\n+ E\n  f\n  g\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n", "@@ line 1, was 1\n+ 0\n  1\n  2\n@@ line 8, was 7\n  7\n  8\n- 9\n"},
		{"x\nx\nx\n", "x\nx\n", "@@ line 1, was 1\n  x\n  x\n- x\n"},
		{"a: 1\n", "a: 1\r\n", "@@ line 1, was 1\n- a: 1\n+ a: 1\\r\n"},
		{"a", "\u202ea\x1b[2K", "@@ line 1, was 1\n- a\n+ \\u202ea\\x1b[2K\n"},
		{"Tiền điện bậc 1", "Tiền điện bậc 2", "@@ line 1, was 1\n- Tiền điện bậc 1\n+ Tiền điện bậc 2\n"},
	} {
		if got := lineDiff([]byte(c.old), []byte(c.new)); got != c.want {
			t.Errorf("%q, %q:\n%s\nwant\n%s", c.old, c.new, got, c.want)
		}
	}
}

// TestADiffLeadsFromOneTextToTheOther: applied to the old text, any diff gives the new one.
func TestADiffLeadsFromOneTextToTheOther(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		old := randomText(random)
		now := randomText(random)
		if random.IntN(2) == 0 { // mostly alike
			now = strings.Replace(old, fmt.Sprintf("%d\n", random.IntN(12)), fmt.Sprintf("%d\n", random.IntN(12)), 1+random.IntN(3))
		}
		diff := lineDiff([]byte(old), []byte(now))
		if got := applied(t, linesOf([]byte(old)), diff); strings.Join(got, "\n") != strings.Join(linesOf([]byte(now)), "\n") {
			t.Fatalf("%q to %q: %q\n%s", old, now, got, diff)
		}
		if old == now && diff != "" {
			t.Fatalf("the same text: %s", diff)
		}
	}
}

func randomText(random *rand.Rand) string {
	var out strings.Builder
	for range random.IntN(25) {
		fmt.Fprintf(&out, "%d\n", random.IntN(4+random.IntN(30)))
	}
	return out.String()
}

// applied makes the changes of a diff, and demands that what it says is kept or goes stands there.
func applied(t *testing.T, old []string, diff string) (out []string) {
	t.Helper()
	at := 0
	for _, line := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n") {
		var there, was int
		switch n, _ := fmt.Sscanf(line, "@@ line %d, was %d", &there, &was); {
		case diff == "":
		case n == 2:
			out = append(out, old[at:was-1]...)
			if at = was - 1; len(out) != there-1 {
				t.Fatalf("%q begins after %d lines\n%s", line, len(out), diff)
			}
		case line[:2] == "+ ":
			out = append(out, line[2:])
		case at >= len(old) || old[at] != line[2:]:
			t.Fatalf("%q is not line %d of %q", line, at+1, old)
		default:
			if at++; line[:2] == "  " {
				out = append(out, line[2:])
			}
		}
	}
	return append(out, old[at:]...)
}

// TestLargeTextsAreToldApart: two texts of a mebibyte, of lines that repeat and of lines in the other order.
func TestLargeTextsAreToldApart(t *testing.T) {
	var rising, falling strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&rising, "%d\n", i)
		fmt.Fprintf(&falling, "%d\n", 100_000-i)
	}
	for _, c := range [][2]string{
		{strings.Repeat("\n", 1<<20), strings.Repeat("a\n\n", 1<<17)},
		{rising.String(), falling.String()},
	} {
		if diff := lineDiff([]byte(c[0]), []byte(c[1])); strings.Count(diff, "\n") < 100_000 {
			t.Error("the texts are not told apart")
		}
	}
}
