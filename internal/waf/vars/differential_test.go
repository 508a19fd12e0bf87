package vars

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
)

// TestAsCoraza are requests that are easily read in two ways.
func TestAsCoraza(t *testing.T) {
	field := func(name, value string) [2]string { return [2]string{name, value} }
	var all []*request
	for _, target := range []string{
		"/", "", "*", "//", "//a/b?c=d", "/a%2fb%2Fc/d?x=%41+%zz&y", "/a%zz?b=c", "/a%", "/a%4", "/a?", "/a??", "/a?b?c=d", "/a#b", "/a?b#c=d", "#", "?",
		"a/b?c=d", "http://u:p@Host:80/a b?c=d#e", "HTTP://host", "http://host?x=y", "http:///x", "http:x", "http:", ":x", "host:443", "1:2",
		"/\x00?a=b", "/a?b=\x7f&c=d", "/a\r\nb?c", "/\xff\xfe?\xff=\xfe", "/a b/\"c\"<d>?e f", "/a\\b\\", "/a\\b\\c", "/a/b/", "/a/b;c=d?e;f=g;h",
		"/?a=1&a=2&A=3&&=&=x&y=&z&a=b=c", "/?%61=%62&%", "/?a=%", "/?a=%4", "/?+=+", "/a:b", "/[x]", "/%E2%82%AC?%E2%82%AC=€", "/?É=1&é=2", "/a|b^c`d{e}",
	} {
		all = append(all, &request{"GET", target, "HTTP/1.1", nil, ""})
	}
	for _, cookie := range []string{
		"a=b", "a=b; c=d", "a", "=", "=b", ";;", " a = b ; c", "a=b;a=c;A=d", "a=\"b;c\"", "\x01=x", "a=b=c", "\x7fa\x00=\tb\r", "a=%41+", ",a=b,c=d", "É=1; é=2",
	} {
		all = append(all, &request{"GET", "/", "HTTP/1.1", [][2]string{field("Cookie", cookie), field("COOKIE", "z=1;"+cookie)}, ""})
	}
	for _, media := range []string{
		"application/x-www-form-urlencoded", " Application/X-WWW-form-urlencoded; charset=x", "\u00a0application/x-www-form-urlencoded", "applİcation/x-www-form-urlencoded",
		"application/x-www-form-urlencodedX", "text/plain", "", "application/json", "application/json; a=b", "text/application/json",
	} {
		for _, how := range []string{"", "RAW", "URLENCODED", "NONSENSE", "force"} {
			all = append(all, &request{"POST", "/", "HTTP/2.0", [][2]string{field("content-type", media), field("X-Read", how), field("Content-Type", "text/x")}, "a=b&{\"c\":1}"})
		}
	}
	all = append(all, &request{"", "", "", [][2]string{field("", "x"), field("X", ""), field("x", "y"), field("Étrange", "z")}, "x"},
		&request{"POST", "/", "HTTP/1.1", [][2]string{field("Content-Type", "text/x"), field("Content-Type", "application/x-www-form-urlencoded")}, "a=b"})
	for _, body := range []string{"a=b&c=d", "a=1&A=2", "&&&", "a", "=", "a=%00%ff+%", "a;b=c", strings.Repeat("a=b&", 1500), "a=1&b=2&c=3&d=4&", "a=1&b=2&c=3&d=4&e"} {
		all = append(all, form(body))
	}
	for _, body := range jsonTexts() {
		all = append(all, jsonOf(body))
	}
	for _, l := range []Limits{usual(), tight()} {
		w, v := corazaOf(t, l), new(Values)
		for _, r := range all {
			compare(t, w, v, l, r)
		}
	}
}

// jsonTexts are texts, JSON and not quite.
func jsonTexts() []string {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	return []string{
		`{}`, `[]`, `{"a":1}`, `[1,2,3]`, `{"a":[1,{"b":"c"},[]],"d":{},"e":null,"f":true,"g":false}`, `"x"`, `1`, `-0.5e+7`, `null`, `true`, ` false `,
		`{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\ud83d\ud800x\ud83d"}`, `{"\u0061\n":1}`, `{"a":1,"a":2,"A":3}`, `{"":{"":1}}`, `{"a.b":{"c":1},"a":{"b.c":2}}`,
		"\ufeff{}", "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", "\t{ \"a\"\n:\r1 , \"b\" : [ ] } \n", `{"a":1}x`, `{"a":1}{"b":2}`, `[1,2`, `{"a":{"b":1`, `{"a":"b`, `{"a"`, `{`, `[`, `"`, `{"a":`,
		`{a:1}`, `{'a':1}`, `[1,]`, `[,1]`, `{"a":1,}`, `{"a" 1}`, `[1 2]`, `[01]`, `[1.]`, `[.5]`, `[+1]`, `[1e]`, `[-]`, `[nan]`, `[NaN,Infinity,i]`, `[tru]`, `[truex]`, `[nul]`, `{"a":1]`, `[1}`, `[{]}`, `[(]`, `)`,
		`[1",{"a":1}]`, `{"a":"\q"}`, `{"a":"\u12"}`, `{"a":"\u12G4"}`, `{"a\q":1}`, `{"a":1 "b":2}`, `{"a":{"b":}}`, `a=b&c=d`, `x{"a":1}`, ` `, "\x00", `{"a":/*x*/1}`, `["\\","\\\"",[]]`, `["a\\",{"b":"c\\"}]`,
		deep(2), deep(3), deep(4), deep(63), deep(64), deep(65), `[[[[1`, `{"a":{"a":{"a":{"a":1}}}}`, `[[1],[2],[3],[4],[5],[6]]`, `[[],[],[],[],[],[]]`, `[1,2,3,4,[]]`, `[1,2,3,4,{}]`, `[1,2,3,4]`, `[1,2,3,[4]]`, `[1,2,3,4,5`, `[1,2,3,4,[[[[]]]]]`,
		`[[1,2],[3,4],[5]]`, `{"a":[{},{},{}],"b":[[1]],"c":[[2]],"d":[[3]],"e":[[4]],"f":[[5]]}`, `[1,2,3,4,5]x`,
		strings.Repeat(`{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":[1,`, 30) + "1" + strings.Repeat("]}", 30),
		strings.Repeat(`{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":[1,`, 40) + "1",
		`{"` + strings.Repeat("k", 3000) + `":{` + strings.TrimSuffix(strings.Repeat(`"x":1,`, 500), ",") + `}}`,
	}
}

// TestGenerated compares thousands of requests put together from odd pieces.
func TestGenerated(t *testing.T) {
	pieces := strings.Split("/ // ? & & = = ; # % %2 %2f %41 %zz + . .. \\ : @ a b A É \xff \x00 \x7f \" ' < [ ] ( { } , * ! ~ | http:// 1 -", " ")
	cookies := strings.Split("a b A É = = ; ; , \" % \x00 \x1f \xff 1 _", " ")
	values := strings.Split(`{ } [ ] , , : : "a" "b" "A" "" "\n" "\u0041" "\ud800" " \ 1 -2.5 0 true false null x ( 1e5 . \"`, " ")
	media := []string{"application/x-www-form-urlencoded", "application/json", "Application/JSON", "text/plain", "", "application/x-www-form-urlencoded ; x"}
	pick := func(rng *rand.Rand, from []string, most int) string {
		var b strings.Builder
		for range rng.IntN(most) {
			b.WriteString(from[rng.IntN(len(from))])
		}
		return b.String()
	}
	limits := []Limits{usual(), tight()}
	wafs := []coraza.WAF{corazaOf(t, limits[0]), corazaOf(t, limits[1])}
	v := new(Values)
	rounds := 4000
	if testing.Short() {
		rounds = 500
	}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 7))
		r := &request{method: "POST", target: "/" + pick(rng, pieces, 12), protocol: "HTTP/1.1"}
		if rng.IntN(4) == 0 {
			r.target = pick(rng, pieces, 12)
		}
		r.fields = append(r.fields, [2]string{"Cookie", pick(rng, cookies, 12)}, [2]string{"Content-Type", media[rng.IntN(len(media))]},
			[2]string{pick(rng, []string{"X", "-", "y", "É", "\xff"}, 4), pick(rng, pieces, 5)})
		switch rng.IntN(3) {
		case 0:
			r.body = pick(rng, pieces, 30)
		case 1:
			r.body = pick(rng, values, 20)
		default:
			r.body = randomJSON(rng, 4)
			if rng.IntN(2) == 0 && r.body != "" {
				at := rng.IntN(len(r.body))
				r.body = r.body[:at] + values[rng.IntN(len(values))] + r.body[at:]
			}
		}
		which := int(seed % 2)
		compare(t, wafs[which], v, limits[which], r)
		if t.Failed() {
			break
		}
	}
}

// randomJSON is a text, to some depth.
func randomJSON(rng *rand.Rand, depth int) string {
	space := []string{"", "", "", " ", "\n\t"}[rng.IntN(5)]
	switch n := rng.IntN(7); {
	case n < 2 && depth > 0:
		var members []string
		for range rng.IntN(4) {
			members = append(members, fmt.Sprintf(`%s"k%d%s"%s:%s`, space, rng.IntN(3), []string{"", "\\n", "\\u00c9", "É"}[rng.IntN(4)], space, randomJSON(rng, depth-1)))
		}
		return "{" + strings.Join(members, ",") + space + "}"
	case n < 4 && depth > 0:
		var members []string
		for range rng.IntN(4) {
			members = append(members, space+randomJSON(rng, depth-1))
		}
		return "[" + strings.Join(members, ","+space) + space + "]"
	}
	return []string{"1", "-2.50e3", "true", "false", "null", `""`, `"v"`, `"\"\\"`, `"\ud83d\ude00"`, "\"\xff\"", "0"}[rng.IntN(11)]
}

// FuzzValues compares what a fuzzer finds.
func FuzzValues(f *testing.F) {
	f.Add("/a%2f?b=c&D=%zz+#e", "a=b; =c", "application/json", `{"a":[1,"\u0041",null],"b":{"c":true}}`)
	f.Add("http://h/a b?c", "\x01=;;x", "application/x-www-form-urlencoded", "a=b&c;d=%00")
	for _, s := range jsonTexts() {
		if len(s) < 100 {
			f.Add("/", "", "application/json", s)
		}
	}
	w, v := corazaOf(f, tight()), new(Values)
	f.Fuzz(func(t *testing.T, target, cookie, media, body string) {
		r := &request{"POST", target, "HTTP/1.1", [][2]string{{"Cookie", cookie}, {"Content-Type", media}}, body}
		compare(t, w, v, tight(), r)
	})
}
