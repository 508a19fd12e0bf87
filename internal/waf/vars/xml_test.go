package vars

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

func xmlOf(body string) *request {
	return &request{"POST", "/x?q=1", "HTTP/1.1", [][2]string{{"Content-Type", "text/xml"}, {"X-Read", "XML"}}, body}
}

// xmlTextsOf are documents, and not quite.
func xmlTextsOf() []string {
	return []string{
		`<a/>`, `<a></a>`, `<a>b</a>`, `<a b="c" d='e'>f<g h="i"/>j</a>`, `<?xml version="1.0" encoding="utf-8"?><a>b</a>`, `<?xml version="1.1"?><a>b</a>`, `<?xml version="1.0" encoding="iso-8859-1"?><a>b</a>`, `<?xml?><a>b</a>`,
		"<a>\n b \t\r\n</a>", "<a>\u00a0b\u2003</a>", `<a>b<!-- c -->d</a>`, `<a>b<!-- c -- d -->e</a>`, `<a><![CDATA[b<c>&amp;]]>d</a>`, `<a><![CDATA[b]]`, `<a>b]]>c</a>`, `<![CDATA[x]]>`, `<a>&lt;&amp;&#65;&#x42;&eacute;&nbsp;&unknown;&;&#;&#xzz;&#1114112;&</a>`, `<a b="&lt;&quot;&unknown;&#65;"/>`,
		`<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z SYSTEM "file:///etc/passwd">]><a>&x;&z;</a>`, `<!DOCTYPE a SYSTEM "http://x/y.dtd"><a/>`, `<!DOCTYPE a [<!-- > -->]><a>b</a>`, `<!DOCTYPE a "`, `<!x`, `<!-`, `<!-x`, `<![x`, `<?`, `<?x`, `<?x y?>`, `<`, `<a`, `<a `, `<a b`, `<a b=`, `<a b="`, `<a b="c`, `<a b="c"`, `<a b="c">`, `</`, `</a`, `</a>`, `<a></b>`, `<a><b></a></b>`, `<a><b></a>`, `<a>b</a>c`, `<a/><b/>c`, `a`, ` `, `a<b>c`,
		`<a b>c</a>`, `<a b=c>d</a>`, `<a b=c d>e</a>`, `<a b="c"d="e">f</a>`, `<a b="c" b="d"/>`, `<a b="<">c</a>`, `<a b=">">c</a>`, `<a b="c' d='e"/>`, `<a/ >`, `<a / >`, `< a/>`, `<1/>`, `<a:b c:d="e" xmlns:c="f" xmlns="g">h</a:b>`, `<a xmlns:b="c"><b:d b:e="f">g</b:d></a>`, `<a:b:c/>`, `<:a/>`, `<a:/>`, `<a:b></c:b>`,
		`<p>a<br>b<hr>c<img src="d">e<input value=f></p>`, `<BR>a</BR>b`, `<br/>a<br></br>b`, `<link rel="a">b`, "<a>\xff</a>", "<a b=\"\xff\"/>", "<\xff/>", "<a>\x00</a>", "<a>\x01</a>", "<a>\ufffe</a>", "<é>ß</é>", "<a é=\"ü\">ö</a>", "\ufeff<a>b</a>", "<a>b\rc\r\nd</a>", "<a b=\"c\rd\r\ne\"/>",
		strings.Repeat("<a>", 2000) + "b", strings.Repeat("<a>", 2000) + "b" + strings.Repeat("</a>", 2000), strings.Repeat("<a>", 100) + strings.Repeat("</b>", 100), strings.Repeat("<a b='c'>d", 1500), strings.Repeat(`<br>`, 1000), "<a>" + strings.Repeat("&amp;", 3000) + "</a>",
		`<!DOCTYPE l [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><l>&c;</l>`, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:Get xmlns:m="u" id="1' or '1'='1"><m:Name>x</m:Name></m:Get></s:Body></s:Envelope>`,
	}
}

// TestXMLAsCoraza reads documents, well formed and not.
func TestXMLAsCoraza(t *testing.T) {
	var all []*request
	for _, s := range xmlTextsOf() {
		all = append(all, xmlOf(s))
	}
	against(t, all)
}

// TestXMLCutShort reads what is left of a document cut at every byte.
func TestXMLCutShort(t *testing.T) {
	text := "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><a b=\"c&lt;é\">d<!-- e --><![CDATA[f]]>&amp;<g h=i/>&#65;<br>é</a>\n"
	var all []*request
	for i := range len(text) {
		all = append(all, xmlOf(text[:i]))
	}
	against(t, all)
}

// randomXML is a document from odd pieces.
func randomXML(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(14) {
		b.WriteString(choose(rng, "<a>", "<b c='d'>", "</a>", "</b>", "<e/>", "<f g=\"h&amp;i\" j=k l/>", "text", " ", "&lt;", "&x;", "&#65;", "<!-- c -->", "<![CDATA[d]]>", "<?p i?>", "<!DOCTYPE a>", "<br>", "<n:a xmlns:n='u'>", "</n:a>", "]]>", "é", "<", ">", "\r\n", "<?xml version='1.0'?>"))
	}
	return b.String()
}

// FuzzXML compares what a fuzzer finds.
func FuzzXML(f *testing.F) {
	for _, s := range xmlTextsOf() {
		if len(s) < 300 {
			f.Add(s)
		}
	}
	w, v := corazaOf(f, usual()), new(Values)
	f.Fuzz(func(t *testing.T, body string) { compare(t, w, v, usual(), xmlOf(body)) })
}

func TestWithin(t *testing.T) {
	var v Values
	for _, c := range []struct {
		body string
		want []string
	}{
		{`<a><x:b>1</x:b><c d="2">3<br>4</c>5</a>`, []string{"b", "d", "c", "c", "a"}},
		{`6<a/>7`, []string{"", ""}},
		{`<a><b>8`, []string{"b"}},
		{`<a b="9"><c>`, []string{"b"}},
	} {
		v.Begin(Limits{})
		if fault := v.readXML(c.body); fault != "" {
			t.Fatal(c.body, fault)
		}
		names, members := v.Within(), v.Of(XML)
		if len(members) != len(c.want) {
			t.Fatalf("%s: %v", c.body, members)
		}
		for i, p := range members {
			if got := names[unsafe.StringData(p.Value)]; got != c.want[i] {
				t.Errorf("%s: %s stands in %q, want %q", c.body, p.Value, got, c.want[i])
			}
		}
	}
}
