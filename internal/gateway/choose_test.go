package gateway

import (
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// TestSignedInAtAnOriginThatIsSwitchedOff has a client that signed in on its
// connection go on while its origin drains; when the origin is disabled, its
// connection there is closed, and the client is asked to sign in elsewhere.
func TestSignedInAtAnOriginThatIsSwitchedOff(t *testing.T) {
	d := newDoor(t)
	g := balance.Of(d.to(testnet.NTLMOrigin{}.Start(t), nil), d.to(testnet.NTLMOrigin{}.Start(t), nil))
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: g}}}, "app.test")
	c := d.dial("app.test")
	if err := c.signIn("NTLM", "alice"); err != nil {
		t.Fatal(err)
	}
	tied := g.Members[0]
	if tied.Status().Requests == 0 {
		tied = g.Members[1]
	}
	tied.SetDuty(balance.Draining)
	if res, err := c.ask(""); err != nil || res.Header.Get("X-User") != "alice" {
		t.Errorf("while it drains: %v, %v", res, err)
	}
	tied.SetDuty(balance.Disabled)
	if res, err := c.ask(""); err != nil || res.StatusCode != 401 {
		t.Errorf("after it was disabled: %v, %v", res, err)
	}
	c.Close()
	d.settled(func(tr *flow.Trace) bool {
		for _, conn := range originConns(tr) {
			if has(conn, flow.Closed, "the origin was disabled") {
				return true
			}
		}
		return false
	})
}

func TestCookie(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"Cookie: at=1"}, "1"},
		{[]string{"Cookie: a=b; at=1; c=d"}, "1"},
		{[]string{"Cookie: a=b", "cookie: at=2"}, "2"}, // HTTP/2 sends them in pieces
		{[]string{"Cookie: xat=1;at=3"}, "3"},
		{[]string{"Cookie: AT=1"}, ""}, // names of cookies have letter case
		{[]string{"Cookie: at", "X-Cookie: at=4"}, ""},
		{[]string{"Cookie: ;;=; ="}, ""},
		{[]string{}, ""},
	} {
		if got := string(cookie(requested(t, "GET", "/", test.lines...).Head, "at")); got != test.want {
			t.Errorf("%q: got %q, want %q", test.lines, got, test.want)
		}
	}
}
