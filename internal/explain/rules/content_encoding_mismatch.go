package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var contentEncodingMismatch = explain.Rule{
	ID:       "content-encoding-mismatch",
	Title:    "Content-Encoding does not say how the body is coded",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A gateway changed the body or its Content-Encoding, but not both. The client unpacks what is not packed, or shows packed bytes as text.",
		Looks: "Chrome shows ERR_CONTENT_DECODING_FAILED or a page of garbage, curl ends with code 61, fetch fails with `TypeError`. Straight at the origin everything is well.",
		Why:   "A gateway or plug-in that reads bodies with a client that unpacks by itself, and passes on the header as it came; one that packs what is packed already; a rule that removes Content-Encoding.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Drop Content-Encoding and Content-Length wherever the body is unpacked; or ask the origin for plain bodies."),
			fix(explain.Gateway, "nginx", "Ask the origin for plain bodies:", `proxy_set_header Accept-Encoding "";`),
			fix(explain.Gateway, "Apache", "Ask the origin for plain bodies:", "RequestHeader unset Accept-Encoding"),
			fix(explain.Gateway, "HAProxy", "Ask the origin for plain bodies:", "http-request del-header Accept-Encoding"),
			fix(explain.Origin, "IIS", "If the origin packs twice: switch one of the two off:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:urlCompression /doDynamicCompression:false`),
		},
		Confirm: "`curl -s -H 'Accept-Encoding: gzip' URL | head -c 2 | xxd` shows 1f8b if the body is packed; compare with the header.",
		LookAlikes: []explain.Alike{
			{ID: "body-truncated", Difference: "the body is coded as said, and ends early"},
			{ID: "response-framing-conflict", Difference: "the length is contradictory, not the coding"},
		},
		References: []string{"RFC 9110 section 8.4 (Content-Encoding)", "dotnet/runtime#58568", "netdata/netdata#107"},
	},
	Hides: []string{"client-gave-up"},
	Check: checkContentEncoding,
}

func checkContentEncoding(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, y := range c.Exchanges {
			front, x := p.Front(c, y)
			if x == nil || y.Outcome != flow.Complete || x.Outcome != flow.Complete || x.Status != y.Status || x.Incident != "" ||
				y.Method == "HEAD" || y.ResponseBodyBytes == 0 || lastTry(p, x) != y {
				continue
			}
			was, now := coding(y), coding(x)
			what := ""
			switch grew := float64(x.ResponseBodyBytes) / float64(y.ResponseBodyBytes); {
			case was != now && x.ResponseBodyBytes == y.ResponseBodyBytes:
				what = "passed the body on unchanged, and changed the header"
			case was == now && was != "" && grew > 1.5:
				what = "passed the header on unchanged, and a larger body: it was unpacked on the way"
			default:
				continue
			}
			reportCoding(p, turn{c, y}, turn{front, x}, what)
		}
	}
}

// coding is the Content-Encoding of a response, empty if it is plain.
func coding(x *flow.Exchange) string {
	v := strings.ToLower(header(x.ResponseHeader, "Content-Encoding"))
	if v == "identity" {
		return ""
	}
	return v
}

func reportCoding(p *explain.Pass, back, front turn, what string) {
	told := func(t turn) explain.Evidence {
		says := "no Content-Encoding"
		if v := coding(t.x); v != "" {
			says = "Content-Encoding: " + v
		}
		return explain.At(t.c, findOf(t.c, t.x, flow.Response), fmt.Sprintf("%s, %d bytes", says, t.x.ResponseBodyBytes))
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("In the answer of %s to %s, the gateway %s.", peer(back.c), asked(back.x), what),
		Evidence:   []explain.Evidence{told(back), told(front)},
		Missing:    []string{"the first bytes of the body that the client got"},
	}
	if back.x.ResponseBodyBytes == front.x.ResponseBodyBytes {
		f.Confidence, f.Missing = explain.Proof, nil
	}
	p.Blame(&f, back.c, back.x)
	p.Report(f)
}
