package oracle

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fanlight is the command under test, built once for all tests unless the
// environment names one.
var fanlight = filepath.Join(os.TempDir(), fmt.Sprintf("fanlight-oracle-%d", os.Getpid()))

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of a case is waiting for other programs.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4")
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if other := os.Getenv("ORACLE_FANLIGHT"); other != "" {
		fanlight = other
		return m.Run()
	}
	cmd := exec.Command("go", "build", "-o", fanlight, "fanlight/cmd/fanlight")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build fanlight: %v\n%s", err, out)
		return 1
	}
	defer os.Remove(fanlight)
	return m.Run()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program finds a program that a test needs, also where only root's PATH leads.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skip(name + " is not installed")
	return ""
}
