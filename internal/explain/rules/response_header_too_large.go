package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var responseHeaderTooLarge = explain.Rule{
	ID:       "response-header-too-large",
	Title:    "The origin's response header does not fit the gateway's buffer",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The origin answered, but its header was larger than the gateway keeps room for. The gateway threw the answer away and sent 502 in its place.",
		Looks: "200 or 302 on the origin's side, 502 on the client's side, often only after signing in. nginx 1.22 logs `upstream sent too big header while reading response header from upstream`; HAProxy shows `PH`; Chrome shows ERR_RESPONSE_HEADERS_TOO_BIG where the client itself has the limit.",
		Why:   "A session or token kept in cookies, many Set-Cookie fields, a long Content-Security-Policy; and a gateway with its small default: nginx has one page (4 or 8 KB), HAProxy one buffer of 16 KB. Fanlight gives up at 256 KB or 1000 fields.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Take more:", "proxy_buffer_size 32k;", "proxy_buffers 8 32k;"),
			fix(explain.Gateway, "HAProxy", "Take more, in the global section:", "tune.bufsize 65536"),
			fix(explain.Gateway, "Apache", "Take longer fields from the origin:", "ProxyPass / http://192.0.2.20:8080/ responsefieldsize=32768"),
			fix(explain.Gateway, "Fanlight", "It takes response headers up to 256 KB and 1000 fields, which cannot be changed. Put it in place of a gateway with a smaller buffer."),
			fix(explain.Origin, "", "Send less: keep the session on the server and a short key to it in the cookie."),
		},
		Confirm: "`curl -sD - -o /dev/null URL | wc -c` straight at the origin, signed in as the user who has the trouble.",
		LookAlikes: []explain.Alike{
			{ID: "request-header-too-large", Difference: "400, 414 or 431: it is the request that is too large"},
			{ID: "response-framing-conflict", Difference: "the header is small, but contradicts itself"},
			{ID: "origin-closed-without-answer", Difference: "the origin sent nothing"},
		},
		References: []string{"nginx: proxy_buffer_size", "HAProxy configuration manual: tune.bufsize", "api-platform/api-platform#676"},
	},
	Hides: []string{"client-gave-up", "body-truncated"},
	Check: checkResponseHeaderTooLarge,
}

// pageSize is the smallest buffer a gateway is known to have for a header.
const pageSize = 4000

func checkResponseHeaderTooLarge(p *explain.Pass) {
	for _, c := range p.Conns() {
		if i := findText(c, flow.Server, flow.Irregular, "head-too-large"); i >= 0 && c.Self == flow.Client {
			reportOwnLimit(p, c, i)
			continue
		}
		for _, y := range c.Exchanges {
			front, x := p.Front(c, y)
			if x == nil || x.Status != 502 || x.Incident != "" || y.Status == 0 || y.Status >= 500 || find(c, 0, flow.Unknown, flow.Irregular) >= 0 {
				continue
			}
			size, largest := headerSize(y.ResponseHeader)
			if size > pageSize && lastTry(p, x) == y {
				reportResponseHeader(p, c, y, front, x, size, largest)
			}
		}
	}
}

// reportOwnLimit explains a header that was too large for Fanlight itself.
func reportOwnLimit(p *explain.Pass, c *flow.Conn, i int) {
	x := exchangeOf(c, c.Events[i].Exchange)
	report(p, explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("The header of the answer of %s to %s is larger than Fanlight takes (256 KB, or 1000 fields). The answer was thrown away.",
			peer(c), asked(x)),
		Evidence: []explain.Evidence{explain.At(c, i, "header over the limit")},
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Send less: keep the session on the server and a short key to it in the cookie. See which field is so large:",
				"curl -sD - -o /dev/null URL"),
			fix(explain.Gateway, "Fanlight", "The limit cannot be changed."),
		},
	}, c, x)
}

func reportResponseHeader(p *explain.Pass, c *flow.Conn, y *flow.Exchange, front *flow.Conn, x *flow.Exchange, size int, largest flow.Field) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s answered %s with %d, and the gateway sent 502 in its place. The header has %d bytes, most of it in a %s with %d: more than some gateways take.",
			peer(c), asked(y), y.Status, size, strings.TrimSpace(largest.Name), len(largest.Value)),
		Evidence: responseEvidence(c, y),
		Missing:  []string{"the gateway's error log, which names the limit"},
	}
	f.Evidence = append(f.Evidence, responseEvidence(front, x)...)
	p.Blame(&f, c, y)
	p.Report(f)
}
