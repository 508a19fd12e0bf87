package console

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// event is one server-sent event.
type event struct {
	name string
	data struct {
		Items     []map[string]any
		More      int
		Lost      int64
		New, Gone []string
		Unchanged int
	}
}

func parseEvents(t *testing.T, text string) (out []event) {
	t.Helper()
	for block := range strings.SplitSeq(text, "\n\n") {
		name, data, found := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		if !found {
			continue
		}
		e := event{name: name}
		if err := json.Unmarshal([]byte(data), &e.data); err != nil {
			t.Fatalf("%v: %s", err, block)
		}
		out = append(out, e)
	}
	return out
}

func named(events []event, name string) (out []event) {
	for _, e := range events {
		if e.name == name {
			out = append(out, e)
		}
	}
	return out
}

// watch runs a stream in a bubble while the door does something.
func watch(t *testing.T, d *fakeDoor, s *store.Store, during func()) []event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		newAPI(Options{Control: d, Findings: d, Store: s}).stream(w, httptest.NewRequestWithContext(ctx, "GET", "/api/stream", nil))
	}()
	synctest.Wait()
	during()
	cancel()
	<-done
	return parseEvents(t, w.Body.String())
}

func TestStreamGathersChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.New(0)
		rec := flow.NewRecorder(s)
		log := rec.Open(start, flow.Opening{})
		exchange := func() {
			x := rec.NextExchange()
			log.Add(flow.Event{Kind: flow.Request, Exchange: x, Text: "GET /"})
			log.Add(flow.Event{Kind: flow.ExchangeDone, Exchange: x, Text: flow.Complete})
			log.Flush()
		}
		exchange()
		events := named(watch(t, newFakeDoor(), s, func() {
			for range 1000 {
				exchange()
				time.Sleep(2 * time.Millisecond)
			}
			time.Sleep(time.Second)
		}), "connections")
		if n := len(events); n < 4 || n > 9 {
			t.Fatalf("got %d events for 1000 changes in 2 s, want 4 a second", n)
		}
		last := events[len(events)-1].data.Items
		if len(last) != 1 || last[0]["id"] != "c1" || last[0]["exchanges"] != 1001.0 {
			t.Errorf("last event: got %v, want c1 with 1001 exchanges, the one before the stream too", last)
		}
	})
}

func TestStreamUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.New(0)
		rec := flow.NewRecorder(s)
		n := 2 * maxChanges
		events := named(watch(t, newFakeDoor(), s, func() {
			for range n {
				log := rec.Open(start, flow.Opening{})
				for range 10 {
					log.Add(flow.Event{Kind: flow.Request, Exchange: rec.NextExchange(), Text: "GET /"})
					log.Flush()
				}
				log.Add(flow.Event{Kind: flow.FIN, From: flow.Client})
				log.Flush()
			}
			time.Sleep(time.Second)
		}), "connections")
		shown, more, exchanges := 0, 0, 0.0
		for _, e := range events {
			if len(e.data.Items) > maxChanges {
				t.Errorf("an event of %d connections", len(e.data.Items))
			}
			shown, more = shown+len(e.data.Items), more+e.data.More
			for _, item := range e.data.Items {
				exchanges = max(exchanges, item["exchanges"].(float64))
			}
		}
		if shown+more != n || more == 0 {
			t.Errorf("got %d connections and %d more, want %d", shown, more, n)
		}
		if exchanges != 10 {
			t.Errorf("exchanges of a connection: got %v, want 10", exchanges)
		}
	})
}

func TestStreamSitesAndFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDoor()
		one, two := explain.Finding{ID: "one", Conns: []flow.ConnID{1}}, explain.Finding{ID: "two"}
		d.find(one)
		events := watch(t, d, nil, func() {
			time.Sleep(10 * time.Second)
			d.find(one, two)
			_ = d.StopSite(t.Context(), "shop")
			time.Sleep(10 * time.Second)
			d.find(two)
			time.Sleep(10 * time.Second)
		})
		sites := named(events, "sites")
		if len(sites) != 2 || sites[1].data.Items[0]["state"] != "stopped" {
			t.Errorf("sites: got %v, want them at first and after the change", sites)
		}
		found := named(events, "findings")
		if len(found) != 3 {
			t.Fatalf("findings: got %v", found)
		}
		for i, want := range []struct {
			fresh, gone string
			unchanged   int
		}{{"one c1", "", 0}, {"two", "", 1}, {"", "one c1", 1}} {
			got := found[i].data
			if strings.Join(got.New, ",") != want.fresh || strings.Join(got.Gone, ",") != want.gone || got.Unchanged != want.unchanged {
				t.Errorf("findings %d: got %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDoor()
		a := newAPI(Options{Control: d, Findings: d})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range maxStreams {
			go a.stream(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		}
		synctest.Wait()
		w := httptest.NewRecorder()
		a.stream(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("got %d", w.Code)
		}
		cancel()
		synctest.Wait()
		if len(a.streams) != 0 {
			t.Errorf("%d places are still taken", len(a.streams))
		}
	})
}

// TestStreamOutlivesTimeouts has a server whose limits for a request are much
// shorter than its stream lives.
func TestStreamOutlivesTimeouts(t *testing.T) {
	d := newFakeDoor()
	ts := httptest.NewUnstartedServer(nil)
	ts.Config = NewControlServer(Options{Control: d, Findings: d})
	ts.Config.ReadTimeout, ts.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	ts.Start()
	defer ts.Close()
	resp, err := http.Get(ts.URL + "/api/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	seen := 0
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		switch lines.Text() {
		case "event: findings": // the next look at the sites is slowTick away
			_ = d.StopSite(t.Context(), "shop")
		case "event: sites":
			if seen++; seen == 2 {
				return
			}
		}
	}
	t.Errorf("the stream ended after %d events about sites: %v", seen, lines.Err())
}

// TestStreamOverConnection sees that events arrive over a real connection as
// they happen.
func TestStreamOverConnection(t *testing.T) {
	_, s, console, _ := serve(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", console.URL+"/api/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("got %s, status %d", got, resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	recorded := false
	for lines.Scan() {
		switch {
		case lines.Text() == "event: findings" && !recorded: // the stream runs
			record(t, s, stories)
			recorded = true
		case strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), `"sni":"books.test"`):
			return
		}
	}
	t.Errorf("the stream ended: %v", lines.Err())
}
