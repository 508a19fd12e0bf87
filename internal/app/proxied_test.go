package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/app"
	"fanlight/internal/config"
)

// BenchmarkProxied carries a small exchange over a kept TLS connection to a
// plain origin, all in this process. Client and origin allocate nothing and do
// next to nothing, so that a profile shows the door:
//
//	go test -run - -bench Proxied -benchmem -cpuprofile cpu.out ./internal/app
func BenchmarkProxied(b *testing.B) {
	for _, recording := range []string{"{memory: 64MiB}", "off"} {
		b.Run("recording "+recording, func(b *testing.B) {
			addr, roots := startProxied(b, recording)
			c := dialProxied(b, addr, roots)
			request := []byte("GET /page HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
			answer := make([]byte, 16<<10)
			length := exchangeFirst(b, c, request, answer)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, answer[:length]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// startProxied starts a door in front of a plain origin and gives its address
// and its authority.
func startProxied(b *testing.B, recording string) (addr string, roots *x509.CertPool) {
	b.Helper()
	addr = freeAddressIn(b)
	dir := b.TempDir()
	cfg, err := config.Parse(filepath.Join(dir, "fanlight.yaml"), fmt.Appendf(nil, `
control: unix:%s
console: off
access_log: off
recording: %s
sites:
  bench:
    bind: ["%s bench.test"]
    routes: [{path: /, to: "http://%s"}]
`, filepath.Join(dir, "s"), recording, addr, startCanned(b)))
	if err != nil {
		b.Fatal(err)
	}
	a, err := app.New(cfg, app.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Shutdown(context.Background()) })
	if err := a.Start(); err != nil {
		b.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(a.CA().Root())
	return addr, roots
}

func freeAddressIn(b *testing.B) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// startCanned answers every read, which holds one request, with the same.
func startCanned(b *testing.B) (addr string) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n" +
		"Content-Length: 1024\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 1024))
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				request := make([]byte, 4096)
				for {
					if _, err := nc.Read(request); err != nil {
						return
					}
					if _, err := nc.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func dialProxied(b *testing.B, addr string, roots *x509.CertPool) *tls.Conn {
	b.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: "bench.test"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// exchangeFirst gives the length of an answer, head and all.
func exchangeFirst(b *testing.B, c *tls.Conn, request, answer []byte) (length int) {
	b.Helper()
	if _, err := c.Write(request); err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(c)
	for line := ""; line != "\r\n"; length += len(line) {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := io.ReadFull(r, answer[:1024]); err != nil {
		b.Fatal(err)
	}
	return length + 1024
}
