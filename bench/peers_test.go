package main

import (
	"os/exec"
	"testing"
)

// TestPeersServe starts the peers that Debian has, in front of both origins, to
// see that their configurations are still understood.
func TestPeersServe(t *testing.T) {
	for _, program := range []string{"taskset", "nginx", "haproxy"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("find %s: %v", program, err)
		}
	}
	for _, scheme := range []string{"http", "https"} {
		b := &bench{ctx: t.Context(), dir: t.TempDir()}
		t.Cleanup(b.close)
		cert, err := b.makeCertificate()
		if err != nil {
			t.Fatal(err)
		}
		origin, err := startOrigin(b, scheme, cert)
		if err != nil {
			t.Fatalf("start %s origin: %v", scheme, err)
		}
		for _, p := range peers[:2] {
			proc, version, _, err := serve(b, p, route{scheme: scheme, origin: origin, cert: cert})
			if err != nil {
				t.Errorf("%s in front of %s: %v", p.name, scheme, err)
				continue
			}
			if version == "" || proc.memory() == 0 {
				t.Errorf("%s: version %q, memory %d", p.name, version, proc.memory())
			}
		}
	}
}
