package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// framingIrregularity says, for the names of irregularities that let two
// readers disagree about where a message ends (RFC 9112 section 11), what was
// wrong in words.
func framingIrregularity(name string) (words string, ok bool) {
	words, ok = map[string]string{
		"bare-cr":                  "a CR without LF",
		"bare-lf":                  "a line that ends in LF alone",
		"nul-byte":                 "a NUL byte in a header",
		"obs-fold":                 "a header field continued on the next line",
		"space-before-first-field": "a blank before the first header field",
		"space-before-colon":       "a blank between a field name and its colon",
		"missing-colon":            "a header line without a colon",
		"bad-field-name":           "a field name with bytes that are not allowed",
		"length-and-chunked":       "both Content-Length and Transfer-Encoding",
		"lengths-differ":           "two Content-Lengths that differ",
		"lengths-repeated":         "Content-Length more than once",
		"bad-length":               "a Content-Length that is no number",
		"unknown-transfer-coding":  "a transfer coding other than chunked",
		"chunked-not-last":         "a Transfer-Encoding in which chunked is not the one last coding",
		"chunked-in-http10":        "Transfer-Encoding in HTTP/1.0",
		"framing-lookalike":        "a Content_Length or Transfer_Encoding with _ for -",
		"framing-in-trailer":       "a framing field among the trailers",
		"bad-chunk-size":           "a chunk size that is no hexadecimal number",
		"blank-after-chunk-size":   "a blank after a chunk size",
		"chunk-extension":          "a chunk extension",
		"chunk-end-missing":        "a chunk whose data is not followed by a line end",
	}[name]
	return words, ok
}

// irregularityWords says what was wrong, empty for a name that is not known.
func irregularityWords(name string) string {
	if words, ok := framingIrregularity(name); ok {
		return words
	}
	return map[string]string{
		"host-missing":               "the Host field is missing",
		"host-repeated":              "the Host field is there more than once",
		"bad-host":                   "its Host is no host name",
		"bad-target":                 "its target is neither a path nor a URL",
		"control-in-target":          "a control byte in the target",
		"non-ascii-target":           "a byte in the target that is not ASCII",
		"fragment-in-target":         "a # in the target",
		"bad-escape":                 "a % in the path without two hexadecimal digits behind it",
		"bad-version":                "the first line has no version of HTTP",
		"bad-status":                 "no status of three digits in the first line",
		"bad-reason":                 "a control byte in the first line",
		"unsupported-version":        "an HTTP version other than 1.x",
		"bad-method":                 "a method with bytes that are not allowed",
		"bad-start-line":             "the parts of the first line are not separated by one blank each",
		"empty-line-before-request":  "empty lines in front of it",
		"empty-line-before-response": "an empty line in front of it",
		"bad-field-value":            "a control byte in a header field",
	}[name]
}

// irregularities groups the Irregular events of one side by exchange, those of
// one kind only.
func irregularities(c *flow.Conn, side flow.Side, want func(name string) bool) [][]int {
	var out [][]int
	at := map[flow.ExchangeID]int{}
	for i := find(c, 0, side, flow.Irregular); i >= 0; i = find(c, i+1, side, flow.Irregular) {
		e := &c.Events[i]
		if !want(e.Text) {
			continue
		}
		n, seen := at[e.Exchange]
		if !seen {
			n = len(out)
			at[e.Exchange] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

// irregular is the finding about a group of Irregular events, and its exchange.
func irregular(c *flow.Conn, group []int) (f explain.Finding, words string, x *flow.Exchange) {
	var parts []string
	for _, i := range group {
		e := &c.Events[i]
		text, note := e.Text, ""
		if w := irregularityWords(e.Text); w != "" {
			text, note = w, e.Text+", "
		}
		parts = append(parts, text)
		if at := e.Attr(flow.KeyOffset); at != "" {
			text += fmt.Sprintf(" (%sbyte %s)", note, at)
		}
		f.Evidence = append(f.Evidence, explain.At(c, i, text))
	}
	f.Confidence = explain.Proof
	return f, strings.Join(parts, ", "), exchangeOf(c, c.Events[group[0]].Exchange)
}
