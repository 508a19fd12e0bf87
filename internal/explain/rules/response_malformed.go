package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var responseMalformed = explain.Rule{
	ID:       "response-malformed",
	Title:    "What the origin answered is no HTTP response",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Bytes came back, and they cannot be read as a response: the first line is not one of HTTP, or the header has bytes that must not be there. The gateway answers 502 in its place.",
		Looks: "502 at the gateway. nginx logs `upstream sent no valid HTTP/1.0 header`, and may pass the bytes on without any header; Apache may pass them on as the body of a 200; HAProxy answers 502 `The server returned an invalid or incomplete response`. curl says `Received HTTP/0.9 when not allowed`.",
		Why:   "The route leads to a port of another program (mail, SSH, a database, TLS without HTTP), or the application writes text before its header: a debug print, an error of a script.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Look at what answers there, and correct `to:` of the route if it is another program:", "fanlight ports :443", "curl --http0.9 -sv http://ADDRESS:PORT/"),
			fix(explain.Origin, "", "If it is the right program: let it write nothing before its header. Look at its error output of that second."),
			fix(explain.Origin, "", "If HTTP/2 without TLS is spoken there, let it speak HTTP/1.1 too."),
		},
		Confirm: "`curl --http0.9 -sv http://ADDRESS:PORT/ | head -c 200` shows what comes.",
		LookAlikes: []explain.Alike{
			{ID: "plaintext-to-tls-port", Difference: "the port expects TLS: it closes, or says so with a 400"},
			{ID: "response-framing-conflict", Difference: "the header can be read, but contradicts itself"},
			{ID: "response-header-too-large", Difference: "the header is fine, but too long"},
		},
		References: []string{"RFC 9112 section 4 (status line)", "seen with nginx 1.22, Apache 2.4 and HAProxy 2.6 in front of a mail server"},
	},
	Hides: []string{"origin-closed-without-answer", "body-truncated", "client-gave-up", "keepalive-race"},
	Check: checkResponseMalformed,
}

func checkResponseMalformed(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.TLS != nil && c.TLS.ALPN == "h2" {
			continue
		}
		for _, group := range irregularities(c, flow.Server, noResponse) {
			f, words, x := irregular(c, group)
			if x == nil || !refusedByUs(p, c, x) {
				continue
			}
			f.Cause = fmt.Sprintf("%s answered %s with what is no HTTP response: %s.", peer(c), asked(x), words)
			f.Fixes = forPort(p.Fixes(), c.Server)
			for i := range f.Fixes {
				if c.Server.IsValid() {
					f.Fixes[i].Command = strings.ReplaceAll(f.Fixes[i].Command, "ADDRESS:PORT", c.Server.String())
				}
			}
			report(p, f, c, x)
		}
	}
}

// noResponse names what keeps the beginning of a response from being read.
func noResponse(name string) bool {
	switch name {
	case "bad-version", "unsupported-version", "bad-start-line", "bad-status", "bad-reason", "bad-field-value", "empty-line-before-response":
		return true
	}
	return false
}

// refusedByUs tells that nothing came of x: others may have read more into the
// same bytes.
func refusedByUs(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	_, fx := p.Front(c, x)
	return x.Status == 0 && (over(c, x) || c.Self == flow.Unknown) || c.Self == flow.Client && fx != nil && fx.Incident != ""
}
