package gateway

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// Incident is one response that Fanlight made itself. Incidents are kept, a
// fixed number of them, also with recording off.
type Incident struct {
	ID       string
	At       time.Time
	Conn     flow.ConnID
	Exchange flow.ExchangeID
	Site     string
	Status   int
	Cause    string

	SubStatus int `json:",omitempty"` // what IIS would say beside the status; 0: nothing
}

// Incidents is a ring of the newest incidents.
type Incidents struct {
	mu   sync.Mutex
	ring []Incident
	next int
}

const maxIncidents = 4096

func newIncidents() *Incidents { return &Incidents{} }

// Get finds an incident that is still kept.
func (r *Incidents) Get(id string) (Incident, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.ring, func(in Incident) bool { return in.ID == id })
	if i < 0 {
		return Incident{}, false
	}
	return r.ring[i], true
}

// All gives the kept incidents, newest first.
func (r *Incidents) All() []Incident {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Concat(r.ring[r.next:], r.ring[:r.next])
	slices.Reverse(out)
	return out
}

// Restore keeps incidents of an earlier run, newest first, as the oldest ones.
// It is called before there is any other.
func (r *Incidents) Restore(newestFirst []Incident) {
	for _, in := range slices.Backward(newestFirst) {
		r.add(in)
	}
}

func (r *Incidents) add(in Incident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < maxIncidents {
		r.ring = append(r.ring, in)
		return
	}
	r.ring[r.next] = in
	r.next = (r.next + 1) % maxIncidents
}

// newIncidentID is short enough to be read over the telephone and random, so
// that it tells nothing about how many there are.
func newIncidentID() string { return rand.Text()[:10] }

// incident keeps and records that Fanlight answers by itself.
func (g *Gateway) incident(log *flow.Log, in Incident) string {
	in.ID, in.At, in.Conn = newIncidentID(), time.Now(), log.ID()
	g.Incidents.add(in)
	g.Metrics.Incidents.Add(1)
	g.Metrics.responded(in.Status)
	log.Add(flow.Event{At: in.At, Exchange: in.Exchange, Kind: flow.Incident, Status: in.Status, Text: in.ID, Attrs: flow.IncidentAttrs(in.Cause, in.SubStatus)})
	return in.ID
}

// refused is the connection machine's word of a request it does not carry.
func (g *Gateway) refused(log *flow.Log, x flow.ExchangeID, status int, cause string) string {
	return g.incident(log, Incident{Exchange: x, Status: status, Cause: cause})
}

// fail answers an exchange with a page of our own, which may have fields that
// belong to its status.
func (r *ride) fail(status int, cause string, more ...[2]string) {
	s, x := r.s, r.x
	name := ""
	if found := s.site.Load(); found != nil {
		name = found.Name
	}
	if x.Responded() {
		x.Truncate(cause)
		return
	}
	if i, judged := x.(*inspection); judged {
		i.aside()
		x = r.x
	}
	id := s.g.incident(x.Log(), Incident{Exchange: x.ID(), Site: name, Status: status, Cause: cause, SubStatus: r.subStatus})
	r.facts.status, r.facts.incident = status, id
	body, fields := httpconn.ErrorPage(status, id, string(x.Request().Head.Get("Accept")))
	if page := r.facts.page(status); page != nil {
		body, fields = page.Body.append(nil, &r.facts, quoting(page.Type)), httpconn.PageFields(page.Type, id)
	}
	for _, f := range more {
		fields = httpwire.AppendField(fields, f[0], f[1])
	}
	s.answer(x, status, r.facts.ruled(fields), body)
}

// answer sends a response that we made.
func (s *session) answer(x httpconn.Exchange, status int, fields, body []byte) {
	if err := x.Respond(status, reasonOf(status), fields, int64(len(body))); err != nil {
		x.Truncate("write response: " + err.Error())
		return
	}
	if _, err := x.Write(body); err != nil {
		x.Truncate("write response: " + err.Error())
		return
	}
	_ = x.Finish(nil) // records its own failure
}
