package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// h2spec is the program of github.com/summerwind/h2spec, which make test builds.
func h2spec(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/h2spec")
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skip("h2spec is not built: make bin/h2spec")
	}
	return path
}

// All groups of h2spec pass in strict mode, where a folder answers and where an
// origin does.
func TestH2Spec(t *testing.T) {
	program := h2spec(t)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // as far as the client sends it
		_, _ = io.WriteString(w, "hello\n")
	}))
	t.Cleanup(origin.Close)
	d := serve(t, `
sites:
  all:
    bind: ["127.0.0.1:$PORT"]
    routes:
      - {path: /folder/, files: www}
      - {path: /, to: "$ORIGIN"}
`, "$ORIGIN", origin.URL)
	for _, path := range []string{"/folder/hello.txt", "/"} {
		out, err := exec.Command(program, "-h", "127.0.0.1", "-p", d.port, "-t", "-k", "--strict", "-P", path).CombinedOutput()
		text := string(out)
		if at := strings.Index(text, "Failures:"); at >= 0 {
			text = text[at:]
		}
		if err != nil || !strings.Contains(text, "146 tests, 146 passed, 0 skipped, 0 failed") {
			t.Errorf("%s: %v\n%s", path, err, text)
		}
	}
}
