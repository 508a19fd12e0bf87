package app_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// client is an HTTP client of one site, on 127.0.0.2.
func (d *door) client(name string) *http.Client {
	d.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.roots(), ServerName: name},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.2:"+d.port)
		},
	}
	d.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * wait}
}

const mixedConfig = `
limits: {header_timeout: 300ms, body_timeout: 300ms, tls_timeout: 300ms, idle_timeout: 500ms, grace: 2s}
recording: {memory: 1MiB}
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      - {path: /echo, to: "http://$ECHO", pool: {idle: 4}, timeouts: {idle: 500ms}}
      - {path: /reset, to: "http://$RESET"}
      - {path: /silent, to: "http://$SILENT", timeouts: {first_byte: 200ms}}
      - {path: /hole, to: "http://$HOLE", timeouts: {connect: 200ms}}
      - {path: /late, to: "https://$LATE", tls: {insecure: true}, timeouts: {first_byte: 200ms}}
`

// After hundreds of good and bad connections nothing is left of them: no
// goroutine, no file, no connection; and the door serves as before.
func TestNothingIsLeftBehind(t *testing.T) {
	plain := testnet.At{Plain: true}
	d := serve(t, mixedConfig, "$ECHO", testnet.Echo{At: plain}.Start(t).Addr, "$RESET", testnet.ResetMidBody{At: plain}.Start(t).Addr,
		"$SILENT", testnet.SilentAfterTLS{At: plain}.Start(t).Addr, "$LATE", testnet.SilentAfterHelloRequest{}.Start(t).Addr, "$HOLE", testnet.BlackHole(t))
	const rest = " HTTP/1.1\r\nHost: app.test\r\n"
	behaviours := []func(c net.Conn){
		func(c net.Conn) { talk(c, "GET /files/hello.txt"+rest+"\r\n") },
		func(c net.Conn) { talk(c, "GET /echo"+rest+"\r\nGET /echo"+rest+"Connection: close\r\n\r\n") },
		func(c net.Conn) { talk(c, "GET /reset"+rest+"\r\n") },
		func(c net.Conn) { talk(c, "GET /silent"+rest+"\r\n") },
		func(c net.Conn) { talk(c, "GET /hole"+rest+"\r\n") },
		func(c net.Conn) { talk(c, "GET /late"+rest+"\r\n") },
		func(c net.Conn) { talk(c, "POST /echo"+rest+"Content-Length: 100\r\n\r\nhalf") },
		func(c net.Conn) {
			talk(c, "GET /echo"+rest+"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		},
		func(c net.Conn) { _, _ = io.WriteString(c, "GET /silent"+rest+"\r\n") }, // leaves at once
		func(c net.Conn) { _, _ = io.WriteString(c, "GET /ec") },
		func(c net.Conn) { // leaves a tunnel
			_, _ = io.WriteString(c, "GET /echo"+rest+"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			_, _ = c.Read(make([]byte, 1))
		},
	}
	raw := []func(c net.Conn){ // before TLS
		func(net.Conn) {},
		func(c net.Conn) { talk(c, "GET / HTTP/1.1\r\n\r\n") },
		func(c net.Conn) { talk(c, "\x16\x03\x01\x02\x00\x01\x00") },
		func(c net.Conn) { talk(c, strings.Repeat("\xff", 1000)) },
		func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
	}
	config := &tls.Config{RootCAs: d.roots(), ServerName: "app.test"}
	visit := func(i int) {
		c, err := net.Dial("tcp", "127.0.0.2:"+d.port)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(2 * wait))
		if i%4 == 0 {
			raw[i/4%len(raw)](c)
			return
		}
		behaviours[i%len(behaviours)](tls.Client(c, config))
	}
	storm := func(n int) {
		var all sync.WaitGroup
		for worker := range 25 {
			all.Go(func() {
				for i := worker; i < n; i += 25 {
					visit(i)
				}
			})
		}
		all.Wait()
		until(t, "every client connection to end", func() bool { return d.Open() == 0 })
	}
	storm(100) // what is made once for all is there now
	time.Sleep(time.Second)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	storm(500)
	// Both ends of the four idle connections to each of two origins (echo and
	// late) are in this process; each behaviour above was tried 30 times and more.
	const idle = 2*2*4 + 2
	until(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+idle })
	defer func() {
		if t.Failed() {
			t.Logf("%d files open, %d before:\n%s", openFiles(t), files, strings.Join(fileNames(), "\n"))
		}
	}()
	until(t, "files to be closed", func() bool {
		runtime.GC() // package net keeps the pipes it splices with until the second
		return openFiles(t) <= files+idle
	})
	if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", "/files/hello.txt")); code != 0 || out != "hello\n" {
		t.Errorf("afterwards curl ended with %d: %s", code, out)
	}
}

// talk sends bytes and reads until the door has no more to say. How it ends is
// not the question here, but that it does.
func talk(c net.Conn, text string) {
	_, _ = io.WriteString(c, text)
	_, _ = io.Copy(io.Discard, c)
	c.Close()
}

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("descriptors are listed on Linux only: this test runs on Unix only")
	}
	return len(entries)
}

// A door that is told to end does so within its grace, whatever its peers do.
func TestShutdownEndsWithinGrace(t *testing.T) {
	o := testnet.SilentAfterTLS{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, strings.Replace(mixedConfig, "grace: 2s", "grace: 300ms", 1), "$ECHO", o.Addr, "$RESET", o.Addr, "$SILENT", o.Addr, "$LATE", o.Addr, "$HOLE", o.Addr)
	c, err := tls.Dial("tcp", "127.0.0.2:"+d.port, &tls.Config{RootCAs: d.roots(), ServerName: "app.test"})
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /echo HTTP/1.1\r\nHost: app.test\r\n\r\n") // a first byte may take a minute there
	must(t, err)
	o.Await(t, testnet.Opened, 1)
	idle, err := net.Dial("tcp", "127.0.0.2:"+d.port)
	must(t, err)
	defer idle.Close()
	ended := make(chan struct{})
	go func() { d.shut(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(wait):
		t.Fatalf("the door does not end:\n%s", doorGoroutines())
	}
	if stacks := doorGoroutines(); stacks != "" {
		t.Errorf("goroutines left behind:\n%s", stacks)
	}
}

// fileNames are what this process has open.
func fileNames() (names []string) {
	entries, _ := os.ReadDir("/proc/self/fd") // none where there is no such folder
	for _, e := range entries {
		name, _ := os.Readlink("/proc/self/fd/" + e.Name())
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
