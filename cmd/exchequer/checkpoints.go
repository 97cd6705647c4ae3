package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

// checkpointKeyName is whose the key of the checkpoints is, as their signatures say.
const checkpointKeyName = "exchequer"

// checkpoints are the signed states of the books' trees, a file a day, and the key that signs them. The folder is made to
// be copied elsewhere: what is in it holds the database to what it said.
type checkpoints struct {
	folder  string // YYYY-MM-DD, and publicKeyFile
	keyFile string // the private key, in the folder of the signing keys
	opened  *openedCheckpoints
}

// openedCheckpoints are those whose signatures were checked, by file name: a proof is asked for often, and there is a
// checkpoint more each day. A published one never changes.
type openedCheckpoints struct {
	mu   sync.Mutex
	days map[string]ledger.Checkpoint
}

// publicKeyFile is the key that checks them, beside them.
const publicKeyFile = "checkpoints.pub"

func (g *gateway) checkpoints() checkpoints {
	return checkpoints{filepath.Join(g.stateDir, "checkpoints"), filepath.Join(g.stateDir, keysFolder, "checkpoints.key"),
		&openedCheckpoints{days: make(map[string]ledger.Checkpoint)}}
}

// privateKey reads the key that signs, and makes it where there is none.
func (c checkpoints) privateKey() (string, error) {
	key, err := os.ReadFile(c.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		private, _, err := ledger.NewCheckpointKey(checkpointKeyName)
		if err != nil {
			return "", err
		}
		if err := keepOnce(c.keyFile, []byte(private+"\n"), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("the key of the checkpoints: %w", err)
		}
		key, err = os.ReadFile(c.keyFile) // another program may have made it first
		if err != nil {
			return "", fmt.Errorf("the key of the checkpoints: %w", err)
		}
	} else if err != nil {
		return "", fmt.Errorf("the key of the checkpoints: %w", err)
	}
	return strings.TrimSpace(string(key)), nil
}

// PublicKey gives the key that checks the checkpoints; fs.ErrNotExist where nothing was signed yet.
func (c checkpoints) PublicKey() (string, error) {
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return "", err
	}
	return ledger.PublicCheckpointKey(strings.TrimSpace(string(key)))
}

// Checkpoint gives the signed note of a day (00:00 UTC); fs.ErrNotExist where there is none.
func (c checkpoints) Checkpoint(day time.Time) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.folder, day.Format(time.DateOnly)))
}

// publish signs the trees for a day and puts the note on file. What stands there stays: the day's first word is its last.
func (c checkpoints) publish(day time.Time, trees []ledger.Tree) (ledger.Checkpoint, error) {
	private, err := c.privateKey()
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	public, err := ledger.PublicCheckpointKey(private)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	signed, err := ledger.SignCheckpoint(day, trees, private)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if err := os.MkdirAll(c.folder, 0o755); err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("the folder of the checkpoints: %w", err)
	}
	err = keepOnce(filepath.Join(c.folder, publicKeyFile), []byte(public+"\n"), 0o644)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = keepOnce(filepath.Join(c.folder, day.Format(time.DateOnly)), signed.Signed, 0o644)
	}
	if errors.Is(err, fs.ErrExist) {
		there, err := c.Checkpoint(day)
		if err != nil {
			return ledger.Checkpoint{}, err
		}
		return ledger.OpenCheckpoint(there, public)
	}
	return signed, err
}

// Published gives the checkpoints of all days; none where nothing was signed yet.
func (c checkpoints) Published() ([]ledger.Checkpoint, error) {
	key, err := c.PublicKey()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.opened.mu.Lock()
	defer c.opened.mu.Unlock()
	all, _, err := readCheckpoints(c.folder, key, c.opened.days)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return all, err
}

// readCheckpoints gives all checkpoints in a folder, oldest first, checked with the public key. Those that are not signed
// with it are findings. Those opened before are taken as they were; what is opened now is added to them, unless they are nil.
func readCheckpoints(folder, publicKey string, opened map[string]ledger.Checkpoint) ([]ledger.Checkpoint, []ledger.Finding, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("the checkpoints: %w", err)
	}
	var all []ledger.Checkpoint
	var findings []ledger.Finding
	for _, e := range entries {
		if _, err := time.Parse(time.DateOnly, e.Name()); err != nil {
			continue // the key, or a file that is being written
		}
		if k, ok := opened[e.Name()]; ok {
			all = append(all, k)
			continue
		}
		signed, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("the checkpoints: %w", err)
		}
		k, err := ledger.OpenCheckpoint(signed, publicKey)
		if err == nil && k.Day.Format(time.DateOnly) != e.Name() {
			err = fmt.Errorf("it is of %s", k.Day.Format(time.DateOnly))
		}
		if err != nil {
			findings = append(findings, ledger.Finding{Kind: ledger.CheckpointDiffers,
				Detail: fmt.Sprintf("the file %s is no checkpoint that this key signed: %v", e.Name(), err)})
			continue
		}
		all = append(all, k)
		if opened != nil {
			opened[e.Name()] = k
		}
	}
	return all, findings, nil
}

// readPublicKey reads the key that checks checkpoints: the file that is named, else the one in the folder.
func readPublicKey(named, folder string) (string, error) {
	if named == "" {
		named = filepath.Join(folder, publicKeyFile)
	}
	key, err := os.ReadFile(named)
	if err != nil {
		return "", problem.Both(problem.Invalid, "--key", "cần tệp khóa công khai của các mốc kiểm tra ("+publicKeyFile+")",
			"the public key of the checkpoints is needed ("+publicKeyFile+"): "+err.Error())
	}
	public := strings.TrimSpace(string(key))
	if _, err := note.NewVerifier(public); err != nil { // not the checkpoints are at fault, as each would say
		return "", problem.Both(problem.Invalid, "--key", "tệp "+named+" không chứa khóa công khai của các mốc kiểm tra",
			named+" holds no public key of checkpoints: take the "+publicKeyFile+" that was published with them")
	}
	return public, nil
}

// keepOnce writes a file whole and on the disk, or gives fs.ErrExist and leaves what is there.
func keepOnce(path string, content []byte, mode os.FileMode) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(content)
	if err = errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Link(draft.Name(), path) // unlike a rename it never replaces
}
