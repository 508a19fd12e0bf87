package testnet

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Echo answers with EchoAnswer as JSON. A request to upgrade to WebSocket gets
// the 101 of RFC 6455, section 4.2.2, and every byte after it back, as it came.
type Echo struct{ At }

// EchoAnswer is the body of an Echo's response.
type EchoAnswer struct {
	Conn       int         `json:"conn"` // connections of the origin count from 1
	Method     string      `json:"method"`
	Target     string      `json:"target"`
	Proto      string      `json:"proto"`
	Headers    [][2]string `json:"headers"` // in order, letter case kept
	BodyBytes  int         `json:"body_bytes"`
	BodySHA256 string      `json:"body_sha256"`
}

// Start listens until the test ends.
func (p Echo) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		c.each(func(req *Request) bool {
			if strings.EqualFold(req.Get("Upgrade"), "websocket") {
				echoBytes(c, req)
				return false
			}
			return c.respond(req, 200, toJSON(answerEcho(req)), serverField, jsonField)
		})
	})
}

func answerEcho(req *Request) EchoAnswer {
	sum := sha256.Sum256(req.Body)
	return EchoAnswer{
		Conn: req.Conn, Method: req.Method, Target: req.Target, Proto: req.Proto, Headers: req.Headers,
		BodyBytes: len(req.Body), BodySHA256: hex.EncodeToString(sum[:]),
	}
}

func echoBytes(c *conn, req *Request) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(req.Get("Sec-WebSocket-Key") + guid))
	_, err := fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\n%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		serverField, base64.StdEncoding.EncodeToString(sum[:]))
	if err == nil {
		_, err = io.Copy(c.Conn, c.r)
	}
	if err == nil {
		err = io.EOF
	}
	c.ended(err)
}
