package config

import (
	"fmt"
	"slices"
	"strings"
)

func algorithms() []string { return []string{"zstd", "br", "gzip"} }

// compressible are the media types that are compressed by default: what is not
// compressed in itself.
func compressible() []string {
	return []string{"text/*", "application/json", "application/javascript", "application/xml", "application/xhtml+xml", "application/rss+xml", "application/atom+xml",
		"application/ld+json", "application/problem+json", "application/manifest+json", "application/geo+json", "application/x-ndjson", "application/graphql-response+json",
		"application/wasm", "application/x-javascript", "application/vnd.ms-fontobject", "font/ttf", "font/otf", "image/svg+xml", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon"}
}

func (c *Compress) setDefaults() {
	if c == nil || c.Off {
		return
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = algorithms()
	}
	if len(c.Types) == 0 {
		c.Types = compressible()
	}
	setDefault(&c.MinBytes, 512)
	setDefault(&c.Level, "balanced")
}

func (k *checker) compress(path string, c *Compress) {
	if c == nil || c.Off {
		return
	}
	for i, name := range c.Algorithms {
		here := fmt.Sprintf("%s.algorithms[%d]", path, i)
		switch {
		case !slices.Contains(algorithms(), name):
			k.fault(here, suggest(name, algorithms()), "compress knows no algorithm %q", name)
		case slices.Index(c.Algorithms, name) < i:
			k.fault(here, "", "%s is in algorithms twice", name)
		}
	}
	for i, kind := range c.Types {
		before, after, found := strings.Cut(strings.TrimSuffix(kind, "*"), "/")
		if !found || !isToken(before) || after != "" && !isToken(after) || after == "" && !strings.HasSuffix(kind, "*") {
			k.fault(fmt.Sprintf("%s.types[%d]", path, i), "write text/html, or text/* for all of text", "%q is no media type", kind)
		}
	}
}
