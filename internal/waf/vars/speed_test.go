package vars

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
)

func benign() *request {
	return &request{"GET", "/search/a%20b?q=some+words&page=2&sort=price%2Casc", "HTTP/1.1", [][2]string{
		{"Host", "app.example"}, {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, {"Accept-Language", "en-US,en;q=0.5"},
		{"Accept-Encoding", "gzip, deflate, br"}, {"Referer", "https://app.example/"}, {"Cookie", "session=0123456789abcdef; theme=dark"},
		{"Upgrade-Insecure-Requests", "1"}, {"Sec-Fetch-Mode", "navigate"}, {"Cache-Control", "max-age=0"},
	}, ""}
}

func bigJSON(size int) string {
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"item number %d","price":12.5,"tags":["a","b"],"note":"it\u2019s \"good\""}`, i, i)
	}
	return b.String() + `]}`
}

func bigForm(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "field%d=%s+%%41&", i, strings.Repeat("some+text%2C+", 8))
	}
	return b.String()
}

// upload has two files and ten fields.
func upload(size int) *request {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=\"field%d\"\r\n\r\nsome text %d\r\n", i, i)
	}
	for i := range 2 {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f%d.txt\"\r\nContent-Type: text/plain\r\n\r\n%s\r\n", i, strings.Repeat("A line of some length, as in a text.\r\n", size/2/37))
	}
	return partsOf(ordinary, b.String()+"--b--\r\n")
}

func soap(size int) *request {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:List xmlns:m="urn:shop">`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "\n  <m:Item id=\"%d\"><m:Name>item number %d</m:Name><m:Price currency=\"EUR\">12.50</m:Price><m:Note>good &amp; cheap</m:Note></m:Item>", i, i)
	}
	return xmlOf(b.String() + "</m:List></s:Body></s:Envelope>")
}

// read gathers a request as the door would.
func read(v *Values, r *request, body []byte) {
	v.Begin(usual())
	v.Connection(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 7}), 5555), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 5}), 443))
	v.Target(r.method, r.target, r.protocol)
	for _, f := range r.fields {
		v.Header(f[0], f[1])
	}
	if len(body) > 0 && strings.HasPrefix(r.fields[0][1], "application/json") {
		v.Set(ReqbodyProcessor, "JSON")
	}
	for _, f := range r.fields {
		if f[0] == "X-Read" {
			v.Set(ReqbodyProcessor, f[1])
		}
	}
	v.Body(body, false)
}

func TestNoAllocations(t *testing.T) {
	v := new(Values)
	for name, r := range map[string]*request{"GET": benign(), "form": form(bigForm(10 << 10)), "JSON": jsonOf(bigJSON(10 << 10))} {
		body := []byte(r.body)
		if n := testing.AllocsPerRun(20, func() { read(v, r, body) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		r    *request
	}{
		{"GET", benign()}, {"JSON-10K", jsonOf(bigJSON(10 << 10))}, {"form-100K", form(bigForm(100 << 10))},
		{"not-JSON-128K-60-deep", jsonOf(strings.Repeat("[", 60) + strings.Repeat(`"x",`, 32<<10))},
		{"upload-100K", upload(100 << 10)}, {"SOAP-20K", soap(20 << 10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			v, body := new(Values), []byte(c.r.body)
			b.ReportAllocs()
			for b.Loop() {
				read(v, c.r, body)
			}
		})
	}
}

// TestLookup finds every collection by its name, and nothing else; those that
// are empty are so in Coraza.
func TestLookup(t *testing.T) {
	for id, name := range names() {
		if name == "" && ID(id) != singles {
			t.Errorf("collection %d has no name", id)
		}
		if got, found := Lookup(name); name != "" && (!found || got != ID(id)) {
			t.Errorf("%s: %d, %v", name, got, found)
		}
	}
	for _, name := range []string{"TX", "RULE", "MATCHED_VAR", "MATCHED_VARS", "HIGHEST_SEVERITY", "JSON", "ENV", "FILES_TMPNAMES", "args", ""} {
		if id, found := Lookup(name); found {
			t.Errorf("%q: %d", name, id)
		}
	}
	for _, name := range []string{"ARGS_PATH", "AUTH_TYPE", "FILES_TMP_CONTENT", "FULL_REQUEST", "GEO", "IP", "MULTIPART_INVALID_PART", "PATH_INFO", "RES_BODY_ERROR", "RESPONSE_ARGS", "SESSIONID", "UNKNOWN"} {
		if id, found := Lookup(name); !found || id != Empty {
			t.Errorf("%q: %d, %v", name, id, found)
		}
		w, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives("SecRule " + name + " \"@unconditionalMatch\" \"id:1,phase:1,pass,log\""))
		if err != nil {
			t.Fatal(err)
		}
		tx := w.NewTransaction()
		tx.ProcessURI("/a?b=c", "GET", "HTTP/1.1")
		tx.ProcessRequestHeaders()
		if len(tx.MatchedRules()) > 0 {
			t.Errorf("%s is not empty in Coraza", name)
		}
		tx.Close()
	}
	v := new(Values)
	v.Begin(usual())
	if v.Of(Empty) != nil || v.Get(Args) != "" || v.Get(Duration) != "0" {
		t.Error("an empty request holds something")
	}
}
