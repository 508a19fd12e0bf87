package tlsfact

import (
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

func TestServerHello(t *testing.T) {
	for _, c := range []struct {
		hello tlswire.ServerHello
		want  map[string]string
	}{
		{tlswire.ServerHello{Version: 0x0303, RenegotiationInfo: true}, map[string]string{flow.KeyVersion: "1.2", flow.KeyRenegInfo: "yes", flow.KeyDowngrade: ""}},
		{tlswire.ServerHello{Version: 0x0303, Downgrade: true}, map[string]string{flow.KeyRenegInfo: "no", flow.KeyDowngrade: "yes"}},
		{tlswire.ServerHello{Version: 0x0304}, map[string]string{flow.KeyVersion: "1.3", flow.KeyRenegInfo: ""}},
	} {
		e := ServerHello(&c.hello)
		for key, want := range c.want {
			if got := e.Attr(key); got != want {
				t.Errorf("%+v: %s is %q, want %q", c.hello, key, got, want)
			}
		}
	}
}

func TestClientHello(t *testing.T) {
	e := ClientHello(&tlswire.ClientHello{SNI: "shop.test", ALPN: []string{"h2", "http/1.1"}, Length: 517})
	for key, want := range map[string]string{flow.KeySNI: "shop.test", flow.KeyALPN: "h2,http/1.1", flow.KeyHelloBytes: "517", flow.KeyPHA: "no", flow.KeyEarlyData: ""} {
		if got := e.Attr(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
