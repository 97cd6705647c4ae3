package scratch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestFoldersOfDeadProcessesAreRemoved(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	const prefix = "exq-scratch-"
	left := filepath.Join(disk, fmt.Sprintf("%s%d-1", prefix, ended.Process.Pid))
	if err := os.MkdirAll(filepath.Join(left, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := New(prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(first) })
	second, err := New(prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(second) })
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a dead process left is still there: %v", err)
	}
	info, err := os.Stat(first)
	if err != nil {
		t.Fatalf("the folder of a living process was removed: %v", err)
	}
	if info.Mode().Perm() != 0o711 || !strings.HasPrefix(filepath.Base(first), fmt.Sprint(prefix, os.Getpid(), "-")) {
		t.Errorf("%s has mode %v", first, info.Mode())
	}
	if hasRoom(memory) && filepath.Dir(first) != memory {
		t.Errorf("there is room in memory, but the folder is %s", first)
	}
}
