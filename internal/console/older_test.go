package console

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// TestListGoesOnOnDisk pages through connections of which memory has forgotten
// most: each is listed once, and can be opened.
func TestListGoesOnOnDisk(t *testing.T) {
	disk, err := store.OpenDisk(t.TempDir(), store.DiskOptions{Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(0)
	ctx, cancel := context.WithCancel(t.Context())
	follower, done := s.Follow(), make(chan struct{})
	go func() {
		defer close(done)
		disk.Run(ctx, s, follower)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	const visits = 300
	recorder := flow.NewRecorder(s)
	for i := range visits {
		at := start.Add(time.Duration(i) * time.Second)
		log, x := recorder.Open(at, flow.Opening{Source: "live", Self: flow.Server}), recorder.NextExchange()
		log.Add(flow.Event{At: at, Kind: flow.Request, Exchange: x, Text: fmt.Sprint("GET /", i), Header: make([]byte, 8<<10)})
		log.Add(flow.Event{At: at, Kind: flow.Response, Exchange: x, Status: 200})
		if i == 7 {
			log.Add(flow.Event{At: at, Kind: flow.Incident, Exchange: x, Text: "OLDINCIDENT", Attrs: flow.Attrs(flow.KeyCause, "the origin was away")})
		}
		log.Add(flow.Event{At: at, Kind: flow.ExchangeDone, Exchange: x, Text: flow.Complete})
		log.Add(flow.Event{At: at, Kind: flow.Closed})
		log.Flush()
		if i%20 != 19 {
			continue
		}
		if err := disk.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(NewControlServer(Options{Control: newFakeDoor(), Findings: newFakeDoor(), Store: s, Disk: func() *store.Disk { return disk }}).Handler)
	defer server.Close()
	if inMemory := len(s.Recent(visits)); inMemory > visits/2 {
		t.Fatalf("memory still has %d connections", inMemory)
	}
	before := ""
	for i := visits; i > 0; {
		_, text, _ := do(t, "GET", server.URL+"/api/connections?limit=40"+before, "")
		page := items[summary](t, text)
		if len(page) == 0 {
			t.Fatalf("the list ends at %d", i)
		}
		for _, item := range page {
			if item.ID != fmt.Sprint("c", i) || item.Exchanges != 1 || item.Last == nil || item.Last.Target != fmt.Sprint("/", i-1) {
				t.Fatalf("line %d: got %+v", i, item)
			}
			i--
		}
		before = "&before=" + page[len(page)-1].ID
	}
	if status, text, _ := do(t, "GET", server.URL+"/api/connections/c1", ""); status != 200 || len(items[story](t, text)) != 1 {
		t.Errorf("a connection that only the disk has: %d %s", status, text)
	}
	status, text, _ := do(t, "GET", server.URL+"/api/incidents/OLDINCIDENT", "")
	type told struct {
		Incident incidentRecord `json:"incident"`
		Notation string         `json:"notation"`
	}
	if found := items[told](t, text); status != 200 || len(found) != 1 || found[0].Incident.Cause != "the origin was away" || found[0].Notation == "" {
		t.Errorf("an incident that only the disk has: %d %.500s", status, text)
	}
	_, text, _ = do(t, "GET", server.URL+"/api/exchanges?limit=2&filter=http.request.uri+contains+%2F7", "")
	if rows := items[exchangeRow](t, text); len(rows) != 2 || rows[0].Target != "/79" || rows[1].Target != "/78" {
		t.Errorf("exchanges: %s", text)
	}
	for _, query := range []string{"filter=nonsense", "since=yesterday", "before=x", "limit=0"} {
		if status, _, _ := do(t, "GET", server.URL+"/api/exchanges?"+query, ""); status != 400 {
			t.Errorf("%s: status %d", query, status)
		}
	}
}
