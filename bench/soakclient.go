package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// load has clients visit the door, so many a second, until the time is over and
// all have gone.
func (s *soaking) load(length time.Duration) {
	tick := time.NewTicker(time.Second / time.Duration(s.visits))
	defer tick.Stop()
	over := time.After(length)
	turns := make(chan int)
	var clients sync.WaitGroup
	for range s.workers {
		clients.Go(func() {
			for n := range turns {
				s.visit(n)
			}
		})
	}
	defer clients.Wait()
	defer close(turns)
	for n := 0; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-over:
			return
		case <-tick.C:
		}
		select {
		case turns <- n:
		default: // all are busy: the pace is theirs
		}
	}
}

// soakVisits are what a client does on its connection.
var soakVisits = []struct {
	name string
	do   func(*soakClient)
}{
	{"asks", (*soakClient).asks},
	{"asks", (*soakClient).asks},
	{"asks", (*soakClient).asks},
	{"sends", (*soakClient).sends},
	{"sends", (*soakClient).sends},
	{"leaves in a head", (*soakClient).leavesInHead},
	{"leaves in a body", (*soakClient).leavesInBody},
	{"leaves in a response", (*soakClient).leavesInResponse},
	{"leaves before a response", (*soakClient).leavesBeforeResponse},
	{"stalls in a head", (*soakClient).stallsInHead},
	{"stalls in a body", (*soakClient).stallsInBody},
	{"does not read", (*soakClient).doesNotRead},
	{"sends nonsense", (*soakClient).nonsense},
	{"opens a WebSocket", (*soakClient).webSocket},
	{"says nothing", func(*soakClient) {}},
}

// soakClient is a client on one connection.
type soakClient struct {
	net.Conn
	raw    *net.TCPConn
	r      *bufio.Reader
	s      *soaking
	number int
	asked  int
}

func (s *soaking) visit(n int) {
	if n%4 == 0 {
		s.visitH2(n)
		return
	}
	kind := soakVisits[rand.IntN(len(soakVisits))]
	addr := s.plain
	if n%2 == 0 {
		addr = s.secure
	}
	raw, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		s.tally.wrong("connect: " + err.Error())
		return
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := &soakClient{Conn: raw, raw: raw.(*net.TCPConn), s: s, number: n}
	if n%2 == 0 {
		if rand.IntN(50) == 0 { // leaves inside TLS
			_, _ = raw.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01"))
			return
		}
		secured := tls.Client(raw, &tls.Config{ServerName: benchName, InsecureSkipVerify: true})
		if err := secured.Handshake(); err != nil {
			s.tally.wrong("shake hands: " + err.Error())
			return
		}
		c.Conn = secured
	}
	c.r = bufio.NewReader(c.Conn)
	s.tally.visited(kind.name)
	kind.do(c)
	c.leave()
}

// leave ends the connection in an orderly way or with a reset.
func (c *soakClient) leave() {
	if rand.IntN(3) == 0 {
		_ = c.raw.SetLinger(0)
		_ = c.raw.Close()
		return
	}
	_ = c.Close()
}

// target is one that no other request has, with a random fault.
func (c *soakClient) target(fault string) string {
	if fault == "" {
		fault = originFaults[min(rand.IntN(len(originFaults)), rand.IntN(len(originFaults)))]
	}
	c.asked++
	way := []string{"/", "/s/", "/h2/"}[rand.IntN(3)]
	return fmt.Sprintf("%s%s/%d-%d", way, fault, c.number, c.asked)
}

const soakHost = "Host: " + benchName + "\r\n"

// asks makes some requests and reads their answers, at times ahead of them.
func (c *soakClient) asks() {
	for range 1 + rand.IntN(5) {
		method := []string{"GET", "GET", "GET", "HEAD", "DELETE"}[rand.IntN(5)]
		target := c.target("")
		fmt.Fprintf(c, "%s %s HTTP/1.1\r\n%s\r\n", method, target, soakHost)
		if !c.answer(method, target) {
			return
		}
	}
}

// sends makes requests with bodies.
func (c *soakClient) sends() {
	for range 1 + rand.IntN(3) {
		target, size := c.target(""), rand.IntN(3)*rand.IntN(40_000)
		expect := ""
		if rand.IntN(4) == 0 {
			expect = "Expect: 100-continue\r\n"
		}
		if rand.IntN(2) == 0 {
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", target, soakHost, expect, size, strings.Repeat("b", size))
		} else {
			fmt.Fprintf(c, "PUT %s HTTP/1.1\r\n%s%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", target, soakHost, expect, size+1, strings.Repeat("b", size+1))
		}
		if !c.answer("POST", target) {
			return
		}
	}
}

// answer reads a response and reports whether the connection goes on. A whole
// 200 must be the answer to this request and no other.
func (c *soakClient) answer(method, target string) bool {
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	for err == nil && res.StatusCode < 200 && res.StatusCode != 101 {
		res, err = http.ReadResponse(c.r, &http.Request{Method: method})
	}
	if err != nil {
		if !ended(err) {
			c.s.tally.wrong(fmt.Sprintf("read the answer to %s: %v", target, err))
		}
		c.s.tally.answered(0)
		return false
	}
	body, err := io.ReadAll(res.Body)
	c.s.tally.answered(res.StatusCode)
	if err == nil && res.StatusCode == 200 && method != "HEAD" && !strings.HasPrefix(string(body), target+"\n") {
		c.s.tally.wrong(fmt.Sprintf("the answer to %s is %.60q", target, body))
	}
	return err == nil && !res.Close
}

// ended tells an end of the connection from a response that cannot be read.
func ended(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) && !op.Timeout()
}

func (c *soakClient) leavesInHead() {
	text := "GET " + c.target("whole") + " HTTP/1.1\r\n" + soakHost
	_, _ = io.WriteString(c, text[:1+rand.IntN(len(text)-1)])
}

func (c *soakClient) leavesInBody() {
	size := 1 + rand.IntN(60_000)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", c.target(""), soakHost, size, strings.Repeat("b", rand.IntN(size)))
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
}

func (c *soakClient) leavesInResponse() {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s\r\n", c.target([]string{"big", "slow", "stall-in-body", "chunks"}[rand.IntN(4)]), soakHost)
	_, _ = io.ReadFull(c.r, make([]byte, 1+rand.IntN(4000)))
}

func (c *soakClient) leavesBeforeResponse() {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s\r\n", c.target([]string{"stall", "whole", "stall-in-head"}[rand.IntN(3)]), soakHost)
	time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
}

func (c *soakClient) stallsInHead() {
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo")
	_, _ = io.Copy(io.Discard, c.r)
}

func (c *soakClient) stallsInBody() {
	target := c.target("")
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%sContent-Length: 100\r\n\r\nhalf", target, soakHost)
	c.answer("POST", target)
}

// doesNotRead asks for more than the system's buffers hold.
func (c *soakClient) doesNotRead() {
	_ = c.raw.SetReadBuffer(4 << 10)
	for range 8 {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s\r\n", c.target("big"), soakHost)
	}
	time.Sleep(time.Duration(rand.IntN(2500)) * time.Millisecond)
}

func (c *soakClient) nonsense() {
	junk := make([]byte, 1+rand.IntN(500))
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	_, _ = c.Write(append(junk, "\r\n\r\n"...))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.r, 1<<20))
}

func (c *soakClient) webSocket() {
	target := c.target("websocket")
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%sConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", target, soakHost)
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != 101 {
		return
	}
	buf := make([]byte, 100)
	for range rand.IntN(15) {
		if _, err := c.Write(buf); err != nil {
			return
		}
		if _, err := io.ReadFull(c.r, buf); err != nil {
			return
		}
	}
	if rand.IntN(8) == 0 {
		_, _ = io.Copy(io.Discard, c.r) // until the tunnel's limit
	}
}
