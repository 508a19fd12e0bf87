package testnet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	maxLine = 64 << 10
	maxBody = 64 << 20
)

// Request is an HTTP/1.1 request as it came, the order and letter case of its
// fields kept.
type Request struct {
	Conn    int
	Method  string
	Target  string
	Proto   string
	Headers [][2]string
	Body    []byte
}

// Get is the first value of a field, empty if there is none.
func (r *Request) Get(name string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (r *Request) chunked() bool {
	return strings.EqualFold(r.Get("Transfer-Encoding"), "chunked")
}

// each answers requests until the client or the handler ends the connection;
// the handler gives false to have it end.
func (c *conn) each(handle func(*Request) bool) {
	for {
		req, err := c.readRequest()
		if err != nil {
			c.ended(err)
			return
		}
		if !handle(req) || c.endAsked(req) {
			return
		}
	}
}

// endAsked ends the connection if the client asked for that.
func (c *conn) endAsked(req *Request) bool {
	asked := strings.EqualFold(req.Get("Connection"), "close")
	if asked {
		c.end(Orderly)
	}
	return asked
}

func (c *conn) readRequest() (*Request, error) {
	req, err := c.readHead()
	if err == nil {
		err = c.readBody(req)
	}
	return req, err
}

func (c *conn) readHead() (*Request, error) {
	line, err := readLine(c.r)
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, proto, ok := strings.Cut(rest, " ")
	if !ok {
		return nil, fmt.Errorf("read request line: %q", line)
	}
	req := &Request{Conn: c.number, Method: method, Target: target, Proto: proto}
	req.Headers, err = readFields(c.r)
	return req, err
}

func readFields(r *bufio.Reader) (fields [][2]string, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, noEOF(err)
		}
		if line == "" {
			return fields, nil
		}
		if len(fields) == 1000 {
			return nil, errors.New("read header: more than 1000 fields")
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, [2]string{name, strings.Trim(value, " \t")})
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", fmt.Errorf("read line: longer than %d bytes", maxLine)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return strings.TrimRight(string(line), "\r\n"), err
	}
}

// readBody reads the body of a request whose head was read, after a 100
// (Continue) if the client waits for one, and notes the request.
func (c *conn) readBody(req *Request) (err error) {
	if strings.EqualFold(req.Get("Expect"), "100-continue") {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	if req.chunked() {
		req.Body, err = readChunks(c.r)
	} else if length := req.Get("Content-Length"); length != "" {
		var n int
		if n, err = strconv.Atoi(length); err == nil {
			req.Body, err = readN(c.r, n)
		}
	}
	if err != nil {
		return fmt.Errorf("read body: %w", noEOF(err))
	}
	c.noteRequest(req)
	return nil
}

func (c *conn) noteRequest(req *Request) {
	text := fmt.Sprintf("%s %s %d B", req.Method, req.Target, len(req.Body))
	c.origin.note(Entry{c.number, Requested, text, req})
}

func readN(r io.Reader, n int) ([]byte, error) {
	if n < 0 || n > maxBody {
		return nil, fmt.Errorf("body of %d bytes", n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(body) < n {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

func readChunks(r *bufio.Reader) (body []byte, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		digits, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseInt(strings.TrimSpace(digits), 16, 32)
		if err != nil {
			return nil, fmt.Errorf("chunk size %q", digits)
		}
		if size == 0 {
			_, err := readFields(r) // trailers
			return body, err
		}
		part, err := readN(r, int(size))
		if err != nil {
			return nil, err
		}
		if body = append(body, part...); len(body) > maxBody {
			return nil, fmt.Errorf("body over %d bytes", maxBody)
		}
		if _, err := readLine(r); err != nil {
			return nil, err
		}
	}
}

// respond writes a response in one piece. Fields are whole lines without CRLF.
// It gives false if the client could not be written to.
func (c *conn) respond(req *Request, status int, body []byte, fields ...string) bool {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
	if req.Method != http.MethodHead {
		b.Write(body)
	}
	_, err := c.Write(b.Bytes())
	return err == nil
}

const (
	serverField = "Server: testnet"
	jsonField   = "Content-Type: application/json"
)

func toJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values are ours
	}
	return append(b, '\n')
}
