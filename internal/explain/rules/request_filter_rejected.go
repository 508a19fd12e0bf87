package rules

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var requestFilterRejected = explain.Rule{
	ID:       "request-filter-rejected",
	Title:    "A request filter refused, not the application",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "Something in the request is on a list of what is not let through: a byte sequence, a file extension, a method, a length. A filter answered, and the application never saw the request.",
		Looks: "404 (IIS, on purpose without a reason) or 403 (ModSecurity, most firewalls), at once, with a small page; other requests to the same site are fine. IIS logs the sub-status: 404.5 to 404.8, 404.11 to 404.15, 404.18; UrlScan logs `Rejected-By-UrlScan`; ModSecurity writes `Access denied with code 403` and the id of the rule to the error log of its server; HAProxy's log has state `PR`. Fanlight's own filter names the rule and the bytes in the record.",
		Why:   "A file name with a plus sign or an escaped percent sign, a long query, a search text that looks like SQL, a path with a segment such as /bin/; or somebody who tries doors.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "If the request is legitimate, let exactly that through; `mode: watch` shows what else would be refused, and refuses nothing:", "filter: {always_allow: {urls: [/docs/a..b.pdf], skips: sequences}}"),
			fix(explain.Origin, "IIS", "If the request is legitimate, allow exactly that: double escaping, lengths (bytes), a hidden segment:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:requestFiltering /allowDoubleEscaping:true`, `%windir%\system32\inetsrv\appcmd set config "SITE" /section:requestFiltering /requestLimits.maxQueryString:8192 /requestLimits.maxUrl:8192`, `%windir%\system32\inetsrv\appcmd set config "SITE" /section:requestFiltering /-hiddenSegments.[segment='bin']`),
			fix(explain.Gateway, "ModSecurity", "Exclude the rule that the log names for that argument only, or for that path:", "SecRuleUpdateTargetById 942100 \"!ARGS:q\"", "SecRule REQUEST_URI \"@beginsWith /search\" \"id:10001,phase:1,pass,nolog,ctl:ruleRemoveById=942100\""),
			fix(explain.Client, "", "Or write the request so that it needs no exception: another file name, a shorter query, the text in a POST body."),
		},
		Confirm: "The same request without the suspicious part is answered. Then the filter's log: IIS W3C fields `sc-substatus`, ModSecurity's audit log.",
		LookAlikes: []explain.Alike{
			{ID: "stopped-site-still-handshakes", Difference: "every path is refused"},
			{ID: "host-rejected", Difference: "the name is refused, not the path"},
			{ID: "a 404 of the application", Difference: "it takes its time, has the site's own page, and goes away when the file exists"},
		},
		References: []string{"Microsoft Learn: HTTP status code in IIS 7 and later (404.5 to 404.20)", "Microsoft Learn: requestFiltering", "OWASP ModSecurity Core Rule Set", "seen with ModSecurity 2.9 in Apache, and HAProxy 2.6"},
	},
	Check: checkRequestFilter,
}

// trigger is something in a request that filters look for.
type trigger struct {
	what string
	iis  string // sub-status of IIS for it, empty if IIS does not look for it
	in   func(path, query string) bool
}

func triggers() []trigger {
	matches := func(expression string) func(path, query string) bool {
		re := regexp.MustCompile("(?i)" + expression)
		return func(path, query string) bool { return re.MatchString(path + "?" + query) }
	}
	return []trigger{
		{"a percent sign that is escaped itself (double escaping)", "404.11", matches(`^[^?]*%25[0-9a-f]{2}`)},
		{"a plus sign in the path (counts as double escaping)", "404.11", func(path, _ string) bool { return strings.Contains(path, "+") }},
		{"a path of more than 4096 bytes", "404.14", func(path, _ string) bool { return len(path) > 4096 }},
		{"a query of more than 2048 bytes", "404.15", func(_, query string) bool { return len(query) > 2048 }},
		{"a segment that IIS hides", "404.8", matches(`^[^?]*/(bin|app_code|app_data|app_globalresources|app_localresources|app_webreferences|app_browsers|web\.config)[/?]`)},
		{"a file extension that IIS denies", "404.7", deniedExtension},
		{"the way up out of a folder (../)", "", matches(`(\.|%2e){2}(/|%2f|\\|%5c)`)},
		{"a script element", "", matches(`(<|%3c)script`)},
		{"what looks like SQL", "", matches(`union(\+|%20|/\*.*\*/)+(all(\+|%20)+)?select|('|%27)(\+|%20)*or(\+|%20)+\d=\d`)},
	}
}

func deniedExtension(p, _ string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".asax", ".ascx", ".master", ".skin", ".browser", ".sitemap", ".config", ".cs", ".csproj", ".vb", ".vbproj",
		".mdb", ".ldb", ".ldf", ".mdf", ".resources", ".resx", ".java", ".jsl", ".sdm", ".vjsproj":
		return true
	}
	return false
}

func checkRequestFilter(p *explain.Pass) {
	var known []trigger // compiled when first needed
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if i := decision(c, x, "refuse: ", refusedByFilter); i >= 0 {
				reportOwnFilter(p, c, x, i)
				continue
			}
			if x.Status != 403 && x.Status != 404 || x.Target == "" || x.Incident != "" || answeredBehind(p, x) {
				continue
			}
			if known == nil {
				known = triggers()
			}
			path, query, _ := strings.Cut(x.Target, "?")
			for _, t := range known {
				if sure, fits := t.explains(x); fits && t.in(path, query) {
					reportFilter(p, c, x, t, sure)
					break
				}
			}
		}
	}
}

// refusedByFilter tells that a decision is the filter's, of anything but a body
// that is too long.
func refusedByFilter(e *flow.Event) bool {
	return e.Attr(flow.KeyBy) == "filter" && e.Attr(flow.KeyRule) != "max.body"
}

// reportOwnFilter tells what the door itself has recorded of its refusal.
func reportOwnFilter(p *explain.Pass, c *flow.Conn, x *flow.Exchange, i int) {
	e := &c.Events[i]
	why := strings.TrimPrefix(e.Text, "refuse: ")
	f := explain.Finding{
		Confidence: explain.Proof,
		Title:      "Fanlight's own request filter refused",
		Cause:      fmt.Sprintf("Fanlight did not pass %s on: %s.", asked(x), why),
		Evidence:   []explain.Evidence{explain.At(c, i, why)},
		Fixes:      []explain.Fix{ownFilterFix(x, e.Attr(flow.KeyRule)), p.Fixes()[len(p.Fixes())-1]},
	}
	p.Blame(&f, c, x)
	p.Report(f)
}

// ownFilterFix is what to change in the filter for the key that refused.
func ownFilterFix(x *flow.Exchange, key string) explain.Fix {
	text, line := fmt.Sprintf("If the request is legitimate, change `%s` in the filter of the site: take the entry out that the record names, or raise the limit. To see first what else it would refuse:", key), "filter: {mode: watch}"
	switch key {
	case "double_escaping", "high_bit", "dots_in_path", "unescaped_percent":
		text, line = fmt.Sprintf("If such requests are legitimate there, do not look for that (`%s` in the filter of the site):", key), fmt.Sprintf("filter: {%s: allow}", key)
	case "verbs":
		text, line = "If the method is legitimate there, add it to the methods of the filter that may come:", fmt.Sprintf("filter: {verbs: {allow: [GET, HEAD, POST, %s]}}", x.Method)
	case "deny_url":
		text, line = "If the URL is legitimate, let this one past the texts of `deny_url`, and leave them for all others:", fmt.Sprintf("filter: {always_allow: {urls: [%q], skips: sequences}}", pathOf(x))
	}
	return fix(explain.Gateway, "Fanlight", text, line)
}

// explains tells whether the trigger would give the answer x got.
func (t trigger) explains(x *flow.Exchange) (explain.Confidence, bool) {
	iis := strings.HasPrefix(header(x.ResponseHeader, "Server"), "Microsoft-IIS")
	switch {
	case x.Status == 404 && iis && t.iis != "":
		return explain.Likely, true
	case x.Status == 403 && !iis && t.iis == "":
		return explain.Possible, true
	}
	return 0, false
}

func reportFilter(p *explain.Pass, c *flow.Conn, x *flow.Exchange, t trigger, sure explain.Confidence) {
	f := explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("%s refused %s with %d. It has %s, which filters refuse.", server(c), asked(x), x.Status, t.what),
		Evidence:   responseEvidence(c, x),
		Missing:    []string{"the filter's log, which names the rule"},
	}
	if t.iis != "" {
		f.Cause = fmt.Sprintf("%s refused %s with %d. It has %s, which the request filtering of IIS refuses as %s by default.", server(c), asked(x), x.Status, t.what, t.iis)
		f.Missing = []string{"the sub-status in the log of IIS (sc-substatus)"}
	}
	p.Blame(&f, c, x)
	p.Report(f)
}
