package waf_test

import (
	"fmt"
	"html"
	"math/rand/v2"
	"strings"
	"testing"

	"fanlight/internal/waf"
)

// TestBodySameness holds our engine against Coraza where a request is all in its
// body: parts and documents with payloads in all places, mostly well formed.
func TestBodySameness(t *testing.T) {
	samples, requests := suiteSamples(t), *sameRequests/6
	if raced {
		requests /= 5
	}
	for level := 1; level <= 4; level += 3 {
		t.Run(fmt.Sprint("detect ", level), func(t *testing.T) {
			t.Parallel()
			p := waf.Defaults()
			p.Detect = level
			c := newComparison(t, p)
			g := newGenerator(samples)
			for i := level; i < requests; i += 2 {
				if *sameOnly >= 0 && i != *sameOnly {
					continue
				}
				s := g.bodied(*sameSeed, i)
				s.name = fmt.Sprintf("-seed %d -only %d", *sameSeed, i)
				c.compare(&s)
			}
			if c.byPlan == 0 && *sameOnly < 0 && requests > 10 {
				t.Error("no request was judged by the plan")
			}
			c.report(t)
		})
	}
}

// bodied is request number i of a seed.
func (g *generator) bodied(seed uint64, i int) sample {
	g.Rand = rand.New(rand.NewPCG(seed, uint64(i)))
	s := g.ordinary()
	if g.one(2) {
		s.post("multipart/form-data; boundary="+choose(g, []string{"b", "b", `"b"`, `"a b"`, "b; charset=utf-8"}), g.parts())
	} else {
		s.post(choose(g, []string{"text/xml", "application/xml", "application/soap+xml; charset=utf-8"}), g.xml())
	}
	if g.one(4) && len(s.body) > 0 {
		s.body = []byte(choose(g, disguises()[7:8])(g, string(s.body)))
	} else if g.one(8) {
		s.body = []byte(g.flipped(string(s.body)))
	}
	return s
}

// parts is a body with the boundary b.
func (g *generator) parts() string {
	value := func(common ...string) string {
		if g.one(4) {
			return oneLine(g.disguised(g.payload()))
		}
		return choose(g, common)
	}
	var b strings.Builder
	for range 1 + g.IntN(4) {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: %s; name=\"%s\"", choose(g, []string{"form-data", "form-data", "form-data", "attachment"}), value("a", "b", "_charset_"))
		if g.one(2) {
			fmt.Fprintf(&b, "; %s\"%s\"", choose(g, []string{"filename=", "filename=", "filename*=", "filename*0=", "filename*=utf-8''x; filename="}), value("f.txt", "x.php", "a.b.jpg", ".htaccess"))
		}
		if g.one(2) {
			b.WriteString("\r\n" + choose(g, []string{"Content-Type", "content-type", "Content-Transfer-Encoding", "X-Y"}) + ": " + value("text/plain", "text/plain; charset=utf-7", "quoted-printable", "text/html; charset=utf-8"))
		}
		b.WriteString("\r\n\r\n" + choose(g, []string{g.words(3), g.disguised(g.payload()), ""}) + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

// xml is a document.
func (g *generator) xml() string {
	text := func() string {
		switch p := g.disguised(g.payload()); g.IntN(5) {
		case 0:
			return html.EscapeString(p)
		case 1:
			return "<![CDATA[" + p + "]]>"
		case 2:
			return p
		}
		return g.words(2)
	}
	var b strings.Builder
	b.WriteString(choose(g, []string{"", "<?xml version=\"1.0\" encoding=\"utf-8\"?>", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"}) + "<a>")
	for range 1 + g.IntN(3) {
		fmt.Fprintf(&b, "<n:b c=\"%s\" xmlns:n='u'>%s<br>&x;</n:b><!-- %s -->%s", html.EscapeString(text()), text(), g.words(1), text())
	}
	return b.String() + "</a>"
}
