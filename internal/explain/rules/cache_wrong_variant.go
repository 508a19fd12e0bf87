package rules

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var cacheWrongVariant = explain.Rule{
	ID:       "cache-wrong-variant",
	Title:    "A shared cache gave out what was made for another request",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A cache in front of the application takes two requests for the same and answers the second with what was made for the first: packed for a client that cannot unpack, released for another site's scripts, or, worst, with the session of another user.",
		Looks: "It comes and goes, and goes away when the cache is emptied. Garbage in place of a page; `blocked by CORS policy` although the server allows the site; users who see the account of somebody else. The answer has `Age`, or `X-Cache: HIT`, and the application's log has no such request.",
		Why:   "The application answers by a request field (Accept-Encoding, Origin, Cookie, Authorization, Accept-Language) and does not say so with Vary; or the cache was told to ignore what forbids it (nginx: proxy_ignore_headers), or its key is too short.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "If users saw what belongs to others: empty the cache now, and end the sessions that were given out."),
			fix(explain.Origin, "", "Name the fields on which the answer depends, and mark what is one user's own:", "Vary: Accept-Encoding, Origin", "Cache-Control: private, no-store"),
			fix(explain.Gateway, "nginx", "Keep apart what differs, keep out what has a session, and remove Set-Cookie and Cache-Control from proxy_ignore_headers. To empty it: stop nginx, remove the files of proxy_cache_path, start it.", "proxy_cache_key $scheme$host$request_uri$http_origin;", "proxy_cache_bypass $http_authorization $cookie_sid;", "proxy_no_cache $http_authorization $cookie_sid;"),
			fix(explain.Gateway, "HAProxy", "It stores an answer whose Vary it can keep apart (Accept-Encoding, Referer, Origin) only if told so. A request without Accept-Encoding gets any coding from it; say for such clients what they take, in front of cache-use:", "cache store", "  total-max-size 64", "  process-vary on", "http-request set-header Accept-Encoding identity unless { req.hdr(accept-encoding) -m found }"),
			fix(explain.Gateway, "Apache", "Never turn these on for pages of users; they are off by default:", "CacheStorePrivate Off", "CacheStoreNoStore Off"),
			fix(explain.Origin, "IIS", "Let the kernel cache not keep what depends on the user:", `%windir%\system32\inetsrv\appcmd set config "SITE" /section:system.webServer/caching /enableKernelCache:false`),
		},
		Confirm: "The same request twice, once as each of the two asked: `curl -sD- -o /dev/null -H 'Accept-Encoding: gzip' URL` and without the field. Then with `?x=1` behind the URL, which no cache has: that is what the application says.",
		LookAlikes: []explain.Alike{
			{ID: "content-encoding-mismatch", Difference: "the body is not coded as the header says, also without a cache"},
			{ID: "cookie-dropped", Difference: "the browser refuses its own session cookie"},
			{ID: "an application that sets the same cookie for all", Difference: "it was asked each time; no cache answered"},
		},
		References: []string{"RFC 9111 section 4.1 (Vary) and 3.5 (Authorization)", "RFC 9110 section 12.5.5 (Vary)", "Fetch Standard, CORS protocol and HTTP caches", "nginx: proxy_ignore_headers", "seen with nginx 1.22, HAProxy 2.6 and Apache's mod_cache"},
	},
	Needs: needsHeaders(),
	Hides: []string{"content-encoding-mismatch"},
	Check: checkCacheVariant,
}

// cacheKey is what every cache has in its key.
type cacheKey struct {
	server       netip.AddrPort
	host, target string
}

func checkCacheVariant(p *explain.Pass) {
	first := map[cacheKey]turn{} // whose answer can have been stored
	found := map[cacheKey]*explain.Finding{}
	var order []cacheKey
	for _, t := range inOrder(p.Conns()) {
		if t.x.Method != "GET" || t.x.Status != 200 || t.x.Incident != "" || t.x.Parent != 0 {
			continue
		}
		key := cacheKey{t.c.Server, strings.ToLower(t.x.Host), t.x.Target}
		by := cachedBy(p, t.x, first[key])
		if by == "" {
			first[key] = t
			continue
		}
		f := variant(t, first[key], by)
		if f == nil {
			continue
		}
		if found[key] == nil {
			found[key] = f
			order = append(order, key)
		}
		if len(found[key].Exchanges) < namedTurns {
			p.Blame(found[key], t.c, t.x)
		}
	}
	for _, key := range order {
		p.Report(*found[key])
	}
}

// inOrder gives the exchanges of all connections in the order in which they
// started.
func inOrder(conns []*flow.Conn) (all []turn) {
	for _, list := range turns(conns) {
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b turn) int { return a.x.Started.Compare(b.x.Started) })
	return all
}

// cachedBy says how it is known that x was answered by a cache; empty if it is not.
func cachedBy(p *explain.Pass, x *flow.Exchange, stored turn) string {
	if len(p.Behind(x.ID)) > 0 {
		return ""
	}
	if age := header(x.ResponseHeader, "Age"); age != "" && age != "0" {
		return "Age: " + age
	}
	for _, name := range []string{"X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status", "X-Cache-Lookup"} {
		if v := header(x.ResponseHeader, name); strings.Contains(strings.ToUpper(v), "HIT") {
			return name + ": " + v
		}
	}
	if stored.x != nil && len(p.Behind(stored.x.ID)) > 0 && sameAnswer(stored.x, x) {
		return "for the first request the gateway asked the application, for this one nobody"
	}
	return ""
}

// sameAnswer tells that two answers have the same body, as far as is known.
func sameAnswer(a, b *flow.Exchange) bool {
	return sameField(a, b, "ETag") && sameField(a, b, "Content-Encoding") && a.ResponseBodyBytes == b.ResponseBodyBytes &&
		!a.ResponseDone.IsZero() && !b.ResponseDone.IsZero()
}

func sameField(a, b *flow.Exchange, name string) bool {
	return header(a.ResponseHeader, name) == header(b.ResponseHeader, name)
}

// variant is the finding that t, answered by a cache, gives; nil if none.
// stored is the earlier one whose answer that was, if it is known.
func variant(t, stored turn, by string) *explain.Finding {
	field, what := wrongFor(t.x, stored.x)
	if field == "" {
		return nil
	}
	f := &explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("A cache at %s answered %s of %s with what was not made for it: %s.", t.c.Server, asked(t.x), caller(t.c), what),
		Evidence: []explain.Evidence{
			explain.At(t.c, findOf(t.c, t.x, flow.Response), "from a cache: "+by),
			explain.Fact(varies(t.x, field)),
		},
		Missing: []string{"the earlier request that the answer was made for"},
	}
	if field == "Accept-Encoding" && header(t.x.RequestHeader, field) == "" {
		f.Missing = []string{"whether the client can unpack: a request without Accept-Encoding allows any coding (RFC 9110, section 12.5.3), but few such clients can"}
	} else if stored.x != nil {
		f.Confidence, f.Missing = explain.Proof, nil
	}
	if stored.x != nil {
		f.Evidence = append(f.Evidence, explain.At(stored.c, findOf(stored.c, stored.x, flow.Response), "an earlier answer, to "+caller(stored.c)+", for which it was made"))
	}
	return f
}

// varies says what the answer tells caches of a field.
func varies(x *flow.Exchange, field string) string {
	if says(x.ResponseHeader, "Vary", field) || says(x.ResponseHeader, "Vary", "*") {
		return "the answer says Vary: " + header(x.ResponseHeader, "Vary") + ", and the cache does not keep to it"
	}
	if v := header(x.ResponseHeader, "Cache-Control"); field != "Accept-Encoding" && (says(x.ResponseHeader, "Cache-Control", "private") || says(x.ResponseHeader, "Cache-Control", "no-store")) {
		return "the answer says Cache-Control: " + v + ", and the cache does not keep to it"
	}
	return "the answer does not say Vary: " + field
}

// wrongFor tells what of the answer is another request's, and the request field
// on which it depends. stored may be nil: the other request is not known.
func wrongFor(x, stored *flow.Exchange) (field, what string) {
	packed := coding(x)
	switch {
	case packed != "" && !accepts(x, packed) && (stored == nil || accepts(stored, packed)):
		return "Accept-Encoding", "it is packed with " + packed + ", which the client did not say it takes"
	case stored == nil:
		return "", ""
	case otherOrigin(x) && header(stored.RequestHeader, "Origin") == header(x.ResponseHeader, "Access-Control-Allow-Origin"):
		return "Origin", fmt.Sprintf("it admits scripts of %s only, and the page that asked is of %s", header(x.ResponseHeader, "Access-Control-Allow-Origin"), header(x.RequestHeader, "Origin"))
	case !sameUser(x, stored):
		if name := sameSession(x, stored); name != "" {
			return "Cookie", "it hands out the cookie " + name + " with the value that another user was given"
		}
	}
	return "", ""
}

// accepts tells that a client said it takes a coding.
func accepts(x *flow.Exchange, packed string) bool {
	for _, f := range x.RequestHeader {
		if !strings.EqualFold(f.Name, "Accept-Encoding") {
			continue
		}
		for part := range strings.SplitSeq(f.Value, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
			if name = strings.TrimSpace(name); (strings.EqualFold(name, packed) || name == "*") && strings.TrimSpace(quality) != "q=0" {
				return true
			}
		}
	}
	return false
}

func otherOrigin(x *flow.Exchange) bool {
	asks, admits := header(x.RequestHeader, "Origin"), header(x.ResponseHeader, "Access-Control-Allow-Origin")
	return asks != "" && admits != "" && admits != "*" && !strings.EqualFold(asks, admits)
}

// sameUser tells that two requests may be of one user.
func sameUser(a, b *flow.Exchange) bool {
	same := func(name string) bool { return header(a.RequestHeader, name) == header(b.RequestHeader, name) }
	return same("Authorization") && same("Cookie") && same("User-Agent")
}

// sameSession is the name of a cookie that both answers set to the same value,
// one that is too long to be anything but one user's.
func sameSession(a, b *flow.Exchange) string {
	const unique = 16 // characters
	given := map[string]bool{}
	for _, c := range setCookies(b) {
		given[c.Name+"="+c.Value] = true
	}
	for _, c := range setCookies(a) {
		if c.MaxAge >= 0 && len(c.Value) >= unique && given[c.Name+"="+c.Value] {
			return c.Name
		}
	}
	return ""
}

func setCookies(x *flow.Exchange) (out []*http.Cookie) {
	for _, f := range x.ResponseHeader {
		if strings.EqualFold(f.Name, "Set-Cookie") {
			if c, err := http.ParseSetCookie(f.Value); err == nil {
				out = append(out, c)
			}
		}
	}
	return out
}
