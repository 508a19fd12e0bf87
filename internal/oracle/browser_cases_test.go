package oracle

// browserCases are pages that Chromium loads.
func browserCases() []oracleCase {
	page := []byte(`<!doctype html><title>t</title><link rel=icon href="data:,"><link rel=stylesheet href=/a.css>` +
		`<script src=/a.js></script><img src=/p.bin><p>done</p>`)
	css, js, picture := text(9000), []byte("document.title = 'ran'\n"), blob(8, 120_000)
	files := map[string][]byte{"index.html": page, "a.css": css, "a.js": js, "p.bin": picture}
	row := func(name, listen, directives, alpn string) oracleCase {
		return oracleCase{"chromium/" + name, func(b *bench) story {
			chromium := program(b.t, "chromium")
			b.nginx(files, listen, directives)
			b.capture(func() {
				b.client(chromium, nil, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+b.dir+"/profile",
					"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
					"--ignore-certificate-errors", "--host-resolver-rules=MAP "+host+" "+b.addr.Addr().String()+",MAP * ~NOTFOUND,EXCLUDE "+b.addr.Addr().String(),
					"--timeout=15000", "--dump-dom", b.url("/index.html"))
			})
			return story{bench: b, alpn: alpn, resumed: anyNumber, exchanges: []*exchange{
				get("/index.html", page), get("/a.css", css), get("/a.js", js), get("/p.bin", picture),
			}}
		}}
	}
	return []oracleCase{
		row("HTTP/2 over TLS 1.3", "ssl http2", "ssl_protocols TLSv1.3;", "h2"),
		row("HTTP/1.1 over TLS 1.2", "ssl", "ssl_protocols TLSv1.2;", "http/1.1"),
	}
}
