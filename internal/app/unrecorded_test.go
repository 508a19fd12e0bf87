package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"fanlight/internal/testnet"
)

// With recording off everything works; incidents and metrics remain, and
// nothing else is kept.
func TestRecordingOff(t *testing.T) {
	o := testnet.LateAsker{}.Start(t)
	d := serve(t, `
recording: "off"
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      - {path: /dead/, to: "http://$DEAD"}
      - {path: /ws, to: "http://$ECHO"}
      - {path: /, to: "https://$ORIGIN", tls: {ca: "$CA", name: localhost}}
`, "$ORIGIN", o.Addr, "$CA", caFile(t, o.CA), "$DEAD", "127.0.0.1:"+freePort(t), "$ECHO", testnet.Echo{At: testnet.At{Plain: true}}.Start(t).Addr)
	for path, want := range map[string]string{"/files/hello.txt": "hello\n", "/secure": `"asked":1`} {
		if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", path)); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: curl ended with %d: %s", path, code, out)
		}
	}
	must(t, echoes(d.webSocket("app.test", "127.0.0.2")))
	out, code := d.curl("app.test", "127.0.0.2", "-i", d.url("app.test", "/dead/"))
	if code != 0 || !strings.HasPrefix(out, "HTTP/1.1 502") {
		t.Fatalf("curl ended with %d: %s", code, out)
	}
	in := d.incident(out)
	if in.Conn != 0 || in.Site != "app" || !strings.Contains(in.Cause, "connection refused") {
		t.Errorf("the incident is %+v", in)
	}
	var told []struct{ Incident struct{ ID, Cause string } }
	must(t, d.call(http.MethodGet, "/api/incidents/"+in.ID, nil, &told))
	if len(told) != 1 || told[0].Incident.Cause != in.Cause {
		t.Errorf("why: %+v", told)
	}
	for _, path := range []string{"/api/connections", "/api/findings"} {
		var items []any
		if err := d.call(http.MethodGet, path, nil, &items); err != nil || len(items) != 0 {
			t.Errorf("%s: %v %v", path, items, err)
		}
	}
	if d.Recording() {
		t.Error("there is a store")
	}
	d.order("app", "stop")
	d.order("app", "start")
	var health []struct{ Recording any }
	must(t, d.call(http.MethodGet, "/api/health", nil, &health))
	if fmt.Sprint(health) != "[{<nil>}]" {
		t.Errorf("health: %v", health)
	}
}

// A site is served although nobody reads its records, and although the disk for
// the access log is full.
func TestAccessLogThatCannotBeWritten(t *testing.T) {
	d := serve(t, `
access_log: /dev/full
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes: [{path: /, files: www}]
`)
	client := d.client("app.test")
	for range 50 {
		res, err := client.Get(d.url("app.test", "/hello.txt"))
		must(t, err)
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if must(t, err); string(body) != "hello\n" {
			t.Fatalf("got %s %q", res.Status, body)
		}
	}
}
