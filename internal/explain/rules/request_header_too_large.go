package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var requestHeaderTooLarge = explain.Rule{
	ID:       "request-header-too-large",
	Title:    "The request's header or target is larger than the server takes",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server reads only so many bytes of header, or of one field, or of the target, and refuses what is longer.",
		Looks: "431, 414, or 400 (HTTP.sys `Request Too Long`; nginx logs 494), for some users only: those with many groups in their Kerberos ticket, or many cookies.",
		Why:   "`Authorization: Negotiate` with a ticket full of groups; cookies that grow; a query that should be a body. Common limits: HTTP.sys 16 KB, Apache 8190 bytes a field, nginx 8 KB a field, Node.js 16 KB.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Take more:", "limits: {header_bytes: 64KiB, target_bytes: 32KiB}"),
			fix(explain.Origin, "IIS and HTTP.sys", "Take more; read when the HTTP service starts:", `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v MaxFieldLength /t REG_DWORD /d 65534`, `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v MaxRequestBytes /t REG_DWORD /d 131072`),
			fix(explain.Origin, "nginx", "Take more:", "large_client_header_buffers 4 64k;"),
			fix(explain.Origin, "Apache", "Take more:", "LimitRequestFieldSize 65536", "LimitRequestLine 32768"),
			fix(explain.Origin, "HAProxy", "Take more, in the global section:", "tune.bufsize 65536"),
			fix(explain.Client, "", "Send less: delete cookies of that site, put the user into fewer groups."),
		},
		Confirm: "The same request without the large field is answered.",
		LookAlikes: []explain.Alike{
			{ID: "request-malformed", Difference: "400 for another reason; the header is small"},
			{ID: "body-limit-truncates-upload", Difference: "the body is too large, not the header"},
		},
		References: []string{"RFC 6585 section 5 (431)", "RFC 9110 section 15.5.15 (414)", "Microsoft support 2020943"},
	},
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "request-malformed"},
	Check: checkHeaderTooLarge,
}

// manyBytes is where a header begins to be suspect if a server answers 400.
const manyBytes = 8000

func checkHeaderTooLarge(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if answeredBehind(p, x) {
				continue
			}
			if early := refusedEarly(c, x); early != nil && early.Status == 400 {
				size, largest := headerSize(x.RequestHeader)
				reportTooLarge(p, c, early, explain.Likely, describeEarly(x, size, largest))
				continue
			}
			size, largest := headerSize(x.RequestHeader)
			switch {
			case x.Status == 414:
				reportTooLarge(p, c, x, explain.Proof, describeTarget(x.Target))
			case x.Status == 431 || x.Status == 494:
				reportTooLarge(p, c, x, explain.Proof, describeHeader(size, largest))
			case x.Status == 400 && size > manyBytes:
				reportTooLarge(p, c, x, explain.Likely, describeHeader(size, largest))
			}
		}
	}
}

// refusedEarly is the refusal of x that came before the whole head of x was
// there, so that the record has it as an exchange without a request; or nil.
func refusedEarly(c *flow.Conn, x *flow.Exchange) *flow.Exchange {
	size, _ := headerSize(x.RequestHeader)
	if x.Status != 0 || size+len(x.Target) <= manyBytes {
		return nil
	}
	for i, y := range c.Exchanges {
		if y == x && i > 0 {
			early := c.Exchanges[i-1]
			if early.Method == "" && (early.Status == 400 || early.Status == 414 || early.Status == 431 || early.Status == 494) {
				return early
			}
		}
	}
	return nil
}

func describeEarly(x *flow.Exchange, size int, largest flow.Field) string {
	if len(x.Target) > size {
		return describeTarget(x.Target)
	}
	return describeHeader(size, largest)
}

// answeredBehind tells that the refusal came from the origin, whose connection
// names the cause.
func answeredBehind(p *explain.Pass, x *flow.Exchange) bool {
	for _, y := range p.Behind(x.ID) {
		if y.Status == x.Status {
			return true
		}
	}
	return false
}

// headerSize is the size of the fields as HTTP/1.1 writes them, and the largest.
func headerSize(fields []flow.Field) (total int, largest flow.Field) {
	for _, f := range fields {
		total += len(f.Name) + len(f.Value) + len(": \r\n")
		if len(f.Value) > len(largest.Value) {
			largest = f
		}
	}
	return total, largest
}

func describeTarget(target string) string {
	if target == "" {
		return "a target longer than the limit"
	}
	return fmt.Sprintf("a target of %d bytes", len(target))
}

func describeHeader(size int, largest flow.Field) string {
	if size == 0 {
		return "a header larger than the limit"
	}
	scheme := ""
	if word, _, spaced := strings.Cut(largest.Value, " "); spaced && strings.EqualFold(largest.Name, "Authorization") {
		scheme = " (" + word + ")" // without a space it could be the secret itself
	}
	return fmt.Sprintf("a header of %d bytes, most of it %s%s with %d", size, largest.Name, scheme, len(largest.Value))
}

func reportTooLarge(p *explain.Pass, c *flow.Conn, x *flow.Exchange, confidence explain.Confidence, what string) {
	f := explain.Finding{
		Confidence: confidence,
		Cause:      fmt.Sprintf("%s refused the request with %d: it had %s.", server(c), x.Status, what),
		Evidence:   responseEvidence(c, x),
	}
	report(p, f, c, x)
}

// server names the answering side, which on client connections is the door.
func server(c *flow.Conn) string {
	if c.Self == flow.Server {
		return "Fanlight"
	}
	return peer(c)
}
