package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var stapleProblem = explain.Rule{
	ID:       "staple-problem",
	Title:    "The proof that the certificate is not revoked is missing or wrong",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A server can send along what the authority says about its certificate (a stapled OCSP response). Here the certificate demands that (must-staple) and nothing came, or what came is out of date, is about another certificate, or says that this one is revoked. Clients that look at it end the connection.",
		Looks: "The browser or program fails, others work: most clients do not look. Alert bad_certificate_status_response (113), or the client leaves right after the handshake. curl with --cert-status ends with code 91, Firefox shows MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING or SEC_ERROR_OCSP_OLD_RESPONSE, GnuTLS says `The certificate requires the server to include an OCSP status` or `contains a revoked or outdated OCSP status`.",
		Why:   "Stapling is not switched on, or the server cannot reach the authority's responder (firewall, no `resolver` in nginx). The file with the response is not renewed, or was left behind when the certificate was renewed. The first connections after a restart of nginx come before it has fetched a response.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Switch it on; it needs a resolver, the issuer's certificate and a way to the responder. The first answers after a start lack it, unless a file that you renew each day holds the response:", "ssl_stapling on;", "ssl_stapling_verify on;", "ssl_trusted_certificate /etc/nginx/issuer.pem;", "resolver 192.0.2.53;", "# ssl_stapling_file /etc/nginx/staple.der;"),
			fix(explain.Origin, "Apache", "Switch it on, and pass no errors of the responder on to clients:", "SSLUseStapling on", "SSLStaplingCache shmcb:/run/apache2/stapling(65536)", "SSLStaplingReturnResponderErrors off"),
			fix(explain.Origin, "HAProxy", "Put the response beside the certificate, and renew both while it runs:", "openssl ocsp -issuer issuer.pem -cert site.pem -url http://RESPONDER/ -respout /etc/haproxy/site.pem.ocsp", "echo \"set ssl ocsp-response $(base64 -w0 /etc/haproxy/site.pem.ocsp)\" | socat - /run/haproxy/admin.sock"),
			fix(explain.Origin, "IIS and HTTP.sys", "Windows staples by itself where it reaches the responder; see whether it does:", "certutil -urlfetch -verify site.cer"),
			fix(explain.Origin, "", "If the answer is revoked, it is true for all who look: issue a new certificate with a new key. If stapling cannot be kept up, issue one without must-staple."),
			fix(explain.Origin, "Fanlight", "The door staples nothing. Do not give it a certificate with must-staple; see whether yours is one:", "openssl x509 -in site.pem -noout -ext tlsfeature"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -status` prints the response with its dates (`This Update`, `Next Update`), or `OCSP response: no response sent`.",
		LookAlikes: []explain.Alike{
			{ID: "revocation-check-stall", Difference: "a side asks the responder itself and waits for it"},
			{ID: "certificate-date-invalid", Difference: "the certificate is out of date, not the word about it"},
			{ID: "a client that insists without must-staple", Difference: "curl --cert-status fails with any server that does not staple; nothing is wrong there"},
		},
		References: []string{"RFC 6066 section 8 and RFC 8446 section 4.4.2.1 (stapling)", "RFC 7633 (must-staple)", "RFC 6960 section 4.2.2.1 (thisUpdate, nextUpdate)", "seen with nginx 1.22, curl 7.88 (leaves after the handshake) and GnuTLS 3.7"},
	},
	Hides: []string{"origin-handshake-failed", "private-ca-not-trusted-here", "certificate-name-mismatch"},
	Check: checkStaple,
}

func checkStaple(p *explain.Pass) {
	for _, c := range p.Conns() {
		certificate := shown(c)
		if c.TLS == nil || certificate < 0 || find(c, 0, flow.Unknown, flow.Gap, flow.MidStream) >= 0 {
			continue
		}
		what, at := stapleFault(c, certificate)
		if what == "" {
			continue
		}
		reportStaple(p, c, certificate, at, what)
	}
}

// stapleFault says what is wrong with the staple of c, and which event shows it;
// empty if nothing is.
func stapleFault(c *flow.Conn, certificate int) (what string, at int) {
	i := find(c, certificate, flow.Server, flow.Staple)
	if i < 0 {
		asked := fact(c, flow.Client, flow.ClientHello, flow.KeyStatusAsked) != ""
		if asked && c.Events[certificate].Attr(flow.KeyMustStaple) != "" && find(c, certificate+1, flow.Unknown, flow.TLSDone, flow.Alert, flow.FIN, flow.RST) >= 0 {
			return "it demands a stapled OCSP response, the client asked for it, and none was sent", certificate
		}
		return "", -1
	}
	e := &c.Events[i]
	until, untilErr := time.Parse(time.RFC3339, e.Attr(flow.KeyNextUpdate))
	from, fromErr := time.Parse(time.RFC3339, e.Attr(flow.KeyThisUpdate))
	switch {
	case e.Attr(flow.KeyAbout) == flow.No.String():
		return "the OCSP response sent with it is about another certificate", i
	case e.Text == "revoked":
		return "the OCSP response sent with it says that it is revoked", i
	case e.At.IsZero():
		return "", -1
	case untilErr == nil && e.At.After(until):
		return "the OCSP response sent with it is out of date (it held until " + until.Format(time.DateTime) + " UTC)", i
	case fromErr == nil && from.Sub(e.At) > clockSlack:
		return "the OCSP response sent with it is from the future (it holds from " + from.Format(time.DateTime) + " UTC)", i
	case e.Attr(flow.KeyAbout) == "" && c.Events[certificate].Attr(flow.KeyMustStaple) != "":
		return "it demands a stapled OCSP response, and what was sent says nothing about it (" + e.Text + ")", i
	}
	return "", -1
}

// clockSlack is by how much clocks may differ.
const clockSlack = 5 * time.Minute

func reportStaple(p *explain.Pass, c *flow.Conn, certificate, at int, what string) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s showed a certificate for %s: %s.", peer(c), named(c, nil), what),
		Evidence:   []explain.Evidence{explain.At(c, certificate, "certificate "+c.Events[certificate].Text)},
	}
	if at != certificate {
		f.Evidence = append(f.Evidence, explain.At(c, at, "stapled OCSP response: "+c.Events[at].Text))
	}
	end, sure := stapleRefused(c)
	if end < 0 {
		f.Cause += " This client went on all the same; others refuse."
		p.Blame(&f, c, nil)
		p.ReportAs(explain.Warning, f)
		return
	}
	f.Confidence = sure
	f.Cause += " The client ended the connection."
	f.Evidence = append(f.Evidence, explain.At(c, end, "ended by the client"))
	report(p, f, c, nil)
}

// stapleRefused is the event by which the client refused what it was shown, and
// how sure that is; -1 if it did not.
func stapleRefused(c *flow.Conn) (int, explain.Confidence) {
	if i := alerted(c, flow.Client, "bad_certificate_status_response"); i >= 0 {
		return i, explain.Proof
	}
	if c.TLS.Done == flow.Yes {
		return leftWithoutRequest(c), explain.Likely
	}
	return alerted(c, flow.Client, "bad_certificate", "certificate_unknown", "certificate_revoked", "certificate_expired", "handshake_failure", "internal_error"), explain.Likely
}
