package tlswire_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/tlswire"
)

// openssl is a running s_server or s_client.
type openssl struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	mu  sync.Mutex
	out bytes.Buffer
}

func startOpenSSL(t testing.TB, args ...string) *openssl {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	p := &openssl{t: t, cmd: exec.Command(path, args...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

func (p *openssl) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *openssl) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// wait waits until the output has a text n times.
func (p *openssl) wait(text string, n int) {
	p.t.Helper()
	for end := time.Now().Add(15 * time.Second); strings.Count(p.text(), text) < n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("openssl %s did not say %q %d times:\n%s", p.cmd.Args[1], text, n, p.text())
		}
	}
}

func (p *openssl) say(text string) {
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatal(err)
	}
}

// scene is a conversation between s_server and s_client over a relay.
type scene struct {
	*tape
	dir            string
	server, client *openssl
	cert           tls.Certificate
	done           chan struct{}
	addr           string
}

func newScene(t testing.TB, serverArgs ...string) *scene {
	t.Helper()
	s := &scene{dir: t.TempDir(), cert: serverCertificate()}
	key, err := x509.MarshalPKCS8PrivateKey(s.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(s.file("cert.pem"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	l.Close()
	s.server = startOpenSSL(t, append([]string{"s_server", "-accept", s.addr, "-cert", s.file("cert.pem"), "-key", s.file("cert.pem"),
		"-keylogfile", s.file("keys")}, serverArgs...)...)
	s.server.wait("ACCEPT", 1)
	return s
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) connect(t testing.TB, args ...string) {
	t.Helper()
	var addr string
	addr, s.tape, s.done = relay(t, s.addr)
	s.client = startOpenSSL(t, append([]string{"s_client", "-connect", addr, "-keylogfile", s.file("keys")}, args...)...)
}

// keys are those that s_client and s_server logged.
func (s *scene) keys() *tlswire.Keys {
	log, _ := os.ReadFile(s.file("keys")) // none: no keys
	return keyLog(log)
}

func (s *scene) private() *tlswire.Keys {
	k := &tlswire.Keys{}
	k.AddRSA(s.cert.PrivateKey.(*rsa.PrivateKey))
	return k
}

// changes waits until each side has sent ChangeCipherSpec n times.
func (s *scene) changes(t testing.TB, n int) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		var got [2]int
		for dir := range got {
			for b := s.sent(dir); len(b) >= 5 && len(b) >= 5+int(b[3])<<8+int(b[4]); b = b[5+int(b[3])<<8+int(b[4]):] {
				if b[0] == 20 {
					got[dir]++
				}
			}
		}
		if got[0] >= n && got[1] >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("ChangeCipherSpec was sent %v times", got)
		}
	}
}

// appears waits until openssl has written a file.
func (s *scene) appears(t testing.TB, name string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if b, err := os.ReadFile(s.file(name)); err == nil && bytes.Contains(b, []byte("-----END")) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("openssl did not write %s", name)
		}
	}
}

// quit ends the client, and waits until all is on the tape.
func (s *scene) quit() {
	s.client.say("Q\n")
	<-s.done
}

func TestSessionOpenSSLSuites(t *testing.T) {
	for _, c := range []struct{ version, suite, more string }{
		{"-tls1", "AES128-SHA", ""},
		{"-tls1", "AES128-SHA", "-no_etm"},
		{"-tls1_1", "AES256-SHA", ""},
		{"-tls1_1", "AES256-SHA", "-no_etm"},
		{"-tls1_2", "AES128-SHA256", ""},
		{"-tls1_2", "AES128-SHA256", "-no_etm"},
		{"-tls1_2", "ECDHE-RSA-AES256-SHA384", ""},
		{"-tls1_2", "ECDHE-RSA-AES256-SHA384", "-no_etm"},
		{"-tls1_2", "AES128-CCM", ""},
		{"-tls1_2", "AES256-CCM8", ""},
		{"-tls1_2", "DHE-RSA-AES128-GCM-SHA256", ""},
		{"-tls1_2", "ADH-AES256-GCM-SHA384", ""},
		{"-tls1_2", "NULL-SHA256", ""},
		{"-tls1_2", "NULL-SHA", ""},
		{"-tls1_2", "ECDHE-RSA-CHACHA20-POLY1305", ""},
		{"-tls1_2", "CAMELLIA128-SHA256", "unsupported"},
		{"-tls1_3", "TLS_AES_128_CCM_SHA256", ""},
		{"-tls1_3", "TLS_AES_128_CCM_8_SHA256", ""},
		{"-tls1_3", "TLS_AES_256_GCM_SHA384", ""},
	} {
		t.Run(c.version[1:]+" "+c.suite+" "+c.more, func(t *testing.T) {
			t.Parallel()
			list := []string{"-cipher", c.suite + ":@SECLEVEL=0"}
			if c.version == "-tls1_3" {
				list = []string{"-ciphersuites", c.suite}
			}
			s := newScene(t, append(list, "-rev", c.version)...)
			args := append(list, c.version)
			if c.more == "-no_etm" {
				args = append(args, c.more)
			}
			s.connect(t, args...)
			s.client.say("hello\n")
			s.client.wait("olleh", 1)
			s.quit()
			if c.more == "unsupported" {
				h := s.play(tlswire.NewSession(s.keys()), 0)
				want := fmt.Sprintf("cipher suite %s is not supported", "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256")
				if h.state != tlswire.No || h.why != want || len(h.dones) != 1 {
					t.Errorf("got %v %q %v", h.state, h.why, h.words)
				}
				return
			}
			opened(t, s.tape, s.keys, "hello\n", "olleh\n")
			if strings.HasPrefix(c.suite, "AES") || strings.HasPrefix(c.suite, "NULL") {
				opened(t, s.tape, s.private, "hello\n", "olleh\n")
			}
		})
	}
}

// TestSessionRenegotiation changes keys in mid-connection.
func TestSessionRenegotiation(t *testing.T) {
	for _, suite := range []string{"AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"} {
		for _, by := range []string{"client", "server", "server with certificate"} {
			t.Run(suite+" by "+by, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, "-cipher", suite, "-tls1_2", "-client_renegotiation", "-no_resumption_on_reneg")
				s.connect(t, "-cipher", suite, "-tls1_2", "-cert", s.file("cert.pem"), "-key", s.file("cert.pem"))
				s.client.say("one\n")
				s.server.wait("one", 1)
				switch by {
				case "client":
					s.client.say("R\n")
					s.client.wait("RENEGOTIATING", 1)
				case "server":
					s.server.say("r\n")
				default:
					s.server.say("R\n")
				}
				s.changes(t, 2)
				s.server.say("two\n")
				s.client.wait("two", 1)
				s.client.say("three\n")
				s.server.wait("three", 1)
				s.quit()
				h := opened(t, s.tape, s.keys, "one\nthree\n", "two\n")
				if len(h.dones) != 2 || h.dones[0].Renegotiation || !h.dones[1].Renegotiation {
					t.Errorf("the handshakes ended as %+v", h.dones)
				}
				if h.has(1, "hello-request") == (by == "client") {
					t.Errorf("got %v", h.words[1])
				}
				if by == "server with certificate" && len(h.certificates[0]) != 1 {
					t.Error("no client certificate")
				}
				if !strings.HasPrefix(suite, "ECDHE") {
					opened(t, s.tape, s.private, "one\nthree\n", "two\n")
				}
				h = s.play(tlswire.NewSession(nil), 100)
				if h.has(1, "sealed-hello-request") == (by == "client") || len(h.dones) != 2 || !h.dones[1].Renegotiation {
					t.Errorf("without keys: %v, handshakes ended as %+v", h.words, h.dones)
				}
			})
		}
	}
}

func TestSessionKeyUpdate(t *testing.T) {
	s := newScene(t, "-tls1_3")
	s.connect(t, "-tls1_3", "-enable_pha", "-cert", s.file("cert.pem"), "-key", s.file("cert.pem"))
	s.client.say("one\n")
	s.server.wait("one", 1)
	s.client.say("K\n")
	s.client.wait("KEYUPDATE", 1)
	s.client.say("two\n")
	s.server.wait("two", 1)
	s.server.say("three\n")
	s.client.wait("three", 1)
	s.server.say("c\n")
	s.server.wait("depth=0 CN = RSA", 1)
	s.client.say("four\n")
	s.server.wait("four", 1)
	s.quit()
	h := opened(t, s.tape, s.keys, "one\ntwo\nfour\n", "three\n")
	if !h.has(0, "key-update") || !h.has(1, "key-update") || !h.has(1, "request") || len(h.certificates[0]) != 1 {
		t.Errorf("got %v", h.words)
	}
}

func TestSessionEarlyData(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		t.Run(fmt.Sprint(accepted), func(t *testing.T) {
			args := []string{"-tls1_3"}
			if accepted {
				args = append(args, "-early_data")
			} else {
				args = append(args, "-max_early_data", "1000") // promised, and not kept
			}
			s := newScene(t, args...)
			s.connect(t, "-tls1_3", "-sess_out", s.file("session"))
			s.appears(t, "session")
			s.quit()
			early := strings.Repeat("early", 100)
			if err := os.WriteFile(s.file("early"), []byte(early), 0o600); err != nil {
				t.Fatal(err)
			}
			s.connect(t, "-tls1_3", "-sess_in", s.file("session"), "-early_data", s.file("early"))
			s.client.say("late\n")
			s.server.wait("late", 1)
			s.quit()
			h := opened(t, s.tape, s.keys, "late\n", "")
			if h.early[0].String() != early || h.accepted != accepted || len(h.dones) != 1 || h.dones[0].Resumed != 1 {
				t.Errorf("got %d early bytes, accepted %v, want %v; %v %+v", h.early[0].Len(), h.accepted, accepted, h.words, h.dones)
			}
			log, _ := os.ReadFile(s.file("keys"))
			rest := s.play(tlswire.NewSession(keyLog(withoutLines(log, "CLIENT_EARLY"))), 50)
			if rest.plain[0].String() != "late\n" || rest.state != tlswire.Partial || !strings.Contains(rest.why, "CLIENT_EARLY_TRAFFIC_SECRET") {
				t.Errorf("without the early secret: %v %q, %v", rest.state, rest.why, rest.words)
			}
		})
	}
}

func withoutLines(log []byte, prefix string) (out []byte) {
	for line := range bytes.Lines(log) {
		if !bytes.HasPrefix(line, []byte(prefix)) {
			out = append(out, line...)
		}
	}
	return out
}
