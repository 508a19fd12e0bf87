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
	"time"
)

// startFaultyOrigins starts an origin over plain TCP and one over TLS that fail
// as they are asked to.
func (s *soaking) startFaultyOrigins() (plain, secure string, err error) {
	pair, err := tls.LoadX509KeyPair(s.cert.file, s.cert.key)
	if err != nil {
		return "", "", err
	}
	if plain, err = s.serveFaults(nil); err != nil {
		return "", "", err
	}
	secure, err = s.serveFaults(&tls.Config{Certificates: []tls.Certificate{pair}})
	return plain, secure, err
}

func (s *soaking) serveFaults(config *tls.Config) (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.onClose(func() { l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer raw.Close()
				_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
				c := &faultyConn{Conn: raw, raw: raw.(*net.TCPConn)}
				if config != nil {
					c.Conn = tls.Server(raw, config)
				}
				c.serve()
			}()
		}
	}()
	return l.Addr().String(), nil
}

// faultyConn is one connection of an origin.
type faultyConn struct {
	net.Conn
	raw *net.TCPConn
	r   *bufio.Reader
	req *http.Request
}

func (c *faultyConn) serve() {
	for c.r = bufio.NewReader(c.Conn); ; {
		req, err := http.ReadRequest(c.r)
		if err != nil {
			return
		}
		c.req = req
		if !c.play(faultOf(req.URL.Path)) {
			c.Conn.Close() // the alert of TLS, where there is one
			return
		}
	}
}

// faultOf is the last but one segment of a path: /s/fault/number.
func faultOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return parts[max(0, len(parts)-2)]
}

// originFaults are what an origin can be asked for. Those that come first are
// asked for more often; the first is no fault.
var originFaults = []string{
	"whole", "chunks", "slow", "interim", "whole-then-close", "announced-close", "big",
	"reset", "close", "half-close", "stall", "garbage",
	"reset-in-head", "close-in-head", "stall-in-head",
	"reset-in-body", "close-in-body", "stall-in-body", "half-close-in-body", "reset-in-chunks", "close-in-chunks",
	"bad-chunk", "two-lengths", "too-long", "early", "early-error", "early-reset", "no-body-status", "until-close", "unasked-upgrade",
}

// play answers the request and reports whether the connection goes on.
func (c *faultyConn) play(fault string) bool {
	if fault == "websocket" {
		return c.playTunnel()
	}
	if !strings.HasPrefix(fault, "early") {
		if _, err := io.Copy(io.Discard, c.req.Body); err != nil {
			return false
		}
	}
	switch fault {
	case "slow", "interim", "whole-then-close", "announced-close", "big", "chunks", "no-body-status", "until-close":
		return c.playWhole(fault)
	case "reset", "reset-in-head", "reset-in-body", "reset-in-chunks":
		c.part(fault)
		time.Sleep(time.Millisecond) // a reset overtakes what it follows at once
		_ = c.raw.SetLinger(0)
		_ = c.raw.Close()
		return false
	case "close", "close-in-head", "close-in-body", "close-in-chunks":
		c.part(fault)
		return false
	case "stall", "stall-in-head", "stall-in-body":
		c.part(fault)
		return c.untilLeft()
	case "half-close", "half-close-in-body":
		c.part(fault)
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		} else {
			_ = c.raw.CloseWrite()
		}
		return c.untilLeft()
	case "garbage":
		junk := make([]byte, 1+rand.IntN(2000))
		for i := range junk {
			junk[i] = byte(rand.Uint32())
		}
		_, _ = c.Write(junk)
		return false
	}
	return c.playOdd(fault)
}

// untilLeft waits until the door has gone.
func (c *faultyConn) untilLeft() bool {
	_, _ = io.Copy(io.Discard, c.r)
	return false
}

// part sends what comes before a fault: nothing, half a head, half a body.
func (c *faultyConn) part(fault string) {
	body := c.body()
	switch {
	case strings.HasSuffix(fault, "-in-head"):
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Le")
	case strings.HasSuffix(fault, "-in-body"):
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body)+1+rand.IntN(5000), body)
	case strings.HasSuffix(fault, "-in-chunks"):
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
	}
}

// body begins with the target, so that a client knows that it is for it.
func (c *faultyConn) body() string {
	return c.req.RequestURI + "\n" + strings.Repeat("x", rand.IntN(8000))
}

func (c *faultyConn) head(status, fields string) {
	fmt.Fprintf(c, "HTTP/1.1 %s\r\nServer: soak\r\n%s\r\n", status, fields)
}

func (c *faultyConn) text(b string) {
	if c.req.Method != http.MethodHead {
		_, _ = io.WriteString(c, b)
	}
}

// playWhole answers as it should be.
func (c *faultyConn) playWhole(fault string) bool {
	b := c.body()
	length := fmt.Sprintf("Content-Length: %d\r\n", len(b))
	switch fault {
	case "chunks":
		c.head("200 OK", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n")
		c.text(fmt.Sprintf("%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n", len(b), b))
	case "slow":
		c.head("200 OK", length)
		for rest := b; rest != ""; time.Sleep(5 * time.Millisecond) {
			n := min(len(rest), 1+len(b)/5)
			c.text(rest[:n])
			rest = rest[n:]
		}
	case "interim":
		fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
		c.head("200 OK", length)
		c.text(b)
	case "big":
		b += strings.Repeat("y", 200_000+rand.IntN(800_000))
		c.head("200 OK", fmt.Sprintf("Content-Length: %d\r\n", len(b)))
		c.text(b)
	case "no-body-status":
		c.head([]string{"204 No Content", "304 Not Modified"}[rand.IntN(2)], "")
	case "until-close":
		c.head("200 OK", "Connection: close\r\n")
		c.text(b)
		return false
	case "announced-close":
		c.head("200 OK", length+"Connection: close\r\n")
		c.text(b)
		return false
	case "whole-then-close": // so that it may meet the next request
		c.head("200 OK", length)
		c.text(b)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		return false
	}
	return true
}

// playOdd answers against the rules, or before it has heard all. What is not a
// fault is whole.
func (c *faultyConn) playOdd(fault string) bool {
	b := c.body()
	length := fmt.Sprintf("Content-Length: %d\r\n", len(b))
	switch fault {
	case "bad-chunk":
		c.head("200 OK", "Transfer-Encoding: chunked\r\n")
		fmt.Fprintf(c, "%x\r\n%s\r\nzz\r\n", len(b), b)
	case "two-lengths":
		c.head("200 OK", length+"Content-Length: 1\r\n")
	case "too-long":
		c.head("200 OK", length)
		_, _ = io.WriteString(c, b+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
	case "unasked-upgrade":
		c.head("101 Switching Protocols", "Connection: upgrade\r\nUpgrade: soak\r\n")
	case "early":
		c.head("200 OK", length)
		c.text(b)
		_, err := io.Copy(io.Discard, c.req.Body)
		return err == nil
	case "early-error":
		c.head("413 Content Too Large", "Content-Length: 0\r\nConnection: close\r\n")
		return false
	case "early-reset":
		_ = c.raw.SetLinger(0)
		_ = c.raw.Close()
		return false
	default:
		c.head("200 OK", length)
		c.text(b)
	}
	return true
}

// playTunnel echoes behind a 101, and fails in one of several ways after some
// time or never.
func (c *faultyConn) playTunnel() bool {
	c.head("101 Switching Protocols", "Connection: upgrade\r\nUpgrade: websocket\r\n")
	buf := make([]byte, 4096)
	for n := rand.IntN(12); ; n-- {
		m, err := c.r.Read(buf)
		if err != nil {
			return false
		}
		if n == 0 {
			switch rand.IntN(4) {
			case 0:
				_ = c.raw.SetLinger(0)
				_ = c.raw.Close()
				return false
			case 1:
				return false
			case 2:
				return c.untilLeft()
			}
		}
		if _, err := c.Write(buf[:m]); err != nil && !errors.Is(err, io.EOF) {
			return false
		}
	}
}
