package app

import (
	"strings"

	"fanlight/internal/coding"
	"fanlight/internal/config"
	"fanlight/internal/gateway"
)

// compression is what a route does with its responses, nil if nothing.
func compression(c *config.Compress) *gateway.Compression {
	if c == nil || c.Off {
		return nil
	}
	out := &gateway.Compression{MinBytes: int64(c.MinBytes)}
	switch c.Level {
	case "fast":
		out.Level = coding.Fast
	case "best":
		out.Level = coding.Best
	}
	for _, name := range c.Algorithms {
		if algorithm, ok := coding.Parse(name); ok {
			out.Codings = append(out.Codings, algorithm)
		}
	}
	for _, kind := range c.Types {
		out.Types = append(out.Types, strings.ToLower(kind))
	}
	return out
}
