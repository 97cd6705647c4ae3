package embedded

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"exchequer/internal/pg/pgtest/scratch"
)

func TestChoosesTheInstallation(t *testing.T) {
	of := func(majors ...int) (list []installation) {
		for _, m := range majors {
			list = append(list, installation{bin: strconv.Itoa(m), major: m})
		}
		return list
	}
	tests := []struct {
		name  string
		found []installation
		want  int
		bin   string
		says  string
	}{
		{name: "newest for a new cluster", found: of(15, 17, 16), bin: "17"},
		{name: "the version that wrote the data", found: of(15, 17, 16), want: 16, bin: "16"},
		{name: "first place found wins among equals", found: []installation{{"a", 15}, {"b", 15}}, bin: "a"},
		{name: "that version is gone", found: of(17), want: 15, says: "apt-get install -y postgresql-15"},
		{name: "too old", found: of(13), says: "PostgreSQL 13 is too old"},
		{name: "none", says: "apt-get install -y postgresql"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := choose(test.found, test.want)
			if got.bin != test.bin {
				t.Errorf("took %q, want %q", got.bin, test.bin)
			}
			if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
	if _, err := choose(nil, 0); !errors.Is(err, ErrNoBinaries) {
		t.Errorf("%v, want ErrNoBinaries", err)
	}
}

func TestParseMajor(t *testing.T) {
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 17devel":                          17,
		"16\n":                                                   16,
	} {
		if got, err := parseMajor(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	if _, err := parseMajor("mysql"); err == nil {
		t.Error("nonsense was read as a version")
	}
}

func TestLongSocketPathIsRefused(t *testing.T) {
	_, err := StartPostgres(t.Context(), PostgresOptions{Dir: "/tmp/" + strings.Repeat("x", 100)})
	if err == nil || !strings.Contains(err.Error(), "shorter folder") {
		t.Errorf("%v", err)
	}
}

func TestImpassableFolderIsNamed(t *testing.T) {
	dir, err := scratch.New("exq-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	state := filepath.Join(dir, "state")
	if err := errors.Join(os.Mkdir(state, 0o755), os.Chmod(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	stranger := identity{name: "postgres", uid: 4242, gid: 4242, switched: true}
	if err := stranger.mayPass(state); err == nil || !strings.Contains(err.Error(), "chmod o+x "+dir) || !strings.Contains(err.Error(), "EXCHEQUER_STATE") {
		t.Errorf("%v; it must name the folder that does not let the server pass, and the way out", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := stranger.mayPass(state); err != nil {
		t.Errorf("a folder that may be passed is refused: %v", err)
	}
	owner := identity{uid: uint32(os.Geteuid()), gid: 4242, switched: true}
	if err := errors.Join(os.Chmod(dir, 0o011), owner.mayPass(state), os.Chmod(dir, 0o700)); err == nil {
		t.Error("an owner without x may not pass even where others may")
	}
}

func TestLeftoversDoNotKeepTheServerFromStarting(t *testing.T) {
	t.Parallel()
	h := newHost(t, os.Geteuid())
	fresh := filepath.Join(h.dir, "postgres", "data.new")
	if err := os.MkdirAll(filepath.Join(fresh, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := h.start(t)
	p.exec(t, "CREATE TABLE kept (id int)")
	p.stop(t)

	// A killed server's file whose process number now belongs to something else, of the server's own user, so that
	// PostgreSQL by itself would take it for a running server.
	other := exec.Command("sleep", "600")
	other.SysProcAttr = command{as: serverIdentity()}.build().SysProcAttr
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	pidPath := filepath.Join(h.dir, "postgres", "data", "postmaster.pid")
	if err := os.WriteFile(pidPath, []byte(strconv.Itoa(other.Process.Pid)+"\n"+filepath.Dir(pidPath)+"\n0\n5432\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = h.start(t)
	if got := p.count(t); got != 0 {
		t.Errorf("%d rows", got)
	}
	if !processExists(other.Process.Pid) {
		t.Error("a process that is no server of ours was ended")
	}
	p.stop(t)
}

func TestDefaultStateDir(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("EXCHEQUER_STATE", "")
	t.Setenv("XDG_STATE_HOME", "")
	want := filepath.Join(home, ".local/state/exchequer")
	if os.Geteuid() == 0 {
		want = "/var/lib/exchequer"
	}
	if got, err := DefaultStateDir(); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	t.Setenv("EXCHEQUER_STATE", "/srv/books")
	if got, _ := DefaultStateDir(); got != "/srv/books" {
		t.Errorf("%s; the setting must win", got)
	}
}
