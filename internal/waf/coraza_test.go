package waf

import (
	"net/netip"
	"slices"
	"testing"

	"fanlight/internal/httpwire"
)

// ask sends one request, as it stands on the wire, past an engine.
func ask(t *testing.T, e Engine, raw, body string) (*Interruption, *Verdict) {
	t.Helper()
	var h httpwire.Head
	if _, err := h.ParseRequest([]byte(raw), httpwire.Limits{}); err != nil {
		t.Fatal(err)
	}
	tx := e.Begin(&Request{Client: netip.MustParseAddrPort("192.0.2.10:50000"), Server: netip.MustParseAddrPort("192.0.2.1:443"),
		Method: string(h.Bytes(h.Method)), Target: string(h.Bytes(h.Target)), Protocol: "HTTP/1.1", Host: string(h.Get("Host")), Head: &h})
	by := tx.Headers()
	if by == nil {
		by = tx.Body([]byte(body), 0)
	}
	return by, tx.End()
}

func ids(v *Verdict) (out []int) {
	for i := range v.Matches {
		out = append(out, v.Matches[i].Rule)
	}
	return out
}

func engine(t *testing.T, change func(*Policy)) Engine {
	t.Helper()
	p := Defaults()
	p.Mode = Block
	if change != nil {
		change(&p)
	}
	e, err := newCoraza(&p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

const head = "Host: app.test\r\nUser-Agent: test\r\nAccept: */*\r\n"

func TestCoraza(t *testing.T) {
	e := engine(t, nil)
	by, v := ask(t, e, "GET /?q=1%27+OR+%271%27%3D%271 HTTP/1.1\r\n"+head+"\r\n", "")
	t.Logf("%+v %+v", by, v)
	if by == nil || by.Status != 403 || !slices.Contains(ids(v), 942100) || v.Inbound < 5 {
		t.Errorf("got %+v, %v, score %d", by, ids(v), v.Inbound)
	}
}
