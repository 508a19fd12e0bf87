package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var privateCANotTrustedHere = explain.Rule{
	ID:       "private-ca-not-trusted-here",
	Title:    "The certificate's issuer is not trusted here",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client side found no path from the server's certificate to an authority it trusts. With a company's or a developer's own authority that is normal until its root is installed where this client looks.",
		Looks: "Alert unknown_ca (48) or certificate_unknown (46) from the client; curl 60, Chrome ERR_CERT_AUTHORITY_INVALID, Firefox SEC_ERROR_UNKNOWN_ISSUER, Go `certificate signed by unknown authority`. A gateway answers 502.",
		Why:   "The root is not in this client's store: Firefox, Java, Node.js, containers and WSL keep stores of their own. Or the server sends its own certificate without the intermediate, or one it signed itself.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Give the route the authority that signs the origin's certificate:", "tls: {ca: origin-ca.pem}"),
			fix(explain.Client, "Fanlight", "For Fanlight's own authority: put it into the stores of this machine:", "fanlight trust install"),
			fix(explain.Client, "", "For programs with a store of their own:", "NODE_EXTRA_CA_CERTS=root.pem node app.js", "keytool -importcert -cacerts -alias dev-root -file root.pem", "curl --cacert root.pem https://NAME/"),
			fix(explain.Origin, "nginx", "Serve the certificate followed by its intermediates:", "ssl_certificate /etc/nginx/fullchain.pem;"),
			fix(explain.Origin, "Apache", "Serve the certificate followed by its intermediates:", "SSLCertificateFile /etc/apache2/fullchain.pem"),
			fix(explain.Origin, "HAProxy", "Serve certificate, intermediates and key in one file:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem"),
			fix(explain.Origin, "IIS and HTTP.sys", "Install the intermediate in the machine's store of intermediate authorities:", "certutil -addstore CA intermediate.cer"),
			fix(explain.Gateway, "nginx", "As a gateway:", "proxy_ssl_trusted_certificate /etc/nginx/origin-ca.pem;"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -showcerts`: does the chain end at the authority that was meant, and are the intermediates there?",
		LookAlikes: []explain.Alike{
			{ID: "chain-incomplete", Difference: "the root is trusted, the intermediate is not sent; browsers often succeed where libraries fail"},
			{ID: "tls-intercepted", Difference: "the issuer is that of an inspecting proxy or a virus scanner"},
			{ID: "certificate-date-invalid", Difference: "an expired root or intermediate"},
			{ID: "key-usage-incompatible", Difference: "the issuer is trusted, but the certificate is not made for a server"},
		},
		References: []string{"RFC 5280 section 6 (path validation)", "RFC 8446 section 6.2 (unknown_ca)"},
	},
	Hides: []string{"origin-handshake-failed"},
	Check: checkUnknownIssuer,
}

func checkUnknownIssuer(p *explain.Pass) {
	for _, r := range rejectedCertificates(p, []string{flow.FaultUnknownIssuer}, []string{"unknown_ca", "bad_certificate", "certificate_unknown"}) {
		if covered, known := namesCover(r.fact(flow.KeyNames), named(r.conn, nil)); !r.own && known && !covered {
			continue // the name is the better explanation
		}
		confidence := explain.Likely
		switch {
		case r.own:
			confidence = explain.Proof
		case alerted(r.conn, flow.Client, "unknown_ca") < 0:
			confidence = explain.Possible
		}
		f := explain.Finding{
			Confidence: confidence,
			Cause:      unknownIssuerCause(r),
			Evidence:   r.evidence(r.words()),
		}
		if confidence != explain.Proof {
			f.Missing = []string{"the whole chain the server sent, to tell an unknown root from a missing intermediate"}
		}
		report(p, f, r.conn, nil)
	}
}

func unknownIssuerCause(r rejected) string {
	issuer := r.fact(flow.KeyIssuer)
	if issuer == "" {
		issuer = "an issuer that was not observed"
	}
	who := caller(r.conn)
	if i := shown(r.conn); i >= 0 && r.conn.Events[i].Text == r.fact(flow.KeyIssuer) && r.own {
		return fmt.Sprintf("%s does not trust the certificate of %s: it is signed by itself (%s).", who, peer(r.conn), issuer)
	}
	return fmt.Sprintf("%s does not trust the certificate of %s: it was issued by %s, which is not among the authorities trusted there.", who, peer(r.conn), issuer)
}
