package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var clientAddressUntrusted = explain.Rule{
	ID:       "client-address-untrusted",
	Title:    "The application takes the wrong address for the client's",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Behind a gateway the application sees the gateway's address and has to be told the client's. Either nobody tells it, and it takes all clients for one; or it believes what the client itself wrote, and anybody can be anybody.",
		Looks: "Nobody tells: a limit for each client hits all of them at once (429, sometimes 403), and logs show one address. It believes: a request with `X-Forwarded-For: 10.0.0.7` is let in where the same request without it gets 403.",
		Why:   "The gateway does not set X-Forwarded-For (nginx and HAProxy do not by themselves), or passes on what the client sent. The application takes the first entry of the list, which is the client's own word, or trusts every sender in place of the gateway alone.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "At the edge, overwrite what the client says. Behind another gateway, add to it:", "proxy_set_header X-Forwarded-For $remote_addr;", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;   # behind another"),
			fix(explain.Gateway, "HAProxy", "At the edge, drop what the client says, and add the address:", "http-request del-header X-Forwarded-For", "option forwardfor"),
			fix(explain.Gateway, "Apache", "It adds the address to what the client says; drop that first:", "RequestHeader unset X-Forwarded-For early"),
			fix(explain.Origin, "nginx", "Believe the gateway alone; count from the right:", "set_real_ip_from 192.0.2.10;   # the gateway", "real_ip_header X-Forwarded-For;", "real_ip_recursive on;"),
			fix(explain.Origin, "Apache", "Believe the gateway alone:", "RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 192.0.2.10"),
			fix(explain.Origin, "ASP.NET Core", "Believe the gateway alone:", "app.UseForwardedHeaders(new() { ForwardedHeaders = ForwardedHeaders.XForwardedFor, KnownProxies = { gatewayAddress } });"),
			fix(explain.Origin, "Express", "Believe the gateway alone, never `true`:", "app.set('trust proxy', '192.0.2.10')"),
			fix(explain.Network, "", "Let nobody but the gateway reach the application's port."),
		},
		Confirm: "From outside, twice: `curl -s -o /dev/null -w '%{http_code}\\n' URL` and the same with `-H 'X-Forwarded-For: 10.0.0.7'`. And look which address the application's log has for each.",
		LookAlikes: []explain.Alike{
			{ID: "request-filter-rejected", Difference: "something in the request itself is refused, whoever sends it"},
			{ID: "host-rejected", Difference: "the name is refused, not the client"},
			{ID: "a limit for all clients together", Difference: "it is meant so; the limit's configuration tells (nginx: limit_req_zone $server_name)"},
			{ID: "a client that asks too often", Difference: "it had asked before; its first request was answered"},
		},
		References: []string{"RFC 7239 section 8.1 (what may be believed)", "nginx: ngx_http_realip_module", "HAProxy: option forwardfor", "Apache: mod_remoteip"},
	},
	Needs: needsHeaders(),
	Check: checkClientAddress,
}

func checkClientAddress(p *explain.Pass) {
	for _, list := range turns(p.Conns()) {
		checkBelieved(p, list)
		checkOneForAll(p, list)
	}
}

// claims are the fields in which a request says whose it is.
func claims() []string {
	return []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Client-IP"}
}

// checkBelieved looks for a client that was refused, and let in when it said
// that its address is another.
func checkBelieved(p *explain.Pass, list []turn) {
	refused := map[string]turn{}
	told := map[string]bool{}
	for _, t := range list {
		denied := t.x.Status == 401 || t.x.Status == 403
		if t.x.Parent != 0 || t.x.Incident != "" || !denied && len(refused) == 0 {
			continue
		}
		key := t.x.Method + " " + t.x.Host + t.x.Target
		field := claim(t.x)
		switch {
		case field == "" && denied:
			refused[key] = t
		case field == "":
			delete(refused, key) // it is let in without
		case t.x.Status/100 == 2 && refused[key].x != nil && alike(t.x, refused[key].x) && !told[key]:
			told[key] = true
			reportBelieved(p, refused[key], t, field)
		}
	}
}

// claim is the first of the fields in which x says whose it is.
func claim(x *flow.Exchange) string {
	for _, name := range claims() {
		if header(x.RequestHeader, name) != "" {
			return name
		}
	}
	return ""
}

// alike tells that two requests differ in nothing that lets people in.
func alike(a, b *flow.Exchange) bool {
	for _, name := range []string{"Authorization", "Cookie", "User-Agent"} {
		if header(a.RequestHeader, name) != header(b.RequestHeader, name) {
			return false
		}
	}
	return a.Started.Sub(b.Started) < time.Minute
}

func reportBelieved(p *explain.Pass, without, with turn, field string) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s was refused %s with %d, and let in when it sent %s by itself: its own word is believed.",
			caller(with.c), asked(with.x), without.x.Status, field),
		Evidence: []explain.Evidence{
			explain.At(without.c, findOf(without.c, without.x, flow.Response), fmt.Sprintf("%d without the field", without.x.Status)),
			explain.At(with.c, findOf(with.c, with.x, flow.Request), fmt.Sprintf("the client says %s: %.60q", field, header(with.x.RequestHeader, field))),
			explain.At(with.c, findOf(with.c, with.x, flow.Response), fmt.Sprintf("%d with it", with.x.Status)),
		},
		Missing: []string{"the application's own log: which address it took"},
	}
	p.Blame(&f, without.c, without.x)
	p.Blame(&f, with.c, with.x)
	for _, y := range p.Behind(with.x.ID) {
		if back := p.Conn(y.Conn); back != nil && claim(y) != "" {
			p.Blame(&f, back, y)
			f.Evidence = append(f.Evidence, explain.At(back, findOf(back, y, flow.Request), fmt.Sprintf("the gateway passes on %s: %.60q", claim(y), header(y.RequestHeader, claim(y)))))
		}
	}
	p.Report(f)
}

// limitWindow is how long ago others may have asked too often.
const limitWindow = time.Minute

// checkOneForAll looks, on the connections from a gateway to an origin, for a
// client that is refused as too busy with its first request, when others had
// asked before.
func checkOneForAll(p *explain.Pass, list []turn) {
	last := map[netip.Addr]turn{} // of each client
	reported := false
	for _, t := range list {
		front, x := p.Front(t.c, t.x)
		if x == nil || t.x.Parent == 0 || guessed(t.x) || !front.Client.IsValid() {
			continue
		}
		client := front.Client.Addr()
		_, known := last[client]
		if !known && !reported && t.x.Status == 429 && x.Status == 429 {
			if other := latest(last, client); other.x != nil && t.x.Started.Sub(other.x.Started) <= limitWindow {
				reportOneForAll(p, t, turn{front, x}, other)
				reported = true
			}
		}
		last[client] = t
	}
}

// latest is the last exchange that was made for another client.
func latest(last map[netip.Addr]turn, client netip.Addr) turn {
	var out turn
	for addr, t := range last {
		if addr != client && (out.x == nil || t.x.Started.After(out.x.Started)) {
			out = t
		}
	}
	return out
}

func reportOneForAll(p *explain.Pass, t, front, other turn) {
	f := explain.Finding{
		Confidence: explain.Possible,
		Cause: fmt.Sprintf("%s refused the first request of %s as one too many (429), right after requests of other clients. ",
			peer(t.c), caller(front.c)),
		Evidence: []explain.Evidence{
			explain.At(other.c, findOf(other.c, other.x, flow.Request), asked(other.x)+" for another client, from the same address "+t.c.Client.Addr().String()),
			explain.At(front.c, findOf(front.c, front.x, flow.Request), "the first request of "+front.c.Client.Addr().String()),
		},
		Missing: []string{"the limit's own log: which address it counted"},
	}
	asking := findOf(t.c, t.x, flow.Request)
	switch {
	case namesClient(t, front.c.Client.Addr()):
		f.Cause += "The gateway said whose it is, but the application does not seem to take its word: unless the limit is meant for all together, it counts the gateway's address."
		f.Evidence = append(f.Evidence, explain.At(t.c, asking, "passed on with the client's address"))
	default:
		f.Cause += "Nothing in the request says whose it is: unless the limit is meant for all together, the application takes all clients for one, the gateway."
		f.Evidence = append(f.Evidence, explain.At(t.c, asking, "passed on without the client's address"))
	}
	f.Evidence = append(f.Evidence, explain.At(t.c, findOf(t.c, t.x, flow.Response), "answered 429"))
	p.Blame(&f, t.c, t.x)
	p.Report(f)
}

// namesClient tells that a request, or the PROXY header in front of it, names
// an address as that of the client.
func namesClient(t turn, client netip.Addr) bool {
	if find(t.c, 0, flow.Client, flow.ProxyHeader) >= 0 {
		return true
	}
	for _, name := range claims() {
		for part := range strings.FieldsFuncSeq(header(t.x.RequestHeader, name), func(r rune) bool { return strings.ContainsRune(`,;= "[]`, r) }) {
			if part == client.String() {
				return true
			}
		}
	}
	return false
}
