package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2InadequateSecurity = explain.Rule{
	ID:       "h2-inadequate-security",
	Title:    "HTTP/2 was agreed on together with a cipher suite that it forbids",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "HTTP/2 over TLS 1.2 allows only suites with ephemeral keys and an authenticated cipher (ECDHE or DHE, with GCM, CCM or ChaCha20). Server and client agreed on HTTP/2 and on an older suite; one of them noticed and ended the connection.",
		Looks: "TLS 1.2, ALPN h2, a suite such as TLS_RSA_WITH_AES_128_CBC_SHA, then GOAWAY with INADEQUATE_SECURITY (12) or an immediate close. Chrome shows ERR_HTTP2_INADEQUATE_TRANSPORT_SECURITY, Firefox NS_ERROR_NET_INADEQUATE_SECURITY. Tolerant clients work: curl 7.88 with nghttp2 carries on.",
		Why:   "The server's own order prefers CBC or RSA suites, and it does not take HTTP/2 back when it chooses one. IIS 10 does so after its cipher order was changed, nginx and HAProxy with a narrow list of ciphers.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS", "Put ECDHE suites with GCM first, then restart the machine:", "Enable-TlsCipherSuite -Name TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 -Position 0", "Enable-TlsCipherSuite -Name TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 -Position 1"),
			fix(explain.Origin, "nginx", "Offer suites that HTTP/2 allows:", "ssl_protocols TLSv1.2 TLSv1.3;", "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;"),
			fix(explain.Origin, "Apache", "Offer suites that HTTP/2 allows:", "SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20", "SSLHonorCipherOrder on"),
			fix(explain.Origin, "HAProxy", "On the bind line:", "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1 ciphers ECDHE+AESGCM:ECDHE+CHACHA20"),
			fix(explain.Gateway, "Fanlight", "It chooses such a suite only with clients and origins that offer nothing better. Speak HTTP/1.1 to those, on the site or on the route:", `http: "1.1"`),
			fix(explain.Origin, "", "Or do not offer h2 to clients that need the old suites."),
		},
		Confirm: "`openssl s_client -connect SITE:443 -tls1_2 -alpn h2 </dev/null | grep -E 'Cipher is|ALPN'`",
		LookAlikes: []explain.Alike{
			{ID: "cipher-or-group-mismatch", Difference: "no suite in common: the handshake itself fails"},
			{ID: "h2-http11-required", Difference: "one path only, error 13"},
		},
		References: []string{"RFC 9113 section 9.2.2 and appendix A", "Microsoft support 4032720", "serverfault 712808", "seen with Chromium 156 before nginx 1.22 and HAProxy 2.6, and with Go 1.26 as server, which sends GOAWAY in front of SETTINGS"},
	},
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "keepalive-race", "legacy-tls-origin", "origin-handshake-failed"},
	Check: checkInadequate,
}

func checkInadequate(p *explain.Pass) {
	for _, c := range p.Conns() {
		if events := h2Errors(c, flow.Unknown, "INADEQUATE_SECURITY"); len(events) > 0 {
			e := &c.Events[events[0]]
			f := explain.Finding{
				Confidence: explain.Proof,
				Cause:      fmt.Sprintf("The %s ended HTTP/2 because of the security of the connection%s.", e.From, suite(c)),
				Evidence:   append(suiteEvidence(c), explain.At(c, events[0], "INADEQUATE_SECURITY")),
			}
			blameAll(p, &f, c, h2Lost(c, events))
			p.Report(f)
			continue
		}
		if i := leftAtOnce(c); i >= 0 {
			f := explain.Finding{
				Confidence: explain.Likely,
				Cause:      fmt.Sprintf("HTTP/2 was agreed on%s, and the %s closed right after the handshake.", suite(c), c.Close.By),
				Evidence:   append(suiteEvidence(c), explain.At(c, i, "closed by the "+c.Close.By.String())),
				Missing:    []string{"keys: the reason is in an encrypted GOAWAY"},
			}
			blameAll(p, &f, c, nil)
			p.Report(f)
		}
	}
}

func suite(c *flow.Conn) string {
	if c.TLS == nil || c.TLS.Cipher == "" {
		return ""
	}
	return " (TLS " + c.TLS.Version + " with " + c.TLS.Cipher + ")"
}

func suiteEvidence(c *flow.Conn) []explain.Evidence {
	i := find(c, 0, flow.Unknown, flow.TLSDone)
	if i < 0 {
		return nil
	}
	return []explain.Evidence{explain.At(c, i, "TLS "+c.TLS.Version+", "+c.TLS.Cipher+", "+c.TLS.ALPN)}
}

// leftAtOnce is the close, within a second after the handshake, of a connection
// that agreed on HTTP/2 with a suite it forbids and carried next to nothing;
// -1 if that is not what happened. A connection whose content was read needs
// none of this: the error shows.
func leftAtOnce(c *flow.Conn) int {
	t := c.TLS
	if t == nil || t.Done != flow.Yes || t.Version != "1.2" || t.ALPN != "h2" || t.Cipher == "" || fitForH2(t.Cipher) ||
		c.Keys == flow.Yes || len(c.Exchanges) > 0 || !c.Counted {
		return -1
	}
	if greeting, known := number(fact(c, flow.Client, flow.ClientHello, flow.KeyHelloBytes)); !known || c.ClientBytes-int64(greeting) > nothingAsked {
		return -1
	}
	i := closing(c)
	if d, known := between(c, find(c, 0, flow.Unknown, flow.TLSDone), i); !known || d > time.Second {
		return -1
	}
	return i
}

// nothingAsked is more than a client sends behind its ClientHello for the rest
// of a handshake, the preface and a GOAWAY (Chromium: 308 bytes), and less than
// with one small request (curl: 393).
const nothingAsked = 350

// fitForH2 tells that a suite of TLS 1.2 is not in the list of RFC 9113,
// appendix A: ephemeral keys and an authenticated cipher.
func fitForH2(name string) bool {
	ephemeral := strings.HasPrefix(name, "TLS_ECDHE_") || strings.HasPrefix(name, "TLS_DHE_")
	return ephemeral && (strings.Contains(name, "_GCM_") || strings.Contains(name, "_CCM") || strings.Contains(name, "CHACHA20"))
}
