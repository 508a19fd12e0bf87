package waf_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// ordinary is a request as people and programs make them.
func (g *generator) ordinary() sample {
	kinds := []func(*generator) sample{
		(*generator).page, (*generator).page, (*generator).asset, (*generator).search, (*generator).search, (*generator).api, (*generator).api,
		(*generator).prose, (*generator).prose, (*generator).upload, (*generator).signIn, (*generator).tracker,
	}
	s := choose(g, kinds)(g)
	s.name = "ordinary"
	if g.one(4) {
		s.response = g.response()
	}
	return s
}

func (g *generator) request(method, target string) sample {
	s := sample{method: method, target: target, version: "HTTP/1.1"}
	s.add("Host", choose(g, []string{"shop.example", "www.example.org", "app.example:8443", "api.example.com"}))
	s.add("User-Agent", choose(g, []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
		"curl/8.11.0", "okhttp/4.12.0", "python-requests/2.32.3", "Go-http-client/1.1"}))
	s.add("Accept", choose(g, []string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "*/*", "application/json"}))
	if g.one(2) {
		s.add("Accept-Language", choose(g, []string{"de-DE,de;q=0.9,en;q=0.7", "en-US,en;q=0.5", "fr,fr-FR;q=0.8", "ja"}))
		s.add("Accept-Encoding", "gzip, deflate, br, zstd")
	}
	if g.one(2) {
		s.add("Cookie", fmt.Sprintf("session=%s; theme=%s; _ga=GA1.2.%d.%d; consent=%s", g.hex(32), choose(g, []string{"dark", "light"}), g.IntN(1e9), g.IntN(1e9), url.QueryEscape(`{"a":true,"v":2}`)))
	}
	if g.one(3) {
		s.add("Referer", "https://shop.example/"+g.slug()+"?page="+fmt.Sprint(g.IntN(50)))
	}
	if g.one(4) {
		s.add("Authorization", "Bearer "+g.token()+"."+g.token()+"."+g.token())
	}
	return s
}

func (g *generator) page() sample {
	target := "/" + g.slug()
	if g.one(2) {
		target += "?" + g.pairs(1+g.IntN(4))
	}
	return g.request("GET", target)
}

func (g *generator) asset() sample {
	return g.request("GET", fmt.Sprintf("/static/%s/%s.%s.%s", g.slug(), g.slug(), g.hex(8), choose(g, []string{"js", "css", "png", "woff2", "svg", "map", "webp"})))
}

func (g *generator) search() sample {
	return g.request("GET", "/search?q="+url.QueryEscape(g.term())+"&"+g.pairs(g.IntN(3)))
}

// tracker carries addresses, dates and flags, as analytics do.
func (g *generator) tracker() sample {
	return g.request("GET", fmt.Sprintf("/collect?v=2&tid=G-%s&dl=%s&dr=%s&ul=de&sr=1920x1080&_p=%d&en=page_view&t=%s&utm_source=news%%20letter&redirect_uri=%s",
		strings.ToUpper(g.hex(10)), url.QueryEscape("https://shop.example/"+g.slug()+"?a=1&b=2"), url.QueryEscape("https://www.google.com/"), g.IntN(1e9), url.QueryEscape(g.date()), url.QueryEscape("https://app.example/cb?state="+g.token())))
}

func (g *generator) api() sample {
	path := fmt.Sprintf("/api/v%d/%s/%s", 1+g.IntN(3), g.slug(), choose(g, []string{g.uuid(), fmt.Sprint(g.IntN(100000)), g.slug()}))
	method := choose(g, []string{"GET", "POST", "PUT", "PATCH", "DELETE"})
	s := g.request(method, path)
	if method == "POST" || method == "PUT" || method == "PATCH" {
		s.post(choose(g, []string{"application/json", "application/json; charset=utf-8", "application/vnd.api+json"}), g.document(1+g.IntN(2)))
	}
	return s
}

// document is JSON of some depth.
func (g *generator) document(depth int) string {
	if depth == 0 || g.one(4) {
		return g.scalar()
	}
	var parts []string
	if g.one(4) {
		for range g.IntN(5) {
			parts = append(parts, g.document(depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	for range 1 + g.IntN(4) {
		parts = append(parts, quoted(g.name())+":"+g.document(depth-1))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g *generator) scalar() string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprint(g.IntN(1e6))
	case 1:
		return choose(g, []string{"true", "false", "null", "-1.5e3", "0"})
	}
	return quoted(g.text())
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

func (g *generator) prose() sample {
	s := g.request("POST", "/"+g.slug()+"/comments")
	s.post(form, "title="+url.QueryEscape(g.term())+"&body="+url.QueryEscape(g.text()+"\r\n\r\n"+g.text())+"&"+g.pairs(2))
	return s
}

func (g *generator) signIn() sample {
	s := g.request("POST", "/login")
	s.post(form, fmt.Sprintf("csrf=%s&email=%s&password=%s&remember=on", g.token(), url.QueryEscape(g.words(1)+"."+g.words(1)+"@example.org"), url.QueryEscape(g.token()[:8]+choose(g, []string{"!", "#", "$1", "&x", "'", "%", "<3"}))))
	return s
}

func (g *generator) upload() sample {
	s := g.request("POST", "/files/upload")
	boundary := "----WebKitFormBoundary" + g.hex(16)
	s.post("multipart/form-data; boundary="+boundary, fmt.Sprintf("--%[1]s\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n%[2]s\r\n--%[1]s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%[3]s\"\r\nContent-Type: %[4]s\r\n\r\n%[5]s\r\n--%[1]s--\r\n",
		boundary, g.text(), choose(g, []string{"Bericht 2026 (final).pdf", "photo.jpg", "données.csv", "notes.md", "archive.tar.gz", "main.go"}),
		choose(g, []string{"application/pdf", "image/jpeg", "text/csv", "text/markdown", "application/gzip"}), g.text()))
	return s
}

func (g *generator) response() *response {
	r := &response{status: choose(g, []int{200, 200, 201, 301, 404, 500}), kind: choose(g, []string{"text/html; charset=utf-8", "text/plain", "application/json", "image/png"}), body: []byte("<html><body>" + g.text() + "</body></html>")}
	r.fields = append(r.fields, [2]string{"Server", "nginx"})
	return r
}

func (g *generator) pairs(n int) string {
	var out []string
	for range n {
		out = append(out, g.name()+"="+url.QueryEscape(g.value()))
	}
	return strings.Join(out, "&")
}

func (g *generator) value() string {
	switch g.IntN(9) {
	case 0:
		return fmt.Sprint(g.IntN(1e6))
	case 1:
		return g.uuid()
	case 2:
		return g.date()
	case 3:
		return g.token()
	case 4:
		return "https://www.example.org/" + g.slug() + "?id=" + fmt.Sprint(g.IntN(100)) + "#top"
	case 5:
		return choose(g, []string{"Bericht 2026.pdf", "photo (1).jpg", "../images/logo.png", "C:\\Users\\anna\\Desktop\\plan.docx", "name,-date", "price:asc", "10-20", "a@b.example", "+49 30 1234567", "50%", "C++", "AT&T", "O'Reilly", "100 €"})
	}
	return g.words(1 + g.IntN(3))
}

func (g *generator) name() string {
	return choose(g, []string{"id", "q", "page", "sort", "filter[status]", "user_id", "name", "comment", "lang", "from", "to", "limit", "items[]", "order.by", "Query", "x-y", "data", "return", "file", "host"})
}

func (g *generator) term() string {
	return choose(g, []string{"red shoes size 42", "O'Reilly Java books", "select a seat", "union of sets", "drop shipping", "C# vs C++", "price < 100", "5\" screen", "rock & roll",
		"what's the time?", "größe 44", "café près de moi", "東京 ホテル", "Привет мир", "how to exec a plan; and test it", "1=1 identity", "cat /etc guide", "<3", "a && b", "$100 or less", g.words(3), g.words(6)})
}

// text is prose, mark-up, or code as people post it.
func (g *generator) text() string {
	return choose(g, []string{
		g.words(30), g.words(12) + ". " + g.words(20) + "!", g.words(3),
		"# Title\n\n* one\n* two\n\n```go\nfor i := range 10 { fmt.Println(i) }\n```\n[link](https://example.org/a?b=c&d=e)",
		"Please select the items from the list where the price is lower, or update your order and delete the old one.",
		"SELECT name, price FROM products WHERE id = 5 ORDER BY price; -- does this need an index?",
		"if (a < b && c > d) { return x || y; } // see function foo()",
		"<p>Hello <b>world</b>, see <a href=\"https://example.org\">this</a></p>",
		"Die Straße ist gesperrt – bitte über Köln fahren. Größe: 5 m². „Zitat“ und 'noch eins'.",
		"L'été dernier, j'ai vu l'océan; c'était magnifique… n'est-ce pas ?", "Привет! Как дела? Всё хорошо, спасибо.", "今日はいい天気ですね。明日も晴れるでしょうか？",
		"$ sudo apt-get install nginx && systemctl start nginx\n$ cat /var/log/nginx/error.log | tail -n 20",
		"{\"nested\": \"json in a string\", \"n\": [1,2,3]}", "=SUM(A1:B2)*100", "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(g.words(10))),
		g.token() + g.token(), g.date(), g.uuid(), "\U0001F600 nice \U0001F44D\U0001F3FD", "",
	})
}

func (g *generator) words(n int) string {
	list := []string{"the", "house", "order", "table", "from", "where", "user", "system", "about", "list", "group", "by", "or", "and", "not", "like", "between", "process", "window", "document", "script", "image", "source", "file", "print", "echo", "time", "sleep", "benchmark", "having", "join", "left", "right", "value", "price", "blue", "shoe", "Berlin", "müde", "naïve", "admin", "root", "test", "exec", "eval", "include", "require", "path"}
	var out []string
	for range n {
		out = append(out, choose(g, list))
	}
	return strings.Join(out, " ")
}

func (g *generator) slug() string { return strings.ReplaceAll(g.words(1+g.IntN(2)), " ", "-") }

func (g *generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[g.IntN(16)]
	}
	return string(b)
}

func (g *generator) token() string {
	b := make([]byte, 24)
	for i := range b {
		b[i] = byte(g.IntN(256))
	}
	return choose(g, []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding}).EncodeToString(b)
}

func (g *generator) uuid() string {
	return g.hex(8) + "-" + g.hex(4) + "-4" + g.hex(3) + "-a" + g.hex(3) + "-" + g.hex(12)
}

func (g *generator) date() string {
	return fmt.Sprintf("20%02d-%02d-%02dT%02d:%02d:%02d.%03dZ", g.IntN(30), 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(60), g.IntN(1000))
}
