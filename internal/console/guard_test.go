package console

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	_, _, console, _ := serve(t)
	port := port(t, console.URL)
	cookie := "fanlight-" + port + "=" + session(token)
	for _, test := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"nothing", "GET", "/api/sites", nil, 401},
		{"nothing, page", "GET", "/", nil, 401},
		{"nothing, script", "GET", "/assets/x.js", nil, 401},
		{"nothing, metrics", "GET", "/metrics", nil, 401},
		{"nothing, stream", "GET", "/api/stream", nil, 401},
		{"style of the login page", "GET", "/login.css", nil, 200},
		{"bearer", "GET", "/api/sites", []string{"Authorization", "Bearer " + token}, 200},
		{"bearer, metrics", "GET", "/metrics", []string{"Authorization", "bearer " + token}, 200},
		{"wrong bearer", "GET", "/api/sites", []string{"Authorization", "Bearer " + token[1:]}, 401},
		{"empty bearer", "GET", "/api/sites", []string{"Authorization", "Bearer "}, 401},
		{"wrong bearer beside the cookie", "GET", "/api/sites", []string{"Authorization", "Bearer x", "Cookie", cookie}, 401},
		{"basic", "GET", "/api/sites", []string{"Authorization", "Basic " + token}, 401},
		{"cookie", "GET", "/api/sites", []string{"Cookie", cookie}, 200},
		{"cookie, page", "GET", "/", []string{"Cookie", cookie}, 200},
		{"token as cookie", "GET", "/api/sites", []string{"Cookie", "fanlight-" + port + "=" + token}, 401},
		{"cookie of another console", "GET", "/api/sites", []string{"Cookie", "fanlight-1=" + session(token)}, 401},
		{"token in an API address", "GET", "/api/sites?token=" + token, nil, 401},
		{"wrong token in the start address", "GET", "/?token=x", nil, 401},
		{"start address", "GET", "/?token=" + token, nil, 303},
	} {
		status, text, _ := do(t, test.method, console.URL+test.path, "", test.header...)
		if status != test.status {
			t.Errorf("%s: got %d, want %d: %s", test.name, status, test.status, text)
		}
		if strings.Contains(text, token) {
			t.Errorf("%s: the answer holds the token", test.name)
		}
	}
}

func TestStartAddressGivesCookie(t *testing.T) {
	_, _, console, _ := serve(t)
	check := func(name string, status int, h http.Header) {
		t.Helper()
		cookie := h.Get("Set-Cookie")
		if status != 303 || h.Get("Location") != "/" {
			t.Errorf("%s: got %d to %q, want a redirect to the clean address", name, status, h.Get("Location"))
		}
		for _, want := range []string{"fanlight-" + port(t, console.URL) + "=", "HttpOnly", "SameSite=Strict", "Path=/"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("%s: cookie %q lacks %s", name, cookie, want)
			}
		}
		if strings.Contains(cookie, token) {
			t.Errorf("%s: the cookie holds the token itself", name)
		}
	}
	status, _, h := do(t, "GET", console.URL+"/?token="+token, "")
	check("start address", status, h)
	status, _, h = do(t, "POST", console.URL+"/login", "token="+token, "Content-Type", "application/x-www-form-urlencoded")
	check("login", status, h)
	status, text, h := do(t, "POST", console.URL+"/login", "token=x", "Content-Type", "application/x-www-form-urlencoded")
	if status != 401 || h.Get("Set-Cookie") != "" || !strings.Contains(text, "not the token") {
		t.Errorf("a wrong token: got %d, cookie %q", status, h.Get("Set-Cookie"))
	}
}

func TestHost(t *testing.T) {
	_, _, console, _ := serve(t)
	port := port(t, console.URL)
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST:" + port: 200,
		"evil.example:" + port: 421, "evil.example": 421, "127.0.0.1": 421, "localhost:1": 421,
		"127.0.0.2:" + port: 421, "localhost.evil.example:" + port: 421, "[::1]:" + port: 421,
	} {
		if status, text, _ := do(t, "GET", console.URL+"/api/sites", "", "Host", host, "Authorization", "Bearer "+token); status != want {
			t.Errorf("host %s: got %d, want %d: %s", host, status, want, text)
		}
	}
	if status, _, h := do(t, "GET", console.URL+"/?token="+token, "", "Host", "evil.example"); status != 421 || h.Get("Set-Cookie") != "" {
		t.Errorf("start address under another name: got %d, cookie %q", status, h.Get("Set-Cookie"))
	}
}

func TestOrigin(t *testing.T) {
	d, _, console, _ := serve(t)
	for _, test := range []struct {
		header []string
		status int
	}{
		{nil, 200}, // not a browser
		{[]string{"Origin", console.URL}, 200},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", "http://127.0.0.1:1"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		if err := d.StartSite(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		header := append([]string{"Authorization", "Bearer " + token}, test.header...)
		status, text, _ := do(t, "POST", console.URL+"/api/sites/shop/stop", "", header...)
		if status != test.status {
			t.Errorf("%v: got %d, want %d: %s", test.header, status, test.status, text)
		}
		if stopped := d.Sites()[0].State == "stopped"; stopped != (test.status == 200) {
			t.Errorf("%v: the site is stopped: %v", test.header, stopped)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	_, _, console, _ := serve(t)
	for _, path := range []string{"/", "/api/sites", "/?token=" + token, "/login.css", "/nothing"} {
		for _, header := range [][]string{nil, {"Authorization", "Bearer " + token}, {"Host", "evil.example"}} {
			_, _, h := do(t, "GET", console.URL+path, "", header...)
			for name, want := range map[string]string{
				"Content-Security-Policy": policy,
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
				"Cache-Control":           "no-store",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s %v: %s: got %q, want %q", path, header, name, got, want)
				}
			}
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("the policy is not strict: %s", policy)
	}
}

func TestServerNeedsToken(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a console without a token was made")
		}
	}()
	NewServer(Options{Control: newFakeDoor()})
}

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(u.Host)
	return port
}
