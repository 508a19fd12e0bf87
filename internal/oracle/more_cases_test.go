package oracle

import (
	"io"
	"os"
	"strconv"
	"time"
)

// sessionCases continue sessions, change keys, and send data early.
func sessionCases() []oracleCase {
	page := text(3000)
	files := map[string][]byte{"page.txt": page}
	const tickets, ids = "ssl_session_cache shared:o:1m; ssl_session_tickets on;", "ssl_session_cache shared:o:1m; ssl_session_tickets off;"
	row := func(name, version, directives string) oracleCase {
		return oracleCase{"session/" + name, func(b *bench) story {
			b.nginx(files, "ssl", "ssl_protocols TLSv"+version+"; keepalive_requests 1;"+directives)
			s := story{bench: b, version: version, conns: 3, resumed: 2, exchanges: []*exchange{get("/page.txt?1", page), get("/page.txt?2", page), get("/page.txt?3", page)}}
			b.capture(func() {
				b.curl("--http1.1", b.url("/page.txt?1"), "-o", "1", b.url("/page.txt?2"), "-o", "2", b.url("/page.txt?3"), "-o", "3")
			})
			return s
		}}
	}
	return []oracleCase{
		row("tickets, TLS 1.2", "1.2", tickets),
		row("identifiers, TLS 1.2", "1.2", ids),
		row("tickets, TLS 1.3", "1.3", tickets),
		{"session/key update", func(b *bench) story {
			b.opensslServer(rsaCert, page, "-tls1_3")
			s := story{bench: b, version: "1.3", conns: 1, events: []event{{kind: "key-update", from: "client"}}, exchanges: []*exchange{get("/answer", page)}}
			b.capture(func() {
				b.openssl([]string{"K\n", "GET /answer HTTP/1.1\nHost: " + host + "\n\n"}, "-crlf")
			})
			return s
		}},
		{"session/early data", func(b *bench) story {
			b.nginx(files, "ssl", "ssl_protocols TLSv1.3; ssl_early_data on; ssl_session_cache shared:o:1m; keepalive_timeout 0;")
			request := "GET /page.txt HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
			early := b.write("early", []byte(request))
			s := story{bench: b, version: "1.3", conns: 2, resumed: 1, exchanges: []*exchange{get("/page.txt", page), get("/page.txt", page)}}
			b.capture(func() {
				b.openssl([]string{request}, "-sess_out", "session")
				b.openssl(nil, "-sess_in", "session", "-early_data", early)
			})
			return s
		}},
	}
}

// openssl runs openssl s_client, which takes what is written at once for a
// command if it is one, until the server closes.
func (b *bench) openssl(input []string, args ...string) {
	b.t.Helper()
	r, w, err := os.Pipe() // of a pipe of its own no one waits for the end
	must(b.t, err)
	defer r.Close()
	defer w.Close()
	go func() {
		for _, text := range input {
			time.Sleep(200 * time.Millisecond)
			_, _ = io.WriteString(w, text)
		}
	}()
	b.client(program(b.t, "openssl"), r, append([]string{"s_client", "-connect", b.at().String(), "-servername", host, "-keylogfile", b.keys}, args...)...)
}

// manyCases have several connections, some of them of a proxy.
func manyCases() []oracleCase {
	page := text(5000)
	return []oracleCase{
		{"many/connections at once", func(b *bench) story {
			b.nginx(map[string][]byte{"page.txt": page}, "ssl", "")
			s := story{bench: b, conns: 20}
			args := []string{"--http1.1", "-Z", "--parallel-max", "20", "--parallel-immediate"}
			for i := range 20 {
				target := "/page.txt?" + strconv.Itoa(i)
				args = append(args, b.url(target), "-o", "out"+strconv.Itoa(i))
				s.exchanges = append(s.exchanges, get(target, page))
			}
			s.resumed = anyNumber
			b.capture(func() { b.curl(append(args, "-H", "Connection: close")...) })
			return s
		}},
		oracleCase{"many/upgrade to HTTP/2", func(b *bench) story {
			b.apache(map[string][]byte{"page.txt": page}, "SSLEngine off\nProtocols h2c http/1.1")
			b.capture(func() { b.curl("--http2", "http://"+host+":"+b.port()+"/page.txt", "-o", "1") })
			return story{bench: b, plain: true, conns: 1, exchanges: []*exchange{get("/page.txt", page)}}
		}}.untold(), // it tells of the 101 alone
	}
}
