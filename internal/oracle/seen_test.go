package oracle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// seen is what a reader of a capture says happened in it.
type seen struct {
	conns    []*conn // by the order of their first packets
	damaged  string
	findings []string
}

// conn is a connection. An empty or nil fact was not stated.
type conn struct {
	client    string // address and port
	version   string // of TLS, as 1.2
	cipher    string // as IANA names it
	sni, alpn string
	resumed   *bool
	decrypted string
	whyNot    string
	by, how   string // who ended it first
	events    []event
	exchanges []*exchange
}

type event struct{ kind, from, text, ja4 string }

// exchange is a request and its final response.
type exchange struct {
	http            string
	stream          int
	method, target  string
	host            string
	status          int
	sent, got       fields
	sentBody        body
	gotBody         body
	outcome         string
	interim         []int
	hasResponseBody bool
}

type fields [][2]string

// body is a message body after transfer coding. The zero value is one of which
// nothing is known.
type body struct {
	known bool
	n     int64
	sum   string // SHA-256; of an empty body it may be left out
}

func bodyOf(content []byte) body {
	sum := sha256.Sum256(content)
	return body{true, int64(len(content)), hex.EncodeToString(sum[:])}
}

// length is a body of which only the length is known.
func length(n int64) body { return body{known: true, n: n} }

func (b body) agrees(other body) bool {
	if !b.known || !other.known {
		return true
	}
	return b.n == other.n && (b.n == 0 || b.sum == "" || other.sum == "" || b.sum == other.sum)
}

// all is every exchange, in an order that does not depend on time.
func (s *seen) all() []*exchange {
	var all []*exchange
	for _, c := range s.conns {
		all = append(all, c.exchanges...)
	}
	sortExchanges(all)
	return all
}

func sortExchanges(all []*exchange) {
	slices.SortStableFunc(all, func(a, b *exchange) int {
		return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.method, b.method), cmp.Compare(a.status, b.status))
	})
}
