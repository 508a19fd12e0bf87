package accesslog

import (
	"encoding/json"
	"time"

	"fanlight/internal/flow"
)

// Record is an exchange as one flat JSON object, for programs that collect logs.
// A fact that was not observed is absent.
type Record struct {
	Type         string   `json:"type"` // access
	Time         string   `json:"time"`
	Client       string   `json:"client"`
	ClientPort   uint16   `json:"client_port"`
	Peer         string   `json:"peer,omitempty"`
	Server       string   `json:"server"`
	Site         string   `json:"site,omitempty"`
	Scheme       string   `json:"scheme,omitempty"`
	Host         string   `json:"host,omitempty"`
	Method       string   `json:"method,omitempty"`
	Target       string   `json:"target,omitempty"`
	HTTP         string   `json:"http,omitempty"`
	TLS          string   `json:"tls,omitempty"`
	Status       int      `json:"status,omitempty"`
	Outcome      string   `json:"outcome,omitempty"`
	RequestBytes *int64   `json:"request_body_bytes,omitempty"`
	Bytes        *int64   `json:"response_body_bytes,omitempty"`
	Compressed   string   `json:"compressed,omitempty"`
	TotalMS      *float64 `json:"total_ms,omitempty"`
	WaitMS       *float64 `json:"wait_ms,omitempty"`
	Referer      string   `json:"referer,omitempty"`
	UserAgent    string   `json:"user_agent,omitempty"`
	Incident     string   `json:"incident,omitempty"`
	Cause        string   `json:"cause,omitempty"`
	SubStatus    int      `json:"substatus,omitempty"`
	ID           string   `json:"id"`
	Conn         string   `json:"conn"`
}

func flatJSON(b []byte, c *flow.Conn, x *flow.Exchange, mask flow.Mask) []byte {
	who := client(c)
	r := Record{
		Type: "access", Time: ended(x).UTC().Format("2006-01-02T15:04:05.000000000Z07:00"), Client: who.Addr().String(), ClientPort: who.Port(),
		Server: c.Server.String(), Site: c.Site, Scheme: x.Scheme, Host: x.Host, Method: x.Method, Target: target(x, mask), HTTP: x.HTTP,
		Status: x.Status, Outcome: x.Outcome, Compressed: x.Compressed, TotalMS: ms(x.Total()), WaitMS: ms(x.Wait()),
		Referer: masked(x, "Referer", mask), UserAgent: masked(x, "User-Agent", mask), Incident: x.Incident, Cause: x.Cause, SubStatus: x.SubStatus, ID: x.ID.String(), Conn: c.ID.String(),
	}
	if c.Proxied.IsValid() {
		r.Peer = c.Client.String()
	}
	if c.TLS != nil {
		r.TLS = c.TLS.Version
	}
	if !x.RequestDone.IsZero() {
		r.RequestBytes = &x.RequestBodyBytes
	}
	if n, known := bytesSent(x); known {
		r.Bytes = &n
	}
	line, err := json.Marshal(r)
	if err != nil {
		return b // strings and numbers alone: it cannot fail
	}
	return append(append(b, flow.PrintableJSON(line)...), '\n')
}

func ms(d time.Duration, known bool) *float64 {
	if !known {
		return nil
	}
	v := float64(d) / float64(time.Millisecond)
	return &v
}
