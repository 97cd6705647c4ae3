package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// ErrNoBinaries means that PostgreSQL's server programs are not installed and no database address is configured.
// Its message is one line with the command that cures it; a command that gets it ends with exit status 2.
var ErrNoBinaries = errors.New("PostgreSQL is not installed and EXCHEQUER_DATABASE_URL is not set; install it with: apt-get install -y postgresql")

// minMajor is the oldest PostgreSQL the schema is written for.
const minMajor = 15

// installation is a folder with initdb and postgres of one major version.
type installation struct {
	bin   string
	major int
}

// PostgresMajor gives the major version that a new cluster is made with. It fails with ErrNoBinaries where none is installed.
func PostgresMajor() (int, error) {
	in, err := findPostgres(0)
	return in.major, err
}

// findPostgres looks where distributions install PostgreSQL, then on PATH. A cluster made by one major version can be
// served by that version only, so want (0: any) fixes the version; else the newest wins.
func findPostgres(want int) (installation, error) {
	var dirs []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	var found []installation
	for _, dir := range dirs {
		if in, ok := inspect(dir); ok {
			found = append(found, in)
		}
	}
	return choose(found, want)
}

// choose takes the newest installation, or the newest of the wanted major version.
func choose(found []installation, want int) (installation, error) {
	sort.SliceStable(found, func(a, b int) bool { return found[a].major > found[b].major })
	for _, in := range found {
		if want == in.major || (want == 0 && in.major >= minMajor) {
			return in, nil
		}
	}
	if want != 0 {
		return installation{}, fmt.Errorf("the data were written by PostgreSQL %d, which is not installed; install it with: apt-get install -y postgresql-%d", want, want)
	}
	if len(found) > 0 {
		return installation{}, fmt.Errorf("PostgreSQL %d is too old, at least %d is needed: %w", found[0].major, minMajor, ErrNoBinaries)
	}
	return installation{}, ErrNoBinaries
}

func inspect(dir string) (installation, bool) {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&0o111 == 0 {
			return installation{}, false
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return installation{}, false
	}
	major, err := parseMajor(string(out))
	return installation{bin: dir, major: major}, err == nil
}

// parseMajor reads "postgres (PostgreSQL) 15.20 (Debian …)" or the number in a cluster's PG_VERSION.
func parseMajor(text string) (int, error) {
	text = strings.TrimSpace(text)
	if _, after, ok := strings.Cut(text, "(PostgreSQL) "); ok {
		text = after
	}
	digits := text
	if end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = text[:end]
	}
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("%q is not a PostgreSQL version", text)
	}
	return major, nil
}

// findRedis gives the path of redis-server, or "" where it is not installed.
func findRedis() string {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ""
	}
	return path
}
