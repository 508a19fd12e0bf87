package filter

import (
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/httpwire"
)

// The pages of Microsoft that the cases rest on, all under
// https://learn.microsoft.com/.
const (
	urlscan   = "UrlScan 3 Reference, iis/extensions/working-with-urlscan/urlscan-3-reference"
	scenarios = "Common UrlScan Scenarios, iis/extensions/working-with-urlscan/common-urlscan-scenarios"
	iis       = "Request Filtering, iis/configuration/system.webserver/security/requestfiltering"
	iisVerbs  = iis + "/verbs"
	iisExt    = iis + "/fileextensions"
	iisHidden = iis + "/hiddensegments"
	iisURL    = iis + "/denyurlsequences"
	iisQuery  = iis + "/denyquerystringsequences"
	iisLimits = iis + "/requestlimits"
	iisHeader = iis + "/requestlimits/headerlimits"
	iisRule   = iis + "/filteringrules/filteringrule"
	iisAllow  = iis + "/alwaysallowedurls"
	iisAllowQ = iis + "/alwaysallowedquerystrings"
	statuses  = "HTTP status code overview (KB 943891), troubleshoot/developer/webapps/iis/www-administration-management/http-status-code"
	// Not Microsoft's: measurements on IIS 10 that a compatibility project published.
	measured = "measured on IIS 10"
)

// statement is what a page says, in our words, and requests that show it.
type statement struct {
	page, says string
	policy     Policy
	asks       []ask
}

// ask is a request: its method unless GET, its target, then field lines. want
// is empty if it passes, else code, rule and what was matched, as received.
type ask struct{ request, want string }

// head parses "METHOD TARGET" or "TARGET", with field lines after it.
func head(t testing.TB, request string) *httpwire.Head {
	t.Helper()
	line, fields, _ := strings.Cut(request, "\n")
	if !strings.Contains(line, " ") {
		line = "GET " + line
	}
	raw := line + " HTTP/1.1\r\nHost: shop.test\r\n"
	if fields != "" {
		raw += strings.ReplaceAll(fields, "\n", "\r\n") + "\r\n"
	}
	h := &httpwire.Head{}
	if _, err := h.ParseRequest([]byte(raw+"\r\n"), httpwire.Limits{}); err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return h
}

func told(v *Verdict) string {
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", v.Code(), v.Rule, v.Matched))
}

func TestStatements(t *testing.T) {
	cases := 0
	for _, s := range statements() {
		f := New(&s.policy)
		for _, a := range s.asks {
			cases++
			h := head(t, a.request)
			v, _ := f.Judge(h, -1)
			if got := told(v); got != a.want {
				t.Errorf("%s\n%s\n%q: %q, want %q", s.page, s.says, a.request, got, a.want)
			}
			placed(t, h, v)
		}
	}
	if cases < 120 {
		t.Errorf("only %d cases", cases)
	}
}

// placed checks that what was matched stands where the verdict says.
func placed(t *testing.T, h *httpwire.Head, v *Verdict) {
	t.Helper()
	if v == nil || v.Offset < 0 {
		return
	}
	in := string(h.Bytes(h.Target))
	name, line := strings.CutPrefix(v.Where, "line of ")
	if !line {
		name, _ = strings.CutPrefix(v.Where, "header ")
	}
	if v.Where != "URL" && v.Where != "query" {
		in = string(h.Get(name))
	}
	if line {
		_, in, _ = strings.Cut("\r\n"+string(h.FieldLines()), "\r\n"+name+":")
		in = name + ":" + in
	}
	if v.Offset+v.Length > len(in) || !strings.HasPrefix(in[v.Offset:v.Offset+v.Length], v.Matched) {
		t.Errorf("%q is not at %d, %d bytes, of %s %q", v.Matched, v.Offset, v.Length, v.Where, in)
	}
}

func statements() []statement {
	var out []statement
	for _, part := range [][]statement{ofVerbs(), ofExtensions(), ofURLs(), ofQueries(), ofHeaders(), ofRules(), ofAllowed(), ofShipped()} {
		out = append(out, part...)
	}
	return out
}

func ofVerbs() []statement {
	return []statement{
		{urlscan, "UseAllowVerbs=1 rejects every verb that AllowVerbs does not list; the list minds letter case", Policy{Verbs: Verbs{Allow: []string{"GET", "HEAD", "POST"}}}, []ask{
			{"GET /", ""}, {"HEAD /", ""}, {"POST /", ""}, {"PUT /", "404.6 verbs PUT"}, {"get /", "404.6 verbs get"}, {"Get /", "404.6 verbs Get"}, {"GETT /", "404.6 verbs GETT"}, {"OPTIONS *", "404.6 verbs OPTIONS"},
		}},
		{urlscan, "UseAllowVerbs=0 rejects the verbs that DenyVerbs lists; the list does not mind letter case", Policy{Verbs: Verbs{Deny: []string{"PROPFIND", "TRACE"}, IgnoreCase: true}}, []ask{
			{"GET /", ""}, {"PROPFIND /", "404.6 verbs PROPFIND"}, {"propfind /", "404.6 verbs propfind"}, {"TrAcE /", "404.6 verbs TrAcE"}, {"PROPPATCH /", ""},
		}},
		{iisVerbs, "allowUnlisted=true processes what is not denied: a rule against TRACE keeps TRACE out", Policy{Verbs: Verbs{Deny: []string{"TRACE"}}}, []ask{
			{"TRACE /", "404.6 verbs TRACE"}, {"PUT /", ""},
		}},
		{measured, "an allow list of verbs is exact: HEAD and OPTIONS need entries of their own, and get is not GET", Policy{Verbs: Verbs{Allow: []string{"GET"}}}, []ask{
			{"GET /", ""}, {"HEAD /", "404.6 verbs HEAD"}, {"OPTIONS /", "404.6 verbs OPTIONS"}, {"get /", "404.6 verbs get"},
		}},
		{iisVerbs, "allowUnlisted=false: all verbs that are to be processed must be listed", Policy{Verbs: Verbs{Allow: []string{}}}, []ask{{"GET /", "404.6 verbs GET"}}},
	}
}

func ofExtensions() []statement {
	deny := Policy{Extensions: Extensions{Deny: []string{".exe", ".bat", ".Config"}}}
	allow := Policy{Extensions: Extensions{Allow: []string{".htm", ".html", ".jpg"}}}
	return []statement{
		{urlscan, "UseAllowExtensions=0 rejects the extensions that DenyExtensions lists, in any letter case", deny, []ask{
			{"/setup.exe", "404.7 extensions .exe"}, {"/SETUP.EXE", "404.7 extensions .EXE"}, {"/web.config", "404.7 extensions .config"}, {"/setup.exec", ""}, {"/setup", ""}, {"/exe", ""}, {"/setup.htm", ""},
		}},
		{urlscan, "UseAllowExtensions=1 rejects the extensions that AllowExtensions does not list, in any letter case", allow, []ask{
			{"/index.htm", ""}, {"/index.HTML", ""}, {"/index.asp", "404.7 extensions .asp"}, {"/index.htmx", "404.7 extensions .htmx"},
		}},
		{urlscan, "the extension begins at the last dot of the URL and ends at the first slash or question mark behind it, or at the end", deny, []ask{
			{"/a/setup.exe/path/info", "404.7 extensions .exe"}, {"/a.exe/b.htm", ""}, {"/a.b.c.exe", "404.7 extensions .exe"}, {"/setup.exe?x=1", "404.7 extensions .exe"}, {"/a.htm?f=setup.exe", ""}, {"/v1.exe/x", "404.7 extensions .exe"},
		}},
		{urlscan, "the same, of a list that allows: path info decides, which is what AllowDotInPath=0 is against", allow, []ask{
			{"/path/TruePart.asp/FalsePart.htm", ""}, {"/path/TruePart.htm/FalsePart", ""},
		}},
		{urlscan, "the entry . of AllowExtensions is for URLs without an extension", Policy{Extensions: Extensions{Allow: []string{".", ".htm"}}}, []ask{
			{"/", ""}, {"/folder", ""}, {"/folder/", ""}, {"/a.htm", ""}, {"/a.exe", "404.7 extensions .exe"},
		}},
		{urlscan, "without that entry they are not explicitly listed", allow, []ask{{"/", "404.7 extensions"}, {"/folder/", "404.7 extensions"}}},
		{iisExt, "allowUnlisted=false: what is not listed as allowed is refused", allow, []ask{{"/a.jpg", ""}, {"/a.inc", "404.7 extensions .inc"}}},
		{iisExt, "a denied extension keeps files such as .inc from being read", Policy{Extensions: Extensions{Deny: []string{".inc"}}}, []ask{{"/lib/db.inc", "404.7 extensions .inc"}, {"/lib/db.Inc", "404.7 extensions .Inc"}, {"/lib/inc", ""}}},
		{urlscan, "NormalizeUrlBeforeScan=1 analyses the decoded URL", deny, []ask{{"/setup%2eexe", "404.7 extensions %2eexe"}, {"/setup.%65xe", "404.7 extensions .%65xe"}, {"/a%3f.exe", "404.7 extensions .exe"}}},
		{urlscan, "NormalizeUrlBeforeScan=0 analyses the URL as sent, which lets encoded extensions pass", Policy{RawURL: true, Extensions: deny.Extensions}, []ask{
			{"/setup.exe", "404.7 extensions .exe"}, {"/setup.ex%65", ""}, {"/setup%2eexe", ""},
		}},
	}
}

func ofURLs() []statement {
	sequences := Policy{DenyURL: []string{"..", "./", `\`, ":", "%", "&"}}
	return []statement{
		{urlscan, "DenyUrlSequences: a URL that holds one of the sequences is rejected", sequences, []ask{
			{"/a/b.htm", ""}, {"/a..b", "404.5 deny_url .."}, {"/a/../b", "404.5 deny_url .."}, {"/a./b", "404.5 deny_url ./"}, {`/a\b`, `404.5 deny_url \`}, {"/a:b", "404.5 deny_url :"}, {"/a&b", "404.5 deny_url &"}, {"/a?b=..", ""},
		}},
		{urlscan, "with NormalizeUrlBeforeScan=1 the decoded URL is scanned", sequences, []ask{
			{"/a/%2e%2e/b", "404.5 deny_url %2e%2e"}, {"/a/.%2E/b", "404.5 deny_url .%2E"}, {"/a%5cb", "404.5 deny_url %5c"}, {"/a%3Ab", "404.5 deny_url %3A"}, {"/a%26b", "404.5 deny_url %26"}, {"/100%25", "404.5 deny_url %25"}, {"/a%20b", ""},
		}},
		{urlscan, "with NormalizeUrlBeforeScan=0 the URL as sent is scanned", Policy{RawURL: true, DenyURL: sequences.DenyURL}, []ask{
			{"/a%20b", "404.5 deny_url %"}, {"/a/../b", "404.5 deny_url .."},
		}},
		{urlscan, "with NormalizeUrlBeforeScan=0 an encoded sequence passes", Policy{RawURL: true, DenyURL: []string{".."}}, []ask{{"/a/%2e%2e/b", ""}}},
		{scenarios, "the deny list of sequences minds no letter case", Policy{DenyURL: []string{"/_vti_bin", "CMD"}}, []ask{
			{"/_VTI_BIN/x", "404.5 deny_url /_VTI_BIN"}, {"/a/cmd", "404.5 deny_url cmd"}, {"/a/Cmd", "404.5 deny_url Cmd"}, {"/vti_bin", ""},
		}},
		{scenarios, "an entry may hold values encoded as %XX: %0D%0A is a carriage return with a line feed", Policy{DenyURL: []string{"%0D%0A", "%2f%2f"}}, []ask{
			{"/a%0d%0aSet-Cookie", "404.5 deny_url %0d%0a"}, {"/a%0a", ""}, {"/a//b", "404.5 deny_url //"}, {"/a%2F/b", "404.5 deny_url %2F/"}, {"/a/b", ""},
		}},
		{iisURL, "denyUrlSequences: two dots against the way up, a colon against alternate data streams, a backslash", Policy{DenyURL: []string{"..", ":", `\`}}, []ask{
			{"/../web.config", "404.5 deny_url .."}, {"/default.asp::$DATA", "404.5 deny_url :"}, {`/a\..\b`, `404.5 deny_url \`}, {"/a.b", ""},
		}},
		{urlscan, "VerifyNormalization=1 rejects a URL that can be decoded twice: %252e is %2e after once, and a dot after twice", Policy{DenyDoubleEscaping: true}, []ask{
			{"/a%252eb", "404.11 double_escaping %252e"}, {"/a%2eb", ""}, {"/a%25%32%65b", "404.11 double_escaping %25%32%65"}, {"/100%25", ""}, {"/100%25zz", ""}, {"/%25%35%63", "404.11 double_escaping %25%35%63"}, {"/a?b=%252e", ""}, {"/%25u002e", "404.11 double_escaping %25u002e"},
		}},
		{urlscan, "VerifyNormalization depends on NormalizeUrlBeforeScan", Policy{DenyDoubleEscaping: true, RawURL: true}, []ask{{"/a%252eb", ""}}},
		{iis, "allowDoubleEscaping=true lets them pass", Policy{}, []ask{{"/a%252eb", ""}}},
		{iis, "allowHighBitCharacters=false refuses characters outside of ASCII in URLs", Policy{DenyHighBit: true}, []ask{
			{"/caf%C3%A9", "404.12 high_bit %C3"}, {"/caf%E9", "404.12 high_bit %E9"}, {"/%80", "404.12 high_bit %80"}, {"/cafe", ""}, {"/%7f", ""}, {"/a?b=%C3%A9", ""},
		}},
		{urlscan, "AllowHighBitCharacters=1 lets any byte be in the URL", Policy{}, []ask{{"/caf%C3%A9", ""}, {"/caf%E9", ""}}},
		{urlscan, "AllowDotInPath=0 rejects URLs with more than one dot, in names of folders too", Policy{DenyDots: true}, []ask{
			{"/path/TruePart.asp/FalsePart.htm", "404 dots_in_path ."}, {"/a.b/c", ""}, {"/a.tar.gz", "404 dots_in_path ."}, {"/a.htm", ""}, {"/a.htm?b=1.5", ""}, {"/a%2eb.c", "404 dots_in_path ."}, {"/..", "404 dots_in_path ."},
		}},
		{iisHidden, "a URL with a hidden segment cannot be reached; a segment is a whole part between slashes", Policy{HiddenSegments: []string{"bin", "App_Code", "web.config", "_private"}}, []ask{
			{"/bin/x.dll", "404.8 hidden_segments bin"}, {"/BIN", "404.8 hidden_segments BIN"}, {"/a/app_code/b", "404.8 hidden_segments app_code"}, {"/web.config", "404.8 hidden_segments web.config"}, {"/binary/x", ""}, {"/a/robin/b", ""}, {"/_private/", "404.8 hidden_segments _private"}, {"/a?b=/bin/", ""}, {"/b%69n/x", "404.8 hidden_segments b%69n"},
		}},
		{iisLimits, "maxUrl bounds the URL in bytes", Policy{Max: Max{URL: 10}}, []ask{{"/123456789", ""}, {"/1234567890", "404.14 max.url"}}},
		{urlscan, "MaxUrl bounds the URL without its query", Policy{Max: Max{URL: 10}}, []ask{{"/123456789?abcdefghijkl", ""}, {"http://shop.test/123456789", ""}}},
		{urlscan, "DenyUnescapedPercent: %20 and %u0020 are escapes, a percent sign before anything else is none", Policy{DenyUnescaped: true}, []ask{
			{"/?a=%20", ""}, {"/?a=%u0020", ""}, {"/?a=%XX", "400 unescaped_percent %"}, {"/?a=100%", "400 unescaped_percent %"}, {"/?a=%2", "400 unescaped_percent %"}, {"/?a=%u00", "400 unescaped_percent %"}, {"/?a=%%20", "400 unescaped_percent %"},
		}},
	}
}

func ofQueries() []statement {
	script := Policy{DenyQuery: []string{"<script", "%00", "drop table"}}
	return []statement{
		{urlscan, "DenyQueryStringSequences: a query that holds one of the sequences is rejected", script, []ask{
			{"/?q=<script>", "404.18 deny_query <script"}, {"/?q=script", ""}, {"/<script", ""}, {"/?", ""}, {"/", ""},
		}},
		{scenarios, "it minds no letter case and takes %XX in its entries", script, []ask{{"/?q=<SCRIPT>", "404.18 deny_query <SCRIPT"}, {"/?q=a%00b", "404.18 deny_query %00"}}},
		{scenarios, "UnescapeQueryString=1 scans the query twice: as sent, and unescaped", script, []ask{
			{"/?id=%3C%53%43%52%49%50%54%3E", "404.18 deny_query %3C%53%43%52%49%50%54"}, {"/?id=%3cscript", "404.18 deny_query %3cscript"},
		}},
		{urlscan, "UnescapeQueryString=0 looks at the query as sent alone", Policy{RawQuery: true, DenyQuery: []string{"<script"}}, []ask{{"/?id=%3cscript", ""}, {"/?id=<script", "404.18 deny_query <script"}}},
		{urlscan, "the first pass scans what was sent: an entry with a percent sign is found in it", Policy{DenyQuery: []string{"%"}}, []ask{{"/?a=%41", "404.18 deny_query %"}, {"/?a=A", ""}}},
		{measured, "denyQueryStringSequences catches what is sent raw and percent-encoded", Policy{DenyQuery: []string{"../"}}, []ask{{"/?f=../x", "404.18 deny_query ../"}, {"/?f=%2e%2e%2fx", "404.18 deny_query %2e%2e%2f"}}},
		{iisQuery, "a sequence is denied wherever it stands in the query", Policy{DenyQuery: []string{"bad"}}, []ask{{"/?bad", "404.18 deny_query bad"}, {"/?a=1&b=2bad3", "404.18 deny_query bad"}, {"/bad?x", ""}}},
		{iisLimits, "maxQueryString bounds the query in bytes", Policy{Max: Max{Query: 5}}, []ask{{"/?12345", ""}, {"/?123456", "404.15 max.query"}}},
		{measured, "it counts the bytes behind the question mark as sent", Policy{Max: Max{Query: 5}}, []ask{{"/?%41%41", "404.15 max.query"}, {"/?%41AA", ""}}},
	}
}

func ofHeaders() []statement {
	return []statement{
		{urlscan, "DenyHeaders rejects a request with one of the fields, in any letter case", Policy{DenyHeaders: []string{"Translate", "If", "Lock-Token"}}, []ask{
			{"/\nTranslate: f", "404.10 deny_headers Translate"}, {"/\ntranslate: f", "404.10 deny_headers translate"}, {"/\nIf: (<x>)", "404.10 deny_headers If"}, {"/\nIf-Match: x", ""}, {"/\nLOCK-TOKEN:", "404.10 deny_headers LOCK-TOKEN"}, {"/", ""},
		}},
		{scenarios, "a request with Transfer-Encoding can be rejected", Policy{DenyHeaders: []string{"Transfer-Encoding"}}, []ask{{"POST /\nTransfer-Encoding: chunked", "404.10 deny_headers Transfer-Encoding"}, {"POST /\nContent-Length: 0", ""}}},
		{urlscan, "Max-Content-Type=100 bounds the value of that field in bytes; other fields are not checked", Policy{Max: Max{Headers: map[string]int{"Content-Type": 10}}}, []ask{
			{"/\nContent-Type: 0123456789", ""}, {"/\nContent-Type: 0123456789a", "431 max.headers"}, {"/\ncontent-type: 0123456789a", "431 max.headers"}, {"/\nX-Type: 0123456789a", ""}, {"/\nContent-Type:    0123456789   ", ""},
		}},
		{iisHeader, "a field above its limit is answered with 431", Policy{Max: Max{Headers: map[string]int{"Cookie": 4}}}, []ask{{"/\nCookie: a=bc", ""}, {"/\nCookie: a=bcd", "431 max.headers"}}},
		{scenarios, "a limit of 0 effectively forbids the field", Policy{Max: Max{Headers: map[string]int{"X": 0}}}, []ask{{"/\nX: 1", "431 max.headers"}, {"/", ""}}},
	}
}

func ofRules() []statement {
	foo := Policy{Rules: []Rule{{Name: "Foo", Extensions: []string{".htm"}, Headers: []string{"Foo-Header"}, Deny: []string{"--", "%3cabc", "<>"}, DenyUnescaped: true}}}
	leech := Policy{Rules: []Rule{{Name: "leech", Extensions: []string{".gif", ".jpg", ".png"}, Headers: []string{"User-Agent"}, Deny: []string{"leech-bot"}}}}
	sql := Policy{Rules: []Rule{{Name: "sql", Extensions: []string{".asp", ".aspx"}, Query: true, Headers: []string{"Cookie"}, Deny: []string{"--", "%3b", "/*", "@", "char", "drop"}}}}
	return []statement{
		{scenarios, "a rule looks for its strings in the header fields it names, for the extensions it applies to", foo, []ask{
			{"/test.htm\nFoo-Header: ab--cd", "404.19 rule Foo --"}, {"/test.htm\nfoo-header: <ABC", "404.19 rule Foo <ABC"}, {"/test.htm\nBar-Header: ab--cd", ""}, {"/test.asp\nFoo-Header: ab--cd", ""}, {"/test.htm?a--b", ""}, {"/te--st.htm", ""},
		}},
		{scenarios, "DenyUnescapedPercent=1 is met by a percent sign that is not part of an escape", foo, []ask{
			{"/test.htm\nFoo-Header: 50%", "404.19 rule Foo %"}, {"/test.htm\nFoo-Header: a%XXb", "404.19 rule Foo %"}, {"/test.htm\nFoo-Header: a%20b", ""}, {"/test.htm\nFoo-Header: a%u0020b", ""},
		}},
		{scenarios, "a rule against SQL scans query and cookie of .asp and .aspx alone", sql, []ask{
			{"/a.asp?id=1--", "404.19 rule sql --"}, {"/a.aspx?id=1;x", "404.19 rule sql ;"}, {"/a.aspx?id=1%3Bx", "404.19 rule sql %3B"}, {"/a.ASP\nCookie: x=DROP", "404.19 rule sql DROP"}, {"/a.htm?id=1--", ""}, {"/a.asp?id=1", ""}, {"/a.asp\nReferer: --", ""}, {"/?id=1--", ""},
		}},
		{iisRule, "appliesTo with denyStrings and scanHeaders refuses one user agent its pictures", leech, []ask{
			{"/a.gif\nUser-Agent: Leech-Bot/1.0", "404.19 rule leech Leech-Bot"}, {"/a.htm\nUser-Agent: leech-bot", ""}, {"/a.PNG\nUser-Agent: my leech-bot", "404.19 rule leech leech-bot"}, {"/a.gif\nUser-Agent: other", ""},
		}},
		{iisRule, "without appliesTo a rule is for all requests", Policy{Rules: []Rule{{Name: "all", URL: true, Deny: []string{"bad"}}}}, []ask{
			{"/bad", "404.19 rule all bad"}, {"/a.b/%62ad/c", "404.19 rule all %62ad"}, {"/ok?bad", ""},
		}},
		{iisRule, "scanQueryString with unescapeQueryString scans the query raw and unescaped", Policy{Rules: []Rule{{Name: "q", Query: true, Deny: []string{"<"}}}}, []ask{{"/?a=<", "404.19 rule q <"}, {"/?a=%3c", "404.19 rule q %3c"}, {"/%3c", ""}}},
		{iisRule, "unescapeQueryString=false scans it raw alone", Policy{RawQuery: true, Rules: []Rule{{Name: "q", Query: true, Deny: []string{"<"}}}}, []ask{{"/?a=%3c", ""}}},
		{iisRule, "scanAllRaw scans the header fields as they were sent", Policy{Rules: []Rule{{Name: "raw", Raw: true, Deny: []string{"user-agent: evil", "nasty"}}}}, []ask{
			{"/\nUser-Agent: Evil/1", "404.19 rule raw User-Agent: Evil"}, {"/\nX-Nasty: 1", "404.19 rule raw Nasty"}, {"/?nasty\nA: b", ""}, {"/\nA: b\nCookie: x=nasty", "404.19 rule raw nasty"},
		}},
		{urlscan, "DenyUnescapedPercent can be used with ScanQueryString, ScanAllRaw and ScanHeaders", Policy{Rules: []Rule{{Name: "p", Query: true, Raw: true, DenyUnescaped: true}}}, []ask{
			{"/?a=5%", "404.19 rule p %"}, {"/?a=%41", ""}, {"/\nX: 5%", "404.19 rule p %"}, {"/\nX: %41", ""},
		}},
	}
}

func ofAllowed() []statement {
	login := func(s Skips) Policy {
		return Policy{DenyURL: []string{"my"}, DenyDots: true, DenyQuery: []string{"<"}, DenyHeaders: []string{"If"}, Max: Max{URL: 12, Query: 8},
			Allow: Allow{URLs: []string{"/my.login.page.asp"}, Queries: []string{"session<1"}, Skips: s}, Rules: []Rule{{Name: "r", URL: true, Deny: []string{"login"}}}}
	}
	return []statement{
		{scenarios, "in UrlScan 3.1 a safe URL or query bypasses all checks and rules", login(SkipAll), []ask{
			{"/my.login.page.asp", ""}, {"/my.login.page.asp?<", ""}, {"/my.login.page.asp\nIf: x", ""}, {"/x?session<1", ""}, {"/my?session<1\nIf: x", ""}, {"/x?session<2", "404.15 max.query"}, {"/x?a<1", "404.18 deny_query <"}, {"/my", "404.5 deny_url my"},
		}},
		{scenarios, "in UrlScan 3.0 they bypass the checks of the URL, or of the query", login(SkipOwn), []ask{
			{"/my.login.page.asp", ""}, {"/my.login.page.asp?<", "404.18 deny_query <"}, {"/my.login.page.asp\nIf: x", "404.10 deny_headers If"}, {"/x?session<1", ""}, {"/my?session<1", "404.5 deny_url my"},
		}},
		{iisAllow, "a URL that is always allowed overrides denyUrlSequences", Policy{DenyURL: []string{"bad", "sequence"}, Max: Max{Query: 3}, Allow: Allow{URLs: []string{"/bad/sequence"}, Skips: SkipSequences}}, []ask{
			{"/bad/sequence", ""}, {"/bad/sequence/x", "404.5 deny_url bad"}, {"/sequence/bad", "404.5 deny_url sequence"}, {"/bad/sequence?1234", "404.15 max.query"},
		}},
		{iisAllowQ, "a query that is always allowed overrides denyQueryStringSequences", Policy{DenyQuery: []string{"bad", "query"}, DenyURL: []string{".."}, Allow: Allow{Queries: []string{"bad=query"}, Skips: SkipSequences}}, []ask{
			{"/?bad=query", ""}, {"/?query=bad", "404.18 deny_query query"}, {"/?bad=query2", "404.18 deny_query bad"}, {"/..?bad=query", "404.5 deny_url .."},
		}},
		{scenarios, "URLs in the list begin with a slash, and queries are written without the question mark", login(SkipAll), []ask{{"/a/my.login.page.asp", "404.14 max.url"}, {"/?session<1", ""}}},
	}
}

func ofShipped() []statement {
	return []statement{
		{statuses, "404.5 to 404.19, 413.1 and 431 tell in the log which check refused", Policy{Verbs: Verbs{Deny: []string{"TRACE"}}, Extensions: Extensions{Deny: []string{".x"}}, DenyURL: []string{".."}, HiddenSegments: []string{"bin"}, DenyDoubleEscaping: true}, []ask{
			{"TRACE /", "404.6 verbs TRACE"}, {"/a.x", "404.7 extensions .x"}, {"/a..b", "404.5 deny_url .."}, {"/bin/", "404.8 hidden_segments bin"}, {"/%2541", "404.11 double_escaping %2541"},
		}},
		{urlscan, "what no key denies passes", Policy{}, []ask{{"/", ""}, {"BREW /a/../b..c/%252e?<script>\nTranslate: f", ""}}},
	}
}

// A length is judged before anything of the body is read; 413.1 is the answer
// (measured on IIS 10; Request Limits, maxAllowedContentLength).
func TestBody(t *testing.T) {
	f := New(&Policy{Max: Max{Body: 1000}, Allow: Allow{URLs: []string{"/upload"}}})
	for _, c := range []struct {
		url    string
		length int64
		want   string
		most   int64
	}{{"/", 0, "", 1000}, {"/", 1000, "", 1000}, {"/", 1001, "413.1 max.body", 1000}, {"/", -1, "", 1000}, {"/upload", 5000, "", 0}} {
		v, most := f.Judge(head(t, "POST "+c.url), c.length)
		if told(v) != c.want || most != c.most {
			t.Errorf("%s with %d bytes: %q, at most %d", c.url, c.length, told(v), most)
		}
	}
}
