package gateway

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// Pages are the operator's own pages for answers of 4xx and 5xx.
type Pages struct {
	By      map[int]*Page // by status; 4 and 5 for the other ones of a class
	Replace bool          // also in place of what origins answer
}

// Page is one of them.
type Page struct {
	Type string // media type
	Body Text
}

func (p *Pages) find(status int) *Page {
	if p == nil {
		return nil
	}
	if page := p.By[status]; page != nil {
		return page
	}
	return p.By[status/100]
}

// page is the operator's page for a status: that of the filter that refused, else
// that of the route, else that of the site; nil if there is none.
func (f *facts) page(status int) *Page {
	if f.rejection != nil {
		return f.rejection
	}
	if f.route != nil {
		if page := f.route.Pages.find(status); page != nil {
			return page
		}
	}
	if f.does == nil {
		return nil
	}
	return f.does.Pages.find(status)
}

// rules are what becomes of the fields of a response; nil before a site is
// known.
func (f *facts) rules() *fieldRules {
	switch {
	case f.route != nil:
		return &f.route.response
	case f.does != nil:
		return &f.does.response
	}
	return nil
}

// ruled applies the rules of site and route to lines of our own.
func (f *facts) ruled(lines []byte) []byte {
	rules := f.rules()
	if rules == nil || rules.empty() {
		return lines
	}
	var out []byte
	for line := range bytes.Lines(lines) {
		if name, _, _ := bytes.Cut(line, []byte(":")); !rules.drop(name) {
			out = append(out, line...)
		}
	}
	return rules.append(out, f)
}

// replacement is the page that goes in place of an origin's answer, nil for
// the answer itself.
func (k *carriage) replacement(status int) *Page {
	if status < 400 {
		return nil
	}
	if p := k.route.Pages; p != nil && p.Replace {
		if page := p.find(status); page != nil {
			return page
		}
	}
	if p := k.does.Pages; p != nil && p.Replace {
		return p.find(status)
	}
	return nil
}

// replace answers with a page in place of what the origin says, of which only
// the fields stay that tell the client how to go on.
func (k *carriage) replace(h *httpwire.Head, page *Page) *origin.Failure {
	r, x := k.r, k.x
	status := strconv.Itoa(h.Status)
	x.Log().Add(flow.Event{At: time.Now(), Exchange: x.ID(), Kind: flow.Decision, Text: "replace: the page of " + status + " in place of the origin's",
		Attrs: flow.Attrs(flow.KeyBy, "status-pages")})
	r.facts.status = h.Status
	body := page.Body.append(nil, &r.facts, quoting(page.Type))
	fields := httpwire.AppendField(nil, "Content-Type", page.Type)
	for _, line := range h.Fields {
		if name := h.Bytes(line.Name); goesOn(name) {
			fields = httpwire.AppendField(fields, string(name), string(h.Bytes(line.Value)))
		}
	}
	fields = k.appendSticky(r.facts.ruled(fields))
	r.responded(h.Status)
	if err := x.Respond(h.Status, reasonOf(h.Status), fields, int64(len(body))); err != nil {
		return k.clientLost(err)
	}
	if _, err := x.Write(body); err != nil {
		return k.clientLost(err)
	}
	return k.unread()
}

func goesOn(name []byte) bool {
	for _, kept := range []string{"WWW-Authenticate", "Proxy-Authenticate", "Retry-After", "Allow", "Set-Cookie", "Date", "Server"} {
		if equalFold(name, kept) {
			return true
		}
	}
	return false
}

// What is read of an origin's page that nobody wants, to keep the connection.
const (
	mostUnread = 64 << 10
	unreadWait = 100 * time.Millisecond
)

// unread ends the exchange, and gives up the origin's connection unless the rest
// of its answer comes at once.
func (k *carriage) unread() *origin.Failure {
	if err := k.x.Finish(nil); err != nil {
		return k.clientLost(err)
	}
	if !k.drained() {
		k.s.untie(k.leg)
		k.leg.Abandon("its page was replaced")
		return nil
	}
	k.conclude()
	return nil
}

// drained reads the rest of the origin's answer away; false: it is too long, or
// takes too long.
func (k *carriage) drained() bool {
	buf := k.s.g.Buffers.Body()
	defer k.s.g.Buffers.PutBody(buf)
	end := time.Now().Add(unreadWait)
	for read := 0; read < mostUnread; {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		n, err := k.leg.Outgoing.ReadBody(*buf, left)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		read += n
	}
	return false
}
