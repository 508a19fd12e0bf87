package gateway

import (
	"testing"

	"fanlight/internal/testnet"
)

// TestTrailersOfHeadsOnly checks that nobody says in trailers what the door
// watches over in heads.
func TestTrailersOfHeadsOnly(t *testing.T) {
	const lines = "X-Sum: 5\r\nx-forwarded-for: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\n" +
		"X-Forwarded-Prefix: /\r\nAUTHORIZATION: NTLM TlRM\r\nProxy-Authorization: NTLM TlRM\r\nCookie: a=b\r\nY:z\r\n"
	s := &session{}
	if got, want := string(s.appendTrailers([]byte("0\r\n"), []byte(lines))), "0\r\nX-Sum: 5\r\nY:z\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSecondAuthorizationPins checks that a sign-in behind another field of the
// same name is seen: the connection must not go to somebody else.
func TestSecondAuthorizationPins(t *testing.T) {
	for _, fields := range []string{
		"Authorization: Basic YTpi\r\nAuthorization: NTLM " + testnet.NTLMNegotiate() + "\r\n",
		"Proxy-Authorization: Basic YTpi\r\nproxy-authorization: Negotiate " + testnet.NTLMNegotiate() + "\r\n",
	} {
		d := front(t, testnet.Echo{}.Start(t), nil)
		c := d.dial("app.test")
		if res, err := c.ask(fields); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		if d.does["app"].Routes[0].Origins.Members[0].Origin.Idle() != 0 {
			t.Errorf("after %q the connection is in the pool", fields)
		}
		c.Close()
		d.settled(over)
	}
}

// TestWhoAsksInOtherSpellings checks that nobody is believed who writes _ for -,
// also where a proxy is trusted: it writes the names as they are.
func TestWhoAsksInOtherSpellings(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		s := &session{trusted: trusted}
		for name, anew := range map[string]bool{"X_Forwarded_For": true, "x-forwarded_proto": true, "X_Forwarded-Prefix": true, "X-Real_IP": true,
			"X-Real-IP": !trusted, "X-Forwarded-Prefix": !trusted, "X_Forward": false, "X_Other": false, "X-Forwarded": false} {
			if got := s.writtenAnew([]byte(name)); got != anew {
				t.Errorf("trusted %v: %s written anew: %v", trusted, name, got)
			}
		}
	}
}
