package flow

import (
	"regexp"
	"strings"
	"testing"
)

func TestMaskKeepsWhatIsNotSecret(t *testing.T) {
	mask := NewMask([]byte("key"))
	token := regexp.MustCompile(`masked-[0-9a-f]{12}`)
	for _, test := range []struct{ name, value, want string }{
		{"Host", "app.example", "app.example"},
		{"Authorization", "Basic dXNlcjpwYXNz", "Basic T"},
		{"authorization", "Negotiate", "Negotiate"},
		{"AUTHORIZATION", "s3cret", "T"},
		{"Authorization ", "NTLM TlRMTVNT", "NTLM T"},
		{"Proxy-Authorization", `Digest username="a", response="b"`, "Digest T"},
		{"Cookie", "sid=1; theme=dark; =x; odd", "sid=T; theme=T; =T; T"},
		{"Cookie", "", ""},
		{"Set-Cookie", "sid=1; Path=/; HttpOnly", "sid=T; Path=/; HttpOnly"},
		{"Set-Cookie", "sid=", "sid="},
		{"", "Authorization Basic dXNlcg==", "T"},
		{"X-Api-Key", "k", "T"},
		{TargetField, "/login?user=a&Password=b&x", "/login?user=a&Password=T&x"},
		{TargetField, "/cb?code=1&state=2#access_token=3", "/cb?code=T&state=2#access_token=3"},
		{TargetField, "/plain", "/plain"},
		{TargetField, "http://u:p@h/x", "http://T@h/x"},
		{"Referer", "https://u:p@h?token=1", "https://T@h?token=T"},
		{"Location", "/a@b?next=/c", "/a@b?next=/c"},
		{"", "whatever", "whatever"},
	} {
		if got := token.ReplaceAllString(mask(test.name, test.value), "T"); got != test.want {
			t.Errorf("%s: %s: got %s, want %s", test.name, test.value, got, test.want)
		}
	}
}

func TestMaskKeepsEquality(t *testing.T) {
	mask, other := NewMask([]byte("key")), NewMask([]byte("other"))
	set := mask("Set-Cookie", "sid=abc; Path=/")
	if sent := mask("Cookie", "sid=abc"); !strings.HasPrefix(set, sent) {
		t.Errorf("the same cookie: %s was set, %s was sent", set, sent)
	}
	if mask("Cookie", "sid=abc") == mask("Cookie", "sid=abd") {
		t.Error("different cookies have the same token")
	}
	if mask("Cookie", "sid=abc") == other("Cookie", "sid=abc") {
		t.Error("the token does not depend on the key")
	}
}

func TestMaskConn(t *testing.T) {
	trace, err := Parse("conn 1  ? -> ?\n  +0.000 > GET /?password=hidden x1\n    > Authorization: Basic c2VjcmV0\n    > Cookie: sid=secret\n")
	if err != nil {
		t.Fatal(err)
	}
	c := trace.Conn(1)
	before := c.String()
	shown := NewMask([]byte("key")).Conn(c)
	if got := shown.String(); strings.Contains(got, "c2VjcmV0") || strings.Contains(got, "=secret") || !strings.Contains(got, "Authorization: Basic masked-") {
		t.Errorf("got %s", got)
	}
	if got, _ := Get(shown.Exchanges[0].RequestHeader, "Cookie"); !strings.HasPrefix(got, "sid=masked-") {
		t.Errorf("cookie of the exchange: got %s", got)
	}
	if c.String() != before {
		t.Error("masking changed the connection itself")
	}
	if Mask(nil).Conn(c) != c {
		t.Error("no mask must change nothing")
	}
}
