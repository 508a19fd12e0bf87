package waf_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// generator makes requests of what it was given. The same seed and number make
// the same request.
type generator struct {
	*rand.Rand
	suite    []sample
	payloads []string // values of the suite's requests
}

func newGenerator(suite []sample) *generator {
	g := &generator{suite: suite}
	for i := range suite {
		g.payloads = append(g.payloads, suite[i].values()...)
	}
	slices.Sort(g.payloads)
	g.payloads = slices.Compact(g.payloads)
	return g
}

// ordinaryFields are not payloads of anything.
const ordinaryFields = "|host|accept|accept-encoding|accept-language|connection|content-length|keep-alive|proxy-connection|"

// values are the texts in a request that a client chose.
func (s *sample) values() (out []string) {
	path, query, _ := strings.Cut(s.target, "?")
	add := func(text string) {
		if len(text) > 2 && len(text) < 4000 {
			out = append(out, text)
		}
	}
	add(unescaped(strings.TrimPrefix(path, "/")))
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		add(unescaped(value))
	}
	for _, f := range s.fields {
		if !strings.Contains(ordinaryFields, "|"+strings.ToLower(f[0])+"|") {
			add(f[1])
		}
	}
	if s.get("Content-Type") != form {
		add(string(s.body))
		return out
	}
	for pair := range strings.SplitSeq(string(s.body), "&") {
		_, value, _ := strings.Cut(pair, "=")
		add(unescaped(value))
	}
	return out
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// sample is request number i of a seed: a third each of the suite's own, mostly
// changed, of ordinary requests with a payload somewhere, and of ordinary
// requests.
func (g *generator) sample(seed uint64, i int) sample {
	g.Rand = rand.New(rand.NewPCG(seed, uint64(i)))
	var s sample
	switch g.IntN(3) {
	case 0:
		s = g.pick()
		for range g.IntN(4) {
			g.change(&s)
		}
	case 1:
		s = g.ordinary()
		g.plant(&s, g.disguised(g.payload()))
		if g.one(3) {
			g.change(&s)
		}
	default:
		s = g.ordinary()
	}
	return s
}

func (g *generator) one(in int) bool { return g.IntN(in) == 0 }

func choose[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

func (g *generator) pick() sample { return g.suite[g.IntN(len(g.suite))].clone() }

// payload is one of the suite's values, a piece of one, or two joined.
func (g *generator) payload() string {
	one := choose(g, g.payloads)
	switch g.IntN(6) {
	case 0:
		other := choose(g, g.payloads)
		return one[:g.IntN(len(one)+1)] + other[g.IntN(len(other)+1):]
	case 1:
		from := g.IntN(len(one))
		return one[from : from+1+g.IntN(len(one)-from)]
	case 2:
		return g.words(1+g.IntN(4)) + " " + one
	}
	return one
}

// disguises are what people do to a payload so that it is not seen.
func disguises() []func(*generator, string) string {
	each := func(format string) func(*generator, string) string {
		return func(g *generator, s string) string {
			var b strings.Builder
			for _, c := range []byte(s) {
				if isAlnum(c) && g.one(2) {
					b.WriteByte(c)
					continue
				}
				fmt.Fprintf(&b, format, c)
			}
			return b.String()
		}
	}
	between := func(what ...string) func(*generator, string) string {
		return func(g *generator, s string) string {
			return strings.Map(func(r rune) rune { return r }, strings.ReplaceAll(s, " ", choose(g, what)))
		}
	}
	return []func(*generator, string) string{
		func(_ *generator, s string) string { return url.QueryEscape(s) },
		func(_ *generator, s string) string { return url.QueryEscape(url.QueryEscape(s)) },
		func(_ *generator, s string) string { return html.EscapeString(s) },
		func(_ *generator, s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		func(_ *generator, s string) string { return strings.ToUpper(s) },
		func(_ *generator, s string) string { return strings.ToLower(s) },
		func(g *generator, s string) string { return randomCase(g, s) },
		func(g *generator, s string) string { return s[:g.IntN(len(s)+1)] },
		func(_ *generator, s string) string { return strings.Map(fullWidth, s) },
		func(_ *generator, s string) string { return strings.ReplaceAll(s, "/", "\xc0\xaf") },
		func(_ *generator, s string) string { return strings.ReplaceAll(s, "<", "\xc0\xbc") },
		func(g *generator, s string) string {
			return inserted(g, s, choose(g, []string{"\x00", "/**/", "\\", "^", "'", "\"", "\xff", "\u00a0", "ſ", "K"}))
		},
		func(g *generator, s string) string { return g.flipped(s) },
		each("%%%02x"), each("%%u00%02X"), each("&#%d;"), each("&#x%x;"), each("\\x%02x"), each("\\u%04x"), each("\\%o"), each("%%25%02x"),
		between("/**/", "\t", "\n", "+", "%20", "%0a", "\v", "\r\n", "${IFS}", "\u2003"),
	}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func fullWidth(r rune) rune {
	if r > ' ' && r < 0x7f {
		return r + 0xfee0
	}
	return r
}

func randomCase(g *generator, s string) string {
	b := []byte(s)
	for i, c := range b {
		if (c|0x20) >= 'a' && (c|0x20) <= 'z' && g.one(2) {
			b[i] ^= 0x20
		}
	}
	return string(b)
}

func inserted(g *generator, s, what string) string {
	at := g.IntN(len(s) + 1)
	return s[:at] + what + s[at:]
}

// flipped changes some bytes to others.
func (g *generator) flipped(s string) string {
	b := []byte(s)
	for range min(len(b), 1+g.IntN(3)) {
		b[g.IntN(len(b))] = byte(g.IntN(256))
	}
	return string(b)
}

func (g *generator) disguised(s string) string {
	for range g.IntN(3) {
		s = choose(g, disguises())(g, s)
	}
	return s
}

// places are where in a request a payload can stand.
func places() []func(*generator, *sample, string) {
	header := func(name string) func(*generator, *sample, string) {
		return func(_ *generator, s *sample, p string) { s.set(name, oneLine(p)) }
	}
	return []func(*generator, *sample, string){
		func(g *generator, s *sample, p string) { s.query(g.name(), g.escaped(p)) },
		func(g *generator, s *sample, p string) { s.query(g.name(), g.escaped(p)) },
		func(g *generator, s *sample, p string) { s.query(g.escaped(p), g.words(1)) },
		func(g *generator, s *sample, p string) {
			path, query, _ := strings.Cut(s.target, "?")
			s.target = strings.TrimSuffix(path, "/") + "/" + g.escaped(p) + "?" + query
		},
		func(g *generator, s *sample, p string) {
			s.post(form, g.name()+"="+g.escaped(p)+"&"+g.name()+"="+g.words(1))
		},
		func(g *generator, s *sample, p string) { s.post(form, g.escaped(p)+"="+g.words(1)) },
		func(g *generator, s *sample, p string) { s.post("application/json", g.json(p)) },
		func(g *generator, s *sample, p string) {
			s.post("application/vnd.api+json", `{"`+strings.ReplaceAll(p, `"`, `\"`)+`":[1,{"a":null}]}`)
		},
		func(g *generator, s *sample, p string) {
			s.post("text/xml", "<?xml version=\"1.0\"?><a b=\""+html.EscapeString(p)+"\"><c>"+html.EscapeString(p)+"</c></a>")
		},
		func(g *generator, s *sample, p string) { s.post("text/plain", p) },
		func(g *generator, s *sample, p string) { s.multipart(g, p) },
		func(g *generator, s *sample, p string) {
			s.set("Cookie", "session="+g.hex(32)+"; "+g.name()+"="+oneLine(p))
		},
		header("User-Agent"), header("Referer"), header("X-Forwarded-For"), header("Accept-Language"), header("Content-Type"), header("Authorization"),
		header("X-File-Name"), header("Range"), header("Accept"), header("Content-Encoding"), header("Host"), header("Transfer-Encoding"),
	}
}

func (g *generator) plant(s *sample, payload string) { choose(g, places())(g, s, payload) }

// escaped is how clients put a text into a target or a form: mostly right.
func (g *generator) escaped(p string) string {
	switch g.IntN(5) {
	case 0:
		return strings.NewReplacer(" ", "%20", "\r", "%0D", "\n", "%0A").Replace(p)
	case 1:
		return url.PathEscape(p)
	}
	return url.QueryEscape(p)
}

func (s *sample) query(name, value string) {
	separator := "?"
	if strings.Contains(s.target, "?") {
		separator = "&"
	}
	s.target += separator + name + "=" + value
}

func (s *sample) post(kind, body string) {
	if s.method == "GET" || s.method == "HEAD" {
		s.method = "POST"
	}
	s.set("Content-Type", kind)
	s.body = []byte(body)
	s.set("Content-Length", fmt.Sprint(len(s.body)))
}

func (s *sample) multipart(g *generator, payload string) {
	boundary := "----" + g.hex(16)
	name, file, kind, value := g.name(), g.words(1)+".txt", "text/plain", g.words(5)
	switch target := oneLine(payload); g.IntN(4) {
	case 0:
		name = target
	case 1:
		file = target
	case 2:
		kind = target
	default:
		value = payload
	}
	s.post("multipart/form-data; boundary="+boundary, fmt.Sprintf("--%[1]s\r\nContent-Disposition: form-data; name=\"%[2]s\"\r\n\r\n%[5]s\r\n--%[1]s\r\nContent-Disposition: form-data; name=\"f\"; filename=\"%[3]s\"\r\nContent-Type: %[4]s\r\n\r\n%[5]s\r\n--%[1]s--\r\n",
		boundary, name, file, kind, value))
}

// oneLine keeps a payload within a header line.
func oneLine(p string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(p)
}

func (g *generator) json(p string) string {
	text, _ := json.Marshal(p)
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf(`{"%s":%s,"n":%d,"list":[%s,true,null,1.5e3]}`, g.name(), text, g.IntN(1000), text)
	case 1:
		return fmt.Sprintf(`[%s,{"a":{"b":{"c":%s}}}]`, text, text)
	case 2:
		return string(text)
	}
	return fmt.Sprintf(`{"a":%s,"A":"x","a":"y"`, text) // cut short, and a name twice
}

// change makes another request of one.
func (g *generator) change(s *sample) {
	kinds := []string{form, "application/json", "text/xml", "text/plain", "multipart/form-data; boundary=b", "application/octet-stream",
		"application/json; charset=utf-16", "application/x-www-form-urlencoded; charset=ibm037", "", "application/soap+xml", "TEXT/XML"}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "TRACE", "get", "CONNECT"}
	switch g.IntN(11) {
	case 0:
		g.plant(s, g.disguised(choose(g, append(s.values(), g.payload()))))
	case 1:
		s.target = choose(g, disguises())(g, s.target)
		s.target = strings.NewReplacer(" ", "%20", "\r", "%0d", "\n", "%0a").Replace(s.target)
	case 2:
		s.body = []byte(choose(g, disguises())(g, string(s.body)))
	case 3:
		s.set("Content-Type", choose(g, kinds))
	case 4:
		s.method = choose(g, methods)
	case 5:
		if len(s.fields) > 0 { // a field twice, or not at all
			at := g.IntN(len(s.fields))
			if g.one(2) {
				s.fields = slices.Delete(s.fields, at, at+1)
				break
			}
			s.fields = append(s.fields, s.fields[at])
		}
	case 6:
		if len(s.fields) > 0 {
			f := &s.fields[g.IntN(len(s.fields))]
			f[1] = oneLine(choose(g, disguises())(g, f[1]))
		}
	case 7: // another request's body and its type
		other := g.pick()
		s.post(other.get("Content-Type"), string(other.body))
	case 8:
		path, query, found := strings.Cut(s.target, "?")
		if found {
			s.target = path + "?" + query + "&" + query
		}
	case 9:
		s.body = s.body[:g.IntN(len(s.body)+1)]
	case 10:
		other := g.pick()
		s.target = other.target
	}
}
