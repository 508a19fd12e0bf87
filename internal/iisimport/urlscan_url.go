package iisimport

import (
	"strings"
	"unicode"
)

func (u *urlscan) urls() {
	normalize, o := u.set("NormalizeUrlBeforeScan", true)
	u.Filter.RawURL = !normalize
	u.same(o.line, "normalize")
	verify, o := u.set("VerifyNormalization", true)
	switch {
	case !verify:
		u.same(o.line, "double_escaping")
	case !normalize:
		u.note(o.line, "", Unused, "NormalizeUrlBeforeScan=0: UrlScan does not verify what it does not normalize")
	default:
		u.Filter.DoubleEscaping = true
		u.same(o.line, "double_escaping")
	}
	high, o := u.set("AllowHighBitCharacters", true)
	u.Filter.HighBit = !high
	u.same(o.line, "high_bit")
	dots, o := u.set("AllowDotInPath", true)
	u.Filter.DotsInPath = !dots
	u.same(o.line, "dots_in_path")
	u.sequences("DenyUrlSequences", "deny_url", &u.Filter.DenyURL)
}

func (u *urlscan) queries() {
	unescape, o := u.set("UnescapeQueryString", true)
	u.Filter.RawQuery = !unescape
	if o.set || u.proven != "" {
		u.same(o.line, "unescape_query")
	}
	u.sequences("DenyQueryStringSequences", "deny_query", &u.Filter.DenyQuery)
}

func (u *urlscan) always() {
	scope := func(l Line) {
		u.Filter.Always.Skips = "own"
		if u.version(l.Number, "In 3.1 what is always allowed skips every check, in 3.0 only those of the URL or of the query.") == v31 {
			u.Filter.Always.Skips = "all"
		}
	}
	u.entries("AlwaysAllowedUrls", "always_allow.urls", func(l Line, url string) {
		if !strings.HasPrefix(url, "/") {
			u.note(l, "", Unused, "it does not begin with a slash; UrlScan does not take it as a URL")
			return
		}
		scope(l)
		u.Filter.Always.URLs = append(u.Filter.Always.URLs, url)
		u.same(l, "always_allow.urls")
	})
	u.entries("AlwaysAllowedQueryStrings", "always_allow.queries", func(l Line, query string) {
		if strings.HasPrefix(query, "?") {
			u.note(l, "", Lost, "it begins with the question mark, which is no part of a query; UrlScan may never have met it")
			return
		}
		scope(l)
		u.Filter.Always.Queries = append(u.Filter.Always.Queries, query)
		u.same(l, "always_allow.queries")
	})
}

func (u *urlscan) refusals() {
	url := u.option("RejectResponseUrl", "/<Rejected-By-UrlScan>")
	fast, o := u.set("UseFastPathReject", false)
	u.Filter.Status = 404
	u.same(o.line, "rejected.status")
	switch {
	case url.value == "/~*" && fast:
		given := u.ask(Question{Key: askWatch, Number: url.line.Number,
			Text:    "RejectResponseUrl=/~* only logs what UrlScan would refuse, and UseFastPathReject=1 answers before RejectResponseUrl is looked at. What does this server do?",
			Answers: []Answer{{"watch", "it logs and lets everything through"}, {"block", "it refuses"}}})
		u.Filter.Watch = given == "watch"
		u.same(url.line, "mode")
	case url.value == "/~*":
		u.Filter.Watch = true
		u.same(url.line, "mode")
	case fast || !url.set || url.value == "":
		u.same(url.line, "rejected.status")
	default:
		u.note(url.line, "", Lost, "a page of IIS cannot be asked for; refused requests get 404. For a page of your own write rejected: {page: FILE}")
	}
}

// reauthNote says what removing Server costs (reference: the finding
// server-header-stripped-reauth).
const reauthNote = "old Windows clients that sign in by NTLM or Kerberos sign in again for every request without it"

func (u *urlscan) serverHeader() {
	remove, o := u.set("RemoveServerHeader", true)
	name := u.option("AlternateServerName", "")
	if !o.set {
		remove = u.ask(Question{Key: askServer,
			Text:    "RemoveServerHeader is missing. UrlScan then removes Server from every response by its reference; the file it ships says 0. Old Windows clients that sign in by NTLM or Kerberos sign in again for every request when it is gone.",
			Answers: []Answer{{"keep", "leave Server as the origin sends it"}, {"remove", "remove it from every response"}}}) == "remove"
		o.line.Text = "RemoveServerHeader is missing"
	}
	u.Filter.Server.Remove = remove
	var says []string
	if !o.set {
		o.line.Text = "RemoveServerHeader=" + map[bool]string{false: "0", true: "1"}[remove]
		says = append(says, "the line is missing; as answered")
	}
	if remove {
		says = append(says, reauthNote)
	}
	u.note(o.line, "server_header", Same, "%s", strings.Join(says, "; "))
	switch {
	case !name.set:
	case name.value == "":
		u.note(name.line, "", Unused, "it is empty: nothing replaces Server")
	case remove:
		u.note(name.line, "", Unused, "RemoveServerHeader=1: UrlScan does not read it")
	case strings.ContainsFunc(name.value, unicode.IsControl):
		u.note(name.line, "", Lost, "it holds a control character, which no header field may")
	default:
		u.Filter.Server.Set = name.value
		u.same(name.line, "server_header.set")
	}
}

// elsewhere reports the options that are not about what is let through.
func (u *urlscan) elsewhere() {
	const logs = "each refusal is an event in the records, and in the access log; recording: and access_log: say how these are kept"
	late, o := u.set("AllowLateScanning", false)
	switch {
	case late:
		u.note(o.line, "", Differs, "the request is judged as it was received, never as another filter changed it")
	case o.set:
		u.note(o.line, "", Same, "the request is judged as it was received")
	}
	for _, name := range []string{"EnableLogging", "PerProcessLogging", "PerDayLogging", "LogLongUrls", "LoggingDirectory"} {
		if o := u.option(name, ""); o.set {
			u.note(o.line, "", Elsewhere, "%s", logs)
		}
	}
}
