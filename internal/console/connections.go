package console

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// summary is a connection without its events, with what a list shows of it.
type summary struct {
	flow.ConnRecord
	Last    *lastExchange `json:"last,omitempty"`    // its newest exchange
	Trouble string        `json:"trouble,omitempty"` // the last thing that went wrong, in a few words
}

type lastExchange struct {
	ID       string `json:"id"`
	Method   string `json:"method,omitempty"`
	Host     string `json:"host,omitempty"`
	Target   string `json:"target,omitempty"`
	Status   int    `json:"status,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	Incident string `json:"incident,omitempty"`
	By       string `json:"by,omitempty"`      // filter or waf: which refused it, or would
	Watched  bool   `json:"watched,omitempty"` // it only would
}

// judged tells which of filter and WAF refused an exchange, or would.
func (x *lastExchange) judged(events []flow.Event, id flow.ExchangeID) {
	for i := range events {
		e := &events[i]
		by := e.Attr(flow.KeyBy)
		if e.Kind != flow.Decision || e.Exchange != id || by != "filter" && by != "waf" {
			continue
		}
		switch verdict, _, _ := strings.Cut(e.Text, ":"); verdict {
		case "block", "refuse":
			x.By, x.Watched = by, false
		case "watch":
			x.By, x.Watched = by, true
		}
	}
}

func summarise(c *flow.Conn, mask flow.Mask) summary {
	events := c.Events
	bare := *c
	bare.Events = nil
	out := summary{ConnRecord: flow.ConnJSON(&bare, mask)}
	if n := len(c.Exchanges); n > 0 {
		x := c.Exchanges[n-1]
		out.Last = &lastExchange{ID: x.ID.String(), Method: x.Method, Host: x.Host, Target: mask(flow.TargetField, x.Target), Status: x.Status, Outcome: x.Outcome, Incident: x.Incident}
		out.Last.judged(events, x.ID)
	}
	for i := range events {
		if words := trouble(&events[i]); words != "" {
			out.Trouble = words
		}
	}
	return out
}

func trouble(e *flow.Event) string {
	switch e.Kind {
	case flow.ConnectFailed, flow.TLSFailed, flow.Timeout, flow.Hanging, flow.Irregular:
		return e.Kind.String() + ": " + e.Text
	case flow.Alert:
		if e.Text != "close_notify" {
			return "alert: " + e.Text
		}
	case flow.Incident:
		return e.Attr(flow.KeyCause)
	}
	return ""
}

const (
	defaultLimit = 100
	maxLimit     = 500
)

// connections lists those with the newest activity first; before is the last
// one of the page before.
func (a *api) connections(w http.ResponseWriter, r *http.Request) {
	limit, ok := limitOf(w, r, defaultLimit, maxLimit)
	if !ok {
		return
	}
	if a.Store == nil {
		answer[summary](w, nil)
		return
	}
	var before flow.ConnID
	if s := r.FormValue("before"); s != "" {
		if before, ok = connID(s); !ok {
			fail(w, http.StatusBadRequest, "before is not a connection such as c7: "+s)
			return
		}
	}
	all := a.Store.Recent(math.MaxInt)
	ids, below := all, flow.ConnID(0) // below: where the disk goes on
	if before != 0 {
		ids = all[slices.Index(all, before)+1:]
		if !slices.Contains(all, before) && a.disk() != nil {
			ids, below = nil, before
		}
	}
	ids = ids[:min(limit, len(ids))]
	rows := rowsOf(a.Store, math.MaxUint64, ids)
	var out []summary
	for _, id := range ids {
		if item, ok := rows[id].summary(a.Mask); ok {
			out = append(out, item)
		}
	}
	older, err := a.older(r.Context(), below, limit-len(ids), all)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, append(out, older...))
}

func limitOf(w http.ResponseWriter, r *http.Request, usual, most int) (limit int, ok bool) {
	s := r.FormValue("limit")
	if s == "" {
		return usual, true
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		fail(w, http.StatusBadRequest, "limit is not a number above 0: "+s)
		return 0, false
	}
	return min(n, most), true
}
