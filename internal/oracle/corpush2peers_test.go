package oracle

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"fanlight/internal/testnet"
)

// Names that one certificate covers together.
const (
	firstHost  = "a." + host
	secondHost = "b." + host
)

// wildcard has the servers show a certificate for all hosts of the domain.
func (b *bench) wildcard() {
	b.t.Helper()
	b.identity(rsaCert)
	b.cert = shared.ca.Issue(b.t, testnet.Leaf{RSA: true, Names: []string{"*." + host, host}})
}

// here puts folder and address of the bench into a configuration.
func (b *bench) here(conf string) string {
	return strings.NewReplacer("DIR", b.dir, "ADDR", b.addr.String()).Replace(conf)
}

// surf loads a page in a new profile and waits for its load event. The
// browser is told to trust the servers' certificate.
func (b *bench) surf(url string, options ...string) {
	b.t.Helper()
	pin := sha256.Sum256(b.identity(rsaCert).cert.Leaf.RawSubjectPublicKeyInfo)
	ip := b.addr.Addr().String()
	args := append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + b.dir + "/profile",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(pin[:]),
		"--host-resolver-rules=MAP *." + host + " " + ip + ",MAP " + host + " " + ip + ",MAP * ~NOTFOUND,EXCLUDE " + ip,
		"--timeout=15000", "--dump-dom"}, options...)
	b.client(program(b.t, "chromium"), nil, append(args, url)...)
}

// nghttpd starts nghttpd, which has no option for a pid file, with files below www.
func (b *bench) nghttpd(files map[string][]byte, options ...string) {
	b.t.Helper()
	path := program(b.t, "nghttpd")
	id := b.identity(rsaCert)
	for name, content := range files {
		b.write("www/"+name, content)
	}
	args := append([]string{"-c", `echo $$ >pid; exec "$0" "$@"`, path}, options...)
	b.launch(program(b.t, "sh"), append(args, "-a", b.addr.Addr().String(), "-d", b.dir+"/www", b.port(), id.key, id.pem)...)
}

// h2load asks for one target n times, all at a time if it may. It sends what
// it may before the server has said how much that is, and repeats nothing.
func (b *bench) h2load(path string, n int, more ...string) {
	b.t.Helper()
	many := strconv.Itoa(n)
	b.client(program(b.t, "h2load"), nil, append(append([]string{"-c", "1", "-T", "15", "-n", many, "-m", many}, more...), b.address(path))...)
}

// address is a URL by the server's address, for clients that cannot be told
// what a name means.
func (b *bench) address(path string) string { return "https://" + b.addr.String() + path }

// http2Client is Go's client, for HTTP/2 alone.
func (b *bench) http2Client(config *tls.Config, tune func(*http.Transport)) *http.Client {
	b.t.Helper()
	config = config.Clone()
	config.KeyLogWriter = b.keyLog()
	tr := b.transport(config, true)
	if tune != nil {
		tune(tr)
	}
	b.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// twoAtMost keeps Go's client from making a connection for each request that waits.
func twoAtMost(tr *http.Transport) { tr.MaxConnsPerHost = 2 }

func oneAtMost(tr *http.Transport) { tr.MaxConnsPerHost = 1 }

// askOnOne asks for URLs on one HTTP/2 connection that is made for a host.
func (b *bench) askOnOne(name string, urls ...string) {
	b.t.Helper()
	tr := &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{ServerName: name, NextProtos: []string{"h2"}, InsecureSkipVerify: true, KeyLogWriter: b.keyLog()}}
	one, err := tr.NewClientConn(b.t.Context(), "https", b.addr.String())
	must(b.t, err)
	defer one.Close()
	for _, url := range urls {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		must(b.t, err)
		if res, err := one.RoundTrip(r); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}

// fetch asks and reads the answer to its end; the status is 0 without one.
func fetch(client *http.Client, url string) (status int) {
	res, err := client.Get(url)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// fetchAtOnce asks n times at the same time, on a connection that is there.
func fetchAtOnce(client *http.Client, url string, n int) {
	fetch(client, url)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fetch(client, fmt.Sprintf("%s?%d", url, i)) })
	}
	wg.Wait()
}

// cancelAtOnce asks n times and cancels each request a moment later, like a
// user who goes from page to page.
func (b *bench) cancelAtOnce(client *http.Client, n int) {
	for i := range n {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url("/page.txt?"+strconv.Itoa(i)), nil)
		must(b.t, err)
		time.AfterFunc(3*time.Millisecond, cancel)
		if res, err := client.Do(r); err == nil {
			res.Body.Close()
		}
		cancel()
	}
}

// uploadAtOnce sends n requests at the same time, with bodies that can be read once.
func (b *bench) uploadAtOnce(client *http.Client, n int) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := io.MultiReader(strings.NewReader(strings.Repeat("x", 50)))
			if res, err := client.Post(b.url("/page.txt?"+strconv.Itoa(i)), "text/plain", body); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
}

// served is goServer with HTTP/2 and TLS, for which tune may set more.
func (b *bench) served(handler http.Handler, tune func(*http.Server)) {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr.String())
	must(b.t, err)
	s := &http.Server{Handler: handler, ReadHeaderTimeout: patience, Protocols: &http.Protocols{}, ErrorLog: discard(), TLSConfig: b.modern()}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	if tune != nil {
		tune(s)
	}
	b.t.Cleanup(func() { s.Close() })
	go func() { _ = s.ServeTLS(l, "", "") }()
}

// modern is a server's configuration for TLS of Go.
func (b *bench) modern() *tls.Config {
	b.t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}
}

// inFrontOf is a configuration of HAProxy that ends TLS and passes on what is
// inside, whatever it is.
func inFrontOf(back *bench, bind string) string {
	return "defaults\n mode tcp\n timeout connect 2s\n timeout client 8s\n timeout server 8s\nfrontend f\n bind ADDR ssl crt DIR/both.pem " + bind +
		"\n default_backend a\nbackend a\n source " + back.addr.Addr().String() + "\n server a " + back.addr.String() + "\n"
}

// toward are directives of nginx that pass everything to another server.
func (b *bench) toward(back *bench, more string) string {
	return "location / { proxy_pass http://" + back.addr.String() + "; proxy_bind " + b.addr.Addr().String() + "; " + more + " }"
}

// apacheToward are directives of Apache that pass everything to another server.
func apacheToward(back *bench, options string) string {
	module := func(name string) string {
		return "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n"
	}
	return module("proxy") + module("proxy_http") + "ProxyPass / http://" + back.addr.String() + "/ " + options + "\nProxySourceAddress " + back.addr.Addr().String() + "\n"
}

// apacheHosts are two hosts of Apache under one certificate, whose TLS differs.
func (b *bench) apacheHosts(first, second string) string {
	one := func(name, more string) string {
		return "<VirtualHost ADDR>\nServerName " + name + "\nDocumentRoot DIR/www\nSSLEngine on\nSSLCertificateFile DIR/cert.pem\nSSLCertificateKeyFile DIR/key.pem\n" + more + "\n</VirtualHost>\n"
	}
	return b.here("Protocols h2 http/1.1\n" + one(firstHost, first) + one(secondHost, second))
}

// sharedPage is a page of the first host with a picture of the second.
func (b *bench) sharedPage() map[string][]byte {
	page := fmt.Sprintf("<!doctype html><title>t</title><link rel=icon href=\"data:,\"><img src=https://%s:%s/p.txt><p>done</p>", secondHost, b.port())
	return map[string][]byte{"index.html": []byte(page), "p.txt": text(300)}
}

func at(name string, b *bench, path string) string { return "https://" + name + ":" + b.port() + path }
