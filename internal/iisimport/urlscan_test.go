package iisimport

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// samples is where whole files stand, with what they become.
var samples = filepath.Join("..", "..", "testdata", "imports")

var update = flag.Bool("update", false, "write the golden files")

func TestUrlScan(t *testing.T) {
	for _, c := range []struct {
		name, ini string
		answers   string // KEY=VALUE, blanks between
		want      string // lines of the YAML, " | " between
		not       string // a text that it must not hold
		report    string // FATE TEXT of a line, and a piece of its note behind a colon
	}{
		{name: "verbs are let in by list, case as written", ini: "[Options]\nUseAllowVerbs=1\n[AllowVerbs]\nGET\nSEARCH\n", want: "  verbs: |     allow: [GET, SEARCH]", report: "same GET"},
		{name: "verbs are let in by list unless told otherwise", ini: "=[Options]\nRemoveServerHeader=0\n[AllowVerbs]\nGET\n[DenyVerbs]\nPUT\n[RequestLimits]\n", want: "    allow: [GET]", not: "PUT", report: "unused PUT: UseAllowVerbs=1"},
		{name: "verbs are refused by list", ini: "[Options]\nUseAllowVerbs=0\n[DenyVerbs]\nPut\n[AllowVerbs]\nGET\n", want: "    deny: [Put]", not: "ignore_case", report: "unused GET: reads [DenyVerbs]"},
		{name: "an empty list lets nothing in", ini: "[Options]\nUseAllowVerbs=1\n", not: "verbs", report: "lost UseAllowVerbs=1: refuses every request"},
		{name: "lower case as written", ini: "[Options]\nUseAllowVerbs=1\n[AllowVerbs]\nGET\nget\n", answers: "verb_case=as_written", want: "    allow: [GET, get]"},
		{name: "lower case meant as upper", ini: "[Options]\nUseAllowVerbs=1\n[AllowVerbs]\npost\n", answers: "verb_case=upper", want: "    allow: [POST]", report: "differs post: taken as POST"},
		{name: "no method", ini: "[Options]\nUseAllowVerbs=0\n[DenyVerbs]\nA B\n", report: "lost A B: no method"},
		{name: "extensions are let in by list", ini: "[Options]\nUseAllowExtensions=1\n[AllowExtensions]\n.htm\n.HTML\n[DenyExtensions]\n.exe\n", want: "    allow: [.htm, .HTML]", not: ".exe", report: "unused .exe"},
		{name: "an extension without a dot", ini: "[Options]\nUseAllowExtensions=0\n[DenyExtensions]\nexe\n.tar.gz\n", not: "extensions:", report: "lost .tar.gz: never meets"},
		{name: "the lone dot of later builds", ini: "[Options]\nUseAllowExtensions=1\n[AllowExtensions]\n.\n.htm\n", answers: "dot_extension=none", want: `    allow: [".", .htm]`},
		{name: "the lone dot of early builds", ini: "[Options]\nUseAllowExtensions=1\n[AllowExtensions]\n.\n.htm\n", answers: "dot_extension=ignore", want: "    allow: [.htm]", report: "unused ."},
		{name: "what is normalized is verified", ini: "[Options]\nNormalizeUrlBeforeScan=1\nVerifyNormalization=1\n", want: "  double_escaping: deny |   high_bit: allow |   dots_in_path: allow |   normalize: true"},
		{name: "by default", ini: "", want: "  double_escaping: deny |   high_bit: allow |   dots_in_path: allow |   normalize: true"},
		{name: "what is not normalized is not verified", ini: "[Options]\nNormalizeUrlBeforeScan=0\nVerifyNormalization=1\n", want: "  double_escaping: allow |   high_bit: allow |   dots_in_path: allow |   normalize: false", report: "unused VerifyNormalization=1"},
		{name: "high bits and dots", ini: "[Options]\nAllowHighBitCharacters=0\nAllowDotInPath=0\n", want: "  high_bit: deny |   dots_in_path: deny"},
		{name: "texts and their comments", ini: "[DenyUrlSequences]\n.. ; up\n\\\n%  ; left over\n%%\n;&\n", want: `  deny_url: ["..", "\\", "%", "%%"]`},
		{name: "escapes in 3.1", ini: "[DenyUrlSequences]\n%0d%0A\n", answers: "version=3.1", want: `  deny_url: ["%0d%0A"]`},
		{name: "escapes before 3.1", ini: "[DenyUrlSequences]\n%0d%zz%\n", answers: "version=2.5", want: `  deny_url: ["%250d%zz%"]`},
		{name: "3.1 is known by its rules", ini: "[Options]\nRuleList=a\n[a]\nDenyUnescapedPercent=1\nScanQueryString=1\n[DenyQueryStringSequences]\n%3C\n", want: `    - name: a |       query: true |       unescaped_percent: deny`, report: "same RuleList=a"},
		{name: "a letter outside of ASCII", ini: "[DenyUrlSequences]\n\xe4\n", want: `  deny_url: ["ä"]`, report: "differs ä: UTF-8"},
		{name: "the query is looked at raw only", ini: "[Options]\nUnescapeQueryString=0\n[DenyQueryStringSequences]\n<\n", want: "  unescape_query: false"},
		{name: "headers", ini: "[DenyHeaders]\nTranslate:\nIf\nA B:\n", want: "  deny_headers: [Translate, If]", report: "differs If: colon"},
		{name: "limits by default", ini: "[RequestLimits]\n", want: "    url: 260 |     query: 4096 |     body: 30000000", report: "same MaxQueryString=4096"},
		{name: "limits of a header", ini: "[RequestLimits]\nMax-Content-Type=100\nmax-Cookie = 4096\nMax-A B=1\nMax-X=many\n", want: "    headers: |       Content-Type: 100 |       Cookie: 4096", report: "lost Max-X=many"},
		{name: "0 is no limit", ini: "[RequestLimits]\nMax-User-Agent=0\n", answers: "max_zero=unlimited", not: "User-Agent", report: "same Max-User-Agent=0: as answered"},
		{name: "0 is forbidden", ini: "[RequestLimits]\nMax-User-Agent=0\n", answers: "max_zero=forbidden", want: "  deny_headers: [User-Agent]"},
		{name: "a limit that is none", ini: "[RequestLimits]\nMaxUrl=0\n", answers: "MaxUrl=300", want: "    url: 300", report: "differs MaxUrl=0: 300 bytes"},
		{name: "a limit that is left out", ini: "[RequestLimits]\nMaxUrl=long\n", answers: "MaxUrl=none", not: " url:", report: "differs MaxUrl=long: no limit"},
		{name: "always allowed in 3.0", ini: "[AlwaysAllowedUrls]\n/a.b.asp\nc\n[AlwaysAllowedQueryStrings]\nsession<1\n?x\n", answers: "version=3.0", want: `    urls: ["/a.b.asp"] |     queries: ["session<1"] |     skips: own`, report: "unused c"},
		{name: "always allowed in 3.1", ini: "[AlwaysAllowedUrls]\n/a.b.asp\n", answers: "version=3.1", want: "    skips: all"},
		{name: "a rule", ini: "[Options]\nRuleList=Sql Injection\n[SQL Injection]\nAppliesTo=.asp, .aspx\nDenyDataSection=strings\nScanURL=0\nScanQueryString=1\nScanHeaders=Cookie:, User-Agent:\n[Strings]\n--\n%3b ; a semicolon\n", answers: "version=3.1",
			want: `    - name: "SQL Injection" |       extensions: [.asp, .aspx] |       query: true |       headers: [Cookie, User-Agent] |       deny: ["--", "%3b"] |       unescaped_percent: allow`},
		{name: "two rules share what they deny", ini: "[Options]\nRuleList=a,b\n[a]\nScanURL=1\nDenyDataSection=d\n[b]\nScanAllRaw=1\nDenyDataSection=d\n[d]\n@\n", want: `    - name: a |       url: true |       deny: ["@"] |       unescaped_percent: allow |     - name: b |       raw: true |       deny: ["@"] |       unescaped_percent: allow`},
		{name: "a rule that is not there", ini: "[Options]\nRuleList=a\n", not: "rules:", report: "differs RuleList=a: has no [a]"},
		{name: "a rule without what it denies", ini: "[Options]\nRuleList=a\n[a]\nScanURL=1\nDenyDataSection=d\n", not: "rules:", report: "lost DenyDataSection=d: has no [d]"},
		{name: "a rule that looks at nothing", ini: "[Options]\nRuleList=a\n[a]\nDenyDataSection=d\n[d]\nx\n", not: "rules:", report: "unused DenyDataSection=d: scans nothing"},
		{name: "logging only", ini: "[Options]\nRejectResponseUrl=/~*\n", want: "  mode: watch"},
		{name: "logging only, or refused on the fast path", ini: "[Options]\nRejectResponseUrl=/~*\nUseFastPathReject=1\n", answers: "logging_only=block", want: "  mode: block"},
		{name: "a page of its own", ini: "[Options]\nRejectResponseUrl=/blocked.asp\n", want: "  rejected: {status: 404}", report: "lost RejectResponseUrl=/blocked.asp: page"},
		{name: "Server is removed", ini: "[Options]\nRemoveServerHeader=1\nAlternateServerName=x\n", want: "  server_header: remove", report: "unused AlternateServerName=x"},
		{name: "Server is replaced", ini: "[Options]\nRemoveServerHeader=0\nAlternateServerName=Apache/2.4\n", want: "  server_header: {set: Apache/2.4}"},
		{name: "Server by default", ini: "=[Options]\n[RequestLimits]\n", answers: "server_header=remove", want: "  server_header: remove"},
		{name: "neither 0 nor 1", ini: "[Options]\nAllowDotInPath=yes\n", answers: "Options.AllowDotInPath=0", want: "  dots_in_path: deny"},
		{name: "late scanning", ini: "[Options]\nAllowLateScanning=1\n", report: "differs AllowLateScanning=1: received"},
		{name: "twice the same", ini: "[Options]\nAllowDotInPath=0\nallowdotinpath=0\n", want: "  dots_in_path: deny", report: "unused allowdotinpath=0: line"},
		{name: "twice, the first", ini: "[Options]\nAllowDotInPath=0\nAllowDotInPath=1\n", answers: "duplicates=first", want: "  dots_in_path: deny", report: "unused AllowDotInPath=1"},
		{name: "twice, the last", ini: "[Options]\nAllowDotInPath=0\nAllowDotInPath=1\n", answers: "duplicates=last", want: "  dots_in_path: allow"},
		{name: "a section twice", ini: "[DenyUrlSequences]\na\n[denyurlsequences]\nb\n", answers: "duplicates=last", want: "  deny_url: [b]", report: "unused a"},
		{name: "an option that is not known", ini: "[Options]\nAllowEverything=1\n", report: "lost AllowEverything=1"},
		{name: "a section that is not known", ini: "[Extra]\na=b\n", report: "lost a=b: no rule"},
		{name: "before the first section", ini: "=GET\n[Options]\nRemoveServerHeader=0\n[RequestLimits]\n", report: "lost GET: before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := UrlScan([]byte(complete(c.ini)), parseAnswers(c.answers))
			if err != nil {
				t.Fatal(err)
			}
			check(t, r, c.want, c.not, c.report)
		})
	}
}

// complete adds the options without which a file says something by leaving them
// out, so that a case is about its own lines. One that begins with = is whole.
func complete(lines string) string {
	if whole, found := strings.CutPrefix(lines, "="); found {
		return whole
	}
	options := "[Options]\n"
	for _, name := range []string{"RemoveServerHeader", "UseAllowExtensions", "UseAllowVerbs"} {
		if !strings.Contains(lines, name) {
			options += name + "=0\n"
		}
	}
	if !strings.Contains(lines, "[RequestLimits]") {
		lines += "[RequestLimits]\n"
	}
	if strings.Contains(lines, "[Options]\n") {
		return strings.Replace(lines, "[Options]\n", options, 1)
	}
	return options + lines
}

func parseAnswers(text string) Answers {
	out := Answers{}
	for part := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(part, "=")
		out[key] = value
	}
	return out
}

func check(t *testing.T, r *Result, want, not, report string) {
	t.Helper()
	for _, q := range r.Open() {
		t.Errorf("open: %s: %s", q.Key, q.Text)
	}
	yaml := r.YAML("test")
	if want != "" && !strings.Contains(yaml, strings.ReplaceAll(want, " | ", "\n")+"\n") {
		t.Errorf("the YAML lacks\n%s\n\n%s", strings.ReplaceAll(want, " | ", "\n"), yaml)
	}
	if not != "" && strings.Contains(uncommented(yaml), not) {
		t.Errorf("the YAML holds %q\n%s", not, yaml)
	}
	if report == "" {
		return
	}
	head, note, _ := strings.Cut(report, ": ")
	fate, text, _ := strings.Cut(head, " ")
	for _, l := range r.Lines {
		if l.Text == text && l.Fate == Fate(fate) && strings.Contains(l.Note, note) {
			return
		}
	}
	t.Errorf("no line is %q; there are", report)
	for _, l := range r.Lines {
		t.Logf("%-9s %s: %s", l.Fate, l, l.Note)
	}
}

func uncommented(yaml string) string {
	var b strings.Builder
	for line := range strings.Lines(yaml) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestOpen shows that what a file leaves open is asked all at once, and never
// guessed.
func TestOpen(t *testing.T) {
	r, err := UrlScan([]byte("[Options]\nAllowDotInPath=maybe\nRejectResponseUrl=/~*\nUseFastPathReject=1\n[AllowVerbs]\nget\n[AllowExtensions]\n.\n[AlwaysAllowedUrls]\n/a\n[RequestLimits]\nMax-A=0\nMaxUrl=0\n[Options]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, q := range r.Open() {
		keys = append(keys, q.Key)
	}
	if got, want := strings.Join(keys, " "), "duplicates verb_case dot_extension Options.AllowDotInPath MaxUrl max_zero version logging_only server_header"; got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
	for _, wrong := range []Answers{{"version": "2.5"}, {"max_zero": "0"}, {"MaxUrl": "-1"}, {"colour": "red"}} {
		if _, err := UrlScan([]byte("[Options]\nRuleList=\n[AlwaysAllowedUrls]\n/a\n[RequestLimits]\nMax-A=0\nMaxUrl=0\n"), wrong); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
	if _, err := UrlScan([]byte("[Options]\n[RequestLimits]\n"), Answers{"version": "3.1"}); err != nil {
		t.Errorf("an answer that is not needed: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	for name, raw := range map[string]string{
		"UTF-8":        "[Options]\n;€\n",
		"UTF-16":       "\xff\xfe[\x00O\x00]\x00\r\x00\n\x00\xac\x20",
		"Windows-1252": "[Options]\n;\x80\n",
	} {
		if r, err := UrlScan([]byte(raw), nil); err != nil || r.Encoding != name {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for _, raw := range []string{"", "GET / HTTP/1.1\n", "\x00\x01[Options]\n", "PK\x03\x04\x00"} {
		if _, err := UrlScan([]byte(raw), nil); err == nil {
			t.Errorf("%q was read", raw)
		}
	}
	if text, _, err := decodeText([]byte("\xfe\xff\x00a\xd8\x3d\xde\x00")); text != "a😀" || err != nil {
		t.Errorf("UTF-16, the other way round: %q, %v", text, err)
	}
	if text, _, _ := decodeText([]byte("\x80\x85\x9f\xa0\xff")); text != "€…Ÿ\u00a0ÿ" {
		t.Errorf("Windows-1252: %q", text)
	}
}

// TestShipped holds what becomes of whole files.
func TestShipped(t *testing.T) {
	for name, read := range map[string]func([]byte, Answers) (*Result, error){
		"urlscan-2.5.ini": UrlScan, "urlscan-3.1.ini": UrlScan, "web.config": RequestFiltering, "applicationHost.config": RequestFiltering,
	} {
		raw, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := read(raw, nil)
		if err != nil || len(r.Open()) > 0 {
			t.Errorf("%s: %v, open %v", name, err, r.Open())
			continue
		}
		golden := filepath.Join(samples, name+".yaml")
		if *update {
			if err := os.WriteFile(golden, []byte(r.YAML(name)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.YAML(name); got != string(want) {
			t.Errorf("%s became\n%s\nwant\n%s", name, got, want)
		}
	}
}
