package rules

import (
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// hello is the index of the ClientHello that counts, or -1.
func hello(c *flow.Conn) int { return find(c, 0, flow.Client, flow.ClientHello) }

// fact is an attribute of the first event of a kind from a side, empty if there
// is none.
func fact(c *flow.Conn, side flow.Side, kind flow.Kind, key string) string {
	if i := find(c, 0, side, kind); i >= 0 {
		return c.Events[i].Attr(key)
	}
	return ""
}

// number is a fact that is a number.
func number(text string) (n int, known bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// words splits a comma separated fact.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// requestOn tells that c carries exchanges that could be read.
func requestOn(c *flow.Conn) bool { return len(c.Exchanges) > 0 }

// greeted tells that the server took up the ClientHello of c.
func greeted(c *flow.Conn) bool {
	return find(c, 0, flow.Server, flow.ServerHello) >= 0 || c.TLS != nil && c.TLS.Done == flow.Yes
}
