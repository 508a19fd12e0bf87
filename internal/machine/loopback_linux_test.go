package machine

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestFreeLoopbackAvoidsListeners(t *testing.T) {
	first, err := FreeLoopback("busy.test", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp4", netip.AddrPortFrom(first, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	other, err := FreeLoopback("busy.test", 0, nil)
	if err != nil || other == first {
		t.Errorf("a program listens on %v, and %v was chosen, %v", first, other, err)
	}
}

func TestFreeLoopbackUnderAWildcard(t *testing.T) {
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = FreeLoopback("shop.test", uint16(ln.Addr().(*net.TCPAddr).Port), nil)
	var refused *BindError
	if !errors.As(err, &refused) || refused.Cause != InUse || len(refused.Holders) != 1 {
		t.Errorf("got %v, want the wildcard's holder", err)
	}
}
