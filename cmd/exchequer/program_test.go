package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/embedded"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/story"
)

// programMode makes the test binary be the program, so that tests can start it, kill it and read its exit status.
const programMode = "EXCHEQUER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programMode) != "" {
		main()
	}
	pgtest.Main(m)
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
	if status != 0 {
		i.Fatalf("run ended with %d: %s", status, out)
	}
	return i.judged([]byte(out))
}

func (i *installation) judged(out []byte) story.Result {
	i.Helper()
	var r story.Result
	if err := json.Unmarshal(out, &r); err != nil {
		i.Fatalf("%v in %s", err, out)
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

// verified proves the books, and that they are those of the checkpoints that the program published.
func (i *installation) verified() {
	i.Helper()
	if out, status := i.run("ledger", "verify", "--checkpoints", filepath.Join(i.dir, "state", "checkpoints"), "--json"); status != 0 {
		i.Errorf("ledger verify ended with %d: %s", status, out)
	}
}

// TestTwoRunsOnTheSameBooksProveThemselves plays the story twice: the first time as a person does, who leaves the program
// running and looks at the pages.
func TestTwoRunsOnTheSameBooksProveThemselves(t *testing.T) {
	t.Parallel()
	i := install(t, os.Geteuid())
	first := i.served()
	second := i.proven()
	if first.Run != 1 || second.Run != 2 || !second.Days[0].After(first.Days[3]) {
		t.Errorf("run %d from %v, then run %d from %v", first.Run, first.Days, second.Run, second.Days)
	}
	if first.Proof.Strays != 0 || second.Proof.Strays != 1 {
		t.Errorf("%d and %d stray notifications, want 0 and 1", first.Proof.Strays, second.Proof.Strays)
	}
	i.verified()
	i.copied()
	// The first run published the law that comes with the program, so nothing is left to bring.
	out, status := i.run("migrate", "--json")
	var again migrated
	if err := json.Unmarshal([]byte(out), &again); err != nil || status != 0 || again != (migrated{UpToDate: true}) {
		i.Errorf("migrate ended with %d: %s", status, out)
	}
}

// served plays the story, and stops the program with Ctrl-C after others have spoken to it.
func (i *installation) served() story.Result {
	i.Helper()
	c, _ := i.command("run", "--json", "--listen", "127.0.0.1:0")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, nil
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		i.Fatal(err)
	}
	told := readUntil(i.T, stderr, "/bills/")
	unpaid := regexp.MustCompile(`http://\S+/bills/\S+`).FindString(told)

	second, refusal := i.command("run", "--exit")
	_ = second.Run()
	if second.ProcessState.ExitCode() != 2 || !strings.Contains(refusal.String(), fmt.Sprint(c.Process.Pid)) {
		i.Errorf("the second start ended with %d: %s", second.ProcessState.ExitCode(), refusal)
	}
	i.verified() // a command beside the running program works on its servers
	i.signs(unpaid[:strings.Index(unpaid, "/bills/")])
	page, err := http.Get(unpaid)
	if err != nil {
		i.Fatal(err)
	}
	page.Body.Close()
	// A stranger's notification must not spoil the proof of the runs that follow.
	stray, err := http.Get(unpaid[:strings.Index(unpaid, "/bills/")] + "/notifications/vnpay?vnp_TxnRef=ABC&vnp_Amount=100&vnp_SecureHash=00")
	if err != nil {
		i.Fatal(err)
	}
	stray.Body.Close()
	if page.StatusCode != http.StatusOK {
		i.Errorf("the bill that is still to be paid: %s", page.Status)
	}
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil {
		i.Errorf("Ctrl-C: %v", err)
	}
	return i.judged(out.Bytes())
}

// signs has a quote signed beside the running program, and checks it by the keys that the program publishes.
func (i *installation) signs(address string) {
	i.Helper()
	ask := []string{"fees", "quote", "--service", "traffic_fine", "--body", "KBNN-HNI", "--sign",
		"--inputs", `{"fine": "5000000", "violation_date": "2025-05-20", "deadline": "2025-06-10"}`, "--on", story.FirstDay.String()}
	compact, status := i.run(ask...)
	again, _ := i.run(ask...)
	if status != 0 || compact != again {
		i.Errorf("signing ended with %d: %s%s", status, compact, again)
	}
	i.signsShared(ask, compact)
	if _, status := i.run(append(ask[:len(ask)-1], "2025-07-20")...); status != 2 {
		i.Errorf("signing for a day to come ended with %d", status)
	}
	file := filepath.Join(i.dir, "quote.jws")
	if err := os.WriteFile(file, []byte(compact), 0o644); err != nil {
		i.Fatal(err)
	}
	for at, want := range map[string]int{"2025-06-10": 0, "2025-06-11": 1} { // its deadline: a late charge begins
		if out, status := i.run("fees", "verify", file, "--keys", address+"/.well-known/jwks.json", "--at", at); status != want {
			i.Errorf("at the end of %s the check ended with %d: %s", at, status, out)
		}
	}
}

// signsShared asks for the same by the database's address, as beside a server of others: with the running program's keys, and
// with those of another state folder.
func (i *installation) signsShared(ask []string, want string) {
	i.Helper()
	servers, running := embedded.Running(filepath.Join(i.dir, "state"))
	if !running {
		i.Error("the addresses of the running program are not there")
	}
	for state, status := range map[string]int{"state": 0, "state/other": 2} {
		c, stderr := i.command(ask...)
		c.Env = append(c.Env, "EXCHEQUER_DATABASE_URL="+servers.DatabaseURL, "EXCHEQUER_STATE="+filepath.Join(i.dir, state))
		out, _ := c.Output()
		if c.ProcessState.ExitCode() != status || (status == 0) != (string(out) == want) {
			i.Errorf("with the keys of %s it ended with %d: %s", state, c.ProcessState.ExitCode(), stderr)
		}
	}
}

// TestAPlainUserWithoutRedisGoesOnAfterCtrlC interrupts the story and plays it to its end, without rights and without
// Redis.
func TestAPlainUserWithoutRedisGoesOnAfterCtrlC(t *testing.T) {
	t.Parallel()
	uid := os.Geteuid()
	if uid == 0 {
		uid = nobody
	}
	i := install(t, uid)
	i.path = filepath.Join(i.dir, "no-such-folder") // PostgreSQL is found in its own folders
	c, _ := i.command("run", "--exit", "--json")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, nil
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	readUntil(t, stderr, "payers pay")
	_ = c.Process.Signal(os.Interrupt)
	rest, _ := io.ReadAll(stderr)
	_ = c.Wait()
	if c.ProcessState.ExitCode() != 2 || !strings.HasSuffix(string(rest), "exchequer: "+errInterrupted.Error()+"\n") || out.Len() > 0 {
		t.Errorf("interrupted, it ended with %d: %s%s", c.ProcessState.ExitCode(), rest, &out)
	}
	i.proven()
}

// readUntil reads up to the end of the line in which want stands, and gives what it read.
func readUntil(t *testing.T, r io.Reader, want string) string {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		defer close(found)
		var all []byte
		one := make([]byte, 1) // not further than the line: the caller reads on
		for !bytes.HasSuffix(all, []byte("\n")) || !bytes.Contains(all, []byte(want)) {
			if n, err := r.Read(one); n == 0 && err != nil {
				return
			}
			all = append(all, one[0])
		}
		found <- string(all)
	}()
	select {
	case all, ok := <-found:
		if !ok {
			t.Fatalf("it ended before it printed %q", want)
		}
		return all
	case <-time.After(2 * time.Minute):
		t.Fatalf("%q was not printed", want)
	}
	return ""
}
