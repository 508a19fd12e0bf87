package tlswire

import (
	"fmt"
	"testing"
)

func TestKeysForgetTheOldest(t *testing.T) {
	var k Keys
	k.Limit(3)
	add := func(random int, label string) {
		k.AddKeyLog(fmt.Appendf(nil, "%s %064x %096x\n", label, random, 1))
	}
	for i := range 5 {
		add(i, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
		add(i, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
	}
	add(3, "CLIENT_TRAFFIC_SECRET_0") // one that is known takes no place of another
	for i := range 5 {
		random := [32]byte{31: byte(i)}
		if known := k.of(&random) != nil; known != (i >= 2) {
			t.Errorf("random %d is known: %v", i, known)
		}
	}
	if len(k.byRandom) != 3 {
		t.Errorf("%d randoms are kept, want 3", len(k.byRandom))
	}
}
