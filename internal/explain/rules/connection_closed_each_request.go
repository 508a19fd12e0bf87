package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var connectionClosedEachRequest = explain.Rule{
	ID:       "connection-closed-each-request",
	Title:    "Every request pays for a connection of its own",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "One side says with each message that the connection ends after it. So each request needs a new TCP connection, and with https a new handshake.",
		Looks: "Many connections with one exchange each, one right after the other. The message says why: `Connection: close`, or HTTP/1.0 without `Connection: keep-alive`. `ss -tan state time-wait` is long on the side that closes.",
		Why:   "nginx as a gateway speaks HTTP/1.0 with `Connection: close` to its origins unless it is told otherwise (so seen with 1.22; later versions may differ). Keep-alive switched off at the server; an application that sets the header; an old client.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Keep connections to the origin, in the upstream block and in the location:", "upstream app { server 192.0.2.20:443; keepalive 32; }", "proxy_http_version 1.1;", `proxy_set_header Connection "";`),
			fix(explain.Gateway, "HAProxy", "Remove `option httpclose`, and let requests share connections to servers:", "http-reuse safe"),
			fix(explain.Gateway, "Apache", "Remove this setting where it is made:", "SetEnv proxy-nokeepalive 1"),
			fix(explain.Gateway, "Fanlight", "It keeps connections by itself. If the door is the one that closes, look at its own limit:", "limits: {idle_timeout: 75s}"),
			fix(explain.Origin, "nginx", "Keep connections:", "keepalive_timeout 75s;"),
			fix(explain.Origin, "Apache", "Keep connections:", "KeepAlive On", "MaxKeepAliveRequests 1000"),
			fix(explain.Origin, "IIS", "Keep connections:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:system.webServer/httpProtocol /allowKeepAlive:true`),
			fix(explain.Client, "", "Use one connection pool or session for all requests, and do not send `Connection: close`."),
		},
		Confirm: "`curl -sv URL URL -o /dev/null -o /dev/null` says for the second request whether the connection was used again.",
		LookAlikes: []explain.Alike{
			{ID: "connection-churn", Difference: "no message says that the connection ends; one side just closes"},
			{ID: "server-header-stripped-reauth", Difference: "the client closes after signed-in responses without Server header"},
			{ID: "a health check", Difference: "also one request a connection, but seconds apart"},
			{ID: "round-trip-bound-setup", Difference: "nothing forbids to keep the connections; the path is long"},
		},
		References: []string{"RFC 9112 section 9.3 (persistence) and 9.6 (Connection: close)", "nginx: ngx_http_proxy_module, proxy_http_version"},
	},
	Hides: []string{"connection-churn"},
	Check: checkClosedEachRequest,
}

const (
	manyTurns = 6               // exchanges from which on a habit shows
	nextSoon  = 2 * time.Second // between two requests that could have shared a connection
)

func checkClosedEachRequest(p *explain.Pass) {
	for _, list := range turns(p.Conns()) {
		reasons := map[string][]turn{}
		var order []string
		for _, t := range soonAfterAnother(list) {
			if why := endsWith(t); why != "" {
				if reasons[why] == nil {
					order = append(order, why)
				}
				reasons[why] = append(reasons[why], t)
			}
		}
		for _, why := range order {
			if len(reasons[why]) >= manyTurns {
				reportClosedEachRequest(p, reasons[why], why, len(list))
			}
		}
	}
}

// soonAfterAnother keeps the turns that began soon after the one before them
// was over, on another connection: those that could have shared one.
func soonAfterAnother(list []turn) []turn {
	var out []turn
	for i, t := range list {
		if i == 0 || t.c == list[i-1].c {
			continue
		}
		was := list[i-1].x.Ended
		if gap := t.x.Started.Sub(was); !was.IsZero() && gap >= 0 && gap < nextSoon {
			out = append(out, t)
		}
	}
	return out
}

// endsWith says which message of a complete exchange announced that its
// connection, which carried nothing else, ends with it; empty if none did.
func endsWith(t turn) string {
	c, x := t.c, t.x
	if len(c.Exchanges) != 1 || x.Outcome != flow.Complete || x.HTTP == "2" || x.Tunnel != "" {
		return ""
	}
	switch {
	case says(x.RequestHeader, "Connection", "close"):
		return "the request says Connection: close"
	case x.HTTP == "1.0" && !says(x.RequestHeader, "Connection", "keep-alive"):
		return "the request is HTTP/1.0 and does not ask to keep the connection"
	case says(x.ResponseHeader, "Connection", "close"):
		return "the response says Connection: close"
	}
	return ""
}

func reportClosedEachRequest(p *explain.Pass, list []turn, why string, of int) {
	first, last := list[0], list[len(list)-1]
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%d of %d requests from %s to %s had a connection of their own, one right after the other: %s.",
			len(list), of, caller(first.c), peer(first.c), why),
		Evidence: []explain.Evidence{
			explain.At(first.c, findOf(first.c, first.x, flow.Request), "for example "+asked(first.x)+": "+why),
			explain.At(last.c, findOf(last.c, last.x, flow.Request), "and as the last one "+asked(last.x)),
		},
	}
	nameTurns(p, &f, list)
	p.Report(f)
}
