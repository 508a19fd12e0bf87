package app_test

import (
	"os"
	"strings"
	"testing"
)

// TestAccessLogFormats writes each format to a file, which is then moved away as
// logrotate does.
func TestAccessLogFormats(t *testing.T) {
	for format, want := range map[string]string{
		"fanlight": `{"type":"exchange","id":"x`,
		"json":     `"client":"127.0.0.1"`,
		"combined": `] "GET /files/hello.txt?token=masked-`,
		"w3c":      " GET /files/hello.txt token=masked-",
	} {
		t.Run(format, func(t *testing.T) {
			d := serve(t, `
access_log: {to: access.log, format: `+format+`}
sites:
  app:
    bind: ["http://127.0.0.2:$PORT app.test"]
    routes: [{path: /files/, files: www}]
`)
			written := func(name string) bool {
				d.curl("app.test", "127.0.0.2", "http://app.test:"+d.port+"/files/hello.txt?token=geheim")
				raw, _ := os.ReadFile(d.file(name))
				text := string(raw)
				if strings.Contains(text, "geheim") {
					t.Fatalf("a token is in clear: %s", text)
				}
				return strings.Contains(text, want) && strings.HasPrefix(text, "#Software") == (format == "w3c")
			}
			until(t, "a line in "+format, func() bool { return written("access.log") })
			must(t, os.Rename(d.file("access.log"), d.file("access.log.1")))
			until(t, "a line in a new file", func() bool { return written("access.log") })
			if info, err := os.Stat(d.file("access.log")); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode of the new file: %v, %v", info, err)
			}
		})
	}
}
