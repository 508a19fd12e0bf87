package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/explain/compare"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/testnet"
)

// comparedCaptures is where `go test -run TestCompareFromPackets -update` leaves
// what the script of the command compares.
var comparedCaptures = filepath.Join("..", "..", "testdata", "captures", "compare")

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// A gateway that never answers a HelloRequest, against curl that speaks to the
// same Apache itself: the HelloRequest is the first difference, with keys and
// without.
func TestCompareFromPacketsLateAsker(t *testing.T) {
	a := startApache(t, "TLSv1.2", "optional")
	goodKeys, badKeys := &buffer{}, &buffer{}
	gateway := startDeaf(t, a, badKeys)
	cert, key := a.ca.Issue(t, testnet.Leaf{Subject: "door", Client: true}).Files(t)

	good := tcpdump(t, "late-good", a.addr)
	for _, path := range []string{"/", "/secure/"} {
		ask(t, goodKeys, a.addr, path, "--tls-max", "1.2", "--cert", cert, "--key", key)
	}
	goodPackets := good()
	bad := tcpdump(t, "late-bad", a.addr, gateway)
	for _, path := range []string{"/", "/secure/"} {
		ask(t, badKeys, gateway, path)
	}
	badPackets := bad()

	withKeys := compare.Compare(rules.All(), analysed(t, goodPackets, goodKeys.String()), analysed(t, badPackets, badKeys.String()))
	first(t, withKeys, "hello-request", "renegotiation-unanswered")
	without := compare.Compare(rules.All(), analysed(t, goodPackets, ""), analysed(t, badPackets, ""))
	first(t, without, "hello-request", "renegotiation-unanswered")
	keepKeys(t, "late-good", goodKeys)
	keepKeys(t, "late-bad", badKeys)
}

// A client that closes after each signed-in response without a Server header,
// against one that got the header.
func TestCompareFromPacketsMissingServer(t *testing.T) {
	traces := map[string]*flow.Trace{}
	for name, rule := range map[string]string{"good": "{set: {Server: Fanlight}}", "bad": "{}"} {
		o := testnet.NTLMOrigin{NoServerHeader: true}.Start(t)
		d := serve(t, signInConfig, "$ORIGIN", o.Addr, "$CA", caFile(t, o.CA), "$RULES", rule)
		keys := &buffer{}
		stop := tcpdump(t, "sign-in-"+name, "127.0.0.2:"+d.port)
		c := &windows{d: d, scheme: "NTLM", keys: keys}
		for i := range 4 {
			c.get(fmt.Sprintf("/page%d", i))
		}
		c.close()
		until(t, "the client's end to be seen", func() bool { return d.Open() == 0 })
		traces[name] = analysed(t, stop(), keys.String())
		keepKeys(t, "sign-in-"+name, keys)
	}
	r := compare.Compare(rules.All(), traces["good"], traces["bad"])
	first(t, r, "response-header:server", "server-header-stripped-reauth")
}

func first(t *testing.T, r *compare.Result, key, finding string) {
	t.Helper()
	var b strings.Builder
	r.Text(&b)
	if len(r.Differences) == 0 || r.Differences[0].Key != key || !strings.Contains(strings.Join(r.Differences[0].Findings, " "), finding) {
		t.Errorf("the first difference is not %s, known by %s:\n%s", key, finding, &b)
	}
}

// tcpdump captures on the loopback interface; with a small snap length, for its
// ring has room for a few of the largest packets only. The result ends it and gives the
// file.
func tcpdump(t *testing.T, name string, addrs ...string) func() []byte {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("packets are captured by root only")
	}
	path := program(t, "tcpdump")
	file := filepath.Join(publicDir(t), name+".pcap")
	var ports []string
	for _, addr := range addrs {
		_, port, err := net.SplitHostPort(addr)
		must(t, err)
		ports = append(ports, "tcp port "+port)
	}
	end := newCaptureEnd(t)
	ports = append(ports, end.filter())
	out := &buffer{}
	cmd := exec.Command(path, "-i", "lo", "-s", "9000", "-B", "16384", "--immediate-mode", "-Z", "root", "-U", "-w", file, strings.Join(ports, " or "))
	cmd.Stderr = out
	must(t, cmd.Start())
	until(t, "tcpdump to listen", func() bool { return strings.Contains(out.String(), "listening on") })
	return func() []byte {
		t.Helper()
		written(t, file)
		until(t, "the end of the capture", func() bool { return end.reached(t, file) })
		must(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait()
		if !strings.Contains(out.String(), "\n0 packets dropped by kernel") {
			t.Errorf("tcpdump missed packets:\n%s", out)
		}
		raw := end.cut(t, file)
		if updating() {
			must(t, os.MkdirAll(comparedCaptures, 0o755))
			must(t, os.WriteFile(filepath.Join(comparedCaptures, name+".pcap"), raw, 0o644))
		}
		return raw
	}
}

// written waits until tcpdump has written nothing more for a while: connections
// may end a little after what the test waits for.
func written(t *testing.T, file string) {
	t.Helper()
	last, since := int64(-1), time.Now()
	until(t, "the last packets", func() bool {
		info, err := os.Stat(file)
		must(t, err)
		if info.Size() != last {
			last, since = info.Size(), time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

func keepKeys(t *testing.T, name string, keys *buffer) {
	t.Helper()
	if updating() {
		must(t, os.WriteFile(filepath.Join(comparedCaptures, name+".keys"), []byte(keys.String()), 0o644))
	}
}

func analysed(t *testing.T, packets []byte, keyLog string) *flow.Trace {
	t.Helper()
	src, err := pcap.Open([]string{"-"}, bytes.NewReader(packets))
	must(t, err)
	defer src.Close()
	keys := &dissect.Keys{}
	keys.AddKeyLog([]byte(keyLog))
	src.OnSecrets(dissect.AddTo(keys))
	trace := &flow.Trace{}
	_, err = dissect.New(dissect.Options{Keys: keys, Exchange: func(*flow.Conn, *flow.Exchange) {}, Conn: func(c *flow.Conn) {
		trace.Conns = append(trace.Conns, c)
	}}).Run(context.Background(), src)
	must(t, err)
	return trace
}

// ask runs curl for a path of app.test at addr. What it prints does not matter.
func ask(t *testing.T, keys io.Writer, addr, path string, args ...string) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	must(t, err)
	log := filepath.Join(t.TempDir(), "keys")
	cmd := exec.Command(program(t, "curl"), append([]string{"-q", "-sS", "-k", "--noproxy", "*", "--max-time", "30", "--http1.1",
		"--resolve", "app.test:" + port + ":127.0.0.1", "https://app.test:" + port + path}, args...)...)
	cmd.Env = append(os.Environ(), "SSLKEYLOGFILE="+log)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	_, err = io.WriteString(keys, read(t, log))
	must(t, err)
}

// startDeaf is a gateway that never answers a HelloRequest: it does not let its
// TLS library see one, and gives up after a while.
func startDeaf(t *testing.T, origin *apache, keys io.Writer) (addr string) {
	leaf := testnet.NewCA(t, "Gateway CA").Issue(t, testnet.Leaf{Names: []string{"app.test"}}).TLS()
	patience := 1500 * time.Millisecond
	if updating() {
		patience = 12 * time.Second
	}
	return listener(t, func(raw net.Conn) {
		_ = raw.SetDeadline(time.Now().Add(2 * wait))
		client := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{leaf}, KeyLogWriter: keys})
		defer client.Close()
		req, err := http.ReadRequest(bufio.NewReader(client))
		if err != nil {
			return
		}
		if err := relay(client, req, origin, keys, patience); err != nil {
			fmt.Fprint(client, "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	})
}

func relay(client io.Writer, req *http.Request, origin *apache, keys io.Writer, patience time.Duration) error {
	raw, err := net.Dial("tcp", origin.addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	_ = raw.(*net.TCPConn).SetLinger(0)
	deaf := &deafConn{Conn: raw, r: bufio.NewReader(raw)}
	c := tls.Client(deaf, &tls.Config{ServerName: "app.internal", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, KeyLogWriter: keys,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}})
	if err := c.Handshake(); err != nil {
		return err
	}
	deaf.secured = true
	req.Header.Set("Via", "1.1 gateway")
	req.Header.Set("X-Forwarded-For", "192.0.2.10")
	if err := req.Write(c); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return err
	}
	return res.Write(client)
}

// deafConn leaves out handshake records (type 22, RFC 5246 section 6.2.1) once
// it is told that the first handshake is over.
type deafConn struct {
	net.Conn
	r       *bufio.Reader
	left    int // of the record that is being read
	secured bool
}

func (c *deafConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		head, err := c.r.Peek(5)
		if err != nil {
			return 0, err
		}
		size := 5 + int(head[3])<<8 + int(head[4])
		if c.secured && head[0] == 22 {
			if _, err := c.r.Discard(size); err != nil {
				return 0, err
			}
			continue
		}
		c.left = size
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
