package console

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/store"
)

const token = "0123456789abcdef"

// serve gives the console and the control server over one door and store.
func serve(t *testing.T) (*fakeDoor, *store.Store, *httptest.Server, *httptest.Server) {
	t.Helper()
	d, s := newFakeDoor(), store.New(0)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fanlight_up 1") })
	o := Options{Control: d, Findings: d, Store: s, Metrics: metrics, Token: token, Version: "1"}
	run := func(server *http.Server) *httptest.Server {
		ts := httptest.NewUnstartedServer(nil)
		ts.Config = server
		ts.Start()
		t.Cleanup(ts.Close)
		return ts
	}
	return d, s, run(NewServer(o)), run(NewControlServer(o))
}

func do(t *testing.T, method, url, body string, header ...string) (status int, text string, h http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw), resp.Header
}

// items reads a document.
func items[T any](t *testing.T, text string) []T {
	t.Helper()
	var doc struct {
		Schema int
		Items  []T
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Schema != 1 || doc.Items == nil {
		t.Fatalf("not a document (%v): %s", err, text)
	}
	return doc.Items
}

func TestSites(t *testing.T) {
	_, _, _, control := serve(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/sites", "", 200, `{"name":"books","state":"stopped","configured":"running","differs":true,"bindings":[{"address":"127.0.0.3:443","names":["books.test"],"plain":false}]}`},
		{"POST", "/api/sites/shop/stop", "", 200, `"name":"shop","state":"stopped"`},
		{"POST", "/api/sites/shop/start", "", 200, `"name":"shop","state":"serving"`},
		{"POST", "/api/sites/shop/drain", "", 200, `"differs":true`},
		{"POST", "/api/sites/shop/save", "", 200, `"configured":"stopped","differs":false`},
		{"POST", "/api/sites/nope/stop", "", 404, `{"error":"site nope is not known","kind":"unknown"}`},
		{"POST", "/api/sites/shop/dance", "", 404, `{"error":"no such action on a site: dance"}`},
		{"POST", "/api/sites/intranet/start", "", 409, `held by nginx (pid 812)`},
		{"GET", "/api/sites/shop/stop", "", 404, `{"error":"no such thing in the API: GET /api/sites/shop/stop"}`},
		{"GET", "/api/addresses", "", 200, `"items":["127.0.0.2","127.0.0.3"]`},
		{"POST", "/api/addresses", `{"address":"::1"}`, 200, `["127.0.0.2","127.0.0.3","::1"]`},
		{"POST", "/api/addresses", `{"address":"::1"}`, 409, `it is there already`},
		{"POST", "/api/addresses", `{}`, 400, `expected a body`},
		{"POST", "/api/addresses", `{"address":"` + strings.Repeat("1", maxBody) + `"}`, 400, `expected a body`},
		{"DELETE", "/api/addresses", `{"address":"::1"}`, 200, `["127.0.0.2","127.0.0.3"]`},
		{"DELETE", "/api/addresses", `{"address":"::1"}`, 404, `not known`},
		{"GET", "/api/health", "", 200, `"warnings":["origin of site shop is not verified"],"recording":{"size":`},
		{"GET", "/metrics", "", 200, "fanlight_up 1"},
		{"GET", "/", "", 404, "404"},
	} {
		status, text, _ := do(t, test.method, control.URL+test.path, test.body)
		if status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: got %d %s; want %d %s", test.method, test.path, status, text, test.status, test.want)
		}
	}
}

func TestConnections(t *testing.T) {
	_, s, _, control := serve(t)
	record(t, s, stories)
	type conn struct {
		ID, SNI, Trouble, Self string
		TLS                    *struct{ SNI string }
		Events                 []any
		Exchanges              int
		Last                   *struct{ Target string }
	}
	ids := func(query string) (out []string) {
		status, text, _ := do(t, "GET", control.URL+"/api/connections"+query, "")
		if status != 200 {
			t.Fatalf("%s: got %d %s", query, status, text)
		}
		for _, c := range items[conn](t, text) {
			out = append(out, c.ID)
			if c.Events != nil {
				t.Errorf("%s has its events in the list", c.ID)
			}
			if c.ID == "c5" && (c.Trouble != "tls-failed: site books is stopped" || c.TLS.SNI != "books.test" || c.Last != nil) {
				t.Errorf("the failed handshake: got %+v", c)
			}
			if c.ID == "c1" && (c.Last == nil || c.Last.Target != "/cart" || c.Exchanges != 1) {
				t.Errorf("the good one: got %+v", c)
			}
		}
		return out
	}
	all := ids("")
	if len(all) != 5 {
		t.Fatalf("got %v, want 5 connections", all)
	}
	if got := ids("?limit=2"); fmt.Sprint(got) != fmt.Sprint(all[:2]) {
		t.Errorf("limit: got %v, want %v", got, all[:2])
	}
	if got := ids("?limit=2&before=" + all[1]); fmt.Sprint(got) != fmt.Sprint(all[2:4]) {
		t.Errorf("before: got %v, want %v", got, all[2:4])
	}
	for _, query := range []string{"?limit=x", "?limit=0", "?before=y"} {
		if status, text, _ := do(t, "GET", control.URL+"/api/connections"+query, ""); status != 400 {
			t.Errorf("%s: got %d %s", query, status, text)
		}
	}
}

func TestConnectionTellsItsStory(t *testing.T) {
	_, s, _, control := serve(t)
	record(t, s, stories)
	type part struct {
		Connection struct{ ID string }
		Exchanges  []struct{ ID string }
	}
	type told struct {
		part
		Related  []part
		Findings []struct{ ID string }
		Notation string
	}
	_, text, _ := do(t, "GET", control.URL+"/api/connections/c3", "")
	got := items[told](t, text)[0]
	if got.Connection.ID != "c3" || len(got.Related) != 1 || got.Related[0].Connection.ID != "c4" || got.Related[0].Exchanges[0].ID != "x4" {
		t.Errorf("got %+v", got)
	}
	if len(got.Findings) != 1 || got.Findings[0].ID != "renegotiation-unanswered" {
		t.Errorf("findings: got %+v", got.Findings)
	}
	if trace, err := flow.Parse(got.Notation); err != nil || len(trace.Conns) != 2 {
		t.Errorf("notation: %v: %s", err, got.Notation)
	}
	_, incident, _ := do(t, "GET", control.URL+"/api/incidents/k3f9-2m", "")
	if !strings.Contains(incident, `"incident":{"type":"incident","id":"k3f9-2m"`) || !strings.Contains(incident, `"id":"renegotiation-unanswered"`) {
		t.Errorf("incident: got %s", incident)
	}
	for path, want := range map[string]int{
		"/api/connections/c99": 404, "/api/connections/zz": 400, "/api/connections/0": 400, "/api/incidents/none": 404,
		"/api/incidents": 200, "/api/findings": 200,
	} {
		if status, text, _ := do(t, "GET", control.URL+path, ""); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, text, want)
		}
	}
}

// TestSharedOrigin has one origin connection that served two clients.
func TestSharedOrigin(t *testing.T) {
	_, s, _, control := serve(t)
	record(t, s, `conn 1  127.0.0.1:1 -> 127.0.0.2:443
  +0.000 > GET /a x1
  +0.001 exchange-done complete x1
conn 2  127.0.0.1:2 -> 127.0.0.2:443
  +0.000 > GET /b x2
  +0.001 exchange-done complete x2
conn 3  127.0.0.1:3 -> 10.0.0.5:443
  +0.000 > GET /a x3 for x1
  +0.001 exchange-done complete x3
  +0.002 > GET /b x4 for x2
  +0.003 exchange-done complete x4
`)
	_, text, _ := do(t, "GET", control.URL+"/api/connections/c1", "")
	if strings.Contains(text, "/b") || !strings.Contains(text, `"id":"x3"`) {
		t.Errorf("c1 must show x3 and nothing of the other client: %s", text)
	}
	_, text, _ = do(t, "GET", control.URL+"/api/connections/3", "")
	if !strings.Contains(text, "/a") || !strings.Contains(text, "/b") {
		t.Errorf("c3 must show both: %s", text)
	}
}

// TestOnly has a batch that holds the exchanges of two clients.
func TestOnly(t *testing.T) {
	trace, err := flow.Parse("conn 3  ? -> ?\n  +0.000 established\n  +0.001 > GET /a x3 for x1\n  +0.002 > GET /b x4 for x2\n")
	if err != nil {
		t.Fatal(err)
	}
	part, omitted := only(trace.Conn(3), links(&flow.Conn{Exchanges: []*flow.Exchange{{ID: 1}}}))
	if text := part.String(); omitted != 1 || strings.Contains(text, "/b") || !strings.Contains(text, "/a") || !strings.Contains(text, "established") {
		t.Errorf("%d omitted: %s", omitted, text)
	}
}

// TestOriginThatFailed has an origin connection that never carried anything.
func TestOriginThatFailed(t *testing.T) {
	_, s, _, control := serve(t)
	record(t, s, `conn 1  127.0.0.1:1 -> 127.0.0.2:443
  +0.000 > GET /a x1
  +0.001 exchange-done complete x1
conn 2  127.0.0.1:3 -> 10.0.0.5:443  parent c1
  +0.000 connect-failed refused
`)
	for id, want := range map[string]string{"c2": `"target":"/a"`, "c1": `"text":"refused"`} {
		if _, text, _ := do(t, "GET", control.URL+"/api/connections/"+id, ""); !strings.Contains(text, want) {
			t.Errorf("%s: got %s, want %s", id, text, want)
		}
	}
}

func TestLongConnectionIsCut(t *testing.T) {
	_, s, _, control := serve(t)
	rec := flow.NewRecorder(s)
	log := rec.Open(start, flow.Opening{})
	for range 3 * maxExchanges {
		log.Add(flow.Event{Kind: flow.Request, Exchange: rec.NextExchange(), Text: "GET /"})
	}
	for range 3 * maxEvents {
		log.Add(flow.Event{Kind: flow.HelloRequest})
	}
	log.Flush()
	_, text, _ := do(t, "GET", control.URL+"/api/connections/1", "")
	got := items[struct {
		Omitted    int
		Exchanges  []struct{ ID string }
		Connection struct {
			Exchanges int
			Events    []any
		}
	}](t, text)[0]
	if got.Omitted != 2*maxExchanges || len(got.Exchanges) != maxExchanges || got.Connection.Exchanges != 3*maxExchanges {
		t.Errorf("got %d exchanges of %d, %d omitted", len(got.Exchanges), got.Connection.Exchanges, got.Omitted)
	}
	if last := got.Exchanges[len(got.Exchanges)-1].ID; last != fmt.Sprintf("x%d", 3*maxExchanges) {
		t.Errorf("last exchange: got %s", last)
	}
	if n := len(got.Connection.Events); n > maxEvents+maxExchanges {
		t.Errorf("got %d events", n)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	_, s, console, control := serve(t)
	record(t, s, stories)
	for _, url := range []string{
		control.URL + "/api/connections", control.URL + "/api/connections/c1", control.URL + "/api/connections/c2", console.URL + "/api/connections/c1",
	} {
		_, text, _ := do(t, "GET", url, "", "Authorization", "Bearer "+token)
		if !strings.Contains(text, "/cart") || strings.Contains(text, "verysecret") || strings.Contains(text, "dXNlcjpzZWNyZXQ") {
			t.Errorf("%s: got %s", url, text)
		}
	}
}

func TestRecordingOff(t *testing.T) {
	d := newFakeDoor()
	ts := httptest.NewServer(NewControlServer(Options{Control: d, Findings: d}).Handler)
	defer ts.Close()
	for path, want := range map[string]string{
		"/api/health":            `"recording":null`,
		"/api/connections":       `{"schema":1,"items":[]}`,
		"/api/incidents/k3f9-2m": `"cause":"the origin asked`,
		"/api/connections/c1":    `nothing is kept of connection c1`,
		"/metrics":               `404`,
	} {
		if _, text, _ := do(t, "GET", ts.URL+path, ""); !strings.Contains(text, want) {
			t.Errorf("%s: got %s, want %s", path, text, want)
		}
	}
}

func TestWhoRefused(t *testing.T) {
	_, s, _, control := serve(t)
	record(t, s, stories+judged)
	_, text, _ := do(t, "GET", control.URL+"/api/connections", "")
	for id, want := range map[flow.ConnID]lastExchange{6: {By: "waf"}, 7: {By: "filter", Watched: true}, 3: {}} {
		var got *lastExchange
		for _, item := range items[summary](t, text) {
			if item.ID == id.String() {
				got = item.Last
			}
		}
		if got == nil || got.By != want.By || got.Watched != want.Watched {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}
