package compare

import (
	"cmp"
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// readConn reads the facts of a connection as a whole.
func (u *unit) readConn() {
	u.readTCP()
	u.readHello()
	u.readHandshake()
	if asked := u.at.first(0, flow.HelloRequest); asked >= 0 {
		u.renegotiation(asked, len(u.conn.Events))
	} else if u.conn.TLS != nil && u.conn.TLS.Version != "1.3" {
		u.add(helloRequest(), "not sent", -1)
	}
	u.readEnd()
}

func (u *unit) readTCP() {
	c := u.conn
	if c.Server.IsValid() {
		u.add(serverAddress(), c.Server.Addr().Unmap().String(), -1)
	}
	header := "none"
	begins := u.at.first(0, flow.ProxyHeader)
	if begins >= 0 {
		header = c.Events[begins].Text
	}
	u.add(aspect{"proxy-header", "PROXY protocol header", connecting, plain}, header, begins)
	connect := aspect{"connect", "connecting", connecting, outcome}
	established := u.at.first(0, flow.Established)
	if i := u.at.first(0, flow.ConnectFailed); i >= 0 {
		u.add(connect, "failed: "+c.Events[i].Text, i)
	} else if established >= 0 {
		u.add(connect, "established", established)
	}
	u.time(aspect{"connect-time", "time to connect", connecting, timing}, u.at.first(0, flow.SYN), established)
	if c.Packets == 0 {
		return
	}
	trouble := aspect{"zero-window", "a side that takes no more bytes", responding, plain}
	if i := u.at.first(0, flow.ZeroWindow); i >= 0 {
		u.add(trouble, "the "+c.Events[i].From.String(), i)
	} else {
		u.add(trouble, "none", -1)
	}
}

// serverAddress may be the cause only where a side was served by several.
func serverAddress() aspect {
	return aspect{"server-address", "address of the server", connecting, plain}
}

func (u *unit) readHello() {
	c := u.conn
	i := u.at.first(0, flow.ClientHello)
	if i < 0 || c.TLS == nil {
		return
	}
	u.add(aspect{"sni", "server name in the ClientHello (SNI)", hello, plain}, cmp.Or(c.TLS.SNI, "none"), i)
	u.add(aspect{"alpn-offered", "protocols offered (ALPN)", hello, incidental}, cmp.Or(strings.Join(c.TLS.Offered, ","), "none"), i)
	u.add(aspect{"tls-versions-offered", "TLS versions offered", hello, incidental}, strings.Join(c.TLS.Versions, ","), i)
	u.add(aspect{"key-shares", "groups with a key in the ClientHello", hello, incidental}, c.Events[i].Attr(flow.KeyShares), i)
	if n, err := strconv.Atoi(c.Events[i].Attr(flow.KeyHelloBytes)); err == nil {
		size := "fits into one packet"
		if n > onePacket {
			size = "needs several packets"
		}
		u.add(aspect{"hello-size", "size of the ClientHello", hello, incidental}, size, i)
	}
	u.add(aspect{"post-handshake-auth", "post-handshake authentication", hello, incidental}, seen(c.TLS.PHA, "offered", "not offered"), i)
}

// onePacket is what of a ClientHello fits into a packet of Ethernet: 1500 bytes
// less the headers of IPv6, TCP with timestamps, and the TLS record.
const onePacket = 1500 - 40 - 32 - 5

func (u *unit) readHandshake() {
	c := u.conn
	if c.TLS == nil {
		return
	}
	i := u.at.first(0, flow.ServerHello)
	done := u.at.first(0, flow.TLSDone)
	if i < 0 {
		i = done
	}
	u.add(aspect{"tls-version", "TLS version", handshake, plain}, c.TLS.Version, i)
	u.add(aspect{"cipher", "cipher suite", handshake, incidental}, c.TLS.Cipher, i)
	u.add(aspect{"alpn", "protocol chosen (ALPN)", handshake, plain}, c.TLS.ALPN, i)
	u.add(aspect{"resumed", "TLS session", handshake, plain}, seen(c.TLS.Resumed, "resumed", "new"), i)
	result := aspect{"tls", "TLS handshake", handshake, outcome}
	if failed := u.at.first(0, flow.TLSFailed); failed >= 0 && c.TLS.Done != flow.Yes {
		u.add(result, "failed: "+cmp.Or(c.Events[failed].Attr(flow.KeyFault), c.Events[failed].Text), failed)
	} else if done >= 0 {
		u.add(result, "completed", done)
	}
	u.time(aspect{"tls-time", "time of the TLS handshake", handshake, timing}, u.at.first(0, flow.ClientHello), done)
	u.readCertificates(done)
}

// readCertificates: those of the first handshake. A resumed one has none, and
// TLS 1.3 without keys shows none.
func (u *unit) readCertificates(done int) {
	c := u.conn
	if c.TLS.Resumed == flow.Yes {
		return
	}
	end := len(c.Events)
	if asked := u.at.first(0, flow.HelloRequest); asked >= 0 {
		end = asked
	}
	shown, requested := false, -1
	for i := range c.Events[:end] {
		e := &c.Events[i]
		switch {
		case e.Kind == flow.Certificate && e.From == flow.Client:
			u.add(aspect{"client-certificate", "client certificate", handshake, plain}, e.Text, i)
		case e.Kind == flow.Certificate:
			shown = true
			u.add(aspect{"certificate", "server certificate", handshake, plain}, e.Text, i)
			u.add(aspect{"certificate-issuer", "issuer of the server certificate", handshake, plain}, e.Attr(flow.KeyIssuer), i)
			u.add(aspect{"certificate-until", "end of the server certificate", handshake, incidental}, e.Attr(flow.KeyNotAfter), i)
			u.add(aspect{"certificate-chain", "certificates sent by the server", handshake, incidental}, e.Attr(flow.KeyChain), i)
		case e.Kind == flow.CertificateRequest:
			requested = i
		}
	}
	request := aspect{"certificate-request", "client certificate in the first handshake", handshake, plain}
	if requested >= 0 {
		u.add(request, "asked for", requested)
	} else if shown && done >= 0 {
		u.add(request, "not asked for", done)
	}
}

func (u *unit) readEnd() {
	c := u.conn
	for _, from := range []flow.Side{flow.Client, flow.Server} {
		name, event := "none", -1
		for i := range c.Events {
			if e := &c.Events[i]; e.Kind == flow.Alert && e.From == from && e.Text != "close_notify" && e.Text != "" {
				name, event = e.Text, i
				break
			}
		}
		if c.TLS != nil {
			u.add(aspect{"alert-" + from.String(), "TLS alert from the " + from.String(), closingDown, outcome}, name, event)
		}
	}
	if c.Close.How != flow.None {
		u.add(aspect{"close", "end of the connection", closingDown, outcome}, closeWords(c), u.at.closing())
	}
	if len(c.Exchanges) == 0 {
		u.longestSilence()
		return
	}
	count := "several"
	if c.Forgotten+len(c.Exchanges) == 1 {
		count = "one"
	}
	u.add(aspect{"exchanges", "requests on the connection", later, outcome}, count, u.at.first(0, flow.Request))
}

func closeWords(c *flow.Conn) string {
	how := "FIN"
	if c.Close.How == flow.ByRST {
		how = "RST"
	}
	return how + " by the " + c.Close.By.String()
}

// longestSilence stands for the waits of exchanges where none can be seen.
func (u *unit) longestSilence() {
	c := u.conn
	before := -1
	longest := fact{aspect: aspect{"silence", "longest silence", waiting, timing}, event: -1}
	for i := range c.Events {
		if c.Events[i].Kind == flow.Open || c.Events[i].At.IsZero() {
			continue
		}
		if d, known := between(c, before, i); known && d > longest.span {
			longest.span, longest.event = d, i
		}
		before = i
	}
	if longest.event >= 0 {
		u.facts = append(u.facts, longest)
	}
}
