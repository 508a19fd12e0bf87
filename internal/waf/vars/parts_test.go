package vars

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func partsOf(media, body string, more ...[2]string) *request {
	return &request{"POST", "/m?q=1", "HTTP/1.1", append([][2]string{{"Content-Type", media}}, more...), body}
}

const ordinary = "multipart/form-data; boundary=b"

// crlf makes line ends of HTTP of those in a text.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// onePart is a body with a part of one header field, twice.
func onePart(disposition string) string {
	return crlf("--b\nContent-Disposition: " + disposition + "\n\nvalue\n--b\nContent-Disposition: " + disposition + "\nContent-Type: text/x\n\n\n--b--\n")
}

// dispositions are what parts say of themselves.
func dispositions() []string {
	return []string{
		`form-data; name="a"`, `form-data; name=a`, `form-data; name="A"; filename="f.txt"`, `form-data; name="a"; filename=""`, `form-data; filename="f.txt"`, `form-data`, ``, ` `, `;`, `form-data;`,
		`attachment; name="a"; filename="f"`, `FORM-DATA; NAME="a"; FileName="f"`, `form-data; name="a"; name="a"`, `form-data; name="a"; name="b"`, `form-data; name="a"; filename="f"; filename="g"`,
		`form-data; name="a"; filename="f"; filename="f"`, `form-data; name="a\"b"; filename="c\"d\\e\f"`, `form-data; name='a'; filename='f'`, `form-data; name=a b`, `form-data; name="a`, `form-data name="a"`,
		`form-data; name="a"; filename=f;`, `form-data; name="a"; x`, `form-data; name="a"; =x`, `form-data; name="a";; filename="f"`, `form-data; name=; filename="f"`, `form-data; name="É"; filename="ß.É"`, "form-data; name=\"\xff\"; filename=\"\xfe\"",
		`form-data; name*=utf-8''a%20b`, `form-data; name="a"; name*=utf-8''b`, `form-data; name*0=a; name*1=b`, `form-data; name="a"; filename="C:\dir\f.txt"`, `form-data; name="a;b"; filename="f;filename*=utf-8''x"`,
		`form-data; name="a"; filename*=utf-8''f%20g`, `form-data; name="a"; filename="f"; filename*=utf-8''g`, `form-data; name="a"; filename*=utf-8'en'f; filename="g"`, `form-data; name="a"; filename="f"; filename*=utf-8''f`,
		`form-data; name="a"; filename="f"; filename*=iso-8859-1'de'%e4`, `form-data; name="a"; filename="f"; filename*=`, `form-data; name="a"; filename="f"; filename*=x`, `form-data; name="a"; filename="f"; filename*=''`,
		`form-data; name="a"; filename="f"; filename*=utf-8''`, `form-data; name="a"; filename*=utf-8''`, `form-data; name="a"; filename="f"; filename*="utf-8''g"`, `form-data; name="a"; filename="f"; filename*="utf-8''g\"h"`,
		`form-data; name="a"; filename="f"; filename*="x"`, `form-data; name="a"; filename*=utf-8''%zz%4`, `form-data; name="a"; filename*=x''%zz%4`, `form-data; name="a"; filename*=x''%41%4g%`, `form-data; name="a"; FILENAME*=UTF-8''A'b'c`,
		`form-data; name="a"; filename*=utf-8''f; filename*=utf-8''g`, `form-data; name="a"; filename*0="f"; filename*1="g"`, `form-data; name="a"; filename="x"; filename*0="f"`, `form-data; name="a"; filename="x"; filename*0*=utf-8''f%20; filename*1=g`,
		`form-data; name="a"; filename*0*=utf-8''f`, `form-data; name="a"; filename="f"; filename*1="g"`, `form-data; name="a"; filename="f"; filename*x="g"`, `form-data; name="a"; filename*0="f"; filename*=utf-8''g`, `form-data; name="a"; filename="f\o"; filename*0="g"`,
		`form-data; name="a"; filename="f"; filename*0*="x''%41"`, `form-data; name="a"; filename = "f" ; filename* = utf-8''g`, `form-data; name="a"; filename="f" filename="g"`, `form-data; filename=f; x="`, `form-data; x="\"; filename*=utf-8''g"; filename=f`,
		`form-data; name="a"; filename=""; filename*0=""`, `form-data; name="a"; filename="f"; filename*00="g"`, `form-data; a=1; b=2; a=3`, `form-data; A=1; a=1`, `form-data/x; name=a`, `x/y/z; name=a`, `form-data; name="a"; filename="f" ; `,
	}
}

// partsTexts are bodies with the boundary b, and not quite.
func partsTexts() (all []string) {
	for _, d := range dispositions() {
		all = append(all, onePart(d))
	}
	part := func(header, content string) string { return "--b\n" + header + "\n\n" + content + "\n" }
	a := part(`Content-Disposition: form-data; name="a"`, "1")
	file := part("Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\nContent-Type: text/plain", "content\nof it")
	for _, s := range []string{
		a + "--b--\n", a + "--b--", a + "--b", a + "--b-", a + "--b--x\n", a + "--b-- \t\n", a + "--b--\nepilogue\n" + a, a, a + a + a + "--b--", "\n" + a + "--b--", "preamble\n" + a + "--b--", "--b--\n", "--b--", "--b\n", "--b", "--", "-", "b", "\n", " ",
		"--b \t\n" + a[4:] + "--b \n" + a[4:] + "--b--", "--bx\n" + a + "--bx\n" + a + "--b--", "--c\n" + a + "--b--", a + "--bc\n--b--", a + "--b-c\n--b--", "--b\n\n\n--b\n\n--b--", "--b\n\n--b\n--b\n--b--", a + "\n--b--", a + "x\n--b--", a + "\n\n--b--", a + "--b\n--b--",
		file + "--b--\n", file + file + "--b--", file + a + file + "--b--", file + strings.ReplaceAll(file, "x.txt", "X.TXT") + "--b--", strings.ReplaceAll(file, "content\nof it", "") + "--b--", file, file[:len(file)-4],
		part("Content-Disposition: form-data;\n name=\"a\"", "1") + "--b--", part("Content-Disposition: form-data;\n\tname=\"a\"\n \n ", "1") + "--b--", part(" Content-Disposition: form-data; name=\"a\"", "1") + "--b--", part("Content-Disposition : form-data; name=\"a\"", "1") + "--b--",
		part("Content-Disposition: form-data; name=\"a\"\nContent-Disposition: form-data; name=\"b\"", "1") + "--b--", part("content-disposition:form-data; name=\"a\"\nCONTENT-TYPE:x\nx-y-z: \tü\xff", "1") + "--b--", part("no colon", "1") + "--b--", part(": x", "1") + "--b--", part("a\x00b: x", "1") + "--b--", part("a: x\x00y", "1") + "--b--", part("é: x", "1") + "--b--",
		part("Content-Disposition: form-data; name=\"a\"\nContent-Type: a\nContent-Type: b", "1") + "--b--", part("Content-Disposition: form-data; name=\"a\"\nX: \n:", "1") + "--b--", part("a:b\nc:d\n e\nf:g", "1") + "--b--",
		part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: quoted-printable", "=41=\n=42 =zz") + "--b--", part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: Quoted-Printable", "=41=42  \nx=\n") + "--b--",
		part("Content-Disposition: form-data; name=\"a\"; filename=\"f\"\nContent-Transfer-Encoding: quoted-printable", "\xff=4\n=x") + "--b--", part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: base64", "QQ==") + "--b--", part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: quoted-printable", "=41=4"), part("Content-Transfer-Encoding: quoted-printable", strings.Repeat("x", 5000)) + "--b--",
		part(`Content-Disposition: form-data; name="a"`, strings.Repeat("x", 4083)) + "--b--", part(`Content-Disposition: form-data; name="a"`, strings.Repeat("-", 9000)) + "--b--", part(`Content-Disposition: form-data; name="a"`, strings.Repeat("\n--", 3000)) + "--b--", strings.Repeat("x", 5000) + "\n" + a + "--b--", strings.Repeat("x\n", 5000) + a + "--b--",
		part("X: "+strings.Repeat("y", 9000), "1") + "--b--", part(strings.Repeat("X: y\n", 3000)+"Z: z", "1") + "--b--", part(`Content-Disposition: form-data; name="`+strings.Repeat("n", 9000)+`"`, "1") + "--b--", "--b" + strings.Repeat(" ", 5000) + "\n" + a + "--b--", strings.Repeat(a, 1200) + "--b--",
		strings.Repeat(file, 70) + "--b--",
	} {
		all = append(all, crlf(s))
		if strings.Count(s, "\n") < 30 {
			all = append(all, s, strings.Replace(crlf(s), "\r\n", "\n", 1), strings.ReplaceAll(s, "\n", "\r"), strings.TrimSuffix(crlf(s), "\r\n"))
		}
	}
	return all
}

// TestPartsAsCoraza reads bodies of parts, well made and not.
func TestPartsAsCoraza(t *testing.T) {
	var all []*request
	for _, body := range partsTexts() {
		all = append(all, partsOf(ordinary, body))
		if len(body) < 1000 {
			all = append(all, partsOf(ordinary, body, [2]string{"X-Cut", "1"}))
		}
	}
	body := partsTexts()[0]
	for _, media := range []string{
		"multipart/form-data", "multipart/form-data;", "multipart/form-data; boundary", "multipart/form-data; boundary=", `multipart/form-data; boundary=""`, `multipart/form-data; boundary="b"`, `multipart/form-data; boundary=b; boundary=b`, "multipart/form-data; boundary=b; boundary=c",
		"Multipart/Form-Data; BOUNDARY=b", "multipart/form-data; charset=x; boundary=b", "multipart/form-data, boundary=b", "multipart/form-data boundary=b", " multipart/form-data ; boundary = b ", "multipart/form-data; boundary=B", "multipart/form-data; boundary='b'",
		"multipart/form-data; boundary*=utf-8''b", "multipart/form-data; boundary*0=b", `multipart/form-data; boundary="b`, "multipart/form-data; boundary=b; x", "multipart/form-datax; boundary=b", "multipart/form-data/x; boundary=b", "multipart/mixed; boundary=b", "text/plain; boundary=b", "", "multipart/; boundary=b",
		"multipart/form-data; boundary=" + strings.Repeat("b", 100), "multipart/form-data; boundary=b b", `multipart/form-data; boundary="b "`, `multipart/form-data; boundary="\b"`, "multipart/form-data; boundary=-",
	} {
		all = append(all, partsOf(media, body), partsOf(media, body, [2]string{"X-Read", "MULTIPART"}), partsOf(media, body, [2]string{"Content-Type", ordinary}), partsOf(media, body, [2]string{"X-Read", "force"}))
	}
	all = append(all, &request{"POST", "/", "HTTP/1.1", [][2]string{{"X-Read", "MULTIPART"}}, body})
	against(t, all)
}

// TestPartsCutShort reads what is left of a body cut at every byte, by its client
// and by us.
func TestPartsCutShort(t *testing.T) {
	body := crlf("pre\n--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b\nContent-Disposition: form-data;\n name=\"f\"; filename=\"x\"\nContent-Type: a/b\n\nxx\n--b\nContent-Transfer-Encoding: quoted-printable\n\n=41\n--b--\nx")
	var all []*request
	for i := range len(body) {
		all = append(all, partsOf(ordinary, body[:i]), partsOf(ordinary, body[:i], [2]string{"X-Cut", "1"}))
	}
	against(t, all)
}

// against compares all of them.
func against(t *testing.T, all []*request) {
	t.Helper()
	w, v := corazaOf(t, usual()), new(Values)
	for _, r := range all {
		compare(t, w, v, usual(), r)
	}
}

// TestGeneratedBodies compares thousands of bodies put together from odd pieces.
func TestGeneratedBodies(t *testing.T) {
	rounds := 4000
	if testing.Short() {
		rounds = 400
	}
	w, v := corazaOf(t, usual()), new(Values)
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 11))
		r := partsOf(ordinary, randomParts(rng))
		if seed%3 == 0 {
			r = xmlOf(randomXML(rng))
		}
		if rng.IntN(3) == 0 && r.body != "" {
			at := rng.IntN(len(r.body))
			r.body = r.body[:at] + []string{"", "\r", "\n", "\r\n", "-", "\"", "<", "&", "\x00", "\xff", ";", "--b"}[rng.IntN(12)] + r.body[min(len(r.body), at+rng.IntN(3)):]
		}
		if rng.IntN(5) == 0 {
			r.fields = append(r.fields, [2]string{"X-Cut", "1"})
		}
		compare(t, w, v, usual(), r)
		if t.Failed() {
			break
		}
	}
}

func choose(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

// randomParts is a body with the boundary b.
func randomParts(rng *rand.Rand) string {
	end := choose(rng, "\r\n", "\r\n", "\r\n", "\n", "\r")
	var b strings.Builder
	if rng.IntN(8) == 0 {
		b.WriteString("preamble" + end)
	}
	for range rng.IntN(5) {
		b.WriteString("--b" + choose(rng, "", "", "", " ", "\t", "-", "c") + end)
		for range rng.IntN(3) + rng.IntN(2) {
			switch rng.IntN(6) {
			case 0, 1:
				fmt.Fprintf(&b, "Content-Disposition: %s", dispositions()[rng.IntN(len(dispositions()))])
			case 2, 3:
				b.WriteString("Content-Disposition: " + randomDisposition(rng))
			case 4:
				b.WriteString(choose(rng, "Content-Type", "content-type", "X", "X y", "Content-Transfer-Encoding", "") + choose(rng, ":", ": ", " :", "") + choose(rng, "text/plain", "quoted-printable", "", "é", "\x01"))
			default:
				b.WriteString(choose(rng, "X: y", "X: y"+end+" z", "X:"+end+"\t"+end+" z"))
			}
			b.WriteString(choose(rng, end, end, end, end, "\n", end+" "))
		}
		b.WriteString(choose(rng, end, end, end, end, ""))
		b.WriteString(choose(rng, "", "x", "x=41=\r\ny", "--", "\r\n", "\r\n--", "-b", "\r\n--bc\r\n", "\xff\x00", strings.Repeat("z", 4000+rng.IntN(200))))
		b.WriteString(choose(rng, end, end, end, end, ""))
	}
	return b.String() + choose(rng, "--b--", "--b--", "--b--"+end, "--b--x", "--b", "") + choose(rng, "", "", "epilogue")
}

// randomDisposition is one from pieces of names and values.
func randomDisposition(rng *rand.Rand) string {
	s := choose(rng, "form-data", "form-data", "form-data", "FORM-data", "attachment", "x/y", "")
	for range rng.IntN(5) {
		s += choose(rng, "; ", ";", " ; ", ";;", " ") + choose(rng, "name", "filename", "filename", "filename*", "filename*", "filename*0", "filename*1*", "Name", "x") + choose(rng, "=", "=", "=", " = ", "") +
			choose(rng, "a", `"b"`, `"c\"d"`, `"e;f"`, "utf-8''g", "x'y'z%41", `"utf-8''h"`, `"u'v"`, "%4", "utf-8''%zz", `"`, `""`, "", "É", "\\")
	}
	return s
}

// FuzzParts compares what a fuzzer finds.
func FuzzParts(f *testing.F) {
	for _, s := range partsTexts() {
		if len(s) < 300 {
			f.Add(ordinary, s, false)
		}
	}
	w, v := corazaOf(f, usual()), new(Values)
	f.Fuzz(func(t *testing.T, media, body string, cut bool) {
		r := partsOf(media, body, [2]string{"X-Read", "MULTIPART"})
		if cut {
			r.fields = append(r.fields, [2]string{"X-Cut", "1"})
		}
		compare(t, w, v, usual(), r)
	})
}

// FuzzDisposition has the fuzzer say what one part is called.
func FuzzDisposition(f *testing.F) {
	for _, s := range dispositions() {
		f.Add(s)
	}
	w, v := corazaOf(f, usual()), new(Values)
	f.Fuzz(func(t *testing.T, field string) { compare(t, w, v, usual(), partsOf(ordinary, onePart(field))) })
}

// TestFileNames holds what is read of a file's name against what is written here.
func TestFileNames(t *testing.T) {
	v := new(Values)
	for field, want := range map[string]string{
		`form-data; name="a"; filename="f"`:                               "f",
		`form-data; name="a"; filename="f"; filename*=utf-8''g%20h`:       "g h f",
		`form-data; name="a"; filename="f"; filename*=iso-8859-1'de'%4a`:  "J f iso-8859-1 de",
		`form-data; name="a"; filename="f"; filename*0="g"; filename*1=h`: "f gh strict",
		`form-data; name="a"; filename="f"; filename*="x'y'g"`:            "g f x y strict",
		`form-data; name="a"; filename="f"; filename="g"`:                 "strict",
		`form-data; name="a"`: "",
	} {
		v.Begin(usual())
		v.Header("Content-Type", ordinary)
		v.Body([]byte(crlf("--b\nContent-Disposition: "+field+"\n\n1\n--b--")), false)
		var got []string
		for _, id := range []ID{Files, MultipartFilenameCharset, MultipartFilenameLanguage} {
			for _, p := range v.Of(id) {
				if p.Value != "" && p.Value != "utf-8" {
					got = append(got, p.Value)
				}
			}
		}
		if v.Get(MultipartStrictError) == "1" {
			got = append(got, "strict")
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
}
