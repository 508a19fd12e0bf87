package query

import (
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/flow"
)

// Field describes a field of the language.
type Field struct {
	Name   string
	Type   Type
	Doc    string
	Values []string // all there are, of a field of type Word
}

// Fields describes every field, in the order of the documentation. Names in
// capitals stand for any.
func Fields() []Field {
	var out []Field
	for _, f := range fields() {
		name := f.name
		if f.header != nil {
			name += "NAME"
		}
		out = append(out, Field{Name: name, Type: f.kind, Doc: f.doc, Values: f.words})
	}
	return out
}

// field is a field with the way to its values. A value that was not observed
// is not given.
type field struct {
	name, doc  string
	kind       Type
	words      []string
	ofExchange bool // a connection by itself has no value
	each       each
	header     func(s subject) [2][]flow.Field // of a family of fields, whose names end in a header's
}

func (f *field) knows(word string) bool { return slices.Contains(f.words, word) }

// lookup finds a field by its name, letter case ignored.
func lookup(all []field, name string) (*field, bool) {
	lower := strings.ToLower(name)
	for i := range all {
		f := &all[i]
		switch {
		case f.header == nil && f.name == lower:
			return f, true
		case f.header != nil && strings.HasPrefix(lower, f.name) && len(lower) > len(f.name):
			one := *f
			one.name, one.each = lower, headerNamed(f.header, lower[len(f.name):])
			return &one, true
		}
	}
	return nil, false
}

func names(all []field) []string {
	var out []string
	for _, f := range all {
		out = append(out, f.name)
	}
	return out
}

func fields() []field {
	return slices.Concat(networkFields(), tlsFields(), httpFields(), headerFields(), exchangeFields(), decisionFields(), connFields())
}

func networkFields() []field {
	client := func(c *flow.Conn) netip.AddrPort { return c.Client }
	server := func(c *flow.Conn) netip.AddrPort { return c.Server }
	return []field{
		{name: "ip.addr", kind: Address, doc: "address of the client or of the server", each: addresses(client, server)},
		{name: "ip.src", kind: Address, doc: "address of the client", each: addresses(client)},
		{name: "ip.dst", kind: Address, doc: "address of the server", each: addresses(server)},
		{name: "tcp.port", kind: Number, doc: "port of the client or of the server", each: ports(client, server)},
		{name: "tcp.srcport", kind: Number, doc: "port of the client", each: ports(client)},
		{name: "tcp.dstport", kind: Number, doc: "port of the server", each: ports(server)},
		{name: "tcp.stream", kind: Number, doc: "number of the connection, the same as conn.id", each: connID},
		{name: "frame.number", kind: Number, doc: "number of a packet that showed an event", each: packets},
		{name: "dns.name", kind: Name, doc: "name looked up for the connection, or asked for on it", each: lookedUp},
		{name: "dns.qry.name", kind: Name, doc: "the same as dns.name", each: lookedUp},
		{name: "dns.time", kind: Duration, doc: "how long the lookup for the connection took", each: lookupTime},
	}
}

func tlsFields() []field {
	sni := func(t *flow.TLS) string { return t.SNI }
	return []field{
		{name: "tls", kind: Flag, doc: "whether TLS was seen", each: flag(func(s subject) flow.Seen { return yesOrNothing(s.conn.TLS != nil) })},
		{name: "tls.sni", kind: Name, doc: "server name in the ClientHello", each: fromTLS(sni)},
		{name: "tls.handshake.extensions_server_name", kind: Name, doc: "the same as tls.sni", each: fromTLS(sni)},
		{name: "tls.version", kind: Version, doc: "negotiated version: ssl3, 1.0, 1.1, 1.2, 1.3", each: versionOf(func(s subject) string {
			if s.conn.TLS == nil {
				return ""
			}
			return s.conn.TLS.Version
		})},
		{name: "tls.cipher", kind: Text, doc: "IANA name of the cipher suite", each: fromTLS(func(t *flow.TLS) string { return t.Cipher })},
		{name: "tls.alpn", kind: Text, doc: "protocol chosen by ALPN", each: fromTLS(func(t *flow.TLS) string { return t.ALPN })},
		{name: "tls.resumed", kind: Flag, doc: "whether a session was resumed", each: flag(func(s subject) flow.Seen { return tlsFlag(s, func(t *flow.TLS) flow.Seen { return t.Resumed }) })},
		{name: "tls.done", kind: Flag, doc: "whether the handshake was completed; no: it failed", each: flag(func(s subject) flow.Seen { return tlsFlag(s, func(t *flow.TLS) flow.Seen { return t.Done }) })},
		{name: "tls.decrypted", kind: Flag, doc: "whether the content could be read", each: flag(func(s subject) flow.Seen { return tlsFlag(s, func(*flow.TLS) flow.Seen { return s.conn.Keys }) })},
		{name: "tls.why_not", kind: Text, doc: "why the content could not be read", each: fromConn(func(c *flow.Conn) string { return c.WhyNot })},
		{name: "tls.alert", kind: Text, doc: "name of an alert, close_notify included", each: alerts},
	}
}

func httpFields() []field {
	return []field{
		{name: "http", kind: Flag, doc: "whether there is an exchange", ofExchange: true, each: flag(func(s subject) flow.Seen { return yesOrNothing(s.exchange != nil) })},
		{name: "http2", kind: Flag, doc: "whether it was HTTP/2", ofExchange: true, each: flag(func(s subject) flow.Seen { return yesOrNothing(s.exchange != nil && s.exchange.HTTP == "2") })},
		{name: "http.host", kind: Name, doc: "host of the request, with its port if it has one, and without", ofExchange: true, each: hosts},
		{name: "http.request.method", kind: Text, doc: "method", ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Method })},
		{name: "http.request.uri", kind: Text, doc: "target of the request", ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Target })},
		{name: "http.request.full_uri", kind: Text, doc: "scheme, host and target", ofExchange: true, each: text(fullURI)},
		{name: "http.response.code", kind: Number, doc: "status", ofExchange: true, each: number(func(x *flow.Exchange) (int64, bool) { return int64(x.Status), x.Status != 0 })},
		{name: "http.response.phrase", kind: Text, doc: "reason phrase", ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Reason })},
		{name: "http.version", kind: Version, doc: "1.0, 1.1, 2, 3", ofExchange: true, each: versionOf(func(s subject) string {
			if s.exchange == nil {
				return ""
			}
			return s.exchange.HTTP
		})},
		{name: "http.request.body", kind: Size, doc: "length of the request body", ofExchange: true, each: number(func(x *flow.Exchange) (int64, bool) { return x.RequestBodyBytes, !x.RequestDone.IsZero() })},
		{name: "http.response.body", kind: Size, doc: "length of the response body", ofExchange: true, each: number(func(x *flow.Exchange) (int64, bool) { return x.ResponseBodyBytes, !x.ResponseDone.IsZero() })},
		{name: "http.time", kind: Duration, doc: "from the request head to the response head", ofExchange: true, each: span((*flow.Exchange).Wait)},
		{name: "http.total", kind: Duration, doc: "from the request head to the end of the exchange", ofExchange: true, each: span((*flow.Exchange).Total)},
		{name: "http.outcome", kind: Word, doc: "how the exchange ended", words: []string{flow.Complete, flow.Truncated, flow.NoResponse, flow.Refused}, ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Outcome })},
	}
}

func headerFields() []field {
	request := func(s subject) [2][]flow.Field { return [2][]flow.Field{s.exchange.RequestHeader} }
	response := func(s subject) [2][]flow.Field { return [2][]flow.Field{s.exchange.ResponseHeader} }
	any := func(s subject) [2][]flow.Field {
		return [2][]flow.Field{s.exchange.RequestHeader, s.exchange.ResponseHeader}
	}
	return []field{
		{name: "http.content_type", kind: Text, doc: "Content-Type of the request or response", ofExchange: true, each: headerNamed(any, "content-type")},
		{name: "http.server", kind: Text, doc: "Server of the response", ofExchange: true, each: headerNamed(response, "server")},
		{name: "http.user_agent", kind: Text, doc: "User-Agent of the request", ofExchange: true, each: headerNamed(request, "user-agent")},
		{name: "http.referer", kind: Text, doc: "Referer of the request", ofExchange: true, each: headerNamed(request, "referer")},
		{name: "http.location", kind: Text, doc: "Location of the response", ofExchange: true, each: headerNamed(response, "location")},
		{name: "http.authorization", kind: Text, doc: "Authorization of the request", ofExchange: true, each: headerNamed(request, "authorization")},
		{name: "http.cookie", kind: Text, doc: "Cookie of the request", ofExchange: true, each: headerNamed(request, "cookie")},
		{name: "http.set_cookie", kind: Text, doc: "Set-Cookie of the response", ofExchange: true, each: headerNamed(response, "set-cookie")},
		{name: "http.header.", kind: Text, doc: "header field of that name, of request or response", ofExchange: true, header: any},
		{name: "http.request.header.", kind: Text, doc: "header field of the request", ofExchange: true, header: request},
		{name: "http.response.header.", kind: Text, doc: "header field of the response", ofExchange: true, header: response},
	}
}

func exchangeFields() []field {
	return []field{
		{name: "exchange.id", kind: Number, doc: "number of the exchange, with or without its x", ofExchange: true, each: number(func(x *flow.Exchange) (int64, bool) { return int64(x.ID), true })},
		{name: "exchange.parent", kind: Number, doc: "the exchange this one was made for", ofExchange: true, each: number(func(x *flow.Exchange) (int64, bool) { return int64(x.Parent), x.Parent != 0 })},
		{name: "incident", kind: Text, doc: "id of the incident", ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Incident })},
		{name: "tunnel", kind: Text, doc: "protocol the exchange was upgraded to", ofExchange: true, each: text(func(x *flow.Exchange) string { return x.Tunnel })},
		{name: "reused", kind: Flag, doc: "whether the connection had served an exchange before", ofExchange: true, each: flag(func(s subject) flow.Seen {
			if s.exchange == nil {
				return flow.NotObserved
			}
			return s.exchange.Reused
		})},
		{name: "event", kind: Word, doc: "kind of an event of the exchange, or of the connection as such", words: kinds(), each: events},
		{name: "time", kind: Time, doc: "when the exchange began, or else the connection", each: began},
	}
}

func decisionFields() []field {
	return []field{
		{name: "filter.verdict", kind: Word, doc: "what the filter of the site said; watch: it would refuse", words: []string{"refuse", "watch"}, ofExchange: true, each: verdicts("filter")},
		{name: "filter.rule", kind: Text, doc: "key of the filter, or rule NAME, that refused, or would", ofExchange: true, each: decided("filter", flow.KeyRule)},
		{name: "waf.verdict", kind: Word, doc: "what the WAF said; watch: it would block; unjudged: the request was answered before its body was judged", words: []string{"block", "watch", "pass", "unjudged"}, ofExchange: true, each: verdicts("waf")},
		{name: "waf.rule", kind: Number, doc: "id of a rule of the WAF that matched", ofExchange: true, each: wafRules},
		{name: "waf.score", kind: Number, doc: "score of the request, or of the response", ofExchange: true, each: counts(decided("waf", flow.KeyScore))},
	}
}

func connFields() []field {
	return []field{
		{name: "conn.id", kind: Number, doc: "number of the connection, with or without its c", each: connID},
		{name: "conn.parent", kind: Number, doc: "the connection this one was made for", each: onConn(func(c *flow.Conn) (int64, bool) { return int64(c.Parent), c.Parent != 0 })},
		{name: "conn.source", kind: Text, doc: "where the record is from: live, or a file's name", each: fromConn(func(c *flow.Conn) string { return c.Source })},
		{name: "conn.scheme", kind: Text, doc: "https, http", each: fromConn(func(c *flow.Conn) string { return c.Scheme })},
		{name: "conn.site", kind: Text, doc: "the site chosen for it", each: fromConn(func(c *flow.Conn) string { return c.Site })},
		{name: "conn.origin", kind: Text, doc: "the origin chosen for it", each: fromConn(func(c *flow.Conn) string { return c.Origin })},
		{name: "conn.self", kind: Word, doc: "which side Fanlight was", words: []string{"none", "client", "server"}, each: fromConn(self)},
		{name: "conn.exchanges", kind: Number, doc: "how many exchanges it had", each: onConn(func(c *flow.Conn) (int64, bool) { return int64(c.Forgotten + len(c.Exchanges)), true })},
		{name: "conn.packets", kind: Number, doc: "how many packets", each: onConn(func(c *flow.Conn) (int64, bool) { return int64(c.Packets), c.Packets != 0 })},
		{name: "conn.bytes", kind: Size, doc: "bytes on the wire, of both sides", each: onConn(func(c *flow.Conn) (int64, bool) { return c.ClientBytes + c.ServerBytes, c.Counted })},
		{name: "conn.duration", kind: Duration, doc: "from its start to its end", each: onConn(closeAfter)},
		{name: "close.by", kind: Word, doc: "who ended it first", words: []string{"client", "server", "unknown"}, each: closed(func(c *flow.Conn) string { return c.Close.By.String() })},
		{name: "close.how", kind: Word, doc: "how", words: []string{"fin", "rst", "none"}, each: closed(func(c *flow.Conn) string { return c.Close.How.String() })},
		{name: "close.alert", kind: Text, doc: "the alert that came before", each: fromConn(func(c *flow.Conn) string { return c.Close.Alert })},
		{name: "close.after", kind: Duration, doc: "the same as conn.duration", each: onConn(closeAfter)},
		{name: "close.why", kind: Text, doc: "what only a participant knows of it", each: fromConn(func(c *flow.Conn) string { return c.Close.Why })},
	}
}

func kinds() []string {
	var out []string
	for k := flow.KindUnknown + 1; k.String() != flow.KindUnknown.String(); k++ {
		if k != flow.BindFailed && k != flow.SiteState && k != flow.OriginState { // of the machine, on no connection
			out = append(out, k.String())
		}
	}
	return out
}

func fullURI(x *flow.Exchange) string {
	if x.Scheme == "" || x.Host == "" || !strings.HasPrefix(x.Target, "/") {
		return x.Target
	}
	return x.Scheme + "://" + x.Host + x.Target
}

func self(c *flow.Conn) string {
	if c.Self == flow.Unknown {
		return "none"
	}
	return c.Self.String()
}

func closeAfter(c *flow.Conn) (int64, bool) {
	return int64(c.Close.After), c.Close.Ended && !c.Started.IsZero()
}
