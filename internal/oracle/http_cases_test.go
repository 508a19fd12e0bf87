package oracle

import (
	"bytes"
	"os"
)

// nginxCases are HTTP/1.1 with nginx and curl.
func nginxCases() []oracleCase {
	page, big := text(2000), blob(1, 5<<20)
	files := map[string][]byte{"page.txt": page, "big.bin": big, "empty.txt": nil, "ssi.shtml": []byte("<p><!--#echo var=\"REQUEST_METHOD\" --></p>\n")}
	row := func(name, directives string, happen func(b *bench) []*exchange) oracleCase {
		return oracleCase{"nginx/" + name, func(b *bench) story {
			b.nginx(files, "ssl", directives)
			s := story{bench: b}
			b.capture(func() { s.exchanges = happen(b) })
			return s
		}}
	}
	const tls12, tls13 = "ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;"
	return []oracleCase{
		row("keep-alive over TLS 1.2", tls12, func(b *bench) []*exchange {
			b.curl("--http1.1", b.url("/page.txt?a=1&b=%20"), "-o", "1", b.url("/empty.txt"), "-o", "2", b.url("/page.txt"), "-o", "3")
			return []*exchange{get("/page.txt?a=1&b=%20", page), get("/empty.txt", nil), get("/page.txt", page)}
		}),
		row("keep-alive over TLS 1.3", tls13, func(b *bench) []*exchange {
			b.curl("--http1.1", "-H", "X-Two: 1", "-H", "x-two: 2", "-H", "X-Empty;", b.url("/page.txt"), "-o", "1", b.url("/page.txt"), "-o", "2")
			return []*exchange{get("/page.txt", page), get("/page.txt", page)}
		}),
		row("download of 5 MiB", tls13, func(b *bench) []*exchange {
			b.curl("--http1.1", b.url("/big.bin"), "-o", "big")
			return []*exchange{get("/big.bin", big)}
		}),
		row("upload of 5 MiB after 100-continue", tls12, func(b *bench) []*exchange {
			b.curl("--http1.1", "-T", b.write("up", big), "-H", "Expect: 100-continue", b.url("/put/file"))
			return []*exchange{{method: "PUT", target: "/put/file", status: 201, sentBody: bodyOf(big), gotBody: bodyOf(nil), outcome: "complete"}}
		}),
		row("chunked upload", tls13, func(b *bench) []*exchange {
			b.curl("--http1.1", "-T", b.write("up", big[:300_000]), "-H", "Transfer-Encoding: chunked", "-H", "Expect:", b.url("/put/file"))
			return []*exchange{{method: "PUT", target: "/put/file", status: 201, sentBody: bodyOf(big[:300_000]), gotBody: bodyOf(nil), outcome: "complete"}}
		}),
		row("chunked by gzip", tls13+"gzip on; gzip_types text/plain;", func(b *bench) []*exchange {
			b.curl("--http1.1", "-H", "Accept-Encoding: gzip", b.url("/page.txt"), "-o", "packed")
			return []*exchange{get("/page.txt", b.read("packed"))}
		}),
		row("chunked by SSI", tls12+"ssi on;", func(b *bench) []*exchange {
			b.curl("--http1.1", b.url("/ssi.shtml"), "-o", "made")
			return []*exchange{get("/ssi.shtml", []byte("<p>GET</p>\n"))}
		}),
		row("range", tls13, func(b *bench) []*exchange {
			b.curl("--http1.1", "-r", "1000-1999", b.url("/big.bin"), "-o", "1")
			return []*exchange{answered("GET", "/big.bin", 206, nil, big[1000:2000])}
		}),
		row("several ranges", tls12, func(b *bench) []*exchange {
			b.curl("--http1.1", "-r", "0-9,20-29", b.url("/big.bin"), "-o", "parts")
			return []*exchange{answered("GET", "/big.bin", 206, nil, b.read("parts"))}
		}),
		row("HEAD, then GET", tls12, func(b *bench) []*exchange {
			b.curl("--http1.1", "-I", b.url("/page.txt"), "-o", "1", "--next", "-q", "-sSk", "--http1.1", b.url("/page.txt"), "-o", "2")
			return []*exchange{answered("HEAD", "/page.txt", 200, nil, nil), get("/page.txt", page)}
		}),
		row("not modified", tls13+"etag off; add_header Last-Modified 'Tue, 01 Jan 2030 00:00:00 GMT'; if_modified_since before;", func(b *bench) []*exchange {
			b.curl("--http1.1", "-H", "If-Modified-Since: Tue, 01 Jan 2030 00:00:00 GMT", b.url("/page.txt"), b.url("/empty.txt"))
			return []*exchange{answered("GET", "/page.txt", 304, nil, nil), answered("GET", "/empty.txt", 304, nil, nil)}
		}),
		row("no such page, and a redirect", tls13+"location /old { return 301 /new; }", func(b *bench) []*exchange {
			b.curl("--http1.1", b.url("/none"), "-o", "1", b.url("/old"), "-o", "2")
			return []*exchange{answered("GET", "/none", 404, nil, b.read("1")), answered("GET", "/old", 301, nil, b.read("2"))}
		}),
		row("HTTP/1.0 until close", tls12, func(b *bench) []*exchange {
			b.curl("--http1.0", b.url("/page.txt"), "-o", "1")
			return []*exchange{get("/page.txt", page)}
		}),
		row("small segments", tls13+"ssl_buffer_size 200; sendfile off; tcp_nodelay on;", func(b *bench) []*exchange {
			b.curl("--http1.1", b.url("/page.txt"), "-o", "1", b.url("/big.bin"), "-r", "0-99999", "-o", "2")
			return []*exchange{answered("GET", "/page.txt", 206, nil, page), answered("GET", "/big.bin", 206, nil, big[:100_000])}
		}),
	}
}

// read gives a file that a client wrote into the folder of the case.
func (b *bench) read(name string) []byte {
	b.t.Helper()
	raw, err := os.ReadFile(b.dir + "/" + name)
	must(b.t, err)
	return raw
}

// http2Cases are HTTP/2 with nginx and Apache.
func http2Cases() []oracleCase {
	page, big := text(2000), blob(2, 1<<20)
	files := map[string][]byte{"page.txt": page, "big.bin": big}
	row := func(name, directives string, happen func(b *bench) []*exchange) oracleCase {
		return oracleCase{"http2/" + name, func(b *bench) story {
			b.nginx(files, "ssl http2", directives)
			s := story{bench: b, alpn: "h2", conns: 1}
			b.capture(func() { s.exchanges = happen(b) })
			return s
		}}
	}
	const tls12, tls13 = "ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;"
	return []oracleCase{
		row("one after another over TLS 1.2", tls12, func(b *bench) []*exchange {
			b.curl("--http2", b.url("/page.txt"), "-o", "1", b.url("/none"), "-o", "2", b.url("/page.txt?x"), "-o", "3")
			return []*exchange{get("/page.txt", page), answered("GET", "/none", 404, nil, b.read("2")), get("/page.txt?x", page)}
		}),
		row("in parallel over TLS 1.3", tls13, func(b *bench) []*exchange {
			args, want := []string{"--http2", "-Z", "--parallel-max", "20"}, []*exchange(nil)
			for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				args = append(args, b.url("/big.bin?"+n), "-r", "0-99999", "-o", n)
				want = append(want, answered("GET", "/big.bin?"+n, 206, nil, big[:100_000]))
			}
			b.curl(args...)
			return want
		}),
		row("upload and download of 1 MiB", tls13, func(b *bench) []*exchange {
			b.curl("--http2", "-T", b.write("up", big), b.url("/put/file"), "--next", "-q", "-sSk", "--http2", b.url("/big.bin"), "-o", "1")
			return []*exchange{answered("PUT", "/put/file", 201, big, nil), get("/big.bin", big)}
		}),
		row("many header fields", tls13, func(b *bench) []*exchange {
			args := []string{"--http2", "-b", "a=1; b=2; session=" + string(bytes.Repeat([]byte("x"), 500))}
			for _, n := range []string{"one", "two", "three"} {
				args = append(args, "-H", "X-"+n+": "+n, "-H", "x-again: "+n)
			}
			b.curl(append(args, b.url("/page.txt"), "-o", "1", b.url("/page.txt?2"), "-o", "2", b.url("/page.txt?3"), "-o", "3")...)
			return []*exchange{get("/page.txt", page), get("/page.txt?2", page), get("/page.txt?3", page)}
		}),
		row("HEAD and not modified", tls12+"etag off; add_header Last-Modified 'Tue, 01 Jan 2030 00:00:00 GMT'; if_modified_since before;", func(b *bench) []*exchange {
			b.curl("--http2", "-I", b.url("/page.txt"), "--next", "-q", "-sSk", "--http2", "-H", "If-Modified-Since: Tue, 01 Jan 2030 00:00:00 GMT", b.url("/page.txt"))
			return []*exchange{answered("HEAD", "/page.txt", 200, nil, nil), answered("GET", "/page.txt", 304, nil, nil)}
		}),
		{"http2/apache", func(b *bench) story {
			b.apache(files, "Protocols h2 http/1.1")
			s := story{bench: b, alpn: "h2", version: "1.3", exchanges: []*exchange{get("/page.txt", page), get("/big.bin", big)}}
			b.capture(func() { b.curl("--http2", b.url("/page.txt"), "-o", "1", b.url("/big.bin"), "-o", "2") })
			return s
		}},
	}
}

// apacheCases are about client certificates, which Apache asks for late.
func apacheCases() []oracleCase {
	open, secret := []byte("open\n"), []byte("secret\n")
	files := map[string][]byte{"open.txt": open, "secure/page.txt": secret}
	row := func(name, protocol, verify string, client bool, events []event, want ...*exchange) oracleCase {
		return oracleCase{"apache/" + name, func(b *bench) story {
			id := b.apache(files, "SSLProtocol "+protocol+"\nSSLSessionTickets off\n<Location /secure>\nSSLVerifyClient "+verify+"\nSSLVerifyDepth 2\n</Location>\n")
			args := []string{"--http1.1"}
			for _, x := range want {
				args = append(args, b.url(x.target), "-o", "out")
			}
			if client {
				args = append(args, "--cert", id.clientPEM, "--key", id.clientKey)
			}
			s := story{bench: b, conns: 1, exchanges: want, events: events}
			b.capture(func() { b.curl(args...) })
			return s
		}}
	}
	renegotiation := []event{{kind: "hello-request", from: "server"}, {kind: "renegotiated"}}
	return []oracleCase{
		row("renegotiation with a client certificate", "TLSv1.2", "require", true, renegotiation,
			get("/open.txt", open), get("/secure/page.txt", secret)),
		row("renegotiation without a client certificate", "TLSv1.2", "optional", false, renegotiation,
			get("/open.txt", open), get("/secure/page.txt", secret)),
		row("renegotiation refused for want of a certificate", "TLSv1.2", "require", false,
			[]event{{kind: "hello-request", from: "server"}, {kind: "alert", from: "server"}},
			&exchange{method: "GET", target: "/secure/page.txt", sentBody: bodyOf(nil), outcome: "no-response"}),
	}
}
