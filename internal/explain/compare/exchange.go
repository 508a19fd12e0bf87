package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// atOnce is how soon something must follow to be its consequence.
const atOnce = time.Second

// readExchange reads the facts of the exchange, number n on its connection.
func (u *unit) readExchange(n int, known names) {
	request, response := u.at.first(u.x.ID, flow.Request), u.at.first(u.x.ID, flow.Response)
	u.head(known, "request", u.x.RequestHeader, request, requesting)
	u.readRequest(n, request)
	u.readBetween(request)
	u.readResponse(request, response)
	if u.x.Status != 0 {
		u.head(known, "response", u.x.ResponseHeader, response, responding)
	}
	u.readAfter(n)
}

func (u *unit) readRequest(n, at int) {
	c, x := u.conn, u.x
	u.add(aspect{"request-http", "HTTP version of the request", requesting, plain}, x.HTTP, at)
	if done := u.at.first(x.ID, flow.RequestDone); done >= 0 {
		body := "none"
		if c.Events[done].Bytes > 0 {
			body = "some"
		}
		u.add(aspect{"request-body", "request body", requesting, plain}, body, done)
	}
	if u.multiplexed() || u.position == carriesToken || u.position == opening {
		return
	}
	reused := x.Reused
	if reused == flow.NotObserved && c.Forgotten == 0 && u.at.first(0, flow.MidStream) < 0 && u.at.first(0, flow.Established) >= 0 {
		reused = flow.SeenIf(n > 0)
	}
	u.add(aspect{"reused", "connection", requesting, plain}, seen(reused, "reused", "new"), at)
	if x.Idle > 0 {
		u.facts = append(u.facts, fact{aspect: idle(), span: x.Idle, event: at})
	} else if n > 0 {
		u.time(idle(), u.at.first(c.Exchanges[n-1].ID, flow.ExchangeDone), at)
	}
}

// multiplexed tells that exchanges share the connection at one time.
func (u *unit) multiplexed() bool { return u.x.Stream != 0 || u.x.HTTP == "2" || u.x.HTTP == "3" }

func idle() aspect {
	return aspect{"idle", "time the connection was idle before the request", requesting, timing}
}

// readBetween reads what happened while the request waited for its response.
func (u *unit) readBetween(request int) {
	c := u.conn
	asked, end := -1, len(c.Events)
	found := map[flow.Kind]int{}
	for i := max(request, 0); i < len(c.Events); i++ {
		e := &c.Events[i]
		if e.Kind == flow.ExchangeDone && e.Exchange == u.x.ID || e.Kind == flow.Request && e.Exchange != u.x.ID && !u.multiplexed() {
			end = i
			break
		}
		if e.Exchange != 0 && e.Exchange != u.x.ID {
			continue
		}
		if _, known := found[e.Kind]; !known {
			found[e.Kind] = i
		}
	}
	if i, ok := found[flow.HelloRequest]; ok {
		asked = i
	}
	if asked >= 0 {
		u.renegotiation(asked, end)
	} else if c.TLS != nil && c.TLS.Version != "1.3" {
		u.add(helloRequest(), "not sent", request)
	}
	u.between(found, flow.Irregular, aspect{"irregular", "irregular HTTP", requesting, plain})
	u.between(found, flow.Interim, aspect{"interim", "interim response", waiting, plain})
	u.between(found, flow.Timeout, aspect{"timeout", "deadline that ran out", waiting, outcome})
	if c.Self != flow.Unknown {
		u.between(found, flow.Decision, aspect{"decision", "decision at the door", requesting, plain})
		u.between(found, flow.Retry, aspect{"retry", "sent again", waiting, plain})
	}
}

func (u *unit) between(found map[flow.Kind]int, kind flow.Kind, a aspect) {
	i, ok := found[kind]
	if !ok {
		u.add(a, "none", -1)
		return
	}
	e := &u.conn.Events[i]
	words := e.Text
	if e.Status != 0 {
		words = strings.TrimSpace(strconv.Itoa(e.Status) + " " + words)
	}
	u.add(a, words, i)
}

func (u *unit) readResponse(request, at int) {
	x := u.x
	done := u.at.first(x.ID, flow.ExchangeDone)
	if x.Status != 0 {
		u.add(aspect{"status", "status", responding, outcome}, strconv.Itoa(x.Status), at)
		u.time(aspect{"receive", "time to receive the response", responding, timing}, at, u.at.first(x.ID, flow.ResponseDone))
		u.time(wait(), request, at)
	} else if u.failed || x.Over {
		u.add(aspect{"status", "status", responding, outcome}, "no response", max(done, u.at.closing()))
		end := u.at.closing()
		if done >= 0 && (end < 0 || done < end) {
			end = done
		}
		u.time(wait(), request, end)
	}
	u.add(aspect{"outcome", "outcome of the exchange", responding, outcome}, x.Outcome, done)
}

func wait() aspect {
	return aspect{"wait", "time from the request to its response or its end", waiting, timing}
}

// readAfter reads what became of the connection right after the response.
func (u *unit) readAfter(n int) {
	c, x := u.conn, u.x
	if u.multiplexed() || x.Status == 0 || x.Tunnel != "" {
		return
	}
	after := aspect{"after", "connection after the response", closingDown, outcome}
	done := u.at.first(x.ID, flow.ResponseDone)
	if n+1 < len(c.Exchanges) {
		u.add(after, "used again", u.at.first(c.Exchanges[n+1].ID, flow.Request))
		return
	}
	if c.Close.How == flow.None {
		return
	}
	if d, known := between(c, done, u.at.closing()); known && d < atOnce {
		u.add(after, fmt.Sprintf("closed at once by the %s", c.Close.By), u.at.closing())
	} else if known {
		u.add(after, "kept open", u.at.closing())
	}
}

// head reads a block of header fields; one that was not observed gives nothing.
func (u *unit) head(known names, side string, fields []flow.Field, event int, s stage) {
	if len(fields) == 0 {
		return
	}
	u.heads[side] = event
	values := map[string][]string{}
	var names []string
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if name == "" || strings.HasPrefix(name, ":") {
			continue
		}
		if values[name] == nil {
			names = append(names, name)
		}
		values[name] = append(values[name], headerValue(name, f.Value))
	}
	u.names[side] = names
	if side == "request" && values["host"] == nil && u.multiplexed() && u.x.Host != "" { // RFC 9113 section 8.3.1
		u.add(known.aspect(side, "host", s), headerValue("host", u.x.Host), event)
	}
	u.repeated(side, names, values, event, s)
	for _, name := range names {
		u.add(known.aspect(side, name, s), strings.Join(values[name], ", "), event)
	}
}

// repeated names the fields that come in several lines. Cookies do so by right
// (RFC 9113 section 8.2.3), and a list may (RFC 9110 section 5.3).
func (u *unit) repeated(side string, names []string, values map[string][]string, event int, s stage) {
	var several []string
	for _, name := range names {
		if len(values[name]) > 1 && name != "cookie" && name != "set-cookie" {
			several = append(several, headerName(name))
		}
	}
	slices.Sort(several)
	u.add(aspect{side + "-repeated", side + " header fields in several lines", s, incidental}, cmp.Or(strings.Join(several, ", "), "none"), event)
}

// names remembers the aspects of header fields, of which there are few.
type names map[[2]string]aspect

func (n names) aspect(side, name string, s stage) aspect {
	key := [2]string{side, name}
	a, known := n[key]
	if !known {
		a = aspect{side + "-header:" + name, side + " header " + headerName(name), s, plain}
		n[key] = a
	}
	return a
}

// without tells that a unit's version of HTTP has no such field, so that its
// absence tells nothing (RFC 9113 section 8.2.2).
func (u *unit) without(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return u.multiplexed()
	}
	return false
}

// headerName writes a name as it is mostly written.
func headerName(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}
