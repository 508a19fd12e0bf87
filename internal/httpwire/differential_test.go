package httpwire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// agreeOnRequest holds a regular request against net/http: it must not refuse
// what we take for regular, and must read the same from it.
func agreeOnRequest(t *testing.T, h *Head) {
	t.Helper()
	// The empty line that RFC 9112 2.2 allows, and net/http does not.
	raw := bytes.TrimPrefix(h.Buf, []byte("\r\n"))
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("net/http refuses: %v", err)
	}
	if r.Method != string(h.Bytes(h.Method)) || r.RequestURI != string(h.Bytes(h.Target)) || r.ProtoMinor != h.Minor {
		t.Fatalf("net/http reads %q %q minor %d", r.Method, r.RequestURI, r.ProtoMinor)
	}
	want := Framing{}
	if r.ContentLength > 0 {
		want = Framing{ContentLength, r.ContentLength}
	}
	if len(r.TransferEncoding) > 0 {
		want = Framing{Kind: Chunked}
	}
	if got := h.RequestFraming(); got != want {
		t.Fatalf("framing %v, net/http %v", got, want)
	}
	if r.Close == h.KeepAlive() {
		t.Fatalf("keep-alive %v, net/http says close %v", h.KeepAlive(), r.Close)
	}
	agreeOnFields(t, h, r.Header)
}

func agreeOnResponse(t *testing.T, h *Head) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(h.Buf)), nil)
	if err != nil {
		t.Fatalf("net/http refuses: %v", err)
	}
	defer r.Body.Close()
	if r.StatusCode != h.Status || r.ProtoMinor != h.Minor {
		t.Fatalf("net/http reads %d minor %d", r.StatusCode, r.ProtoMinor)
	}
	framing := h.ResponseFraming("GET")
	if framing.Kind == ContentLength && framing.Length != r.ContentLength ||
		(framing.Kind == Chunked) != (len(r.TransferEncoding) > 0 && framing.Kind != NoBody) {
		t.Fatalf("framing %v, net/http %d %v", framing, r.ContentLength, r.TransferEncoding)
	}
	agreeOnFields(t, h, r.Header)
}

// agreeOnFields leaves out the fields that net/http moves elsewhere.
func agreeOnFields(t *testing.T, h *Head, header http.Header) {
	t.Helper()
	want := http.Header{}
	for _, f := range h.Fields {
		name := textproto.CanonicalMIMEHeaderKey(string(h.Bytes(f.Name)))
		want[name] = append(want[name], string(h.Bytes(f.Value)))
	}
	for _, moved := range []string{"Host", "Transfer-Encoding", "Trailer", "Content-Length", "Connection", "Pragma", "Cache-Control"} {
		delete(want, moved)
		delete(header, moved)
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Fatalf("net/http reads other fields: %s", diff)
	}
}

// mutations gives every seed with a byte of interest put before, and in place
// of, each of its bytes.
func mutations(seeds []string, try func(string)) {
	for _, seed := range seeds {
		try(seed)
		for i := range seed {
			try(seed[:i] + seed[i+1:])
			for _, c := range "\x00\t\n\x0b\r \"#%,-/0:;@A[\\]\x7f" {
				try(seed[:i] + string(c) + seed[i:])
				try(seed[:i] + string(c) + seed[i+1:])
			}
			try(seed[:i] + "\xff" + seed[i:])
			try(seed[:i] + "\r\n" + seed[i:])
		}
	}
}

// framingRequests gives every pair of lines that have to do with framing.
func framingRequests() (all []string) {
	lines := []string{"", "Content-Length: 5\r\n", "Content-Length: 6\r\n", "content-length:0\r\n", "Content-Length: 5,5\r\n",
		"Content-Length: +5\r\n", "Content-Length: 5 5\r\n", "Content-Length:\r\n", "Content-Length : 5\r\n", "Content-Length: 99999999999999999999\r\n",
		"Content_Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: CHUNKED \r\n", "Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding\t: chunked\r\n",
		"Transfer-Encoding:\x0bchunked\r\n", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: chunked\n",
		"X: y\r\n z\r\n", "Trailer: X\r\n", "Trailer: Content-Length\r\n", "Trailer: Transfer-Encoding\r\n", "Trailer: ,\r\n", "Host: b\r\n", "Connection: close\r\n", "Expect: x\r\n"}
	for _, version := range []string{"1.0", "1.1"} {
		for _, first := range lines {
			for _, second := range lines {
				all = append(all, "POST / HTTP/"+version+"\r\nHost: a\r\n"+first+second+"\r\n")
			}
		}
	}
	return all
}

func TestRequestsAgainstNetHTTP(t *testing.T) {
	regular := 0
	try := func(raw string) {
		var h Head
		if n, _ := h.ParseRequest([]byte(raw), Limits{}); n > 0 && len(h.Irregular) == 0 {
			regular++
			agreeOnRequest(t, &h)
		}
	}
	mutations(requestSeeds(), try)
	for _, raw := range framingRequests() {
		try(raw)
	}
	if regular < 1000 {
		t.Errorf("only %d regular requests were compared", regular)
	}
}

func TestResponsesAgainstNetHTTP(t *testing.T) {
	regular := 0
	mutations(responseSeeds(), func(raw string) {
		var h Head
		if n, _ := h.ParseResponse([]byte(raw), Limits{}); n > 0 && len(h.Irregular) == 0 {
			regular++
			agreeOnResponse(t, &h)
		}
	})
	if regular < 1000 {
		t.Errorf("only %d regular responses were compared", regular)
	}
}

// Its server refuses more than ReadRequest does, Host above all.
func TestRequestsAgainstNetHTTPServer(t *testing.T) {
	listener := pipeListener{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // or the server waits for the body
	})}
	go server.Serve(listener)
	defer server.Close()
	for _, raw := range append(requestSeeds(), framingRequests()...) {
		var h Head
		if n, _ := h.ParseRequest([]byte(raw), Limits{}); n == 0 || len(h.Irregular) > 0 {
			continue
		}
		// The server refuses what it does not expect, which is policy.
		if expect := h.Get("Expect"); expect != nil && !h.HasToken("Expect", "100-continue") {
			continue
		}
		if line := listener.ask(t, strings.TrimPrefix(raw, "\r\n")); !strings.Contains(line, " 200 ") {
			t.Errorf("%q: net/http answers %q", raw, line)
		}
	}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.done); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// ask sends a request on a connection of its own and gives the status line.
func (l pipeListener) ask(t *testing.T, raw string) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	l.conns <- server
	client.SetDeadline(time.Now().Add(10 * time.Second))
	go io.WriteString(client, raw)
	line, err := bufio.NewReader(client).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return line
}
