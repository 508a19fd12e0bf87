package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/machine"
)

// clientItem is what a client of an address gets.
type clientItem struct {
	Type    string `json:"type"`
	Addr    string `json:"addr"`
	Program string `json:"program,omitempty"`
	PID     int    `json:"pid,omitempty"`
	On      string `json:"on,omitempty"` // the listener it reaches; absent: none
	// TLS is what came of a handshake; absent: none was tried.
	TLS *handshakeItem `json:"tls,omitempty"`

	holder machine.Holder
}

// handshakeItem is what came of a TLS handshake: a certificate, or why none.
type handshakeItem struct {
	SNI      string   `json:"sni,omitempty"`
	Version  string   `json:"version,omitempty"`
	Names    []string `json:"names,omitempty"`
	Issuer   string   `json:"issuer,omitempty"`
	NotAfter string   `json:"not_after,omitempty"`
	Fault    string   `json:"fault,omitempty"`
	Reason   string   `json:"reason,omitempty"`
}

// handshakeLimit bounds a handshake, connecting included.
const handshakeLimit = 2 * time.Second

func lookAsClient(ctx context.Context, ls []machine.Holder, want netip.AddrPort, o portsOptions) *clientItem {
	c := &clientItem{Type: "client", Addr: want.String()}
	h, found := machine.Answers(ls, want)
	if !found {
		return c
	}
	c.holder, c.Program, c.PID, c.On = h, h.Program, h.PID, h.Addr.String()
	if o.probe && want.Addr().IsLoopback() {
		c.TLS = handshake(ctx, want.String(), o.sni)
	}
	return c
}

func handshake(ctx context.Context, addr, sni string) *handshakeItem {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	item := &handshakeItem{SNI: sni}
	// The certificate is looked at, not trusted: nothing is sent after it.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: sni, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		fault, attrs := cert.Classify(err, nil)
		item.Fault = fault
		for _, a := range attrs {
			if a.Key == flow.KeyReason {
				item.Reason = a.Value
			}
		}
		return item
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	leaf := state.PeerCertificates[0]
	item.Version = strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")
	item.Names = leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		item.Names = append(item.Names, ip.String())
	}
	item.Issuer, item.NotAfter = leaf.Issuer.String(), leaf.NotAfter.UTC().Format(time.RFC3339)
	return item
}

func (c *clientItem) print(w io.Writer) {
	if c.On == "" {
		fmt.Fprintf(w, "a client of %s reaches no program: its connection is refused\n", c.Addr)
		return
	}
	where := ""
	if c.On != c.Addr {
		where = ", which listens on " + c.On
	}
	fmt.Fprintf(w, "\na client of %s reaches %s%s\n", c.Addr, c.holder, where)
	if c.TLS != nil {
		fmt.Fprintf(w, "%s\n", c.TLS)
	}
}

func (h *handshakeItem) String() string {
	asked := "TLS without a name"
	if h.SNI != "" {
		asked = "TLS for " + h.SNI
	}
	if h.Version == "" {
		return fmt.Sprintf("%s: no certificate: %s", asked, h.Reason)
	}
	names := strings.Join(h.Names, ", ")
	if names == "" {
		names = "no name"
	}
	return fmt.Sprintf("%s: version %s, certificate for %s, issued by %s, until %s", asked, h.Version, names, h.Issuer, h.NotAfter)
}
