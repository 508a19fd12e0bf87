package waf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"fanlight/internal/httpwire"
)

const browser = "Host: shop.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0\r\n" +
	"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n" +
	"Cookie: session=abcdef0123456789; theme=dark\r\nReferer: https://shop.test/list?page=2\r\n"

// question is a request with its body.
type question struct {
	req  *Request
	body []byte
}

func askWith(t testing.TB, method, target, contentType, body string) question {
	head := method + " " + target + " HTTP/1.1\r\n" + browser
	if contentType != "" {
		head += fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	h := &httpwire.Head{}
	if _, err := h.ParseRequest([]byte(head+"\r\n"), httpwire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return question{&Request{Client: netip.MustParseAddrPort("192.0.2.1:40000"), Server: netip.MustParseAddrPort("192.0.2.2:443"),
		Method: method, Target: target, Protocol: "HTTP/1.1", Host: "shop.test", Head: h}, []byte(body)}
}

func (q *question) judge(e Engine) *Verdict {
	tx := e.Begin(q.req)
	if tx.Headers() == nil {
		tx.Body(q.body, 0)
	}
	return tx.End()
}

const prose = "The ship came in late that evening, and nobody on the quay could say whose cargo it was. " +
	"Take a chair, said the keeper, leave the bag and tell me the news: we have tea, bread and 12 eggs. "

// questions are ordinary requests and an attack, some of each so that no two in
// a row are alike.
func questions(t testing.TB, sort string) (out []question) {
	for i := range 64 {
		switch sort {
		case "get":
			out = append(out, askWith(t, "GET", fmt.Sprintf("/item?id=%d&name=shoe%d&sort=price%d", i, i*7, i*13), "", ""))
		case "json":
			var b strings.Builder
			for n := 0; b.Len() < 10<<10; n++ {
				fmt.Fprintf(&b, `,{"id":%d,"name":"item %d","note":%q,"price":%d.5}`, n*i, n, prose[n%90:n%90+60], n+i)
			}
			out = append(out, askWith(t, "POST", "/api/items", "application/json", "["+b.String()[1:]+"]"))
		case "orders": // most values are the same in each item
			item := fmt.Sprintf(`,{"id":%d,"name":"Blue running shoes","price":59.9,"note":"Delivered to the front door on Tuesday","tags":["summer","sale"]}`, 1000000+7*i)
			out = append(out, askWith(t, "POST", "/api/orders", "application/json", `{"items":[`+strings.Repeat(item, 80)[1:]+"]}"))
		case "form":
			var b strings.Builder
			for n := 0; b.Len() < 100<<10; n++ {
				fmt.Fprintf(&b, "&field%d=%s", n, strings.ReplaceAll(strings.Repeat(prose, 4)[n%100+i:], " ", "+"))
			}
			out = append(out, askWith(t, "POST", "/comment", "application/x-www-form-urlencoded", b.String()[1:]))
		case "upload":
			var b strings.Builder
			for n := range 10 {
				fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=\"field%d\"\r\n\r\n%s\r\n", n, prose[n+i:n+i+60])
			}
			for n := range 2 {
				fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f%d.txt\"\r\nContent-Type: text/plain\r\n\r\n%s\r\n", n+i, strings.Repeat(prose, 250))
			}
			out = append(out, askWith(t, "POST", "/upload", "multipart/form-data; boundary=b", b.String()+"--b--\r\n"))
		case "soap":
			var b strings.Builder
			for n := 0; b.Len() < 20<<10; n++ {
				fmt.Fprintf(&b, "\n  <Item id=\"%d\"><Name>item %d</Name><Note>%s</Note></Item>", n*i, n, prose[n%90:n%90+60])
			}
			out = append(out, askWith(t, "POST", "/service", "text/xml", `<s:Envelope xmlns:s="urn:soap"><s:Body>`+b.String()+"</s:Body></s:Envelope>"))
		case "attack":
			out = append(out, askWith(t, "GET", fmt.Sprintf("/item?id=%d%%27+union+select+1,2,3+from+users--+", i), "", ""))
		}
	}
	return out
}

func BenchmarkJudge(b *testing.B) {
	p := Defaults()
	p.Mode = Block
	for _, coraza := range []bool{false, true} {
		p.Coraza = coraza
		e, err := New(&p)
		if err != nil {
			b.Fatal(err)
		}
		for _, sort := range []string{"get", "json", "orders", "form", "upload", "soap", "attack"} {
			all := questions(b, sort)
			b.Run(fmt.Sprintf("%s/coraza=%v", sort, coraza), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					v := all[i%len(all)].judge(e)
					if (v.Interrupted != nil) != (sort == "attack") {
						b.Fatalf("%+v", v.Matches)
					}
				}
			})
		}
	}
}
