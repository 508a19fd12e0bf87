package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var preflightChallenged = explain.Rule{
	ID:       "preflight-challenged",
	Title:    "The browser's question before a cross-origin request was answered with a demand to sign in",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Before certain requests to another origin a browser asks by OPTIONS whether it may (a CORS preflight). It never sends credentials with that question. The server answered 401; the browser takes that for a no and does not send the real request.",
		Looks: "OPTIONS with `Origin` and `Access-Control-Request-Method`, no Authorization, answered 401; then nothing. The browser's console says `Response to preflight request doesn't pass access control check: It does not have HTTP ok status`. The same URL typed into the address bar works.",
		Why:   "The sign-in is demanded for all methods, OPTIONS included.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS", "Install the IIS CORS module: it answers preflights before the sign-in. In web.config:", `<cors enabled="true"><add origin="https://PAGE.example" allowCredentials="true"/></cors>`),
			fix(explain.Origin, "Apache", "Demand a user for all methods but OPTIONS, and answer with CORS headers (`a2enmod headers`):", `<LimitExcept OPTIONS>`, `  Require valid-user`, `</LimitExcept>`, `Header always set Access-Control-Allow-Origin https://PAGE.example`, `Header always set Access-Control-Allow-Methods "GET, POST, PUT, DELETE"`, `Header always set Access-Control-Allow-Headers content-type`, `Header always set Access-Control-Allow-Credentials true`),
			fix(explain.Origin, "nginx", "Answer the question before the sign-in, in the location that wants it:", `add_header Access-Control-Allow-Origin https://PAGE.example always;`, `add_header Access-Control-Allow-Methods "GET, POST, PUT, DELETE" always;`, `add_header Access-Control-Allow-Headers content-type always;`, `add_header Access-Control-Allow-Credentials true always;`, `if ($request_method = OPTIONS) { return 204; }`),
			fix(explain.Gateway, "HAProxy", "Answer at the gateway:", `http-request return status 204 hdr Access-Control-Allow-Origin https://PAGE.example hdr Access-Control-Allow-Methods "GET, POST, PUT, DELETE" hdr Access-Control-Allow-Headers content-type hdr Access-Control-Allow-Credentials true if METH_OPTIONS { req.hdr(access-control-request-method) -m found }`),
			fix(explain.Client, "", "Avoid the question: ask your own origin and let it pass the request on."),
		},
		Confirm: "`curl -i -X OPTIONS -H 'Origin: https://PAGE.example' -H 'Access-Control-Request-Method: POST' https://SITE/path` has to answer 200 or 204 with Access-Control-Allow-Origin.",
		LookAlikes: []explain.Alike{
			{ID: "no-credentials-offered", Difference: "the real request, not an OPTIONS"},
			{ID: "an OPTIONS of a WebDAV client", Difference: "has no Access-Control-Request-Method, and is repeated with credentials"},
		},
		References: []string{"Fetch standard, CORS-preflight fetch", "aspnet/CORS#60", "dotnet/aspnetcore#11764"},
	},
	Needs: needsHeaders(),
	Hides: []string{"no-credentials-offered", "auth-repeated-per-request", "via-header-breaks-persistence"},
	Check: checkPreflight,
}

func checkPreflight(p *explain.Pass) {
	for _, c := range p.Conns() {
		var f *explain.Finding
		for _, x := range c.Exchanges {
			if !challengedPreflight(x) || !innermost(p, x) {
				continue
			}
			if f == nil {
				f = &explain.Finding{
					Confidence: explain.Proof,
					Cause: fmt.Sprintf("A page of %s wanted to send %s %s. The browser asked first, and %s answered %d instead of saying whether it may.",
						header(x.RequestHeader, "Origin"), header(x.RequestHeader, "Access-Control-Request-Method"), x.Target, peer(c), x.Status),
					Evidence: []explain.Evidence{explain.At(c, findOf(c, x, flow.Request), "the browser's question, without credentials as it must be"),
						explain.At(c, findOf(c, x, flow.Response), fmt.Sprintf("answered %d", x.Status))},
				}
			}
			p.Blame(f, c, x)
		}
		if f != nil {
			p.Report(*f)
		}
	}
}

func challengedPreflight(x *flow.Exchange) bool {
	return x.Method == "OPTIONS" && (x.Status == 401 || x.Status == 407) && credentials(x) == "" &&
		header(x.RequestHeader, "Access-Control-Request-Method") != "" && header(x.RequestHeader, "Origin") != ""
}
