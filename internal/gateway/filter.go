package gateway

import (
	"cmp"
	"strconv"
	"time"

	"fanlight/internal/filter"
	"fanlight/internal/flow"
)

// Filtering is what a site refuses for what is asked of it, and what the client
// gets then.
type Filtering struct {
	Filter   *filter.Filter
	Watch    bool  // what it would refuse is recorded, and passes
	Status   int   // in place of that of the verdict; 0: that one
	Page     *Page // nil: the one of the status
	Redirect Text  // where the client is sent instead; empty: nowhere

	Strips string // field that the filter has taken out of responses, for the record; empty: none
}

// filtered asks the filter of a site about a request as it was received; where it
// says no, the exchange is answered.
func (r *ride) filtered(does *Site) bool {
	f := does.Filter
	if f == nil {
		return true
	}
	req := r.x.Request()
	v, body := f.Filter.Judge(req.Head, req.Length)
	switch {
	case f.Watch && v != nil:
		r.watched(does, v)
	case v != nil:
		r.reject(f, v)
		return false
	case !f.Watch:
		r.bodyLimit, r.bodyBy = body, f
	}
	return true
}

// watched records what the filter would have refused.
func (r *ride) watched(does *Site, v *filter.Verdict) {
	r.s.g.Metrics.Fired.add(byWatch)
	r.x.Log().Add(flow.Event{At: time.Now(), Exchange: r.x.ID(), Kind: flow.Decision,
		Text: "watch: the filter of " + does.title + " would refuse this by " + v.Cause(), Attrs: verdictAttrs(v)})
}

// reject answers as the filter says.
func (r *ride) reject(f *Filtering, v *filter.Verdict) {
	cause := "the filter of " + r.facts.does.title + " refused it by " + v.Cause()
	r.s.g.Metrics.Fired.add(byFilter)
	r.x.Log().Add(flow.Event{At: time.Now(), Exchange: r.x.ID(), Kind: flow.Decision, Text: "refuse: " + cause, Attrs: verdictAttrs(v)})
	r.subStatus, r.facts.rejection = v.SubStatus, f.Page
	if f.Redirect.Empty() {
		r.fail(cmp.Or(f.Status, v.Status), cause)
		return
	}
	r.fail(302, cause, [2]string{"Location", string(harmless(f.Redirect.append(nil, &r.facts, quoteQuery), 0))})
}

func verdictAttrs(v *filter.Verdict) []flow.Attr {
	attrs := flow.Attrs(flow.KeyBy, byFilter, flow.KeyRule, v.Rule, flow.KeyWhere, v.Where, flow.KeyMatched, v.Matched)
	if v.Offset >= 0 {
		attrs = append(attrs, flow.Attrs(flow.KeyOffset, strconv.Itoa(v.Offset))...)
	}
	return attrs
}

// bodyTooLong tells of a body whose length was not known before.
func (r *ride) bodyTooLong() string {
	if r.bodyBy != nil {
		return "the filter of " + r.facts.does.title + " refused it by " + filter.TooLong(r.bodyLimit, -1).Cause()
	}
	return "request body is longer than the " + strconv.FormatInt(r.bodyLimit, 10) + " bytes of " + r.facts.route.title
}

// refuseBody answers a request whose body turned out too long.
func (r *ride) refuseBody(cause string) {
	if r.bodyBy == nil {
		r.refuse(413, byBody, cause)
		return
	}
	r.reject(r.bodyBy, filter.TooLong(r.bodyLimit, -1))
}
