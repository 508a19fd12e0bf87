package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"fanlight/internal/flow"
)

const browserPage = `<!doctype html><script>
const say = (text) => fetch('/said', {method: 'POST', body: text});
const many = [];
for (let i = 0; i < 50; i++) many.push(fetch('/echo', {method: 'POST', body: 'x'.repeat(1000 * i)}).then(r => r.text()));
Promise.all(many).then(all => {
  const ws = new WebSocket('wss://' + location.host + '/socket');
  ws.onopen = () => ws.send('hello');
  ws.onmessage = e => { say(all.reduce((n, t) => n + t.length, 0) + ' bytes, socket ' + e.data); ws.close(); };
  ws.onerror = () => say('socket failed');
}, e => say('fetch failed: ' + e));
</script>`

// A browser loads a page, sends 50 bodies at a time and opens a WebSocket, all on
// one connection.
func TestH2Chromium(t *testing.T) {
	chromium := program(t, "chromium")
	said := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, browserPage)
	})
	mux.HandleFunc("/echo", echoBody)
	mux.HandleFunc("/said", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		said <- string(text)
	})
	mux.Handle("/socket", websocket.Handler(func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }))
	origin := httptest.NewServer(mux)
	t.Cleanup(origin.Close)
	d := serve(t, h2Config, "$ORIGIN", strings.TrimPrefix(origin.URL, "http://"))
	cmd := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--ignore-certificate-errors", "--no-proxy-server", "--host-resolver-rules=MAP app.test 127.0.0.1", "https://app.test:"+d.port+"/page")
	must(t, cmd.Start())
	select {
	case got := <-said:
		if got != "1225000 bytes, socket hello" {
			t.Errorf("the page says %q", got)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the page said nothing")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	carried := map[string]int{}
	for _, c := range d.quiet().Conns {
		for _, x := range c.Exchanges {
			if c.Self == flow.Server && x.Target == "/echo" && x.Outcome == flow.Complete {
				carried[fmt.Sprint(x.HTTP, " on ", c.ID)]++
			}
			if c.Self == flow.Server && x.Target == "/socket" && (x.HTTP != "2" || x.Tunnel != "websocket") {
				t.Errorf("the socket came by HTTP/%s, tunnel %q", x.HTTP, x.Tunnel)
			}
		}
	}
	if len(carried) != 1 {
		t.Errorf("carried %v", carried)
	}
}
