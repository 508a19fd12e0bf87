package app_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestCompressedForCurl has curl undo what it asked for, of files and of an
// origin's answers.
func TestCompressedForCurl(t *testing.T) {
	text := strings.Repeat("a line that comes again\n", 500)
	origin := listener(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"+text)
		}
	})
	d := serve(t, `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    compress: {}
    routes: [{path: /files/, files: www}, {path: /plain/, files: www, compress: off}, {path: /, to: "http://$ORIGIN"}]
`, "$ORIGIN", origin)
	must(t, os.WriteFile(d.file("www/long.txt"), []byte(text), 0o600))
	for path, coded := range map[string]bool{"/files/long.txt": true, "/": true, "/plain/long.txt": false, "/files/hello.txt": false} {
		for i, accept := range []string{"gzip", "br", "zstd", "gzip", "br", "zstd", "gzip, deflate, br, zstd"} {
			version := "--http1.1"
			if i > 2 {
				version = "--http2"
			}
			want := text
			if strings.HasSuffix(path, "hello.txt") {
				want = "hello\n"
			}
			out, code := d.curl("app.test", "127.0.0.2", "--compressed", "-H", "Accept-Encoding: "+accept, version, "-w", "|%header{content-encoding}", d.url("app.test", path))
			body, coding, _ := strings.Cut(out, "|")
			if code == curlBadEncoding && accept != "gzip" {
				continue // this curl does not know it
			}
			if code != 0 || body != want || coded != (coding != "") {
				t.Errorf("%s, %s: curl ended with %d: %d of %d bytes, coding %q", path, accept, code, len(body), len(want), coding)
			}
		}
	}
}

const curlBadEncoding = 61
