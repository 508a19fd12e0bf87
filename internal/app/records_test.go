package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// recorded gives the type of each line that was written, with its id.
func recorded(t *testing.T, raw string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(raw) {
		var object struct{ Type, ID string }
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, strings.TrimSpace(object.Type+" "+object.ID))
	}
	return lines
}

func TestFindingsFollowWhatTheyName(t *testing.T) {
	var file bytes.Buffer
	s := store.New(1 << 20)
	r := &records{
		store: s, whole: true, out: newJSONLines(&file, "test", slog.New(slog.DiscardHandler)),
		folder: flow.NewFolder(foldLimit), open: map[flow.ConnID]bool{}, summary: flow.SummaryRecord{Type: "summary"},
	}
	follower := s.Follow()
	deliver := func() {
		t.Helper()
		entries, lost, err := follower.Next(t.Context())
		if err != nil || lost != 0 {
			t.Fatal(lost, err)
		}
		r.take(entries, lost)
	}
	recorder := flow.NewRecorder(s)
	open := func() *flow.Log { return recorder.Open(time.Now(), flow.Opening{Self: flow.Server}) }
	first := open()
	add := func(log *flow.Log, kind flow.Kind, x flow.ExchangeID) {
		log.Add(flow.Event{At: time.Now(), Kind: kind, Exchange: x})
		log.Flush()
	}
	found := func(id string, conns ...flow.ConnID) explain.Finding { return explain.Finding{ID: id, Conns: conns} }

	add(first, flow.ExchangeDone, 1)
	r.hear(found("unread", 1), false)
	deliver()
	r.hear(found("open", 1), false)
	r.hear(found("unrelated", 9), false)
	grown := found("open", 1)
	grown.Cause = "known by now"
	r.hear(grown, true)
	add(first, flow.Closed, 0)
	deliver()
	r.hear(found("unrelated", 9), true)
	r.hear(found("late", 1), false)
	add(open(), flow.Established, 0)
	deliver()
	r.hear(found("never", 2), false)
	r.end()

	want := []string{
		"exchange x1", "finding unrelated", "connection c1", "finding unread", "finding open", "finding late", "finding never", "summary",
	}
	if got := recorded(t, file.String()); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !strings.Contains(file.String(), "known by now") {
		t.Error("the finding was written as it was first known")
	}
	if got, want := fmt.Sprint(r.summary.Connections, r.summary.Exchanges, r.summary.Findings), "1 1 5"; got != want {
		t.Errorf("the summary counts %s, want %s", got, want)
	}
}

func TestTooManyFindingsDoNotWait(t *testing.T) {
	var file bytes.Buffer
	s := store.New(1 << 20)
	r := &records{
		store: s, out: newJSONLines(&file, "test", slog.New(slog.DiscardHandler)), open: map[flow.ConnID]bool{1: true},
	}
	for i := range keptFindings + 3 {
		r.hear(explain.Finding{ID: fmt.Sprint("f", i), Conns: []flow.ConnID{1}}, false)
	}
	if got := recorded(t, file.String()); !slices.Equal(got, []string{"finding f0", "finding f1", "finding f2"}) {
		t.Errorf("got %v", got)
	}
}
