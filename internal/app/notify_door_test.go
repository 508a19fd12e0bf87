package app_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// TestNotify: a finding of a running door reaches a webhook and a program, its
// secrets masked, and is counted in the metrics by id and severity.
func TestNotify(t *testing.T) {
	posted := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if r.Method == http.MethodPost && r.URL.Path == "/hook" && r.Header.Get("Content-Type") == "application/json" {
			posted <- body
		}
	}))
	defer hook.Close()
	peer := testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{""}}.Start(t)
	file := t.TempDir() + "/told"
	d := serve(t, `
notify:
  - webhook: `+hook.URL+`/hook
  - exec: [sh, -c, 'cat > "$0"; echo "$FANLIGHT_FINDING $FANLIGHT_SEVERITY" > "$0.env"', $FILE]
sites:
  shop:
    bind: ["http://127.0.0.2:$PORT shop.test"]
    routes: [{path: /, to: http://`+peer.Addr+`}]
`, "$FILE", file)
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.2:"+d.port+"/pay?token=s3cret-token", nil)
	must(t, err)
	req.Host = "shop.test"
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	res.Body.Close()

	const want = "origin-closed-without-answer"
	var body []byte
	select {
	case body = <-posted:
	case <-time.After(wait):
		t.Fatal("the webhook was not told")
	}
	var n struct {
		Type, Text string
		Count      int
		Finding    finding
	}
	must(t, json.Unmarshal(body, &n))
	if n.Type != "notification" || n.Count != 1 || n.Finding.ID != want || !strings.Contains(n.Text, "["+want+"]") {
		t.Errorf("told %s", body)
	}
	if strings.Contains(string(body), "s3cret") || !strings.Contains(string(body), "token=masked-") {
		t.Errorf("the token is not masked: %s", body)
	}
	until(t, "the program to be told", func() bool { _, err := os.Stat(file + ".env"); return err == nil })
	if got := read(t, file+".env"); got != want+" error\n" {
		t.Errorf("the program's environment says %q", got)
	}
	if got := read(t, file); !strings.Contains(got, `"id":"`+want+`"`) || strings.Contains(got, "s3cret") {
		t.Errorf("the program read %s", got)
	}
	if text, line := d.metricsText(), `fanlight_findings_total{id="`+want+`",severity="error"} 1`; !strings.Contains(text, line) {
		t.Errorf("metrics lack %s", line)
	}
}

// metricsText is what the control socket says of the door.
func (d *door) metricsText() string {
	d.t.Helper()
	nc, err := net.Dial("unix", d.file("fanlight-data/control.sock"))
	must(d.t, err)
	defer nc.Close()
	must(d.t, nc.SetDeadline(time.Now().Add(wait)))
	_, err = io.WriteString(nc, "GET /metrics HTTP/1.0\r\nHost: door\r\n\r\n")
	must(d.t, err)
	raw, err := io.ReadAll(nc)
	must(d.t, err)
	return string(raw)
}
