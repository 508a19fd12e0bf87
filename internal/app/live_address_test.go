package app_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"fanlight/internal/testnet"
)

// addressFaults are those of addresses, of the door's own and of origins'.
func addressFaults() []liveFault {
	return []liveFault{
		{rule: "port-closed", fault: "the origin stops listening", inject: func(l *live) {
			o := testnet.Echo{At: testnet.At{Plain: true}}.Start(l.t)
			l.before(o)
			o.Close()
			l.get("/")
		}},
		{rule: "syn-unanswered", fault: "the origin's queue is full", inject: func(l *live) {
			l.serve(l.to("/", "http://"+testnet.BlackHole(l.t)))
			l.get("/")
		}},
		{rule: "address-unreachable", fault: "no route to the origin", inject: func(l *live) {
			l.serve(l.to("/", "http://127.255.255.255:80"))
			l.get("/")
		}},
		{rule: "wildcard-listener-shadows", fault: "a program takes the port on 0.0.0.0", inject: func(l *live) {
			l.takenBy("0.0.0.0:%s")
		}},
		{rule: "address-in-use", fault: "a program takes the site's address", inject: func(l *live) {
			l.takenBy("127.0.0.2:%s")
		}},
		{rule: "port-not-permitted", fault: "the right to open port 443 is gone", alone: true, inject: func(l *live) {
			dropBindRight(testingT(l))
			l.refused("127.0.0.2:443")
		}},
		{rule: "loopback-alias-missing", fault: "the address is on no interface", inject: func(l *live) {
			l.refused("192.0.2.77:" + freePort(l.t))
		}},
		{rule: "one-bad-address-of-many", also: []string{"connection-closed-each-request"}, fault: "one address of the origin's name is dead", inject: func(l *live) {
			o := testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}}.Start(l.t)
			_, port, _ := net.SplitHostPort(o.Addr)
			l.serve(l.to("/", "http://"+twoAddressName+":"+port))
			l.several(8, request("GET", "/")) // every other one tries the dead address first
		}},
		{rule: "name-does-not-resolve", fault: "the origin's name is in no DNS", inject: func(l *live) {
			l.serve(l.to("/", "http://"+unknownName+":8080"))
			l.get("/")
		}},
		{rule: "resolver-stall-5s", timed: true, fault: "the first query for the origin's name is lost", inject: func(l *live) {
			o := testnet.Echo{At: testnet.At{Plain: true}}.Start(l.t)
			_, port, _ := net.SplitHostPort(o.Addr)
			l.serve(strings.Replace(l.to("/", "http://"+lostQueryName+":"+port), "connect: 800ms", "connect: 20s", 1))
			l.get("/")
		}},
		{rule: "loopback-family-mismatch", fault: "the origin listens on ::1 alone", inject: func(l *live) {
			other, err := net.Listen("tcp6", "[::1]:0")
			if err != nil {
				l.t.Skip("no IPv6 here")
			}
			_, port, _ := net.SplitHostPort(other.Addr().String())
			other.Close()
			o := testnet.Echo{At: testnet.At{Plain: true, Addr: "[::1]:" + port}}.Start(l.t)
			l.serve(l.to("/six/", o.URL("")) + l.to("/", "http://127.0.0.1:"+port))
			l.get("/six/")
			l.get("/")
		}},
	}
}

// Names that are looked up in these tests.
const (
	twoAddressName = "pool.internal"    // has 127.0.0.4, which nobody uses, and 127.0.0.1
	lostQueryName  = "lost.internal"    // has 127.0.0.1; every other query of each kind gets no answer
	unknownName    = "nowhere.internal" // does not exist
)

// answerNames has names be looked up at a server of the test.
func answerNames(t *testing.T) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	go func() {
		query := make([]byte, 512)
		lost := map[string]bool{}
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return
			}
			asked := string(query[12:n])
			if strings.Contains(asked, "lost") {
				if lost[asked] = !lost[asked]; lost[asked] {
					continue
				}
			}
			_, _ = server.WriteTo(nameAnswer(query[:n]), from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		server.Close()
	})
}

// nameAnswer is the answer to a query of one name (RFC 1035, section 4.1).
func nameAnswer(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 1 + 4
	addresses := [][]byte{{127, 0, 0, 4}, {127, 0, 0, 1}}
	if query[end-3] != 1 { // it does not ask for A
		addresses = nil
	}
	response := byte(0x80)
	switch name := string(query[12:end]); {
	case strings.Contains(name, "nowhere"):
		response, addresses = 0x83, nil // no such name
	case strings.Contains(name, "lost") && addresses != nil:
		addresses = addresses[1:]
	}
	out := append([]byte{query[0], query[1], 0x81, response, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, query[12:end]...)
	for _, a := range addresses {
		out = append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4), a...)
	}
	return out
}

// takenBy stops a site, has another program take the port, and starts the site
// again.
func (l *live) takenBy(format string) {
	l.t.Helper()
	l.serve("")
	l.order("app", "stop")
	other, err := net.Listen("tcp4", fmt.Sprintf(format, l.port))
	must(l.t, err)
	l.t.Cleanup(func() { other.Close() })
	if err := l.call("POST", "/api/sites/app/start", nil, nil); err == nil {
		l.t.Fatal("the site started")
	}
	l.ask = ""
	l.findings()
	until(l.t, "a finding", func() bool { return len(l.findings()) > 0 })
}

// refused starts a door that cannot have its address.
func (l *live) refused(addr string) {
	l.t.Helper()
	var err error
	if l.door, err = open(l.t, strings.ReplaceAll(bindConfig, "$ADDR", addr)); err == nil {
		l.t.Fatal("the site started")
	}
	until(l.t, "a finding", func() bool { return len(l.findings()) > 0 })
}
