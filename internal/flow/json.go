package flow

import (
	"time"
	"unicode/utf8"
)

// ConnRecord is the JSON object of a connection. A fact that was not observed
// is absent.
type ConnRecord struct {
	Type      string        `json:"type"` // connection
	ID        string        `json:"id"`
	Parent    string        `json:"parent,omitempty"`
	Source    string        `json:"source,omitempty"`
	Client    string        `json:"client,omitempty"`
	Server    string        `json:"server,omitempty"`
	Proxied   string        `json:"proxied_client,omitempty"`
	Scheme    string        `json:"scheme,omitempty"`
	Started   string        `json:"started,omitempty"`
	Site      string        `json:"site,omitempty"`
	Origin    string        `json:"origin,omitempty"`
	Lookup    *LookupRecord `json:"lookup,omitempty"`
	TLS       *TLSRecord    `json:"tls,omitempty"`
	Events    []EventRecord `json:"events,omitempty"`
	Self      string        `json:"self"` // client, server or none
	Close     *CloseRecord  `json:"close,omitempty"`
	Packets   int           `json:"packets,omitempty"`
	Bytes     *BytesRecord  `json:"bytes,omitempty"`
	Exchanges int           `json:"exchanges"`
}

// LookupRecord is what came of looking up the name a connection was made for.
type LookupRecord struct {
	Name      string   `json:"name"`
	Result    string   `json:"result,omitempty"`
	Rcode     string   `json:"rcode,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	TookMS    *float64 `json:"took_ms,omitempty"`
	BeforeMS  *float64 `json:"before_ms,omitempty"` // how long before the connection it ended
	By        string   `json:"by,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	DNS       string   `json:"dns,omitempty"`
}

// TLSRecord holds the facts of the first handshake.
type TLSRecord struct {
	Version   string `json:"version,omitempty"`
	Cipher    string `json:"cipher,omitempty"`
	SNI       string `json:"sni,omitempty"`
	ALPN      string `json:"alpn,omitempty"`
	Resumed   *bool  `json:"resumed,omitempty"`
	Done      *bool  `json:"done,omitempty"` // false: the handshake failed
	Decrypted string `json:"decrypted,omitempty"`
	WhyNot    string `json:"why_not,omitempty"`
}

// EventRecord is one event. Header fields are in the exchange.
type EventRecord struct {
	AtMS     *float64          `json:"at_ms,omitempty"` // since the connection started
	From     string            `json:"from,omitempty"`
	Kind     string            `json:"kind"`
	Packet   int               `json:"packet,omitempty"`
	Exchange string            `json:"exchange,omitempty"`
	Parent   string            `json:"parent,omitempty"`
	Status   int               `json:"status,omitempty"`
	Bytes    *int64            `json:"bytes,omitempty"`
	Text     string            `json:"text,omitempty"`
	Facts    map[string]string `json:"facts,omitempty"`
	RawFacts map[string][]byte `json:"raw_facts,omitempty"` // of those that are no UTF-8 the bytes
}

// CloseRecord says who ended a connection; it is absent while it is open.
type CloseRecord struct {
	By      string   `json:"by"`    // client, server or unknown
	How     string   `json:"how"`   // fin, rst or none
	Alert   *string  `json:"alert"` // null: none that could be read
	Why     string   `json:"why,omitempty"`
	AfterMS *float64 `json:"after_ms,omitempty"`
}

// BytesRecord counts what each side sent on the wire.
type BytesRecord struct {
	Client int64 `json:"client"`
	Server int64 `json:"server"`
}

// ExchangeRecord is the JSON object of an exchange. A fact that was not
// observed is absent.
type ExchangeRecord struct {
	Type              string      `json:"type"` // exchange
	ID                string      `json:"id"`
	Conn              string      `json:"conn"`
	Parent            string      `json:"parent,omitempty"`
	Joined            string      `json:"joined,omitempty"`
	HTTP              string      `json:"http,omitempty"`
	Stream            int         `json:"stream,omitempty"`
	Method            string      `json:"method,omitempty"`
	Scheme            string      `json:"scheme,omitempty"`
	Host              string      `json:"host,omitempty"`
	Target            string      `json:"target,omitempty"`
	Status            int         `json:"status,omitempty"`
	Reason            string      `json:"reason,omitempty"`
	RequestHeaders    [][2]string `json:"request_headers,omitempty"`
	ResponseHeaders   [][2]string `json:"response_headers,omitempty"`
	RequestBodyBytes  *int64      `json:"request_body_bytes,omitempty"`
	ResponseBodyBytes *int64      `json:"response_body_bytes,omitempty"`
	Compressed        string      `json:"compressed,omitempty"`
	PlainBytes        *int64      `json:"response_plain_bytes,omitempty"`
	RequestSHA256     string      `json:"request_body_sha256,omitempty"`
	ResponseSHA256    string      `json:"response_body_sha256,omitempty"`
	Started           string      `json:"started,omitempty"`
	WaitMS            *float64    `json:"wait_ms,omitempty"`
	ReceiveMS         *float64    `json:"receive_ms,omitempty"`
	TotalMS           *float64    `json:"total_ms,omitempty"`
	Outcome           string      `json:"outcome,omitempty"`
	Packets           []int       `json:"packets,omitempty"`
	Incident          string      `json:"incident,omitempty"`
	Cause             string      `json:"cause,omitempty"`
	SubStatus         int         `json:"substatus,omitempty"`
	Reused            *bool       `json:"reused,omitempty"`
	IdleMS            *float64    `json:"idle_ms,omitempty"`
	Tunnel            string      `json:"tunnel,omitempty"`
}

// SummaryRecord is the last JSON object: what was written before it.
type SummaryRecord struct {
	Type        string  `json:"type"` // summary
	Connections int     `json:"connections"`
	Exchanges   int     `json:"exchanges"`
	Findings    int     `json:"findings"`
	Packets     *int    `json:"packets"`               // null: not from packets
	Bytes       int64   `json:"bytes"`                 // on the wire, of both sides, where they were counted
	Damaged     *string `json:"damaged"`               // where the source could not be read; null: nowhere
	Interrupted bool    `json:"interrupted,omitempty"` // the source was not read to its end, as the user wished
	Lost        int64   `json:"lost,omitempty"`
	ElapsedMS   float64 `json:"elapsed_ms"`
}

// ConnJSON is a connection as the object that is written; mask may be nil.
func ConnJSON(c *Conn, mask Mask) ConnRecord {
	c = mask.Conn(c)
	out := ConnRecord{
		Type: "connection", ID: c.ID.String(), Source: c.Source, Scheme: c.Scheme,
		Started: timestamp(c.Started), Site: c.Site, Origin: c.Origin,
		Lookup: lookupRecord(c), TLS: tlsRecord(c), Self: "none", Close: closeRecord(c),
		Packets: c.Packets, Exchanges: c.Forgotten + len(c.Exchanges),
	}
	if c.Parent != 0 {
		out.Parent = c.Parent.String()
	}
	if c.Client.IsValid() {
		out.Client = c.Client.String()
	}
	if c.Server.IsValid() {
		out.Server = c.Server.String()
	}
	if c.Proxied.IsValid() {
		out.Proxied = c.Proxied.String()
	}
	if c.Self != Unknown {
		out.Self = c.Self.String()
	}
	if c.Counted {
		out.Bytes = &BytesRecord{c.ClientBytes, c.ServerBytes}
	}
	for i := range c.Events {
		if c.Events[i].Kind != Open {
			out.Events = append(out.Events, eventRecord(c, &c.Events[i]))
		}
	}
	return out
}

func lookupRecord(c *Conn) *LookupRecord {
	l := c.Lookup
	if l == nil {
		return nil
	}
	out := &LookupRecord{Name: l.Name, Result: l.Result, Rcode: l.Rcode, TookMS: ms(l.Took, l.Timed), BeforeMS: ms(span(l.Ended, c.Started)), By: l.By, Reason: l.Reason}
	for _, a := range l.Addresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	if l.DNS != 0 {
		out.DNS = l.DNS.String()
	}
	return out
}

func tlsRecord(c *Conn) *TLSRecord {
	if c.TLS == nil {
		return nil
	}
	return &TLSRecord{
		Version: c.TLS.Version, Cipher: c.TLS.Cipher, SNI: c.TLS.SNI, ALPN: c.TLS.ALPN,
		Resumed: yesNo(c.TLS.Resumed), Done: yesNo(c.TLS.Done),
		Decrypted: decrypted(c), WhyNot: c.WhyNot,
	}
}

// decrypted: what could be read only in part has a reason why not more.
func decrypted(c *Conn) string {
	if c.Keys == Yes && c.WhyNot != "" {
		return "partial"
	}
	return c.Keys.String()
}

func closeRecord(c *Conn) *CloseRecord {
	if !c.Close.Ended {
		return nil
	}
	out := &CloseRecord{By: c.Close.By.String(), How: c.Close.How.String(), Why: c.Close.Why}
	if c.Close.Alert != "" {
		out.Alert = &c.Close.Alert
	}
	if !c.Started.IsZero() {
		out.AfterMS = ms(c.Close.After, true)
	}
	return out
}

func eventRecord(c *Conn, e *Event) EventRecord {
	out := EventRecord{Kind: e.Kind.String(), Packet: e.Packet, Status: e.Status, Text: e.Text}
	out.AtMS = ms(span(c.Started, e.At))
	if e.From != Unknown {
		out.From = e.From.String()
	}
	if e.Exchange != 0 {
		out.Exchange = e.Exchange.String()
	}
	if e.Parent != 0 {
		out.Parent = e.Parent.String()
	}
	if e.Bytes != 0 || e.Kind == RequestDone || e.Kind == ResponseDone {
		out.Bytes = &e.Bytes
	}
	for _, a := range e.Attrs {
		if out.Facts == nil {
			out.Facts = map[string]string{}
		}
		out.Facts[a.Key] = a.Value
		if !utf8.ValidString(a.Value) {
			if out.RawFacts == nil {
				out.RawFacts = map[string][]byte{}
			}
			out.RawFacts[a.Key] = []byte(a.Value)
		}
	}
	return out
}

// ExchangeJSON is an exchange as the object that is written; mask may be nil.
func ExchangeJSON(x *Exchange, mask Mask) ExchangeRecord {
	out := ExchangeRecord{
		Type: "exchange", ID: x.ID.String(), Conn: x.Conn.String(), Joined: x.Joined, HTTP: x.HTTP, Stream: x.Stream,
		Method: x.Method, Scheme: x.Scheme, Host: x.Host, Target: mask.target(x.Target),
		Status: x.Status, Reason: x.Reason,
		RequestHeaders: mask.pairs(x.RequestHeader), ResponseHeaders: mask.pairs(x.ResponseHeader),
		RequestSHA256: x.RequestSHA256, ResponseSHA256: x.ResponseSHA256, Started: timestamp(x.Started), Outcome: x.Outcome,
		WaitMS: ms(x.Wait()), ReceiveMS: ms(x.Receive()), TotalMS: ms(x.Total()),
		Incident: x.Incident, Cause: x.Cause, SubStatus: x.SubStatus, Reused: yesNo(x.Reused), Tunnel: x.Tunnel,
	}
	if x.Parent != 0 {
		out.Parent = x.Parent.String()
	}
	if !x.RequestDone.IsZero() {
		out.RequestBodyBytes = &x.RequestBodyBytes
	}
	if x.Compressed != "" {
		out.Compressed, out.PlainBytes = x.Compressed, &x.PlainBytes
	}
	if !x.ResponseDone.IsZero() {
		out.ResponseBodyBytes = &x.ResponseBodyBytes
	}
	if x.Packets[0] != 0 {
		out.Packets = x.Packets[:]
	}
	if x.Reused == Yes {
		out.IdleMS = ms(x.Idle, x.Idle != 0)
	}
	return out
}

// timestamp has all nine digits, so that times order as text.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
}

func ms(d time.Duration, known bool) *float64 {
	if !known {
		return nil
	}
	v := float64(d) / float64(time.Millisecond)
	return &v
}

func yesNo(s Seen) *bool {
	if s == NotObserved {
		return nil
	}
	v := s == Yes
	return &v
}
