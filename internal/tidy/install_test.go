package tidy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a pretended system: what is installed and who asks.
type machine struct {
	uid       string
	installed []string
	postgres  bool
	apt       string // what apt-get does; "" means there is none
	env       []string
}

// install runs .ci/install on the machine and answers its exit status, what it said and what it asked apt-get for.
func (m machine) install(t *testing.T, target string) (status int, said, asked string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "asked")
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "grep", "mkdir", "chmod", "rm", "cat", "touch", "ls"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	script("id", "echo "+m.uid)
	script("go", "")
	for _, name := range m.installed {
		script(name, "")
	}
	if m.apt != "" {
		script("apt-get", "echo \"$@\" >>"+log+"; ls "+dir+"/root/usr/sbin/policy-rc.d >>"+log+"\n"+m.apt)
	}
	for _, folder := range []string{"root/usr/sbin", "root/etc", "root/usr/lib/postgresql/15/bin"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	initdb := filepath.Join(dir, "root/usr/lib/postgresql/15/bin/initdb")
	if m.postgres {
		if err := os.WriteFile(initdb, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "bash"), ".ci/install", target)
	cmd.Dir = root
	cmd.Env = append([]string{"PATH=" + dir, "BIN=" + dir, "INITDB=" + initdb, "INSTALL_ROOT=" + filepath.Join(dir, "root")}, m.env...)
	out, _ := cmd.CombinedOutput()
	if _, err := os.Stat(filepath.Join(dir, "root/usr/sbin/policy-rc.d")); err == nil {
		t.Error("the file that keeps services from starting was left behind")
	}
	text, _ := os.ReadFile(log)
	return cmd.ProcessState.ExitCode(), string(out), string(text)
}

func TestInstallsWhatIsMissing(t *testing.T) {
	judges := []string{"gcc", "hledger", "ledger", "bean-check", "xmllint", "chromium"}
	works := `case "$*" in *install*redis-server*) touch "$BIN/redis-server"; chmod 755 "$BIN/redis-server";; esac
case "$*" in *install*postgresql*) touch "$INITDB"; chmod 755 "$INITDB";; esac`
	tests := []struct {
		name    string
		machine machine
		target  string
		status  int
		says    string // "" for nothing
		asks    string // "" for nothing
	}{
		{"all there", machine{uid: "0", installed: append(judges, "redis-server"), postgres: true, apt: "exit 1"}, "test", 0, "", ""},
		{"building needs no server", machine{uid: "0", apt: "exit 1"}, "build", 0, "", ""},
		{"root gets the servers", machine{uid: "0", apt: works}, "run", 0, "installing postgresql redis-server", "--no-install-recommends postgresql redis-server"},
		{"root gets only what is missing", machine{uid: "0", postgres: true, installed: append(judges[1:], "redis-server"), apt: works}, "test", 0, "installing gcc libc6-dev", "--no-install-recommends gcc libc6-dev"},
		{"one failing package keeps no other out", machine{uid: "0", apt: `case "$*" in *"postgresql redis"*) exit 1;; esac` + "\n" + works}, "run", 0, "installing", "--no-install-recommends redis-server"},
		{"a plain user goes on without Redis", machine{uid: "1000", postgres: true, apt: works}, "run", 0, "going on without: redis-server", ""},
		{"a plain user without PostgreSQL", machine{uid: "1000", apt: works}, "run", 2, "apt-get install -y postgresql", ""},
		{"root where apt-get fails", machine{uid: "0", apt: "exit 1"}, "run", 2, "apt-get install -y postgresql", "install"},
		{"root of another system", machine{uid: "0"}, "run", 2, "apt-get install -y postgresql", ""},
		{"given servers", machine{uid: "1000", env: []string{"EXCHEQUER_DATABASE_URL=x", "EXCHEQUER_REDIS_URL=y"}}, "run", 0, "", ""},
		{"tests go on without PostgreSQL", machine{uid: "1000"}, "test", 0, "going on without: postgresql redis-server gcc", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, said, asked := test.machine.install(t, test.target)
			if status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			if !strings.Contains(said, test.says) || (test.says == "" && said != "") {
				t.Errorf("said %q, want %q", said, test.says)
			}
			if !strings.Contains(asked, test.asks) || (test.asks == "" && asked != "") {
				t.Errorf("asked apt-get for %q, want %q", asked, test.asks)
			}
			if test.asks != "" && !strings.Contains(asked, "policy-rc.d") {
				t.Error("services could have been started")
			}
		})
	}
}
