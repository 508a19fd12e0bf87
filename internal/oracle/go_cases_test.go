package oracle

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func toServer(b *bench) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, b.at().String())
	}
}

// echo answers with the body it was sent, and with n bytes for ?n=.
func echo(content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		if n, err := strconv.Atoi(r.URL.Query().Get("n")); err == nil {
			sent = content[:n]
		}
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		_, _ = w.Write(sent)
	})
}

// goCases are Go's crypto/tls and net/http, on one or both sides.
func goCases() []oracleCase {
	content := blob(5, 200_000)
	row := func(name string, http2 bool, resumed int, server, client *tls.Config, requests ...*exchange) oracleCase {
		return oracleCase{"go/" + name, func(b *bench) story {
			id := b.identity(rsaCert)
			server, client := server.Clone(), client.Clone()
			server.Certificates = []tls.Certificate{id.cert.TLS()}
			client.KeyLogWriter, client.ServerName = b.keyLog(), host
			b.goServer(echo(content), server, http2)
			s := story{bench: b, exchanges: requests, resumed: resumed}
			if http2 {
				s.alpn = "h2"
			}
			b.capture(func() { b.send("https", client, http2, resumed > 0, content, requests) })
			return s
		}}
	}
	post := func(n int) *exchange { return answered("POST", "/echo", 200, content[:n], content[:n]) }
	fetch := func(n int) *exchange { return get("/?n="+strconv.Itoa(n), content[:n]) }
	tls12 := &tls.Config{MaxVersion: tls.VersionTLS12}
	oldest := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	suite := func(id uint16) *tls.Config {
		return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}}
	}
	return []oracleCase{
		row("HTTP/1.1 over TLS 1.3", false, 0, &tls.Config{}, &tls.Config{}, post(10), post(50_000), fetch(200_000), post(0)),
		row("HTTP/1.1 over TLS 1.2", false, 0, tls12, &tls.Config{}, post(10), fetch(200_000)),
		row("HTTP/1.1 over TLS 1.0", false, 0, oldest, oldest, post(10), fetch(70_000)),
		row("HTTP/2 over TLS 1.3", true, 0, &tls.Config{}, &tls.Config{}, post(10), post(100_000), fetch(200_000), fetch(0)),
		row("HTTP/2 over TLS 1.2", true, 0, tls12, &tls.Config{}, post(10), fetch(20_000)),
		row("RSA key exchange, GCM", false, 0, suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), fetch(10), post(100)),
		row("RSA key exchange, 3DES", false, 0, suite(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), suite(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), fetch(20_000)),
		row("RC4", false, 0, suite(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA), suite(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA), fetch(20_000)),
		row("resumption in TLS 1.3", false, 2, &tls.Config{}, &tls.Config{}, fetch(10), fetch(20), fetch(30)),
		row("resumption in TLS 1.2", false, 2, tls12, &tls.Config{}, fetch(10), fetch(20), fetch(30)).untold(), // it does not take the secrets of the session from the connection before
		row("client certificate", false, 0, &tls.Config{ClientAuth: tls.RequestClientCert}, &tls.Config{}, fetch(10)),
	}
}

// send makes the requests, one after another; apart: each on its own connection.
func (b *bench) send(scheme string, config *tls.Config, http2, apart bool, content []byte, requests []*exchange) {
	b.t.Helper()
	if apart {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
	tr := b.transport(config, http2)
	client := &http.Client{Transport: tr, Timeout: patience}
	for _, x := range requests {
		var sent io.Reader
		if x.method == http.MethodPost {
			sent = bytes.NewReader(content[:x.sentBody.n])
		}
		req, err := http.NewRequest(x.method, scheme+"://"+host+":"+b.port()+x.target, sent)
		must(b.t, err)
		req.Header["X-mIxEd"] = []string{"1", "2"}
		res, err := client.Do(req)
		must(b.t, err)
		_, err = io.Copy(io.Discard, res.Body)
		must(b.t, err)
		res.Body.Close()
		if apart {
			tr.CloseIdleConnections()
		}
	}
	tr.CloseIdleConnections()
}
