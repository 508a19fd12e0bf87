package archive

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
)

// TestRequestBodies: bodies are kept where they are asked for, and no more of
// them than that.
func TestRequestBodies(t *testing.T) {
	har := `{"log":{"entries":[{"startedDateTime":"2026-11-21T10:00:00Z","request":{"method":"POST","url":"https://a.test/","bodySize":11,
		"postData":{"mimeType":"text/plain","text":"hello world"}},"response":{"status":200}}]}}`
	plain := saz(t, "raw/1_c.txt", "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\n\r\nhello world", "raw/1_s.txt", "HTTP/1.1 200 OK\r\n\r\n")
	chunked := saz(t, "raw/1_c.txt", "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", "raw/1_s.txt", "HTTP/1.1 200 OK\r\n\r\n")
	for most, want := range map[int]string{0: "nothing", 5: `"hello" of 11`, 100: `"hello world" of 11`} {
		o := Reader{RequestBodies: most}
		for name, read := range map[string]func() (string, error){
			"HAR": func() (string, error) { tr, err := o.HAR(strings.NewReader(har), "x"); return kept(tr), err },
			"SAZ": func() (string, error) {
				tr, err := o.SAZ(bytes.NewReader(plain), int64(len(plain)), "x")
				return kept(tr), err
			},
			"chunked": func() (string, error) {
				tr, err := o.SAZ(bytes.NewReader(chunked), int64(len(chunked)), "x")
				return kept(tr), err
			},
		} {
			if got, err := read(); err != nil || got != want {
				t.Errorf("%s, at most %d: got %s, %v, want %s", name, most, got, err, want)
			}
		}
	}
}

func kept(t *flow.Trace) string {
	x := t.Conns[0].Exchanges[0]
	if x.RequestBody == nil {
		return "nothing"
	}
	return fmt.Sprintf("%q of %d", x.RequestBody.Kept, x.RequestBody.Seen)
}
