// Package web is the console's pages, built from TypeScript and embedded.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed all:dist
var dist embed.FS

const notBuilt = `<!doctype html>
<html lang="en"><title>Fanlight</title>
<h1>The console was not built</h1>
<p>This program was built without its web pages; run <code>make build</code>.
<p>The API is there: <a href="/api/sites">/api/sites</a>, <a href="/api/connections">/api/connections</a>.
`

// Handler serves the page at / and the files it needs under /assets/.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only for an invalid name
	}
	return handler(files)
}

func handler(files fs.FS) http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			page(w, files)
		case strings.HasPrefix(r.URL.Path, "/assets/") && !strings.HasSuffix(r.URL.Path, "/"):
			// Vite puts a hash of the content into the names.
			w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
			serve.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

func page(w http.ResponseWriter, files fs.FS) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		index = []byte(notBuilt)
	}
	_, _ = w.Write(index) // a visitor who has gone
}
