package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/site"
)

const consoleConfig = `
console: 127.0.0.1:$CONSOLE
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    routes: [{path: /, files: www}]
`

// visitor asks the console as a program does: with the token in a field, or
// without one.
type visitor struct {
	t     *testing.T
	base  *url.URL
	token string
}

func consoleOf(t *testing.T) (*door, *visitor) {
	t.Helper()
	d := serve(t, consoleConfig, "$CONSOLE", freePort(t))
	u, err := url.Parse(d.ConsoleURL())
	must(t, err)
	token := u.Query().Get("token")
	if len(token) < 20 {
		t.Fatalf("the address of the console has no token: %s", d.ConsoleURL())
	}
	return d, &visitor{t, u, token}
}

func (v *visitor) ask(method, path, token string, more ...string) (status int, body string, head http.Header) {
	v.t.Helper()
	req, err := http.NewRequest(method, "http://"+v.base.Host+path, nil)
	must(v.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, field := range more {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	must(v.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(v.t, err)
	return res.StatusCode, string(raw), res.Header
}

// Nothing but the question for the token is shown without it, and nothing to a
// page of another origin or under another name.
func TestConsoleGuards(t *testing.T) {
	d, v := consoleOf(t)
	for _, path := range []string{"/", "/api/sites", "/api/connections", "/api/stream", "/metrics"} {
		for _, token := range []string{"", "wrong", v.token[1:]} {
			if status, body, _ := v.ask("GET", path, token); status != http.StatusUnauthorized || strings.Contains(body, "shop") {
				t.Errorf("GET %s with token %q: %d %s", path, token, status, body)
			}
		}
	}
	if status, _, _ := v.ask("POST", "/api/sites/shop/stop", ""); status != http.StatusUnauthorized {
		t.Errorf("stop without a token: %d", status)
	}
	if status, _, _ := v.ask("GET", "/api/sites", v.token, "Host: evil.test"); status != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", status)
	}
	if status, _, _ := v.ask("POST", "/api/sites/shop/stop", v.token, "Origin: https://evil.test", "Sec-Fetch-Site: cross-site"); status != http.StatusForbidden {
		t.Errorf("from another origin: %d", status)
	}
	if state := d.Sites().Get("shop").State(); state != site.Serving {
		t.Errorf("the site is %s", state)
	}
	info, err := os.Stat(d.file("fanlight-data/console-token"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file has mode %o", info.Mode().Perm())
	}
	if status, _, _ := v.ask("GET", "/api/sites", v.token); status != 200 {
		t.Errorf("with the token: %d", status)
	}
	d.shut()
	must(t, d.start())
	if u, err := url.Parse(d.ConsoleURL()); err != nil || u.Query().Get("token") != v.token {
		t.Errorf("after a restart the token is another one: %s", d.ConsoleURL())
	}
}

// The address that was printed opens the page, which has its parts and its
// policy; the token does not stay in the address.
func TestConsolePage(t *testing.T) {
	d, v := consoleOf(t)
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar, Timeout: wait, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(d.ConsoleURL())
	must(t, err)
	page, err := io.ReadAll(res.Body)
	res.Body.Close()
	must(t, err)
	if res.StatusCode != 200 || res.Request.URL.RawQuery != "" {
		t.Fatalf("the page: %s at %s", res.Status, res.Request.URL)
	}
	says(t, "page", strings.ToLower(string(page)), "<!doctype html>", "fanlight")
	says(t, "policy", res.Header.Get("Content-Security-Policy"), "default-src 'none'", "script-src 'self'")
	res, err = client.Get("http://" + v.base.Host + "/api/sites")
	must(t, err)
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("with the cookie: %s", res.Status)
	}
}

// A site is stopped and started from the console, and the stream tells of it.
func TestConsoleStopsSite(t *testing.T) {
	d, v := consoleOf(t)
	req, err := http.NewRequest("GET", "http://"+v.base.Host+"/api/stream", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+v.token)
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	heard := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"stopped"`) {
				close(heard)
				return
			}
		}
	}()
	status, body, _ := v.ask("POST", "/api/sites/shop/stop", v.token)
	var doc struct {
		Items []struct{ Name, State string }
	}
	must(t, json.Unmarshal([]byte(body), &doc))
	if status != 200 || len(doc.Items) != 1 || doc.Items[0].State != "stopped" {
		t.Fatalf("stop: %d %s", status, body)
	}
	if c, err := net.Dial("tcp", "127.0.0.2:"+d.port); err == nil {
		c.Close()
		t.Error("the stopped site accepts")
	}
	select {
	case <-heard:
	case <-time.After(wait):
		t.Error("the stream does not tell of it")
	}
	if status, body, _ := v.ask("POST", "/api/sites/shop/start", v.token); status != 200 {
		t.Errorf("start: %d %s", status, body)
	}
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/hello.txt")); code != 0 || out != "hello\n" {
		t.Errorf("curl ended with %d: %s", code, out)
	}
	if status, body, _ := v.ask("POST", "/api/sites/nobody/stop", v.token); status != 404 || !strings.Contains(body, "shop") {
		t.Errorf("a site nobody knows: %d %s", status, body)
	}
}

// Metrics are on the control socket and, with the token, on the console.
func TestMetricsOnBoth(t *testing.T) {
	d, v := consoleOf(t)
	if out, code := d.curl("shop.test", "127.0.0.2", d.url("shop.test", "/none")); code != 0 {
		t.Fatalf("curl ended with %d: %s", code, out)
	}
	d.quiet()
	status, onConsole, _ := v.ask("GET", "/metrics", v.token)
	if status != 200 {
		t.Fatalf("on the console: %d", status)
	}
	socket := d.file("fanlight-data/control.sock")
	nc, err := net.Dial("unix", socket)
	must(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "GET /metrics HTTP/1.0\r\nHost: door\r\n\r\n")
	must(t, err)
	raw, err := io.ReadAll(nc)
	must(t, err)
	for where, text := range map[string]string{"console": onConsole, "control socket": string(raw)} {
		says(t, "metrics on the "+where, text, "fanlight_connections_total 1\n", `fanlight_responses_total{class="4xx"} 1`,
			"fanlight_incidents_total 1\n", `fanlight_sites{state="serving"} 1`, `fanlight_handshakes_total{outcome="`, "fanlight_recorder_bytes ")
	}
}

// The control socket is its owner's alone, and another door does not take it
// over.
func TestControlSocket(t *testing.T) {
	d, _ := consoleOf(t)
	info, err := os.Stat(d.file("fanlight-data/control.sock"))
	must(t, err)
	if mode := info.Mode(); mode.Perm() != 0o600 || mode.Type() != os.ModeSocket {
		t.Errorf("the control socket is %s", mode)
	}
	_, err = openIn(t, filepath.Dir(d.path), freePort(t), "console: \"off\"\ndata: other\ncontrol: unix:fanlight-data/control.sock\n")
	if err == nil {
		t.Fatal("a second door took the socket over")
	}
	says(t, "error", err.Error(), "control.sock", "another door answers there")
}
