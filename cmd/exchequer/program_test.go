package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/story"
)

// programMode makes the test binary be the program, so that tests can start it, kill it and read its exit status.
const programMode = "EXCHEQUER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programMode) != "" {
		main()
	}
	os.Exit(m.Run())
}

// installation is a state folder and the user who runs the program on it.
type installation struct {
	*testing.T
	dir    string
	binary string
	uid    int
	path   string
}

// nobody is the plain user for whom tests run the program when they are root.
const nobody = 65534

func install(t *testing.T, uid int) *installation {
	t.Helper()
	// Not t.TempDir: its path is too long for a socket, and the database's user could not pass it.
	dir, err := os.MkdirTemp("/tmp", "exq-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	i := &installation{T: t, dir: dir, uid: uid, binary: filepath.Join(dir, "exchequer"), path: os.Getenv("PATH")}
	raw, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(i.binary, raw, 0o755)
	}
	err = errors.Join(err, os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "state"), 0o711), os.Chown(filepath.Join(dir, "state"), uid, -1))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *installation) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(i.binary, args...)
	c.Env = []string{programMode + "=1", "EXCHEQUER_STATE=" + filepath.Join(i.dir, "state"), "PATH=" + i.path, "HOME=" + i.dir, "TZ=UTC"}
	c.Dir = i.dir
	if i.uid != os.Geteuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(i.uid), Gid: uint32(i.uid)}}
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	return c, &stderr
}

// run runs a command to its end and gives its output and exit status.
func (i *installation) run(args ...string) (stdout string, status int) {
	i.Helper()
	c, stderr := i.command(args...)
	out, err := c.Output()
	if err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			i.Fatal(err)
		}
	}
	if s := stderr.String(); s != "" && c.ProcessState.ExitCode() != 0 {
		i.Logf("exchequer %s: %s", strings.Join(args, " "), s)
	}
	return string(out), c.ProcessState.ExitCode()
}

// proven plays the story to its end and checks that its proof holds.
func (i *installation) proven() story.Result {
	i.Helper()
	out, status := i.run("run", "--exit", "--json")
	var r story.Result
	if status != 0 {
		i.Fatalf("run ended with %d: %s", status, out)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		i.Fatal(err)
	}
	for _, c := range r.Proof.Checks {
		if !c.OK() {
			i.Errorf("run %d: %s: %d by their books, %d by ours", r.Run, c.Name, c.Expected, c.Found)
		}
	}
	if !r.Proof.OK || len(r.Closes) != 4 {
		i.Errorf("run %d: proof %v, %d days closed", r.Run, r.Proof.OK, len(r.Closes))
	}
	return r
}

func (i *installation) verified() {
	i.Helper()
	if out, status := i.run("ledger", "verify", "--json"); status != 0 {
		i.Errorf("ledger verify ended with %d: %s", status, out)
	}
}

// users are root and a plain user when the tests are root's, else only who runs them.
func users() []int {
	if os.Geteuid() == 0 {
		return []int{0, nobody}
	}
	return []int{os.Geteuid()}
}

func TestTwoRunsOnTheSameBooksProveThemselves(t *testing.T) {
	for _, uid := range users() {
		t.Run(fmt.Sprintf("uid %d", uid), func(t *testing.T) {
			i := install(t, uid)
			first, second := i.proven(), i.proven()
			if first.Run != 1 || second.Run != 2 || !second.Days[0].After(first.Days[3]) {
				t.Errorf("run %d from %v, then run %d from %v", first.Run, first.Days, second.Run, second.Days)
			}
			i.verified()
		})
	}
}

func TestWithoutRedisTheStoryIsTheSame(t *testing.T) {
	i := install(t, os.Geteuid())
	i.path = filepath.Join(i.dir, "no-such-folder") // PostgreSQL is found in its own folders
	i.proven()
}

func TestASecondProgramOnTheSameFolderIsRefused(t *testing.T) {
	i := install(t, os.Geteuid())
	first, _ := i.command("run", "--listen", "127.0.0.1:0")
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, out, "Open http://")
	second, stderr := i.command("run", "--exit")
	_ = second.Run()
	if second.ProcessState.ExitCode() != 2 || !strings.Contains(stderr.String(), fmt.Sprint(first.Process.Pid)) {
		t.Errorf("the second start ended with %d: %s", second.ProcessState.ExitCode(), stderr)
	}
	// A command beside the running program works on its servers.
	i.verified()
	_ = first.Process.Signal(os.Interrupt)
	if err := first.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func readUntil(t *testing.T, r interface{ Read([]byte) (int, error) }, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found := make(chan error, 1)
	go func() {
		var all bytes.Buffer
		buf := make([]byte, 4096)
		for !strings.Contains(all.String(), want) {
			n, err := r.Read(buf)
			all.Write(buf[:n])
			if err != nil {
				found <- fmt.Errorf("%w after %s", err, all.String())
				return
			}
		}
		found <- nil
		for { // keep the pipe empty
			if _, err := r.Read(buf); err != nil {
				return
			}
		}
	}()
	select {
	case err := <-found:
		if err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatalf("%q was not printed", want)
	}
}
