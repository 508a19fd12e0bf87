package console

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/store"
)

func (a *api) disk() *store.Disk {
	if a.Disk == nil {
		return nil
	}
	return a.Disk()
}

// older gives connections that are on disk and no longer in memory, those with
// the highest numbers first.
func (a *api) older(ctx context.Context, below flow.ConnID, limit int, inMemory []flow.ConnID) ([]summary, error) {
	disk := a.disk()
	if disk == nil || limit == 0 {
		return nil, nil
	}
	known := map[flow.ConnID]bool{}
	for _, id := range inMemory {
		known[id] = true
	}
	ids, err := disk.Conns(ctx, below, limit, func(id flow.ConnID) bool { return known[id] })
	if err != nil {
		return nil, err
	}
	trace, err := disk.Trace(ctx, false, ids...)
	if err != nil {
		return nil, err
	}
	counts, err := disk.Exchanges(ctx, ids)
	var out []summary
	for _, id := range ids {
		if c := trace.Conn(id); c != nil {
			item := summarise(c, a.Mask)
			item.Exchanges = counts[id]
			out = append(out, item)
		}
	}
	return out, err
}

// oldStory tells of a connection that is no longer in memory, with the one it
// was made for.
func (a *api) oldStory(ctx context.Context, id flow.ConnID, x flow.ExchangeID) *story {
	disk := a.disk()
	if disk == nil {
		return nil
	}
	trace, err := disk.Trace(ctx, true, id)
	whole := trace.Conn(id)
	if err != nil || whole == nil {
		return nil
	}
	related, err := disk.Related(ctx, whole)
	if err == nil {
		if others, err := disk.Records(ctx, related); err == nil {
			trace.Conns = append(trace.Conns, others.Conns...)
		}
	}
	return a.compose(whole, trace, x)
}

// oldIncident finds an incident that only the disk has; its cause is in the
// record.
func (a *api) oldIncident(ctx context.Context, id string) (Incident, bool) {
	disk := a.disk()
	if disk == nil {
		return Incident{}, false
	}
	row, ok, err := disk.Incident(ctx, id)
	if err != nil || !ok {
		return Incident{}, false
	}
	return Incident{ID: id, Time: row.Time, Conn: row.Conn, Exchange: row.Exchange, Site: row.Site, Status: row.Status}, true
}

// exchangeRow is one line of a list of exchanges.
type exchangeRow struct {
	Cursor   string   `json:"cursor"` // before= of the next page
	Conn     string   `json:"conn"`
	ID       string   `json:"id,omitempty"` // absent: a connection that had no exchange
	Parent   string   `json:"parent,omitempty"`
	Started  string   `json:"started,omitempty"`
	Method   string   `json:"method,omitempty"`
	Host     string   `json:"host,omitempty"`
	Target   string   `json:"target,omitempty"`
	Status   int      `json:"status,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	Incident string   `json:"incident,omitempty"`
	Wait     *float64 `json:"wait_ms,omitempty"`
	Total    *float64 `json:"total_ms,omitempty"`
	Client   string   `json:"client,omitempty"`
	Server   string   `json:"server,omitempty"`
	Site     string   `json:"site,omitempty"`
	Origin   string   `json:"origin,omitempty"`
	Findings []string `json:"findings,omitempty"`
}

func rowOf(r *store.Row, mask flow.Mask) exchangeRow {
	out := exchangeRow{Cursor: strconv.FormatInt(r.ID, 10), Conn: r.Conn.String(), Method: r.Method, Host: r.Host, Target: r.Target,
		Status: r.Status, Outcome: r.Outcome, Incident: r.Incident, Site: r.Site, Origin: r.Origin, Findings: r.Findings,
		Wait: milliseconds(r.Wait), Total: milliseconds(r.Total), Client: address(r.Client), Server: address(r.Server)}
	out.Target = mask(flow.TargetField, out.Target)
	if r.Exchange != 0 {
		out.ID = r.Exchange.String()
	}
	if r.Parent != 0 {
		out.Parent = r.Parent.String()
	}
	if !r.Time.IsZero() {
		out.Started = r.Time.UTC().Format(time.RFC3339Nano)
	}
	return out
}

func milliseconds(d time.Duration) *float64 {
	if d < 0 {
		return nil
	}
	ms := float64(d) / float64(time.Millisecond)
	return &ms
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// searchTime bounds how long a search may take.
const searchTime = 20 * time.Second

// exchanges lists what is on disk, the newest first, chosen by filter= and
// since=; before= is the cursor of the last line of the page before.
func (a *api) exchanges(w http.ResponseWriter, r *http.Request) {
	s, ok := searchOf(w, r, defaultLimit, maxLimit)
	if !ok {
		return
	}
	disk := a.disk()
	if disk == nil {
		answer[exchangeRow](w, nil)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	rows, err := disk.Search(ctx, s)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	out := make([]exchangeRow, len(rows))
	for i := range rows {
		out[i] = rowOf(&rows[i], a.Mask)
	}
	answer(w, out)
}

// searchOf reads filter=, since=, before= and limit=; what is wrong with them
// it answers itself.
func searchOf(w http.ResponseWriter, r *http.Request, usual, most int) (s store.Search, ok bool) {
	if s.Limit, ok = limitOf(w, r, usual, most); !ok {
		return s, false
	}
	var err error
	if text := r.FormValue("filter"); text != "" {
		err = s.Choose(text)
	}
	if text := r.FormValue("since"); text != "" && err == nil {
		s.Since, err = time.Parse(time.RFC3339Nano, text)
	}
	if text := r.FormValue("before"); text != "" && err == nil {
		if s.Before, err = strconv.ParseInt(text, 10, 64); err != nil || s.Before < 1 {
			err = fmt.Errorf("before is not a cursor: %s", text)
		}
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return s, false
	}
	return s, true
}

const (
	usualRecords = 1000
	maxRecords   = 10_000
)

// records writes connections in flow notation, those of the oldest exchange
// chosen by filter= and since= first; of each its beginning, what was chosen and
// what lies near it. limit= is of exchanges, and the newest are taken.
func (a *api) records(w http.ResponseWriter, r *http.Request) {
	s, ok := searchOf(w, r, usualRecords, maxRecords)
	if !ok {
		return
	}
	if a.Store == nil {
		fail(w, http.StatusConflict, "nothing is recorded: recording is off in the configuration")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	write := func(t *flow.Trace) {
		_, _ = fmt.Fprint(w, a.masked(t)) // a visitor who has gone
	}
	if disk := a.disk(); disk == nil {
		write(a.remembered(s))
	} else if err := errors.Join(disk.Flush(ctx), disk.EachRecord(ctx, s, write)); err != nil {
		_, _ = fmt.Fprintf(w, "%s%s\n", store.Fault, err)
	}
}

// remembered is what a search finds in memory.
func (a *api) remembered(s store.Search) *flow.Trace {
	all := a.Store.Trace(a.Store.Recent(math.MaxInt)...)
	out := &flow.Trace{}
	exchanges := 0
	for _, c := range slices.Backward(all.Sorted().Conns) {
		if exchanges >= s.Limit {
			break
		}
		if (s.Filter == nil || s.Filter.Conn(c)) && !c.Started.Before(s.Since) {
			out.Conns = append(out.Conns, c)
			exchanges += max(1, len(c.Exchanges))
		}
	}
	slices.Reverse(out.Conns)
	return out
}
