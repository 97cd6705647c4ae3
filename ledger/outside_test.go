package ledger_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAModuleOutsideUsesTheLedger compiles and vets a module of its own, as strangers have one. The sums of what it needs
// are those of this module, so that nothing is asked of the network.
func TestAModuleOutsideUsesTheLedger(t *testing.T) {
	dir := t.TempDir()
	for from, to := range map[string]string{"testdata/outside/go.mod": "go.mod", "../go.sum": "go.sum"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// -mod=mod writes what the module needs besides into the copy.
	vet := exec.Command("go", "vet", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"), "./...")
	vet.Dir = "testdata/outside"
	vet.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
