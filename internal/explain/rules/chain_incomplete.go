package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var chainIncomplete = explain.Rule{
	ID:       "chain-incomplete",
	Title:    "The server sends its certificate without the intermediate",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server sent its own certificate alone, although an intermediate authority issued it. A client that does not happen to know the intermediate cannot find the way to a root it trusts.",
		Looks: "One certificate in the Certificate message, then alert unknown_ca (48) from the client, bad_certificate (42) from Go. curl 60 `unable to get local issuer certificate`, Java `PKIX path building failed`, Node.js UNABLE_TO_VERIFY_LEAF_SIGNATURE, nginx as a gateway `verify error:(20:...)`. Browsers mostly succeed: they know the intermediate or fetch it.",
		Why:   "The file with the certificate alone (cert.pem) was configured and not the one with the whole chain (fullchain.pem), often at a renewal.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Put the certificate first and its intermediates behind it into one file; the root is not needed:", "cat site.pem intermediate.pem > fullchain.pem"),
			fix(explain.Origin, "nginx", "Serve that file and reload:", "ssl_certificate /etc/nginx/fullchain.pem;"),
			fix(explain.Origin, "Apache", "Serve that file and reload:", "SSLCertificateFile /etc/apache2/fullchain.pem"),
			fix(explain.Origin, "HAProxy", "Certificate, intermediates and key in one file, then reload:", "cat site.pem intermediate.pem site.key > /etc/haproxy/site.pem"),
			fix(explain.Origin, "IIS and HTTP.sys", "Put the intermediate into the machine's store of intermediate authorities; Windows then sends it:", "certutil -addstore CA intermediate.cer"),
			fix(explain.Origin, "Fanlight", "The file of a site may hold the whole chain:", "certificate: {file: fullchain.pem, key: site.key}"),
			fix(explain.Gateway, "Fanlight", "Until the origin is corrected, give the route the intermediate as an authority:", "tls: {ca: intermediate.pem}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -showcerts` prints one certificate. Its issuer can be fetched from where `openssl x509 -noout -ext authorityInfoAccess` says.",
		LookAlikes: []explain.Alike{
			{ID: "private-ca-not-trusted-here", Difference: "the chain is whole, or its root signs directly, and that root is not trusted here"},
			{ID: "tls-intercepted", Difference: "the issuer is an inspecting proxy or a virus scanner"},
		},
		References: []string{"RFC 8446 section 4.4.2 (certificate list)", "RFC 5280 section 4.2.2.1 (caIssuers)", "seen with nginx, HAProxy and Go as servers; curl and openssl send unknown_ca, Go bad_certificate"},
	},
	Hides: []string{"private-ca-not-trusted-here", "origin-handshake-failed"},
	Check: checkChain,
}

func checkChain(p *explain.Pass) {
	for _, r := range rejectedCertificates(p, []string{flow.FaultUnknownIssuer}, []string{"unknown_ca", "bad_certificate", "certificate_unknown"}) {
		subject, issuer := r.subject(), r.fact(flow.KeyIssuer)
		if !r.own && alerted(r.conn, flow.Client, "unknown_ca") < 0 && !r.sound() {
			continue
		}
		if r.fact(flow.KeyChain) != "1" || issuer == "" || subject == issuer || caOf(issuer) != "" {
			continue
		}
		whole := wholeChain(p, issuer)
		fetch := r.fact(flow.KeyCAIssuers)
		if whole == nil && (!strings.HasPrefix(fetch, "http") || strings.Contains(fetch, "ldap:")) {
			continue // a private authority that signs with its root looks like that
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s sent its certificate alone, without that of its issuer %s, and %s could not verify it.",
				peer(r.conn), issuer, caller(r.conn)),
			Evidence: append(r.evidence(r.words()), explain.About(r.conn, "one certificate was sent; its issuer can be had from "+fetch)),
		}
		if whole != nil {
			f.Evidence[len(f.Evidence)-1] = explain.At(whole, shown(whole), "elsewhere a certificate of the same issuer is sent with "+fact(whole, flow.Server, flow.Certificate, flow.KeyChain)+" in the chain")
		}
		report(p, f, r.conn, nil)
	}
}

// subject is whose the rejected certificate is, empty if that was not observed.
func (r rejected) subject() string {
	if i := shown(r.conn); i >= 0 {
		return r.conn.Events[i].Text
	}
	return ""
}

// wholeChain is a connection on which a certificate of the same issuer came
// with more behind it, or nil.
func wholeChain(p *explain.Pass, issuer string) *flow.Conn {
	for _, c := range p.Trace.Conns {
		n, known := number(fact(c, flow.Server, flow.Certificate, flow.KeyChain))
		if known && n > 1 && fact(c, flow.Server, flow.Certificate, flow.KeyIssuer) == issuer {
			return c
		}
	}
	return nil
}
