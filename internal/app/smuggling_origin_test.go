package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// countingOrigin is an origin that tells exactly which requests it has seen.
type countingOrigin struct {
	name, url string
	// logged gives method and target of each request that it has answered, in
	// the form its log has, without order.
	logged func() []string
	// streams gives the bytes that came on each connection, by the address of
	// the other side; nil if the origin is a program.
	streams func() map[netip.AddrPort][]byte
}

// goOrigin is a server of net/http that keeps all the bytes it gets. It answers
// with the target it was asked for.
func goOrigin(t testing.TB) countingOrigin {
	t.Helper()
	var mu sync.Mutex
	var lines []string
	taps := map[netip.AddrPort]*tapped{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				panic(http.ErrAbortHandler)
			}
			mu.Lock()
			lines = append(lines, r.Method+" "+r.RequestURI)
			mu.Unlock()
			fmt.Fprint(w, r.RequestURI)
		}),
		ErrorLog: discardLog(),
	}
	srv.Protocols = &http.Protocols{}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = srv.Serve(listenerFunc{l, func(c net.Conn) net.Conn {
			k := &tapped{Conn: c}
			mu.Lock()
			taps[netip.MustParseAddrPort(c.RemoteAddr().String())] = k
			mu.Unlock()
			return k
		}})
	})
	t.Cleanup(func() { srv.Close(); serving.Wait() })
	return countingOrigin{
		name: "go", url: "http://" + l.Addr().String(),
		logged: func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), lines...) },
		streams: func() map[netip.AddrPort][]byte {
			mu.Lock()
			defer mu.Unlock()
			out := map[netip.AddrPort][]byte{}
			for addr, k := range taps {
				out[addr] = k.bytes()
			}
			return out
		},
	}
}

// listenerFunc wraps what a listener accepts.
type listenerFunc struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l listenerFunc) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c), nil
}

// tapped keeps what is read.
type tapped struct {
	net.Conn
	mu  sync.Mutex
	all []byte
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, p[:n]...)
	return n, err
}

func (c *tapped) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.all...)
}

// nginxOrigin is nginx with a log of all it was asked.
func nginxOrigin(t testing.TB) countingOrigin { return nginxListening(t, "") }

func nginxListening(t testing.TB, options string) countingOrigin {
	t.Helper()
	path := program(t, "nginx")
	dir, addr, plain := t.TempDir(), "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	write(t, dir+"/nginx.conf", fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http { log_format line escape=none '$request'; access_log %[1]s/access.log line; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; underscores_in_headers on; merge_slashes off;
server { listen %[2]s%[4]s; listen %[3]s; return 200 "$request_uri"; } }`, dir, addr, plain, options))
	launch(t, plain, path, "-p", dir, "-c", dir+"/nginx.conf", "-e", dir+"/error.log")
	return countingOrigin{name: "nginx", url: "http://" + addr, logged: func() []string { return loggedLines(t, plain, dir+"/access.log") }}
}

// http2Origins are the same origins asked over HTTP/2, which begins at once.
func http2Origins() []func(testing.TB) countingOrigin {
	named := func(o countingOrigin) countingOrigin {
		o.name, o.streams = o.name+" h2", nil
		return o
	}
	return []func(testing.TB) countingOrigin{
		func(t testing.TB) countingOrigin { return named(goOrigin(t)) },
		func(t testing.TB) countingOrigin { return named(nginxListening(t, " http2")) },
		func(t testing.TB) countingOrigin { return named(apacheOrigin(t)) },
	}
}

// apacheOrigin is Apache with a log of all it was asked.
func apacheOrigin(t testing.TB) countingOrigin {
	t.Helper()
	path := program(t, "apache2")
	dir, addr := publicDir(t), "127.0.0.1:"+freePort(t)
	const modules = "/usr/lib/apache2/modules"
	write(t, dir+"/httpd.conf", strings.NewReplacer("DIR", dir, "MODULES", modules, "ADDR", addr).Replace(`
ServerRoot DIR
ServerName app.internal
PidFile DIR/pid
ErrorLog DIR/error.log
Mutex posixsem
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule http2_module MODULES/mod_http2.so
Protocols h2c http/1.1
User nobody
Group nogroup
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
Listen ADDR
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot DIR
AllowEncodedSlashes NoDecode
LogFormat "%r" line
CustomLog DIR/access.log line
`))
	launch(t, addr, path, "-f", dir+"/httpd.conf", "-D", "FOREGROUND")
	return countingOrigin{name: "apache", url: "http://" + addr, logged: func() []string {
		lines := loggedLines(t, addr, dir+"/access.log")
		for i, line := range lines {
			if plain, err := strconv.Unquote(`"` + line + `"`); err == nil {
				lines[i] = plain // Apache escapes in its log what is not printable
			}
		}
		return lines
	}}
}

// loggedLines waits until a request of our own is in a log of request lines, and
// gives method and target of those before it.
func loggedLines(t testing.TB, addr, path string) (lines []string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	_, err = io.WriteString(c, "GET /the-end HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
	must(t, err)
	_, err = io.Copy(io.Discard, bufio.NewReader(c))
	must(t, err)
	until(t, "the log's last line", func() bool {
		raw, err := os.ReadFile(path)
		must(t, err)
		lines = strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
		return strings.HasPrefix(lines[len(lines)-1], "GET /the-end")
	})
	for i, line := range lines {
		parts := strings.Split(line, " ")
		lines[i] = strings.Join(parts[:min(2, len(parts))], " ")
	}
	return lines[:len(lines)-1]
}
