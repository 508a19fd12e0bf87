package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"fanlight/internal/testnet"
)

func echoed(t testing.TB, body string) (answer testnet.EchoAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return answer
}

func fields(answer testnet.EchoAnswer) string {
	var b strings.Builder
	for _, f := range answer.Headers {
		b.WriteString(f[0] + ": " + f[1] + "\n")
	}
	return b.String()
}

func TestPassThrough(t *testing.T) {
	peer := testnet.Echo{}.Start(t)
	d := front(t, peer, nil)
	c := d.dial("app.test")
	c.send("GET /a/b?c=d HTTP/1.1\r\nHost: app.test\r\nX-One: 1\r\nx-TWO: 2\r\nConnection: X-Hop\r\nX-Hop: gone\r\nTE: trailers\r\n" +
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nCookie: a=b\r\n\r\n")
	res, body, err := c.receive("GET")
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	got := echoed(t, body)
	want := "Host: app.test\nX-One: 1\nx-TWO: 2\nCookie: a=b\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: https\n" +
		"X-Forwarded-Host: app.test\nForwarded: for=127.0.0.1;proto=https;host=\"app.test\"\n"
	if fields(got) != want || got.Target != "/a/b?c=d" || got.Method != "GET" {
		t.Errorf("got %s %s\n%s\nwant\n%s", got.Method, got.Target, fields(got), want)
	}
	if _, again := c.get("/second"); echoed(t, again).Conn != got.Conn {
		t.Error("the origin connection was not reused")
	}
	c.Close()
}
