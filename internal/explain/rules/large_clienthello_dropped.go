package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var largeClientHelloDropped = explain.Rule{
	ID:       "large-clienthello-dropped",
	Title:    "Only a ClientHello that fits into one packet is answered",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The same server answers a small ClientHello and drops a large one. A ClientHello with a post-quantum key share (X25519MLKEM768, about 1200 bytes more) needs two packets; something on the way, or the server, looks at the first packet only.",
		Looks: "TCP connects, the ClientHello goes out and is acknowledged, then a reset, a close or silence, and no TLS byte from the server. Clients of last year work, updated ones do not: Chrome ERR_CONNECTION_RESET, curl 35, Go `connection reset by peer` or `EOF`, nginx `peer closed connection in SSL handshake`.",
		Why:   "A firewall, load balancer or SNI router that expects the whole ClientHello in its first read; a server that reads once and parses what it got.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Update the device that reads the server name: firewall, load balancer, filter. Its vendor calls it support for large or fragmented ClientHello, Kyber or ML-KEM."),
			fix(explain.Network, "HAProxy", "As an SNI router, wait for the whole ClientHello before deciding (`accept if { req.len gt 0 }` decides by the first packet):", "tcp-request inspect-delay 5s", "tcp-request content accept if { req.ssl_hello_type 1 }"),
			fix(explain.Client, "Go", "Until then send no post-quantum key share:", "GODEBUG=tlsmlkem=0 ./program"),
			fix(explain.Client, "curl and OpenSSL", "Until then send no post-quantum key share:", "curl --curves X25519:P-256 https://app.example/", "openssl s_client -groups X25519:P-256 -connect app.example:443"),
			fix(explain.Gateway, "Fanlight", "Towards such an origin start the door without the post-quantum key share; it holds for all origins:", "GODEBUG=tlsmlkem=0 fanlight run"),
			fix(explain.Gateway, "nginx", "As a gateway built with OpenSSL 3.5 or later, which sends that key share by default:", "proxy_ssl_conf_command Groups X25519:P-256;"),
		},
		Confirm: "With OpenSSL 3.5 or later: `openssl s_client -connect ADDRESS:443 -servername NAME -groups X25519` works and `-groups X25519MLKEM768` does not. A capture at the server tells whether it was the server or something in between.",
		LookAlikes: []explain.Alike{
			{ID: "mtu-black-hole", Difference: "the large packet is never acknowledged and sent again and again"},
			{ID: "no-certificate-for-binding", Difference: "a small ClientHello is dropped as well"},
			{ID: "accepted-but-silent", Difference: "a small ClientHello gets no answer either"},
			{ID: "injected-reset", Difference: "the reset comes from another machine: its TTL differs"},
		},
		References: []string{"tldr.fail", "draft-ietf-tls-ecdhe-mlkem (size of the key share)", "golang/go#70047, lxd#14839, openssl#27557", "RFC 8446 section 5.1 (a message may span records and packets)", "seen with Go 1.26 and HAProxy 2.6, which closed when it had the first 1448 of 1500 bytes"},
	},
	Hides:   []string{"no-certificate-for-binding", "accepted-but-silent", "origin-handshake-failed", "tls13-intolerance"},
	Silence: true,
	Check:   checkLargeHello,
}

// onePacket is about what a full TCP segment carries on Ethernet.
const onePacket = 1400

func checkLargeHello(p *explain.Pass) {
	for _, c := range p.Conns() {
		size, large := helloSize(c)
		if !large || isQUIC(c) || c.Self == flow.Server || greeted(c) {
			continue
		}
		end := droppedHello(c)
		if again := find(c, 0, flow.Client, flow.Retransmission, flow.Gap); again >= 0 && again < end {
			continue // it may not have arrived
		}
		small := answeredSmall(p, c)
		if end < 0 || small == nil {
			continue
		}
		least, _ := helloSize(small)
		report(p, explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s did not answer a ClientHello of %d bytes, which takes two packets, and answered one of %d bytes for the same name.",
				peer(c), size, least),
			Evidence: []explain.Evidence{
				explain.At(c, hello(c), strings.TrimSpace(fmt.Sprintf("ClientHello of %d bytes %s", size, keyShares(c)))),
				explain.At(c, end, "dropped"),
				explain.At(small, hello(small), strings.TrimSpace(fmt.Sprintf("ClientHello of %d bytes %s", least, keyShares(small)))),
				explain.At(small, find(small, 0, flow.Server, flow.ServerHello), "answered"),
			},
			Missing: []string{"a capture at the server, to tell the server from a device in between"},
		}, c, nil)
	}
}

// helloSize is the length of c's ClientHello and whether it takes more than one
// packet.
func helloSize(c *flow.Conn) (size int, large bool) {
	if c.TLS == nil {
		return 0, false
	}
	size, known := number(fact(c, flow.Client, flow.ClientHello, flow.KeyHelloBytes))
	return size, known && size > onePacket
}

func keyShares(c *flow.Conn) string {
	if s := fact(c, flow.Client, flow.ClientHello, flow.KeyShares); s != "" {
		return "with keys for " + strings.ReplaceAll(s, ",", ", ")
	}
	return ""
}

// droppedHello is the event by which a ClientHello came to nothing for no
// reason given, or -1.
func droppedHello(c *flow.Conn) int {
	if find(c, 0, flow.Server, flow.Alert, flow.Certificate) >= 0 {
		return alerted(c, flow.Server, "decode_error", "unexpected_message", "record_overflow", "internal_error")
	}
	if c.Close.By == flow.Server {
		return closing(c)
	}
	end := silenceEnd(c)
	if d, known := between(c, hello(c), end); known && d < time.Second {
		return -1
	}
	return end
}

// answeredSmall is a connection to the same server for the same name whose
// ClientHello fitted into a packet and was answered; nil if there is none, or if
// a large one was answered too.
func answeredSmall(p *explain.Pass, c *flow.Conn) (small *flow.Conn) {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server || other.TLS == nil || other.TLS.SNI != c.TLS.SNI || find(other, 0, flow.Server, flow.ServerHello) < 0 {
			continue
		}
		if size, large := helloSize(other); large {
			return nil
		} else if size > 0 && small == nil {
			small = other
		}
	}
	return small
}
