package origin

import (
	"net/netip"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/proxywire"
	"fanlight/internal/tap"
)

// Ends are those of the client connection that a connection is made for, as its
// PROXY header tells them. The zero value is nobody's: the header then says that
// the connection is our own.
type Ends struct{ Client, Server netip.AddrPort }

// key is what idle connections are kept under: the server name, and with PROXY
// headers whom they speak for, since a header is said once and for all.
func (o *Origin) key(host string, ends Ends) string {
	name := o.serverName(host)
	if o.ProxyHeader == 0 {
		return name
	}
	return name + "\x00" + ends.Client.String() + "\x00" + ends.Server.String()
}

// announce puts the header in front of a new connection, before TLS.
func (o *Origin) announce(t *tap.Conn, ends Ends) *Failure {
	if o.ProxyHeader == 0 {
		return nil
	}
	h := proxywire.Header{Version: o.ProxyHeader, Client: ends.Client, Server: ends.Server, Local: !ends.Client.IsValid()}
	t.Log().Add(flow.Event{At: time.Now(), Kind: flow.ProxyHeader, From: flow.Client, Text: h.Name(), Attrs: flow.Attrs(h.Facts()...)})
	err := t.WritePreface(h.Append(nil)) // a new connection takes that much at once
	if err == nil {
		return nil
	}
	f := &Failure{Origin: o.Name, Phase: PhaseConnect, Err: err, Status: 502}
	t.SetWhy(f.Error())
	_ = t.Close() // never usable
	return f
}

// Leave closes the idle connections that speak for a client that has gone.
func (o *Origin) Leave(ends Ends) {
	if o.ProxyHeader == 0 {
		return
	}
	var idle []*Conn
	o.mu.Lock()
	for key, conns := range o.idle {
		if len(conns) > 0 && conns[0].ends == ends {
			idle = append(idle, conns...)
			o.count -= len(conns)
			delete(o.idle, key)
		}
	}
	o.mu.Unlock()
	for _, c := range idle {
		c.Close("the client it speaks for has gone")
	}
}
