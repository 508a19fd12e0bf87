package testnet

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func httpClient(t *testing.T, o *Origin, tune func(*tls.Config)) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: o.Pool(), Renegotiation: tls.RenegotiateFreelyAsClient}
	if tune != nil {
		tune(config)
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func lines(o *Origin) string {
	var b strings.Builder
	for _, e := range o.Log() {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

func postLate(t *testing.T, client *http.Client, url, body string) (status int, answer LateAnswer) {
	t.Helper()
	res, err := client.Post(url, "text/plain", strings.NewReader(body))
	must(t, err)
	defer res.Body.Close()
	must(t, json.NewDecoder(res.Body).Decode(&answer))
	return res.StatusCode, answer
}

func TestLateAskerWithGo(t *testing.T) {
	ca := NewCA(t, "CA")
	alice := func(c *tls.Config) {
		c.Certificates = []tls.Certificate{ca.Issue(t, Leaf{Subject: "alice", Client: true}).TLS()}
	}
	at := At{CA: ca}
	for _, test := range []struct {
		name   string
		peer   LateAsker
		tune   func(*tls.Config)
		path   string
		status int
		want   LateAnswer
		log    string
	}{
		{"open path", LateAsker{At: at}, alice, "/open", 200, LateAnswer{"none", false, 0, 5}, ""},
		{"certificate", LateAsker{At: at}, alice, "/secure/pay", 200, LateAnswer{"CN=alice", true, 1, 5},
			"c1 opened\nc1 request POST /secure/pay 5 B\nc1 hello-request\nc1 renegotiated CN=alice\n"},
		{"none", LateAsker{At: at}, nil, "/secure", 200, LateAnswer{"none", false, 1, 5}, ""},
		{"required", LateAsker{At: at, RequireCert: true}, nil, "/secure", 403, LateAnswer{"none", false, 1, 5}, ""},
		{"required and sent", LateAsker{At: at, RequireCert: true}, alice, "/secure", 200, LateAnswer{"CN=alice", true, 1, 5}, ""},
		{"twice", LateAsker{At: at, Times: 2}, alice, "/secure", 200, LateAnswer{"CN=alice", true, 2, 5}, ""},
		{"during body", LateAsker{At: at, DuringBody: true}, alice, "/secure", 200, LateAnswer{"CN=alice", true, 1, 5},
			"c1 opened\nc1 hello-request\nc1 renegotiated CN=alice\nc1 request POST /secure 5 B\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.peer.Start(t)
			status, got := postLate(t, httpClient(t, o, test.tune), o.URL(test.path), "hello")
			if status != test.status || got != test.want {
				t.Errorf("got %d %+v; want %d %+v", status, got, test.status, test.want)
			}
			if log := lines(o); test.log != "" && log != test.log {
				t.Errorf("log:\n%swant:\n%s", log, test.log)
			}
		})
	}
}

func TestLateAskerKeepsAlive(t *testing.T) {
	o := LateAsker{}.Start(t)
	client := httpClient(t, o, nil)
	for range 3 {
		if status, got := postLate(t, client, o.URL("/secure"), "x"); status != 200 || got.Asked != 1 {
			t.Fatalf("got %d %+v", status, got)
		}
	}
	if n := o.Count(Opened); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestLateAskerDuringLargeBody(t *testing.T) {
	o := LateAsker{DuringBody: true}.Start(t)
	status, got := postLate(t, httpClient(t, o, nil), o.URL("/secure"), strings.Repeat("x", 3<<20))
	if status != 200 || got.Asked != 1 || got.BodyBytes != 3<<20 {
		t.Fatalf("got %d %+v", status, got)
	}
}

func TestLateAskerAndClientThatNeverRenegotiates(t *testing.T) {
	o := LateAsker{}.Start(t)
	client := httpClient(t, o, func(c *tls.Config) { c.Renegotiation = tls.RenegotiateNever })
	if res, err := client.Get(o.URL("/secure")); err == nil {
		res.Body.Close()
		t.Fatalf("got %s", res.Status)
	}
	o.Await(t, Refused, 1)
}

// run runs a program that must be there, and gives what it printed. Its input
// does not end before the program does.
func run(t *testing.T, input string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	_, err = io.WriteString(stdin, input) // fits a pipe's buffer
	must(t, err)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %s hangs; printed:\n%s", name, strings.Join(args, " "), out)
	}
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

// identity writes the files a program needs to trust ca and to be alice.
func identity(t *testing.T, ca *CA, useRSA bool) (caFile, cert, key string) {
	t.Helper()
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(caFile, ca.CertPEM, 0o600))
	cert, key = ca.Issue(t, Leaf{Subject: "alice", Client: true, RSA: useRSA}).Files(t)
	return caFile, cert, key
}

const getSecure = "GET /secure HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

func TestLateAskerWithOpenSSL(t *testing.T) {
	ca := NewCA(t, "CA")
	caFile, cert, key := identity(t, ca, false)
	_, rsaCert, rsaKey := identity(t, ca, true)
	for _, test := range []struct {
		name string
		leaf Leaf
		args []string
		want string
	}{
		{"ecdsa certificate", Leaf{}, []string{"-cert", cert, "-key", key}, `"CN=alice","trusted":true,"asked":1`},
		{"rsa certificate", Leaf{RSA: true}, []string{"-cert", rsaCert, "-key", rsaKey}, `"CN=alice","trusted":true,"asked":1`},
		{"no certificate", Leaf{}, nil, `"none","trusted":false,"asked":1`},
		{"p256 and aes256", Leaf{RSA: true}, []string{"-groups", "P-256", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, `"asked":1`},
		{"no renegotiation", Leaf{}, []string{"-no_renegotiation"}, `403 Forbidden`},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := LateAsker{At: At{CA: ca, Leaf: test.leaf}}.Start(t)
			args := append([]string{
				"s_client", "-connect", o.Addr, "-CAfile", caFile, "-verify_return_error",
				"-servername", "localhost", "-quiet", "-ign_eof", "-tls1_2",
			}, test.args...)
			if out := run(t, getSecure, "openssl", args...); !strings.Contains(out, test.want) {
				t.Errorf("openssl printed:\n%swithout %s; log:\n%s", out, test.want, lines(o))
			}
		})
	}
}

func TestLateAskerWithCurl(t *testing.T) {
	ca := NewCA(t, "CA")
	caFile, cert, key := identity(t, ca, false)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"certificate", []string{"--cert", cert, "--key", key}, `{"client_certificate":"CN=alice","trusted":true,"asked":2,"body_bytes":5}`},
		{"no certificate", nil, `{"client_certificate":"none","trusted":false,"asked":2,"body_bytes":5}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := LateAsker{At: At{CA: ca}, Times: 2}.Start(t)
			url := o.URL("/secure")
			args := append([]string{"-sS", "-m", "10", "--noproxy", "*", "--tls-max", "1.2", "--cacert", caFile, "-d", "hello", url, url}, test.args...)
			if out := run(t, "", "curl", args...); strings.Count(out, test.want) != 2 {
				t.Errorf("curl printed:\n%swithout twice %s; log:\n%s", out, test.want, lines(o))
			}
			if n := o.Count(Opened); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestLateAskerWithGnuTLS(t *testing.T) {
	ca := NewCA(t, "CA")
	caFile, cert, key := identity(t, ca, false)
	for _, test := range []struct{ name, more string }{
		{"as usual", ""}, {"without extended master secret", ":%NO_SESSION_HASH"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := LateAsker{At: At{CA: ca}}.Start(t)
			_, port, _ := strings.Cut(o.Addr, ":")
			out := run(t, getSecure, "gnutls-cli", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"+test.more, "--x509cafile", caFile,
				"--x509certfile", cert, "--x509keyfile", key, "--logfile", os.DevNull, "-p", port, "127.0.0.1")
			if want := `"CN=alice"`; !strings.Contains(out, want) {
				t.Errorf("gnutls-cli printed:\n%swithout %s; log:\n%s", out, want, lines(o))
			}
		})
	}
}

func TestSilentAfterHelloRequest(t *testing.T) {
	for _, test := range []struct {
		name     string
		complete bool
		event    Event
	}{{"handshake ignored", false, ClientBegan}, {"handshake completed", true, Renegotiated}} {
		t.Run(test.name, func(t *testing.T) {
			o := SilentAfterHelloRequest{Complete: test.complete}.Start(t)
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				req, _ := http.NewRequestWithContext(ctx, "POST", o.URL("/pay"), strings.NewReader("x"))
				_, err := httpClient(t, o, nil).Do(req)
				failed <- err
			}()
			o.Await(t, test.event, 1)
			select {
			case err := <-failed:
				t.Fatalf("the silent origin ended the request: %v", err)
			default:
			}
			cancel()
			if err := <-failed; err == nil {
				t.Fatal("got a response")
			}
			o.Await(t, Closed, 1)
		})
	}
}

func TestOriginCloseEndsSilence(t *testing.T) {
	o := SilentAfterHelloRequest{}.Start(t)
	c, err := tls.Dial("tcp", o.Addr, &tls.Config{RootCAs: o.Pool(), ServerName: "localhost"})
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, getSecure)
	must(t, err)
	o.Await(t, HelloRequested, 1)
	o.Close()
	o.Close()
}
