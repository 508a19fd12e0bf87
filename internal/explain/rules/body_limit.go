package rules

import (
	"fmt"
	"strconv"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var bodyLimitTruncatesUpload = explain.Rule{
	ID:       "body-limit-truncates-upload",
	Title:    "An upload was cut off: its body is longer than a limit allows",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Every server and gateway on the way has a greatest length of a request body. What is longer is refused, mostly with 413 and before the body is there; some gateways pass on the first part only, and the application sees a file that ends too soon.",
		Looks: "Small uploads work, large ones fail at one size: 413, IIS 404 (sub-status 404.13) or 413.1; while the client still sends it may see `connection reset` or `broken pipe` in place of the answer. nginx logs `client intended to send too large body`, IIS writes `413.1`, ModSecurity `Request body is larger than the configured limit`.",
		Why:   "Defaults are small: nginx 1 MiB, IIS and Kestrel 30,000,000 bytes, Apache 1 GiB (none before 2.4.54), ModSecurity 12.5 MiB as it recommends, some content networks 100 MB. Each gateway has one of its own, and the smallest counts. With client certificates IIS holds 48 KiB and Apache 128 KiB of a body.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Allow longer bodies, of the site or of the one route; a filter has `max: {body: ...}`, and the WAF has a limit for what rules look at and one for the files in a form:", "limits: {body_bytes: 100MiB}", "filter: {max: {body: 104857600}}", "waf: {mode: block, body: {limit: 1MiB, files: 64MiB}}"),
			fix(explain.Origin, "nginx", "In the server or location:", "client_max_body_size 100m;"),
			fix(explain.Origin, "Apache", "In the Directory or Location:", "LimitRequestBody 104857600"),
			fix(explain.Origin, "IIS", "In bytes; ASP.NET has a limit of its own, in KiB (`httpRuntime maxRequestLength`):", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:requestFiltering /requestLimits.maxAllowedContentLength:104857600`),
			fix(explain.Gateway, "ModSecurity", "In bytes:", "SecRequestBodyLimit 104857600"),
			fix(explain.Client, "", "Send the file in parts, or ask before the body is sent:", "curl -H 'Expect: 100-continue' --data-binary @file https://app.example/upload"),
		},
		Confirm: "The same request with a short body works. Try sizes just below and above the limit: the step shows whose it is.",
		LookAlikes: []explain.Alike{
			{ID: "early-response-lost", Difference: "the server resets while the body is on its way, so that the client loses the 413"},
			{ID: "renegotiation-body-deadlock", Difference: "413 only where the path asks for a client certificate"},
			{ID: "slow-sender-cut", Difference: "the body comes too slowly; its length does not matter"},
			{ID: "request-header-too-large", Difference: "431 or 414: the header or the target is too long"},
		},
		References: []string{"RFC 9110 section 15.5.14 (413)", "nginx: client_max_body_size", "Apache: LimitRequestBody", "Microsoft Learn: requestLimits", "ModSecurity: SecRequestBodyLimit"},
	},
	Hides: []string{"client-gave-up", "request-filter-rejected"},
	Check: checkBodyLimit,
}

func checkBodyLimit(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			switch i := bodyRefusal(c, x); {
			case i >= 0:
				reportOwnBodyLimit(p, c, x, i)
			case x.Incident != "" || !hasBody(x):
			case tooLongFor(x) && !answeredBehind(p, x):
				reportBodyLimit(p, c, x)
			default:
				reportShortened(p, c, x)
			}
		}
	}
}

// bodyRefusal is the decision of this door that x has too long a body, or -1.
func bodyRefusal(c *flow.Conn, x *flow.Exchange) int {
	return decision(c, x, "refuse: ", func(e *flow.Event) bool {
		by := e.Attr(flow.KeyBy)
		return by == "body-bytes" || by == "waf-body" || by == "filter" && e.Attr(flow.KeyRule) == "max.body"
	})
}

// decision is the first decision of this door on x that begins with a word and
// is one of those asked for, or -1.
func decision(c *flow.Conn, x *flow.Exchange, word string, is func(*flow.Event) bool) int {
	if !c.Has(flow.Decision) {
		return -1
	}
	for i := range c.Events {
		e := &c.Events[i]
		if e.Kind == flow.Decision && e.Exchange == x.ID && strings.HasPrefix(e.Text, word) && is(e) {
			return i
		}
	}
	return -1
}

func reportOwnBodyLimit(p *explain.Pass, c *flow.Conn, x *flow.Exchange, i int) {
	why := strings.TrimPrefix(c.Events[i].Text, "refuse: ")
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("Fanlight refused %s: %s.%s", asked(x), why, cutOff(x)),
		Evidence:   []explain.Evidence{explain.At(c, i, why)},
	}
	reportRefusal(p, f, c, x)
}

// cutOff tells that the client had not sent all of it.
func cutOff(x *flow.Exchange) string {
	if !x.RequestDone.IsZero() {
		return ""
	}
	return " The client had not sent the whole body; it may see a broken connection in place of the answer."
}

// tooLongFor tells that the answer is that of a server for too long a body. IIS
// before 8 says 404 (sub-status 404.13).
func tooLongFor(x *flow.Exchange) bool {
	n, _ := bodyLength(x)
	return x.Status == 413 || x.Status == 404 && n > iisBody && strings.HasPrefix(header(x.ResponseHeader, "Server"), "Microsoft-IIS")
}

// iisBody is the longest body that IIS takes by default (requestLimits,
// maxAllowedContentLength).
const iisBody = 30_000_000

// bodyLength is how long the body of x is, as its header tells or as it was sent.
func bodyLength(x *flow.Exchange) (n int64, known bool) {
	if n, err := strconv.ParseInt(header(x.RequestHeader, "Content-Length"), 10, 64); err == nil && n >= 0 {
		return n, true
	}
	return x.RequestBodyBytes, !x.RequestDone.IsZero()
}

func reportBodyLimit(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	size, limit := "its body", ""
	if n, known := bodyLength(x); known {
		size = fmt.Sprintf("a body of %d bytes", n)
		limit = usualLimit(header(x.ResponseHeader, "Server"), n)
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s refused %s with %d: it does not take %s.%s%s", server(c), asked(x), x.Status, size, limit, cutOff(x)),
		Evidence:   responseEvidence(c, x),
		Missing:    []string{"the server's log, which names the limit"},
	}
	if cutOff(x) == "" { // the client sent it all, and has a plain answer
		f.Title = "A server takes no request body as long as this"
		blame(p, &f, c, x)
		p.ReportAs(explain.Note, f)
		return
	}
	reportRefusal(p, f, c, x)
}

// usualLimit names the default that a body of n bytes exceeds.
func usualLimit(server string, n int64) string {
	for _, known := range []struct {
		server, name string
		bytes        int64
	}{
		{"nginx", "client_max_body_size", 1 << 20}, {"openresty", "client_max_body_size", 1 << 20},
		{"Microsoft-IIS", "maxAllowedContentLength", iisBody}, {"Kestrel", "MaxRequestBodySize", 30_000_000},
		{"Apache", "LimitRequestBody", 1 << 30},
	} {
		if strings.HasPrefix(server, known.server) && n > known.bytes {
			return fmt.Sprintf(" By default %s takes %d bytes (`%s`).", known.server, known.bytes, known.name)
		}
	}
	return ""
}

// reportShortened is about a gateway that passed on the first part of a body
// only: both of its sides are in the trace, and the origin answered.
func reportShortened(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	behind := p.Behind(x.ID)
	if len(behind) != 1 || x.RequestDone.IsZero() || x.Tunnel != "" {
		return
	}
	y := behind[0]
	back := p.Conn(y.Conn)
	if back == nil || guessed(y) || y.Status == 0 || y.RequestDone.IsZero() || y.RequestBodyBytes >= x.RequestBodyBytes || y.Method != x.Method ||
		header(x.RequestHeader, "Content-Encoding") != header(y.RequestHeader, "Content-Encoding") {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The client sent %d bytes with %s, and the gateway gave the origin the first %d of them. The application has a body that ends too soon.",
			x.RequestBodyBytes, asked(x), y.RequestBodyBytes),
		Evidence: []explain.Evidence{
			explain.At(c, findOf(c, x, flow.RequestDone), fmt.Sprintf("%d bytes from the client", x.RequestBodyBytes)),
			explain.At(back, findOf(back, y, flow.RequestDone), fmt.Sprintf("%d bytes to the origin", y.RequestBodyBytes)),
		},
		Missing: []string{"the gateway's configuration: whether it changes bodies on purpose"},
	}
	reportRefusal(p, f, back, y)
}
