package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// chapter is one connection of a story.
type chapter struct {
	Connection flow.ConnRecord       `json:"connection"`
	Exchanges  []flow.ExchangeRecord `json:"exchanges"`
	Omitted    int                   `json:"omitted,omitempty"` // exchanges left out
}

// story is a connection with all that belongs to it.
type story struct {
	chapter
	Related  []chapter         `json:"related"`
	Findings []explain.Finding `json:"findings"`
	Notation string            `json:"notation"`
}

// incidentStory is what happened to one request that failed.
type incidentStory struct {
	Incident incidentRecord `json:"incident"`
	*story                  // absent if the record is gone
}

const (
	maxExchanges = 200 // shown of a connection
	maxEvents    = 500 // shown of a connection, besides those of its exchanges
	maxNear      = 40  // connections to compare with
	maxWitnesses = 4   // of those, shown because a finding points at them
)

func (a *api) connection(w http.ResponseWriter, r *http.Request) {
	id, ok := connID(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusBadRequest, "not a connection such as c7: "+r.PathValue("id"))
		return
	}
	s := a.story(r.Context(), id, 0)
	if s == nil {
		fail(w, http.StatusNotFound, "nothing is kept of connection "+id.String())
		return
	}
	answer(w, []*story{s})
}

func (a *api) incident(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	incident, ok := a.Control.Incident(id)
	if !ok {
		incident, ok = a.oldIncident(r.Context(), id)
	}
	if !ok {
		fail(w, http.StatusNotFound, "no incident "+id+" is known; it may be too long ago")
		return
	}
	told := incidentStory{incident.record(), a.story(r.Context(), incident.Conn, incident.Exchange)}
	if told.Incident.Cause == "" && told.story != nil {
		told.Incident.Cause = told.cause(incident.Exchange)
	}
	answer(w, []incidentStory{told})
}

// cause is what the record says of an exchange that failed.
func (c *chapter) cause(x flow.ExchangeID) string {
	for i := range c.Exchanges {
		if c.Exchanges[i].ID == x.String() {
			return c.Exchanges[i].Cause
		}
	}
	return ""
}

// story tells of a connection, and of one of its exchanges if x is not 0; nil
// if nothing is kept of it.
func (a *api) story(ctx context.Context, id flow.ConnID, x flow.ExchangeID) *story {
	if a.Store == nil || id == 0 {
		return nil
	}
	whole := a.Store.Trace(id).Conn(id)
	if whole == nil {
		return a.oldStory(ctx, id, x)
	}
	focus := store.Focus{Conns: []flow.ConnID{id}, Exchange: x, Batches: maxExchanges}
	if whole.Parent != 0 {
		focus.Conns = append(focus.Conns, whole.Parent)
	}
	for _, c := range a.Store.Story(focus).Conns {
		if c.ID != id && c.ID != whole.Parent {
			focus.Beside = append(focus.Beside, c.ID)
		}
	}
	focus.Beside = a.Store.Near(slices.Concat(focus.Conns, focus.Beside), maxNear)
	return a.compose(whole, a.Store.Story(focus), x)
}

// compose tells of a connection from a trace of it, of what belongs to it, and
// of others to compare it with.
func (a *api) compose(whole *flow.Conn, trace *flow.Trace, x flow.ExchangeID) *story {
	id := whole.ID
	trace = a.masked(trace)
	own, omitted := around(a.Mask.Conn(whole), x)
	linked := links(own)
	focus := linked
	if x != 0 {
		focus = links(&flow.Conn{Exchanges: []*flow.Exchange{{ID: x}}})
	}
	out := &story{Related: []chapter{}, Findings: relevant(a.Findings.Of(trace), id, trace, focus)}
	seen := witnesses(out.Findings)
	shown := &flow.Trace{Conns: []*flow.Conn{own}}
	out.chapter = tell(own, omitted)
	for _, other := range trace.Sorted().Conns {
		if other.ID == id {
			continue
		}
		part, omitted := only(other, linked)
		if len(part.Exchanges) == 0 && other.Parent != id {
			if other.ID != whole.Parent && !seen[other.ID] {
				continue
			}
			part, omitted = around(other, 0) // own was made for it and failed before it carried anything
		}
		out.Related = append(out.Related, tell(part, omitted))
		shown.Conns = append(shown.Conns, part)
	}
	var b strings.Builder
	for _, c := range shown.Conns {
		b.WriteString(c.String())
	}
	out.Notation = b.String()
	return out
}

// witnesses are connections that the evidence of findings is on.
func witnesses(findings []explain.Finding) map[flow.ConnID]bool {
	out := map[flow.ConnID]bool{}
	for _, f := range findings {
		for _, e := range f.Evidence {
			if len(out) < maxWitnesses && e.Ref.Conn != 0 {
				out[e.Ref.Conn] = true
			}
		}
	}
	return out
}

func (a *api) masked(t *flow.Trace) *flow.Trace {
	out := &flow.Trace{Facts: t.Facts}
	for _, c := range t.Conns {
		out.Conns = append(out.Conns, a.Mask.Conn(c))
	}
	return out
}

func tell(c *flow.Conn, omitted int) chapter {
	out := chapter{flow.ConnJSON(c, nil), []flow.ExchangeRecord{}, omitted}
	out.Connection.Exchanges += omitted
	for _, x := range c.Exchanges {
		out.Exchanges = append(out.Exchanges, flow.ExchangeJSON(x, nil)) // masked already
	}
	return out
}

// around leaves of a connection its newest exchanges, or those around x.
func around(c *flow.Conn, x flow.ExchangeID) (part *flow.Conn, omitted int) {
	n := len(c.Exchanges)
	end := n
	if i := slices.IndexFunc(c.Exchanges, func(e *flow.Exchange) bool { return e.ID == x }); i >= 0 {
		end = min(n, i+maxExchanges/2)
	}
	return cut(c, c.Exchanges[max(0, end-maxExchanges):end])
}

// linkSet names the exchanges of one connection and those they were made for.
type linkSet struct{ own, parents map[flow.ExchangeID]bool }

func links(c *flow.Conn) linkSet {
	l := linkSet{map[flow.ExchangeID]bool{}, map[flow.ExchangeID]bool{}}
	for _, x := range c.Exchanges {
		l.own[x.ID] = true
		if x.Parent != 0 {
			l.parents[x.Parent] = true
		}
	}
	return l
}

func (l linkSet) has(x *flow.Exchange) bool { return l.own[x.Parent] || l.parents[x.ID] }

// only leaves of another connection what has to do with the links: an origin
// connection may have served many clients.
func only(c *flow.Conn, l linkSet) (part *flow.Conn, omitted int) {
	var kept []*flow.Exchange
	for _, x := range c.Exchanges {
		if l.has(x) {
			kept = append(kept, x)
		}
	}
	return cut(c, kept[max(0, len(kept)-maxExchanges):])
}

// cut is c with some of its exchanges and their events, and the first and last
// of the other events.
func cut(c *flow.Conn, exchanges []*flow.Exchange) (part *flow.Conn, omitted int) {
	keep := map[flow.ExchangeID]bool{}
	for _, x := range exchanges {
		keep[x.ID] = true
	}
	others := 0
	for i := range c.Events {
		if c.Events[i].Exchange == 0 {
			others++
		}
	}
	out := *c
	out.Exchanges, out.Events = exchanges, nil
	seen := 0
	for _, e := range c.Events {
		if e.Exchange == 0 {
			seen++
			if seen > maxEvents/2 && seen <= others-maxEvents/2 {
				continue
			}
		} else if !keep[e.Exchange] {
			continue
		}
		out.Events = append(out.Events, e)
	}
	return &out, len(c.Exchanges) - len(exchanges)
}

// relevant leaves the findings that name the connection or one of its
// exchanges, not those of others who shared a connection with it.
func relevant(findings []explain.Finding, id flow.ConnID, t *flow.Trace, l linkSet) []explain.Finding {
	out := []explain.Finding{}
	for _, f := range findings {
		named := len(f.Exchanges) == 0 && (len(f.Conns) == 0 || slices.ContainsFunc(f.Conns, func(c flow.ConnID) bool {
			return c == id || t.Conn(c) != nil && (t.Conn(c).Parent == id || slices.ContainsFunc(t.Conn(c).Exchanges, l.has))
		}))
		for _, x := range f.Exchanges {
			found := t.Exchange(x)
			named = named || l.own[x] || l.parents[x] || found != nil && l.has(found)
		}
		if named {
			out = append(out, f)
		}
	}
	return out
}
