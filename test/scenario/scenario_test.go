package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sinkhole/test/testnet"
)

// binaryEnv tells the test binary in the namespace, where a build could fetch no
// module, what the one outside has built.
const binaryEnv = "SCENARIO_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(binaryEnv) != "" {
		os.Exit(testnet.Isolated(m))
	}
	dir, err := os.MkdirTemp("", "scenario")
	if err == nil {
		err = build(filepath.Join(dir, "sinkhole"))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "scenario: %v\n", err)
		os.Exit(1)
	}
	code := testnet.Isolated(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(path string) error {
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sinkhole")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cmd/sinkhole does not build: %w\n%s", err, out)
	}
	return os.Setenv(binaryEnv, path)
}

// TestScripts runs the scripts of testdata/script.
func TestScripts(t *testing.T) {
	testnet.Need(t)
	if _, err := os.Stat("/usr/sbin/unbound"); err != nil {
		t.Skip("lacks Unbound, which make test installs")
	}
	n, err := testnet.Start(t.Context(), testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	shipped, err := filepath.Abs(filepath.Join("..", "..", "corefile"))
	if err != nil {
		t.Fatal(err)
	}
	Run(t, Options{
		Binary:  os.Getenv(binaryEnv),
		Net:     n,
		Dir:     filepath.Join("testdata", "script"),
		Common:  filepath.Join("testdata", "common"),
		Shipped: shipped,
	})
}
