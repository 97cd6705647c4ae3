package embedded

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is one server process that this program started.
type child struct {
	pid  int
	done chan struct{} // closed when the process has ended
	err  error         // why it ended; read after done
}

// command says what to run. Env is the whole environment: nothing of this program's own reaches a server, because a
// server with root's HOME looks for client certificates there and fails.
type command struct {
	path   string
	args   []string
	dir    string
	env    []string
	stdin  io.Reader
	output *os.File
	as     identity
}

func (c command) build() *exec.Cmd {
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, c.env, c.stdin
	cmd.Stdout, cmd.Stderr = c.output, c.output
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Own process group: Ctrl-C on the terminal reaches this program, which drains first, and not the servers.
		Setpgid: true,
		// If this program is killed with -9 the kernel asks the server for a fast, clean stop.
		Pdeathsig:  syscall.SIGINT,
		Credential: c.as.credential(),
	}
	return cmd
}

// start runs the command as a child that ends with this program.
func start(c command) (*child, error) {
	cmd := c.build()
	ch := &child{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends Pdeathsig when the THREAD that forked ends, not the program. This goroutine therefore keeps
		// its thread for the child's whole life; it ends without unlocking, and the thread ends with it.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		ch.pid = cmd.Process.Pid
		started <- nil
		ch.err = cmd.Wait()
		close(ch.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.path, err)
	}
	return ch, nil
}

// maxLog is the size above which a server's log is begun anew when the server starts.
const maxLog = 16 << 20

// openLog opens a server's log to append to. The server inherits it and so needs no right on the folder above.
func openLog(path string) (*os.File, error) {
	// The folder is another user's when root runs this: a link laid there must not lead root to another file.
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND | syscall.O_NOFOLLOW
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, folderError(path, err)
	}
	return f, nil
}

// run starts the command, waits for its end and fails when it does.
func run(c command) error {
	ch, err := start(c)
	if err != nil {
		return err
	}
	<-ch.done
	return ch.err
}

// alive reports whether the process has not ended yet.
func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// stop asks with the soft signal, after the patience with the hard one, and waits for the end either way.
func (c *child) stop(soft, hard syscall.Signal, patience time.Duration) {
	if !c.alive() {
		return
	}
	_ = syscall.Kill(c.pid, soft)
	select {
	case <-c.done:
		return
	case <-time.After(patience):
	}
	_ = syscall.Kill(c.pid, hard)
	select {
	case <-c.done:
	case <-time.After(patience):
		_ = syscall.Kill(c.pid, syscall.SIGKILL)
		<-c.done
	}
}
